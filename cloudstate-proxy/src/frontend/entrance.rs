//! Where requests come in: the port stays when what is served behind it changes.

use std::sync::{Arc, PoisonError, RwLock};

use super::Frontend;
use crate::router::Router;

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
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = successor;
    }

    /// Tells those who ask whether to send clients here that all is well, or why not.
    pub(crate) async fn set_ready(&self, ready: Result<(), String>) {
        let frontend = self.frontend();
        let serving = ready.is_ok();
        if frontend.readiness.set(ready.err()) {
            let catalog = frontend.router.catalog();
            frontend.builtin.set_serving(catalog, serving).await;
        }
    }
}
