//! A running simulator, as a test holds it: its address, its clock, its device, and the faults to come.

use crate::fault::{Fault, Script, Strike};
use crate::{Config, Device, connector};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A connector on a port of the loopback interface with a device behind it. Dropping it closes everything.
pub struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a factory-fresh device behind a connector on a free port of the loopback interface.
pub fn start(config: Config) -> io::Result<Handle> {
    start_on((Ipv4Addr::LOCALHOST, 0).into(), config)
}

/// Like [`start`], on a chosen address.
pub fn start_on(address: SocketAddr, config: Config) -> io::Result<Handle> {
    plug_in(address, Device::new(config, Duration::ZERO))
}

/// A device that [`Handle::unplug`] gave, behind a connector once more: objects and log are as they were, sessions are not.
pub fn plug_in_again(address: SocketAddr, mut device: Device) -> io::Result<Handle> {
    device.reboot();
    plug_in(address, device)
}

fn plug_in(address: SocketAddr, device: Device) -> io::Result<Handle> {
    let listener = TcpListener::bind(address)?;
    let shared = Arc::new(Shared {
        address: listener.local_addr()?,
        started: Instant::now(),
        state: Mutex::new(State {
            skipped: device.clock(),
            device,
            script: Script::default(),
            commands: Vec::new(),
            frozen: false,
            hung: 0,
            releases: 0,
            streams: HashMap::new(),
        }),
        changed: Condvar::new(),
        stopped: AtomicBool::new(false),
    });
    let serving = Arc::clone(&shared);
    let thread = std::thread::spawn(move || connector::serve(&listener, &serving));
    Ok(Handle { shared, thread: Some(thread) })
}

impl Handle {
    /// Where the connector listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The connector's URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Looks at the device or changes it behind its clients' backs.
    pub fn device<R>(&self, f: impl FnOnce(&mut Device) -> R) -> R {
        self.shared.device(f)
    }

    /// Moves the device's clock on, as far as idle sessions are concerned.
    pub fn advance(&self, time: Duration) {
        self.shared.lock().skipped += time;
    }

    /// Lets a fault strike the next request.
    pub fn fault(&self, fault: Fault) {
        self.strike(Strike { command: None, after: 0, fault });
    }

    /// Lets a fault strike a certain request.
    pub fn strike(&self, strike: Strike) {
        self.shared.lock().script.add(strike);
    }

    /// Faults that have not struck yet.
    pub fn faults_left(&self) -> usize {
        self.shared.lock().script.len()
    }

    /// Takes back the faults to come and lets go of what hangs: those connections are closed.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.script.clear();
        state.frozen = false;
        state.releases += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// While frozen, no request gets an answer; afterwards all that waited are executed.
    pub fn freeze(&self, frozen: bool) {
        self.shared.lock().frozen = frozen;
        self.shared.changed.notify_all();
    }

    /// Ends the connector as SIGKILL does, and hands over what does not go with it: the device.
    pub fn unplug(self) -> Device {
        let shared = Arc::clone(&self.shared);
        drop(self);
        let config = shared.lock().device.config().clone();
        // A request that was under way finds an empty device, which is as good as none.
        std::mem::replace(&mut shared.lock().device, Device::new(config, Duration::ZERO))
    }

    /// Requests that hang right now.
    pub fn hanging(&self) -> usize {
        self.shared.lock().hung
    }

    /// The commands executed so far, inner ones where there was a session.
    pub fn commands(&self) -> Vec<u8> {
        self.shared.lock().commands.clone()
    }

    /// Closes all connections that clients hold.
    pub fn disconnect_clients(&self) {
        for stream in self.shared.lock().streams.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.heal();
        self.disconnect_clients();
        // The listener only looks up when somebody knocks.
        let _ = TcpStream::connect(self.shared.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the handle and the connections have in common.
pub(crate) struct Shared {
    address: SocketAddr,
    started: Instant,
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

struct State {
    device: Device,
    script: Script,
    skipped: Duration,
    commands: Vec<u8>,
    frozen: bool,
    hung: usize,
    releases: u64,
    streams: HashMap<SocketAddr, TcpStream>,
}

impl Shared {
    /// A test that panics while it looks at the device must not take the others down.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub(crate) fn device<R>(&self, f: impl FnOnce(&mut Device) -> R) -> R {
        f(&mut self.lock().device)
    }

    pub(crate) fn strike(&self, message: &[u8]) -> Option<Fault> {
        let mut state = self.lock();
        let command = state.device.command_of(message);
        state.script.take(command)
    }

    pub(crate) fn exchange(&self, message: &[u8]) -> Vec<u8> {
        let mut state = self.lock();
        let now = self.started.elapsed() + state.skipped;
        let command = state.device.command_of(message);
        state.commands.extend(command);
        state.device.exchange(message, now)
    }

    pub(crate) fn hang(&self) {
        let mut state = self.lock();
        state.hung += 1;
        let releases = state.releases;
        let mut state = self
            .changed
            .wait_while(state, |state| state.releases == releases && !self.is_stopped())
            .unwrap_or_else(PoisonError::into_inner);
        state.hung -= 1;
    }

    pub(crate) fn wait_while_frozen(&self) {
        drop(
            self.changed
                .wait_while(self.lock(), |state| state.frozen && !self.is_stopped())
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    pub(crate) fn connected(&self, stream: &TcpStream) {
        if let (Ok(peer), Ok(clone)) = (stream.peer_addr(), stream.try_clone()) {
            self.lock().streams.insert(peer, clone);
        }
    }

    pub(crate) fn disconnected(&self, stream: &TcpStream) {
        if let Ok(peer) = stream.peer_addr() {
            self.lock().streams.remove(&peer);
        }
    }
}
