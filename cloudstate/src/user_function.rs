//! The user function of this process: what it serves, and a connection per live entity.
//!
//! The protocol server offers it over the network. In process, a proxy uses it directly: the embedded one, or a test.

use std::sync::Arc;

use cloudstate_protocol::cloudstate::{
    EntitySpec, ProxyInfo,
    eventsourced::{EventSourcedStreamIn, EventSourcedStreamOut},
    valueentity::{ValueEntityStreamIn, ValueEntityStreamOut},
};

use crate::{
    Result, discovery, event_sourced, in_process::EntityConnection, registry::Registry,
    value_entity,
};

/// The entities of this program, checked and ready to serve.
///
/// [`Cloudstate::into_user_function`](crate::Cloudstate::into_user_function) makes one. Clones share it.
#[derive(Clone, Debug)]
pub struct UserFunction {
    registry: Arc<Registry>,
    spec: EntitySpec,
}

impl UserFunction {
    pub(crate) fn new(registry: Registry, name: String, version: String) -> Result<Self> {
        let spec = discovery::spec(&registry, name, version)?;
        Ok(Self {
            registry: Arc::new(registry),
            spec,
        })
    }

    /// What discovery answers: the entities, their descriptors and who serves them.
    pub fn spec(&self) -> &EntitySpec {
        &self.spec
    }

    /// Answers a proxy's discovery, and logs where the two do not fit together.
    pub fn discover(&self, proxy: &ProxyInfo) -> EntitySpec {
        tracing::info!(
            proxy = proxy.proxy_name,
            version = proxy.proxy_version,
            protocol = format_args!(
                "{}.{}",
                proxy.protocol_major_version, proxy.protocol_minor_version
            ),
            "discovered by a proxy"
        );
        for problem in discovery::problems(&self.spec, proxy) {
            tracing::error!("{problem}");
        }
        self.spec.clone()
    }

    /// Logs what a proxy holds against this user function.
    pub fn report_error(&self, message: &str) {
        tracing::error!("the proxy reports: {message}");
    }

    /// Opens the stream of one live event-sourced entity, as `cloudstate.eventsourced.EventSourced/handle` does.
    pub fn event_sourced(&self) -> EntityConnection<EventSourcedStreamIn, EventSourcedStreamOut> {
        EntityConnection::new(self.event_sourced_stream())
    }

    /// Opens the stream of one live value entity, as `cloudstate.valueentity.ValueEntity/handle` does.
    pub fn value_entity(&self) -> EntityConnection<ValueEntityStreamIn, ValueEntityStreamOut> {
        EntityConnection::new(self.value_entity_stream())
    }

    pub(crate) fn event_sourced_stream(&self) -> event_sourced::EntityStream {
        event_sourced::EntityStream::new(Arc::clone(&self.registry))
    }

    pub(crate) fn value_entity_stream(&self) -> value_entity::EntityStream {
        value_entity::EntityStream::new(Arc::clone(&self.registry))
    }
}
