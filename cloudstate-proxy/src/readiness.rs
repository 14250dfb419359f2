//! Whether clients are to be sent here, and whether the process is of use at all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{catalog::EntityKind, store::Trouble};

/// What speaks against sending clients here, from each side.
#[derive(Debug)]
pub(crate) struct Readiness(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    serving: bool,
    stopping: bool,
    user_function: Option<String>,
    store: Option<Trouble>,
}

/// Which services can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Able {
    entities: bool,
    actions: bool,
}

impl Readiness {
    /// Not ready: nothing is served yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Clients are served from now on.
    pub(crate) fn serve(&self) {
        self.lock().serving = true;
    }

    /// The process is asked to stop.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
    }

    /// Why the user function cannot be called; `None` if it can.
    pub(crate) fn set_user_function(&self, objection: Option<String>) {
        self.lock().user_function = objection;
    }

    /// Why the store takes nothing; `None` if it does.
    pub(crate) fn set_store(&self, trouble: Option<Trouble>) {
        self.lock().store = trouble;
    }

    /// Why nobody is to be sent here; `None` while all is well.
    pub(crate) fn objection(&self) -> Option<String> {
        let state = self.lock();
        if state.stopping {
            return Some("the service is stopping".into());
        }
        if let Some(objection) = &state.user_function {
            return Some(objection.clone());
        }
        if let Some(trouble) = &state.store {
            return Some(format!("the store takes nothing: {}", trouble.reason));
        }
        (!state.serving).then(|| "the service is starting; it looks for its user function".into())
    }

    /// Why the process is to be replaced by a new one; `None` as long as it can help itself.
    pub(crate) fn is_lost(&self) -> Option<String> {
        let state = self.lock();
        let trouble = state.store.as_ref().filter(|trouble| trouble.is_final)?;
        Some(format!(
            "the store takes nothing until the program is restarted: {}",
            trouble.reason
        ))
    }

    /// Who can serve: actions do without the store.
    pub(crate) fn able(&self) -> Able {
        let state = self.lock();
        let actions = state.serving && !state.stopping && state.user_function.is_none();
        Able {
            actions,
            entities: actions && state.store.is_none(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Able {
    /// Whether everything can.
    pub(crate) fn all(self) -> bool {
        self.entities && self.actions
    }

    /// Whether services of this kind can.
    pub(crate) fn serve(self, kind: EntityKind) -> bool {
        match kind {
            EntityKind::Action => self.actions,
            EntityKind::EventSourced | EntityKind::Value | EntityKind::Crdt => self.entities,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Readiness;
    use crate::{catalog::EntityKind, store::Trouble};

    #[test]
    fn every_side_may_object() {
        let readiness = Readiness::new();
        assert!(readiness.objection().unwrap().contains("starting"));
        assert!(!readiness.able().serve(EntityKind::Action));
        readiness.serve();
        assert_eq!(readiness.objection(), None);
        assert!(readiness.able().all());
        readiness.set_store(Some(Trouble {
            reason: "disk full".into(),
            is_final: false,
        }));
        assert!(readiness.objection().unwrap().contains("disk full"));
        assert_eq!(readiness.is_lost(), None);
        assert!(readiness.able().serve(EntityKind::Action));
        assert!(!readiness.able().serve(EntityKind::Value));
        readiness.set_store(None);
        readiness.set_user_function(Some("away".into()));
        assert_eq!(readiness.objection().as_deref(), Some("away"));
        readiness.set_user_function(None);
        readiness.stop();
        assert!(readiness.objection().unwrap().contains("stopping"));
        assert!(!readiness.able().serve(EntityKind::Crdt));
    }

    #[test]
    fn what_only_a_restart_helps_against_is_lost() {
        let readiness = Readiness::new();
        readiness.set_store(Some(Trouble {
            reason: "a failed sync".into(),
            is_final: true,
        }));
        assert!(readiness.is_lost().unwrap().contains("a failed sync"));
    }
}
