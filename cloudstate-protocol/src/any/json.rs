//! JSON in an [`Any`].

use bytes::Bytes;
use bytestring::ByteString;
use prost::{
    DecodeError,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Any, AnyError, Kind, primitive};

/// Prefix of the type URL of every JSON value.
pub const JSON_PREFIX: &str = "json.cloudstate.io/";

/// Room in front of the text for its field's key and length.
const HEAD: usize = 11;

impl Any {
    /// Holds a value as JSON; `type_name` is what the application calls its type.
    ///
    /// Whether equal values have equal bytes is up to `value`: a struct and a `BTreeMap` do, a `HashMap` does not.
    ///
    /// ```
    /// use cloudstate_protocol::Any;
    ///
    /// # fn main() -> Result<(), cloudstate_protocol::any::AnyError> {
    /// let any = Any::json("point", &(1, 2))?;
    /// assert_eq!(any.type_url, "json.cloudstate.io/point");
    /// assert_eq!(any.value, b"\n\x05[1,2]".as_slice());
    /// assert_eq!(any.from_json::<(i32, i32)>()?, (1, 2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The value has no form in JSON, such as a map whose keys are not strings.
    pub fn json(type_name: &str, value: &impl Serialize) -> Result<Self, AnyError> {
        let type_url = ByteString::from(format!("{JSON_PREFIX}{type_name}"));
        match encode(value) {
            Ok(value) => Ok(Self { type_url, value }),
            Err(source) => Err(AnyError::Json { type_url, source }),
        }
    }

    /// Reads a value from JSON, whatever the writer called its type.
    ///
    /// # Errors
    /// The payload is not JSON, or its JSON is not a `T`.
    pub fn from_json<T: DeserializeOwned>(&self) -> Result<T, AnyError> {
        if self.kind() != Kind::Json {
            return Err(self.mismatch(format!("{JSON_PREFIX}*")));
        }
        let text = text(&self.value).map_err(|source| self.undecodable(source))?;
        from_text(&text).map_err(|source| AnyError::Json {
            type_url: self.type_url.clone(),
            source,
        })
    }
}

/// The bytes of a value as JSON: a message whose field 1 is the text.
///
/// # Errors
/// The value has no form in JSON.
pub fn encode(value: &impl Serialize) -> Result<Bytes, serde_json::Error> {
    let mut buffer = vec![0; HEAD];
    serde_json::to_writer(&mut buffer, value)?;
    // The length is known only now; written right before the text, nothing has to move.
    let len = (buffer.len() - HEAD) as u64;
    let start = HEAD - 1 - encoded_len_varint(len);
    let mut head = &mut buffer[start..HEAD];
    encode_key(1, WireType::LengthDelimited, &mut head);
    encode_varint(len, &mut head);
    Ok(Bytes::from(buffer).slice(start..))
}

/// The text of a value that [`encode`] wrote.
///
/// # Errors
/// The bytes are not a protobuf message.
pub fn text(value: &Bytes) -> Result<Bytes, DecodeError> {
    primitive::decode(value)
}

/// Reads a value from its [`text`].
///
/// # Errors
/// The text is not JSON, or its JSON is not a `T`.
pub fn from_text<T: DeserializeOwned>(text: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(text)
}
