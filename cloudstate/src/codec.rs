//! How stored values become bytes and come back: protobuf messages, primitives and JSON.

use std::{error, fmt, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::{
    Any,
    any::{Kind, PROTOBUF_PREFIX, Primitive, json},
};
use prost::{Message, Name};
use serde::{Serialize, de::DeserializeOwned};

/// A type that an entity stores: an event, a snapshot, a value, or an element of a CRDT.
///
/// | type | stored as | declared by |
/// |---|---|---|
/// | a protobuf message | `type.googleapis.com/` and its full name | the service's `.proto` |
/// | `String`, `Bytes` or `Vec<u8>`, `i32`, `i64`, `f32`, `f64`, `bool` | `p.cloudstate.io/` and `string`, `bytes`, `int32`, `int64`, `float`, `double`, `bool` | |
/// | a type with `#[derive(Json)]` | `json.cloudstate.io/` and its name | [`Json`](macro@crate::Json) |
///
/// Elements of sets and keys of maps are compared as they are encoded, so equal values must have equal bytes. Messages
/// and primitives have. JSON has where its maps are ordered: `BTreeMap`, not `HashMap`. A default value of a message or
/// a primitive has no bytes at all; the sign of a floating-point zero is not kept.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored",
    label = "neither a protobuf message nor a type with `#[derive(Json)]`",
    note = "what an entity stores is a message of the service's `.proto`, or a Rust type of your own: write \
            `#[derive(serde::Serialize, serde::Deserialize, cloudstate::Json)]` above it",
    note = "`String`, `Bytes`, `i32`, `i64`, `f32`, `f64` and `bool` can be stored as they are"
)]
pub trait Payload: Sized {
    /// The type URL under which values are stored.
    fn type_url() -> ByteString;

    /// Encodes a value.
    ///
    /// # Panics
    /// The value has no form in JSON, such as a map whose keys are not strings. Within an entity this fails the command,
    /// and nothing is stored.
    fn encode(&self) -> Bytes;

    /// Decodes a value that was stored under [`type_url`](Self::type_url).
    ///
    /// # Errors
    /// The bytes are not such a value.
    fn decode(bytes: Bytes) -> Result<Self, DecodeError>;

    /// The value with the name of its type.
    fn to_any(&self) -> Any {
        Any {
            type_url: Self::type_url(),
            value: self.encode(),
        }
    }

    /// Reads a value; `None` if `any` holds another type.
    fn from_any(any: &Any) -> Option<Result<Self, DecodeError>> {
        is_stored_as(any, &Self::type_url()).then(|| Self::decode(any.value.clone()))
    }
}

#[diagnostic::do_not_recommend]
impl<M: Message + Name + Default> Payload for M {
    fn type_url() -> ByteString {
        match primitive::<M>() {
            Some(type_url) => ByteString::from_static(type_url),
            None => format!("{PROTOBUF_PREFIX}{}", M::full_name()).into(),
        }
    }

    fn encode(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        Message::decode(bytes).map_err(DecodeError::new)
    }
}

/// The type URL of a primitive. To prost, primitives are the wrapper messages of `google.protobuf`, which have the same
/// bytes.
fn primitive<M: Name>() -> Option<&'static str> {
    if M::PACKAGE != "google.protobuf" {
        return None;
    }
    match M::NAME {
        "StringValue" => Some(String::TYPE_URL),
        "BytesValue" => Some(Bytes::TYPE_URL),
        "Int32Value" => Some(i32::TYPE_URL),
        "Int64Value" => Some(i64::TYPE_URL),
        "FloatValue" => Some(f32::TYPE_URL),
        "DoubleValue" => Some(f64::TYPE_URL),
        "BoolValue" => Some(bool::TYPE_URL),
        _ => None,
    }
}

/// Whether `any` has the type of `type_url`. Of a message only the full name counts: the host may be any.
pub(crate) fn is_stored_as(any: &Any, type_url: &str) -> bool {
    if any.type_url == type_url {
        return true;
    }
    let is_message = matches!(any.kind(), Kind::Protobuf | Kind::Other);
    let name = type_url.strip_prefix(PROTOBUF_PREFIX);
    is_message && name == Some(any.type_name())
}

/// A type that serde can write and read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written and read as JSON",
    label = "does not implement both `serde::Serialize` and `serde::Deserialize`",
    note = "write `#[derive(serde::Serialize, serde::Deserialize)]` above it, with `serde` and its feature `derive` in \
            the dependencies"
)]
pub trait JsonValue: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> JsonValue for T {}

/// How `#[derive(Json)]` writes and reads a `T`. As a constant it asks once that serde can do both.
#[derive(Clone, Copy, Debug)]
pub struct JsonCodec<T> {
    /// [`Payload::encode`] of the type.
    pub encode: fn(&T) -> Bytes,
    /// [`Payload::decode`] of the type.
    pub decode: fn(Bytes) -> Result<T, DecodeError>,
}

/// The codec of a type that serde can write and read.
pub const fn json_codec<T: JsonValue>() -> JsonCodec<T> {
    JsonCodec {
        encode: encode_json,
        decode: decode_json,
    }
}

/// Encodes a value as the Cloudstate convention has JSON.
///
/// # Panics
/// The value has no form in JSON.
pub(crate) fn encode_json<T: JsonValue>(value: &T) -> Bytes {
    json::encode(value).unwrap_or_else(|error| {
        panic!(
            "a `{}` has no form in JSON: {error}",
            std::any::type_name::<T>()
        )
    })
}

