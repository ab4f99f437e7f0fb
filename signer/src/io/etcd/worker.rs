//! The thread that speaks to a cluster, and its look at the quorum while nobody signs.

use std::{
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    etcd::kv::{RANGE, RangeResponse, get},
    io::etcd::{BUDGET, Link},
};

/// How often somebody has to have had an answer; otherwise a look is taken.
const LOOK: Duration = Duration::from_millis(500);

/// A runtime on a thread; it ends when this is dropped.
pub(super) struct Worker {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Worker ===

impl Worker {
    pub(super) fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("etcd".into()).spawn(move || {
            // Whether it is told or the other end is gone: both mean the end.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(task));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) =
            self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id())
        {
            // It panicked; there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

// === impl Link ===

impl Link {
    /// Looks at `key` whenever nobody else has had an answer for a while. What it finds is in the metrics and in `/readyz`.
    pub(super) async fn look_after(self: Arc<Self>, key: String) {
        loop {
            tokio::time::sleep(LOOK).await;
            let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
            let silence = Duration::from_millis(now.saturating_sub(self.heard.load(Ordering::Relaxed)));
            if silence >= LOOK {
                // Its error is kept where everybody's is.
                let _ = self.ask::<_, RangeResponse>(RANGE, get(&key), Instant::now() + BUDGET).await;
            }
        }
    }
}
