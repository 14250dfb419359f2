//! JSON in an [`Any`].

use bytes::Bytes;
use bytestring::ByteString;
use serde::{Serialize, de::DeserializeOwned};

use super::{Any, AnyError, Kind, primitive};

/// Prefix of the type URL of every JSON value.
pub const JSON_PREFIX: &str = "json.cloudstate.io/";

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
        match serde_json::to_vec(value) {
            Ok(text) => Ok(Self {
                type_url,
                value: primitive::encode(&Bytes::from(text)),
            }),
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
        let text: Bytes =
            primitive::decode(&self.value).map_err(|source| self.undecodable(source))?;
        serde_json::from_slice(&text).map_err(|source| AnyError::Json {
            type_url: self.type_url.clone(),
            source,
        })
    }
}
