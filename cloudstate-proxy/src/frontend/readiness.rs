//! Whether clients are to be sent here.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ready, or the reason why not.
#[derive(Debug, Default)]
pub(super) struct Readiness(Mutex<Option<String>>);

impl Readiness {
    /// Why nobody is to be sent here; `None` while all is well.
    pub(super) fn objection(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Says whether that is a change from ready to not ready, or back.
    pub(super) fn set(&self, objection: Option<String>) -> bool {
        let mut current = self.lock();
        let is_change = current.is_some() != objection.is_some();
        *current = objection;
        is_change
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