/// Decodes what [`encode_json`] wrote.
///
/// # Errors
/// The bytes are not JSON in this form, or their JSON is not a `T`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of `Payload::decode`, which calls it"
)]
pub(crate) fn decode_json<T: JsonValue>(bytes: Bytes) -> Result<T, DecodeError> {
    let text = json::text(&bytes).map_err(DecodeError::new)?;
    json::from_text(&text).map_err(|error| DecodeError::new(without_value(&error.to_string())))
}

/// What serde says, without the value that it found: errors are logged, and what is stored may be personal.
fn without_value(error: &str) -> String {
    let shows_value = ["invalid type: ", "invalid value: "];
    let shows_value = shows_value.iter().any(|start| error.starts_with(start));
    match (error.find(['"', '`']), error.rfind(", expected ")) {
        (Some(value), Some(rest)) if shows_value && value < rest => {
            format!("{}{}", error[..value].trim_end(), &error[rest..])
        }
        _ => error.to_owned(),
    }
}

/// Why stored bytes are not a value of their type.
#[derive(Clone)]
pub struct DecodeError(Arc<dyn error::Error + Send + Sync>);

impl DecodeError {
    /// An error with a cause, or with a text.
    pub fn new(source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self(Arc::from(source.into()))
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    fn round_trips<P: Payload + PartialEq + fmt::Debug>(value: &P, type_url: &str, bytes: &[u8]) {
        let any = value.to_any();
        assert_eq!(any.type_url, type_url);
        assert_eq!(any.value, bytes);
        assert_eq!(&P::from_any(&any).unwrap().unwrap(), value);
    }

    #[test]
    fn primitives_are_stored_as_the_convention_says() {
        round_trips(&String::from("a"), "p.cloudstate.io/string", b"\x0a\x01a");
        round_trips(&String::new(), "p.cloudstate.io/string", b"");
        round_trips(&vec![1_u8, 2], "p.cloudstate.io/bytes", b"\x0a\x02\x01\x02");
        round_trips(&Bytes::from("a"), "p.cloudstate.io/bytes", b"\x0a\x01a");
        round_trips(&300_i32, "p.cloudstate.io/int32", b"\x08\xac\x02");
        round_trips(&1_i64, "p.cloudstate.io/int64", b"\x08\x01");
        round_trips(&1_f32, "p.cloudstate.io/float", b"\x0d\0\0\x80\x3f");
        round_trips(
            &1_f64,
            "p.cloudstate.io/double",
            b"\x09\0\0\0\0\0\0\xf0\x3f",
        );
        round_trips(&true, "p.cloudstate.io/bool", b"\x08\x01");
        round_trips(&false, "p.cloudstate.io/bool", b"");
    }

    #[test]
    fn unsigned_numbers_and_nothing_are_messages() {
        assert_eq!(
            <u64 as Payload>::type_url(),
            "type.googleapis.com/google.protobuf.UInt64Value"
        );
        assert_eq!(
            <() as Payload>::type_url(),
            "type.googleapis.com/google.protobuf.Empty"
        );
    }

    #[test]
    fn only_of_messages_any_host_will_do() {
        let stored = |type_url: &'static str, as_url: &str| {
            let any = Any {
                type_url: type_url.into(),
                value: Bytes::new(),
            };
            is_stored_as(&any, as_url)
        };
        let message = "type.googleapis.com/shop.Item";
        assert!(stored("type.googleapis.com/shop.Item", message));
        assert!(stored("example.com/shop.Item", message));
        assert!(stored("shop.Item", message));
        assert!(!stored("json.cloudstate.io/shop.Item", message));
        assert!(!stored("p.cloudstate.io/shop.Item", message));
        assert!(stored("p.cloudstate.io/string", "p.cloudstate.io/string"));
        assert!(!stored("example.com/string", "p.cloudstate.io/string"));
        assert!(!stored(
            "type.googleapis.com/Item",
            "json.cloudstate.io/Item"
        ));
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Line {
        product: String,
        tags: BTreeMap<String, u8>,
    }

    #[test]
    fn json_is_a_field_of_text() {
        let line = Line {
            product: "tea".into(),
            tags: BTreeMap::from([("b".into(), 2), ("a".into(), 1)]),
        };
        let bytes = encode_json(&line);
        assert_eq!(
            bytes,
            &b"\x0a\x26{\"product\":\"tea\",\"tags\":{\"a\":1,\"b\":2}}"[..]
        );
        assert_eq!(decode_json::<Line>(bytes).unwrap(), line);
        let error = decode_json::<Line>(Bytes::from_static(b"\x0a\x02{}")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "missing field `product` at line 1 column 2"
        );
        assert!(decode_json::<Line>(Bytes::from_static(b"\x0a\x09{}")).is_err());
    }

    #[test]
    fn errors_of_json_do_not_show_what_is_stored() {
        #[derive(Debug, Deserialize, Serialize)]
        enum Colour {
            Red,
        }
        fn error<T: JsonValue + fmt::Debug>(stored: impl Serialize) -> String {
            decode_json::<T>(json::encode(&stored).unwrap())
                .unwrap_err()
                .to_string()
        }
        assert_eq!(
            error::<u32>(r#"ann "a", expected"#),
            "invalid type: string, expected u32 at line 1 column 21"
        );
        assert_eq!(
            error::<u8>(4711),
            "invalid value: integer, expected u8 at line 1 column 4"
        );
        assert_eq!(
            error::<String>([1]),
            "invalid type: sequence, expected a string at line 1 column 0"
        );
        // The program's own words help, and are nobody's.
        assert_eq!(
            error::<Colour>("Blue"),
            "unknown variant `Blue`, expected `Red` at line 1 column 6"
        );
    }

    #[test]
    #[should_panic(expected = "has no form in JSON: key must be a string")]
    fn what_has_no_form_in_json_is_a_defect() {
        encode_json(&BTreeMap::from([(vec![1_u8], 1)]));
    }
}
