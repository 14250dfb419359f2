//! Primitives in an [`Any`]: field 1 of a message that nobody declared.

use bytes::{Buf, Bytes};
use bytestring::ByteString;
use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, skip_field},
};

use super::{Any, AnyError};

/// Prefix of the type URL of every primitive.
pub const PRIMITIVE_PREFIX: &str = "p.cloudstate.io/";

/// A type that the Cloudstate convention for `Any` calls primitive.
///
/// | type | type URL |
/// |---|---|
/// | `String` | `p.cloudstate.io/string` |
/// | `Bytes` | `p.cloudstate.io/bytes` |
/// | `i32`, `i64` | `p.cloudstate.io/int32`, `int64` |
/// | `f32`, `f64` | `p.cloudstate.io/float`, `double` |
/// | `bool` | `p.cloudstate.io/bool` |
pub trait Primitive: sealed::Field {
    /// The type URL.
    const TYPE_URL: &'static str;
}

impl Any {
    /// Holds a primitive; the default value (`""`, `0`, `false`) has no bytes.
    ///
    /// ```
    /// use cloudstate_protocol::Any;
    ///
    /// let any = Any::primitive(&String::from("a"));
    /// assert_eq!(any.type_url, "p.cloudstate.io/string");
    /// assert_eq!(any.value, [0x0a, 0x01, b'a'].as_slice());
    /// assert!(Any::primitive(&false).value.is_empty());
    /// ```
    pub fn primitive<T: Primitive>(value: &T) -> Self {
        Self {
            type_url: ByteString::from_static(T::TYPE_URL),
            value: encode(value),
        }
    }

    /// Reads a primitive of type `T`; `Bytes` share this payload's buffer.
    ///
    /// ```
    /// use cloudstate_protocol::Any;
    ///
    /// # fn main() -> Result<(), cloudstate_protocol::any::AnyError> {
    /// let any = Any::primitive(&42_i64);
    /// assert_eq!(any.to_primitive::<i64>()?, 42);
    /// assert!(any.to_primitive::<String>().is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The payload is not a primitive of this type, or its bytes are not a protobuf message.
    pub fn to_primitive<T: Primitive>(&self) -> Result<T, AnyError> {
        if self.type_url != T::TYPE_URL {
            return Err(self.mismatch(T::TYPE_URL));
        }
        decode(&self.value).map_err(|source| self.undecodable(source))
    }
}

/// The message whose field 1 is `value`.
pub(super) fn encode<T: sealed::Field>(value: &T) -> Bytes {
    if value.is_default() {
        return Bytes::new();
    }
    let mut buffer = Vec::with_capacity(value.encoded_len());
    value.encode(&mut buffer);
    buffer.into()
}

/// Field 1 of the message, if it has the right wire type, or else the default value; all other fields are skipped.
pub(super) fn decode<T: sealed::Field>(message: &Bytes) -> Result<T, DecodeError> {
    let mut rest = message.clone();
    let mut value = T::default();
    while rest.has_remaining() {
        let (tag, wire_type) = decode_key(&mut rest)?;
        if tag == sealed::TAG && wire_type == T::WIRE_TYPE {
            value.merge(wire_type, &mut rest)?;
        } else {
            skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
        }
    }
    Ok(value)
}

mod sealed {
    use super::{Bytes, DecodeError, WireType};

    pub(super) const TAG: u32 = 1;

    /// How field 1 is written and read.
    pub trait Field: Default {
        const WIRE_TYPE: WireType;
        fn is_default(&self) -> bool;
        fn encoded_len(&self) -> usize;
        fn encode(&self, buffer: &mut Vec<u8>);
        fn merge(&mut self, wire_type: WireType, buffer: &mut Bytes) -> Result<(), DecodeError>;
    }
}

/// For each type its name in the convention, prost's codec, its wire type, and which value has no bytes.
macro_rules! primitives {
    ($($type:ty: $name:literal, $codec:ident, $wire_type:ident, $is_default:expr;)*) => {$(
        impl Primitive for $type {
            const TYPE_URL: &'static str = concat!("p.cloudstate.io/", $name);
        }

        impl sealed::Field for $type {
            const WIRE_TYPE: WireType = WireType::$wire_type;

            fn is_default(&self) -> bool {
                let is_default: fn(&$type) -> bool = $is_default;
                is_default(self)
            }

            fn encoded_len(&self) -> usize {
                prost::encoding::$codec::encoded_len(sealed::TAG, self)
            }

            fn encode(&self, buffer: &mut Vec<u8>) {
                prost::encoding::$codec::encode(sealed::TAG, self, buffer);
            }

            fn merge(&mut self, wire_type: WireType, buffer: &mut Bytes) -> Result<(), DecodeError> {
                prost::encoding::$codec::merge(wire_type, self, buffer, DecodeContext::default())
            }
        }
    )*};
}

primitives! {
    String: "string", string, LengthDelimited, |value| value.is_empty();
    Bytes: "bytes", bytes, LengthDelimited, |value| value.is_empty();
    i32: "int32", int32, Varint, |value| *value == 0;
    i64: "int64", int64, Varint, |value| *value == 0;
    // By bits: -0.0 equals 0.0, but is another value.
    f32: "float", float, ThirtyTwoBit, |value| value.to_bits() == 0;
    f64: "double", double, SixtyFourBit, |value| value.to_bits() == 0;
    bool: "bool", bool, Varint, |value| !*value;
}
