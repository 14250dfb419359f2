//! Where requests come in: the port stays when what is served behind it changes.

use std::sync::{Arc, PoisonError, RwLock};

use super::Frontend;
use crate::{readiness::Readiness, router::Router, store::Trouble};

/// Leads each request to the front-end of the moment. Requests in progress keep theirs.
#[derive(Debug)]
pub(crate) struct Entrance(RwLock<Arc<Frontend>>);

impl Entrance {
    pub(crate) fn new(frontend: Frontend) -> Self {
        Self(RwLock::new(Arc::new(frontend)))
    }

    /// The front-end for a request that comes now.
    pub(super) fn frontend(&self) -> Arc<Frontend> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Leads requests to this router from now on.
    pub(crate) async fn lead_to(&self, router: Router) {
        let successor = Arc::new(self.frontend().succeed(router).await);
        successor.tell_health().await;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = successor;
    }

    /// What the user function has to say against clients being sent here.
    pub(crate) async fn set_ready(&self, ready: Result<(), String>) {
        self.change(|readiness| readiness.set_user_function(ready.err()))
            .await;
    }

    /// What the store has to say against it.
    pub(crate) async fn set_store(&self, trouble: Option<Trouble>) {
        self.change(|readiness| readiness.set_store(trouble)).await;
    }

    /// Clients are served from now on.
    pub(crate) async fn serve(&self) {
        self.change(Readiness::serve).await;
    }

    /// The process is asked to stop.
    pub(crate) async fn stop(&self) {
        self.change(Readiness::stop).await;
    }

    async fn change(&self, change: impl FnOnce(&Readiness)) {
        let frontend = self.frontend();
        let before = frontend.readiness.able();
        change(&frontend.readiness);
        if frontend.readiness.able() != before {
            frontend.tell_health().await;
        }
    }
}
