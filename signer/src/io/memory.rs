//! Memory for secrets that is never written to swap.
//!
//! Pages of their own, so that giving one secret back unlocks no other. Locking all memory instead (`mlockall`) makes threads fail
//! to start wherever the limit is the usual 8 MiB; a key needs one to six pages. What is done with a key on the stack of a
//! thread is not locked: run without swap, or encrypt it, if that matters.

use tracing::warn;

#[repr(align(4096))]
struct Page<T>(T);

/// A secret in locked pages; it must wipe itself when dropped, and have nothing behind pointers.
pub struct Locked<T> {
    /// There until it is dropped.
    page: Box<Page<Option<T>>>,
    lock: Option<region::LockGuard>,
}

// === impl Locked ===

impl<T> Locked<T> {
    /// Moves a secret into pages of its own. Where they cannot be locked, that is worth a warning and no more.
    pub fn new(secret: T) -> Self {
        let page = Box::new(Page(Some(secret)));
        let lock = region::lock(std::ptr::from_ref(&*page), size_of::<Page<Option<T>>>());
        if let Err(error) = &lock {
            warn!(%error, "the memory of a key could not be locked; it may be swapped out (raise LimitMEMLOCK)");
        }
        Self { page, lock: lock.ok() }
    }

    /// Whether the pages are locked.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }
}

impl<T> std::ops::Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.page.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        // The secret wipes itself, then its pages are unlocked, and only then is the memory given back: the other way round,
        // the pages that are unlocked could be another secret's by now.
        self.page.0 = None;
        self.lock = None;
    }
}
