//! `google.protobuf.Any` with reference-counted contents, and the Cloudstate convention for what it holds.

use std::fmt;

use bytes::{Buf, BufMut, Bytes};
use bytestring::ByteString;
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, bytes as bytes_field, skip_field};

/// Prefix of the type URL of every protobuf message that this crate packs.
pub const PROTOBUF_PREFIX: &str = "type.googleapis.com/";

/// A value together with the name of its type.
///
/// On the wire it is `google.protobuf.Any`. Both fields share the buffer that they were decoded from, so that a payload
/// passes through a proxy without being copied, and a clone costs two reference counts.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Any {
    /// What [`value`](Self::value) is, such as `type.googleapis.com/com.example.Cart`.
    pub type_url: ByteString,
    /// The encoded value.
    pub value: Bytes,
}

impl Any {
    /// The type's name: what follows the first `/` of the type URL, or all of it where there is none.
    pub fn type_name(&self) -> &str {
        self.type_url
            .split_once('/')
            .map_or(&*self.type_url, |(_, name)| name)
    }

    /// Packs a protobuf message under `type.googleapis.com/` and its full name.
    pub fn pack<M: prost::Message + prost::Name>(message: &M) -> Self {
        Self {
            type_url: format!("{PROTOBUF_PREFIX}{}", M::full_name()).into(),
            value: message.encode_to_vec().into(),
        }
    }
}

impl fmt::Debug for Any {
    /// Names the type and the size; the contents may be personal data and have no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Any({}, {} bytes)", self.type_url, self.value.len())
    }
}

impl prost::Name for Any {
    const NAME: &'static str = "Any";
    const PACKAGE: &'static str = "google.protobuf";
}

impl prost::Message for Any {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if !self.type_url.is_empty() {
            bytes_field::encode(1, self.type_url.as_bytes(), buf);
        }
        if !self.value.is_empty() {
            bytes_field::encode(2, &self.value, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        match tag {
            1 => {
                let mut raw = Bytes::new();
                bytes_field::merge(wire_type, &mut raw, buf, ctx)?;
                #[expect(
                    deprecated,
                    reason = "prost 0.14 has no other way to make a DecodeError"
                )]
                let not_utf8 = |_| DecodeError::new("google.protobuf.Any.type_url is not UTF-8");
                self.type_url = ByteString::try_from(raw).map_err(not_utf8)?;
                Ok(())
            }
            2 => bytes_field::merge(wire_type, &mut self.value, buf, ctx),
            _ => skip_field(wire_type, tag, buf, ctx),
        }
    }

    fn encoded_len(&self) -> usize {
        let mut len = 0;
        if !self.type_url.is_empty() {
            len += string_len(1, self.type_url.len());
        }
        if !self.value.is_empty() {
            len += string_len(2, self.value.len());
        }
        len
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

fn string_len(tag: u32, len: usize) -> usize {
    prost::encoding::key_len(tag) + prost::encoding::encoded_len_varint(len as u64) + len
}
