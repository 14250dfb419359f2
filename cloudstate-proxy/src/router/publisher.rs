//! Publishes what methods answer whose replies go to a topic, before the answers leave.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::Reply;

use super::Router;
use crate::{
    call::{Call, CallError},
    catalog::Method,
    topics::{Message, Origin, Topic},
};

/// Where the reply of one call goes beside its caller: the topic of the method that was called first, whoever answers.
///
/// An event-sourced or value entity publishes its own replies, together with the changes that they tell of.
#[derive(Clone, Debug)]
pub(super) struct Publisher(Option<Due>);

#[derive(Clone, Debug)]
struct Due {
    topic: Arc<Topic>,
    method: Arc<Method>,
    by_entity: bool,
}

impl Publisher {
    pub(super) fn of(call: &Call, router: &Router) -> Self {
        Self::new(call.topic.as_ref(), &call.method, router)
    }

    pub(super) fn new(topic: Option<&Arc<Topic>>, method: &Arc<Method>, router: &Router) -> Self {
        Self(topic.map(|topic| {
            Due {
                topic: Arc::clone(topic),
                method: Arc::clone(method),
                by_entity: router.catalog().services[method.service]
                    .kind
                    .publishes_with_changes(),
            }
        }))
    }

    /// Somebody else answers.
    pub(super) fn forwarded(&mut self) {
        if let Some(due) = &mut self.0 {
            due.by_entity = false;
        }
    }

    /// Whether there is something to do for a reply.
    pub(super) fn is_due(&self) -> bool {
        self.0.as_ref().is_some_and(|due| !due.by_entity)
    }

    /// Publishes a reply, unless that has been done.
    ///
    /// # Errors
    /// The store is in trouble.
    pub(super) async fn publish(&self, router: &Router, reply: &Reply) -> Result<(), CallError> {
        let Some(Due {
            topic,
            method,
            by_entity: false,
        }) = &self.0
        else {
            return Ok(());
        };
        let origin = Origin {
            service: &method.service_name,
            entity_id: None,
        };
        if let Some(message) = Message::of_reply(reply, origin) {
            topic.publish(&*router.common().store, &message).await?;
        }
        Ok(())
    }
}
