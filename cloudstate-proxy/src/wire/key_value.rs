//! A field that can be an entity key, and the text of its value.

use std::fmt::Write;

use bytes::Bytes;
use bytestring::ByteString;
use prost_reflect::{Kind, Value};

use super::error::{WireError, WireFault};
use super::reader::{Reader, Tag, WireType};

/// The declared types that a key may have.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyType {
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Bool,
    Text,
    Bytes,
}

impl KeyType {
    /// `None` for a message.
    pub(super) fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            // An enum is on the wire what an int32 is, and is named by its number.
            Kind::Int32 | Kind::Enum(_) => Self::Int32,
            Kind::Int64 => Self::Int64,
            Kind::Uint32 => Self::Uint32,
            Kind::Uint64 => Self::Uint64,
            Kind::Sint32 => Self::Sint32,
            Kind::Sint64 => Self::Sint64,
            Kind::Fixed32 => Self::Fixed32,
            Kind::Fixed64 => Self::Fixed64,
            Kind::Sfixed32 => Self::Sfixed32,
            Kind::Sfixed64 => Self::Sfixed64,
            Kind::Float => Self::Float,
            Kind::Double => Self::Double,
            Kind::Bool => Self::Bool,
            Kind::String => Self::Text,
            Kind::Bytes => Self::Bytes,
            Kind::Message(_) => return None,
        })
    }

    fn wire_type(self) -> WireType {
        match self {
            Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Bool => WireType::Varint,
            Self::Fixed32 | Self::Sfixed32 | Self::Float => WireType::Fixed32,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => WireType::Fixed64,
            Self::Text | Self::Bytes => WireType::Delimited,
        }
    }

    /// Reads the value after `tag` and gives its text. The text of a string shares the memory of `request`, the whole
    /// message that `reader` reads from.
    ///
    /// The casts undo what the encoding does: a negative int32 travels as 64 bits of sign.
    pub(super) fn read(
        self,
        tag: Tag,
        reader: &mut Reader<'_>,
        request: &Bytes,
    ) -> Result<ByteString, WireError> {
        if tag.wire_type != self.wire_type() {
            return Err(WireError::new(
                WireFault::WireType {
                    found: tag.wire_type as u8,
                    expected: self.wire_type() as u8,
                },
                tag.offset,
            ));
        }
        let text = match self {
            Self::Int32 => (reader.varint()? as i32).to_string(),
            Self::Int64 => (reader.varint()? as i64).to_string(),
            Self::Uint32 => (reader.varint()? as u32).to_string(),
            Self::Uint64 => reader.varint()?.to_string(),
            Self::Sint32 => {
                let value = reader.varint()? as u32;
                ((value >> 1) as i32 ^ -((value & 1) as i32)).to_string()
            }
            Self::Sint64 => {
                let value = reader.varint()?;
                ((value >> 1) as i64 ^ -((value & 1) as i64)).to_string()
            }
            Self::Fixed32 => u32::from_le_bytes(reader.fixed()?).to_string(),
            Self::Fixed64 => u64::from_le_bytes(reader.fixed()?).to_string(),
            Self::Sfixed32 => i32::from_le_bytes(reader.fixed()?).to_string(),
            Self::Sfixed64 => i64::from_le_bytes(reader.fixed()?).to_string(),
            Self::Float => f32::from_le_bytes(reader.fixed()?).to_string(),
            Self::Double => f64::from_le_bytes(reader.fixed()?).to_string(),
            Self::Bool => (reader.varint()? != 0).to_string(),
            Self::Bytes => hex(reader.delimited()?),
            Self::Text => {
                let value = reader.delimited()?;
                let start = reader.offset() - value.len();
                return ByteString::try_from(request.slice(start..reader.offset()))
                    .map_err(|_| WireError::new(WireFault::NotUtf8, start));
            }
        };
        Ok(text.into())
    }
}

/// The text of the value that a field has while it is absent.
pub(super) fn default_text(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) | Value::EnumNumber(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) => value.to_string(),
        Value::F64(value) => value.to_string(),
        Value::String(value) => value.clone(),
        Value::Bytes(value) => hex(value),
        // Such fields are no keys.
        Value::Message(_) | Value::List(_) | Value::Map(_) => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
