//! How events and snapshots become stored bytes and come back.

use bytes::Bytes;
use bytestring::ByteString;
use prost::{DecodeError, Message, Name};

/// A type that an entity stores: an event or a snapshot.
///
/// Implemented for every protobuf message that the build script generates.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored as an event or a snapshot",
    label = "not a protobuf message with a type name",
    note = "events and snapshots are protobuf messages: declare `{Self}` in the service's `.proto`"
)]
pub trait Payload: Sized {
    /// The type URL under which values are stored.
    fn type_url() -> ByteString;
    /// Encodes a value.
    fn encode(&self) -> Bytes;
    /// Decodes a value that was stored under [`type_url`](Self::type_url).
    ///
    /// # Errors
    /// The bytes are not such a value.
    fn decode(bytes: Bytes) -> Result<Self, DecodeError>;
}

#[diagnostic::do_not_recommend]
impl<M: Message + Name + Default> Payload for M {
    fn type_url() -> ByteString {
        format!(
            "{}{}",
            cloudstate_protocol::any::PROTOBUF_PREFIX,
            M::full_name()
        )
        .into()
    }

    fn encode(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        Message::decode(bytes)
    }
}
