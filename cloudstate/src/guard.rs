//! Keeps a panic in an entity's code within the entity.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::EntityId;

/// A live entity whose code cannot unwind into its caller, not even when it is dropped.
///
/// After a panic the entity is gone: a state that was left half-changed is never seen again.
pub(crate) struct Guarded<T: ?Sized> {
    entity: Option<Box<T>>,
    id: EntityId,
    type_name: &'static str,
}

impl<T: ?Sized> Guarded<T> {
    /// Creates an entity of type `type_name`.
    ///
    /// # Errors
    /// What the panic said.
    pub(crate) fn create(
        type_name: &'static str,
        id: EntityId,
        create: impl FnOnce(EntityId) -> Box<T>,
    ) -> Result<Self, String> {
        let entity = catch(|| create(id.clone()))?;
        Ok(Self {
            entity: Some(entity),
            id,
            type_name,
        })
    }

    /// Runs something on the entity.
    ///
    /// # Errors
    /// What the panic said, this one's or an earlier one's.
    pub(crate) fn run<R>(&mut self, work: impl FnOnce(&mut T) -> R) -> Result<R, String> {
        let Some(entity) = self.entity.as_deref_mut() else {
            return Err("the entity panicked earlier".into());
        };
        let result = catch(|| work(entity));
        if result.is_err() {
            self.discard();
        }
        result
    }

    /// The entity, unless it has panicked.
    pub(crate) fn get(&self) -> Option<&T> {
        self.entity.as_deref()
    }

    pub(crate) fn id(&self) -> &EntityId {
        &self.id
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn discard(&mut self) {
        let entity = self.entity.take();
        if let Err(panic) = catch(|| drop(entity)) {
            tracing::error!(entity = self.type_name, id = %self.id, "dropping the state panicked: {panic}");
        }
    }
}

impl<T: ?Sized> Drop for Guarded<T> {
    fn drop(&mut self) {
        self.discard();
    }
}

impl<T: ?Sized> fmt::Debug for Guarded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("type_name", &self.type_name)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What the work unwinds through is never used again: the entity is dropped, and messages belong to the call.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| text_of(&*panic))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).into()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "panic without a text".into()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::catch;

    #[test]
    fn a_panic_becomes_its_text() {
        assert_eq!(catch(|| 1), Ok(1));
        assert_eq!(catch(|| panic!("plain")), Err::<(), _>("plain".into()));
        let number = 7;
        assert_eq!(
            catch(|| panic!("formatted {number}")),
            Err::<(), _>("formatted 7".into())
        );
        assert_eq!(
            catch(|| panic_any(7)),
            Err::<(), _>("panic without a text".into())
        );
    }
}
