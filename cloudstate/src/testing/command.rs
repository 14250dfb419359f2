//! A command of any rpc, for tests that send many.

use cloudstate_protocol::{Any, cloudstate as wire};
use prost::Message;

use crate::{EntityId, Metadata, Rpc};

/// A command of any rpc of a service: `Command::to(pb::ShoppingCart::AddItem, request)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    name: &'static str,
    payload: Any,
    metadata: Metadata,
}

impl Command {
    /// A command of the rpc, named by its marker.
    pub fn to<R: Rpc>(_rpc: R, request: R::Request) -> Self {
        let payload = Any {
            type_url: bytestring::ByteString::from_static(R::REQUEST_TYPE_URL),
            value: request.encode_to_vec().into(),
        };
        Self {
            name: R::NAME,
            payload,
            metadata: Metadata::new(),
        }
    }

    /// Sends metadata along.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Name of the rpc.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn into_payload(self) -> Any {
        self.payload
    }

    /// As the protocol has it, number `id` of this activation.
    pub(super) fn into_wire(self, entity_id: &EntityId, id: i64) -> wire::Command {
        wire::Command {
            entity_id: entity_id.as_str().into(),
            id,
            name: self.name.into(),
            payload: Some(self.payload),
            streamed: false,
            metadata: self.metadata.into_wire(),
        }
    }
}
