//! What an entity has stored, as a test looks at it.

use std::fmt;

use bytes::{Buf, Bytes};
use cloudstate_protocol::any::{Kind, json};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::{Any, Payload};

/// A stored value: an event, a snapshot, or the state of a value entity.
///
/// It is kept as it is encoded. `==` compares it with a value of any type that can be stored: type and bytes are equal.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored(Any);

impl Stored {
    pub(super) fn new(any: Any) -> Self {
        Self(any)
    }

    /// Full name of a message, or what follows the `/` of another type URL.
    pub fn type_name(&self) -> &str {
        self.0.type_name()
    }

    /// Type URL and bytes.
    pub fn as_any(&self) -> &Any {
        &self.0
    }

    /// Whether it is a `V`.
    pub fn is<V: Payload>(&self) -> bool {
        crate::codec::is_stored_as(&self.0, &V::type_url())
    }

    /// The value.
    ///
    /// # Panics
    /// It is not a `V`, or its bytes are not one.
    #[track_caller]
    pub fn get<V: Payload>(&self) -> V {
        match V::from_any(&self.0) {
            Some(Ok(value)) => value,
            Some(Err(error)) => panic!("{self:?} cannot be read back: {error}"),
            None => panic!("expected {}, and it is {self:?}", V::type_url()),
        }
    }
}

impl<V: Payload> PartialEq<V> for Stored {
    fn eq(&self, value: &V) -> bool {
        self.is::<V>() && self.0.value == value.encode()
    }
}

impl fmt::Debug for Stored {
    /// Shows the contents: JSON as its text, a message by the numbers of its fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.kind() == Kind::Json
            && let Ok(text) = json::text(&self.0.value)
        {
            return write!(f, "{} {}", self.type_name(), String::from_utf8_lossy(&text));
        }
        f.write_str(self.type_name())?;
        fields(&self.0.value, f)
    }
}

/// Any message, by the numbers of its fields.
fn fields(message: &Bytes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut shown = f.debug_map();
    let mut rest = message.clone();
    while rest.has_remaining() {
        let field = field(&mut rest);
        let Some((tag, value)) = field else {
            shown.entry(&"invalid", &message);
            break;
        };
        shown.entry(&tag, &value);
    }
    shown.finish()
}

enum Field {
    Number(u64),
    Text(String),
    Other(Bytes),
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Other(bytes) => bytes.fmt(f),
        }
    }
}

fn field(rest: &mut Bytes) -> Option<(u32, Field)> {
    let (tag, wire_type) = decode_key(rest).ok()?;
    let value = match wire_type {
        WireType::Varint => Field::Number(decode_varint(rest).ok()?),
        WireType::LengthDelimited => {
            let len = usize::try_from(decode_varint(rest).ok()?).ok()?;
            let bytes = (len <= rest.len()).then(|| rest.split_to(len))?;
            let printable = std::str::from_utf8(&bytes)
                .ok()
                .filter(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace()));
            match printable {
                Some(text) => Field::Text(text.into()),
                None => Field::Other(bytes),
            }
        }
        _ => {
            let before = rest.clone();
            skip_field(wire_type, tag, rest, DecodeContext::default()).ok()?;
            Field::Other(before.slice(..before.len() - rest.len()))
        }
    };
    Some((tag, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_can_be_read_in_a_failed_assertion() {
        let shown = |any: Any| format!("{:?}", Stored::new(any));
        assert_eq!(shown(String::from("tea").to_any()), r#"string{1: "tea"}"#);
        assert_eq!(shown(7_i64.to_any()), "int64{1: 7}");
        assert_eq!(shown(false.to_any()), "bool{}");
        assert_eq!(shown(vec![0_u8].to_any()), r#"bytes{1: b"\0"}"#);
        assert_eq!(
            shown(Any::json("line", &(1, "tea")).unwrap()),
            r#"line [1,"tea"]"#
        );
        let broken = Any {
            value: "\u{a}\u{9}".into(),
            ..String::new().to_any()
        };
        assert_eq!(shown(broken), r#"string{"invalid": b"\n\t"}"#);
    }

    #[test]
    fn it_equals_values_of_its_type() {
        let stored = Stored::new(7_i64.to_any());
        assert_eq!(stored, 7_i64);
        assert_ne!(stored, 7_i32);
        assert_ne!(stored, 8_i64);
        assert_eq!(stored.get::<i64>(), 7);
    }

    #[test]
    #[should_panic(expected = "expected p.cloudstate.io/bool, and it is int64{1: 7}")]
    fn reading_it_as_another_type_says_what_it_is() {
        Stored::new(7_i64.to_any()).get::<bool>();
    }
}
