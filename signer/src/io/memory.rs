//! Memory for secrets that is never written to swap.
//!
//! Pages of their own, so that giving one secret back unlocks no other. Locking all memory instead (`mlockall`) makes threads fail
//! to start wherever the limit is the usual 8 MiB; a key needs one page. What is done with a key on the stack of a
//! thread is not locked: run without swap, or encrypt it, if that matters.

use tracing::warn;

#[repr(align(4096))]
struct Page<T>(T);

/// A secret in locked pages; it must wipe itself when dropped.
pub struct Locked<T> {
    // Unlocked after the secret has wiped itself: fields are dropped in this order.
    page: Box<Page<T>>,
    lock: Option<region::LockGuard>,
}

// === impl Locked ===

impl<T> Locked<T> {
    /// Moves a secret into pages of its own. Where they cannot be locked, that is worth a warning and no more.
    pub fn new(secret: T) -> Self {
        let page = Box::new(Page(secret));
        let lock = region::lock(std::ptr::from_ref(&*page), size_of::<Page<T>>());
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
        &self.page.0
    }
}
