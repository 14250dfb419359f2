//! Protobuf messages in an [`Any`].

use bytestring::ByteString;

use super::{Any, AnyError, Kind};

/// Prefix of the type URL of every protobuf message that this crate packs.
pub const PROTOBUF_PREFIX: &str = "type.googleapis.com/";

impl Any {
    /// Packs a protobuf message under `type.googleapis.com/` and its full name.
    ///
    /// ```
    /// use cloudstate_protocol::{Any, cloudstate::Failure};
    ///
    /// # fn main() -> Result<(), cloudstate_protocol::any::AnyError> {
    /// let failure = Failure { description: "sold out".into(), ..Default::default() };
    /// let any = Any::pack(&failure);
    /// assert_eq!(any.type_url, "type.googleapis.com/cloudstate.Failure");
    /// assert_eq!(any.unpack::<Failure>()?, failure);
    /// # Ok(())
    /// # }
    /// ```
    pub fn pack<M: prost::Message + prost::Name>(message: &M) -> Self {
        Self {
            type_url: ByteString::from(format!("{PROTOBUF_PREFIX}{}", M::full_name())),
            value: message.encode_to_vec().into(),
        }
    }

    /// Reads a message of type `M`; its fields of type `Bytes` share this payload's buffer.
    ///
    /// Only the type's name is compared: the host before the first `/` may be any but those of primitives and JSON.
    ///
    /// # Errors
    /// The payload holds another type, or bytes that are not a message of this type.
    pub fn unpack<M: prost::Message + prost::Name + Default>(&self) -> Result<M, AnyError> {
        let is_message = matches!(self.kind(), Kind::Protobuf | Kind::Other);
        if !is_message || self.type_name() != M::full_name() {
            return Err(self.mismatch(M::full_name()));
        }
        M::decode(self.value.clone()).map_err(|source| self.undecodable(source))
    }
}
