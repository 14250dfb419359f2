//! Reads the entity id out of an encoded request.

use bytes::Bytes;
use bytestring::ByteString;
use prost_reflect::{FieldDescriptor, MessageDescriptor};

use super::error::{WireError, WireFault};
use super::key_value::{KeyType, default_text};
use super::reader::Reader;

/// The field options that mark an entity key; the second is the older number of the same option.
const KEY_OPTIONS: [&str; 2] = ["cloudstate.entity_key", "cloudstate.legacy_entity_key"];

/// How the entity id is read from requests of one type.
///
/// The id is the value of the field marked `cloudstate.entity_key` (or `cloudstate.legacy_entity_key`): a string as it
/// is, an integer in decimal, an enum by number, `true` or `false`, a float in its shortest form, bytes in lowercase
/// hexadecimal. An absent number is the field's default, usually 0.
///
/// Several marked fields make a composite id: the parts in the order in which the fields are declared, joined with `-`.
/// Inside the parts `\` and `-` are escaped with a `\`, so that (`a-b`, `c`) and (`a`, `b-c`) are two entities. Parts
/// without these characters give the id that the reference proxy gives, which does not escape.
#[derive(Debug, Clone)]
pub struct KeyExtractor {
    /// In order of declaration; never empty.
    parts: Box<[Part]>,
}

#[derive(Debug, Clone)]
struct Part {
    number: u32,
    name: Box<str>,
    key_type: KeyType,
    /// The other members of the field's oneof: any of them coming later unsets the key.
    rivals: Box<[u32]>,
    /// The text of the absent field.
    default: ByteString,
}

/// Why a request type has no usable key, or a request no entity id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A marked field whose type cannot be a key.
    #[error(
        "field `{field}` is marked as entity key but is {what}; mark fields of a scalar, string or bytes type"
    )]
    NotAKey {
        /// The field's full name.
        field: String,
        /// What it is instead.
        what: &'static str,
    },
    /// The key field is missing or empty.
    #[error("entity key field `{field}` is empty; every request must name its entity")]
    Empty {
        /// The field's name.
        field: String,
    },
    /// The request is not an encoded message.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl KeyExtractor {
    /// Finds the key fields of a request type; `None` if it has none.
    ///
    /// # Errors
    ///
    /// A marked field cannot be a key: it is a message, a group, repeated or a map.
    pub fn new(message: &MessageDescriptor) -> Result<Option<Self>, KeyError> {
        let mut marked: Vec<FieldDescriptor> = message.fields().filter(is_marked).collect();
        if marked.is_empty() {
            return Ok(None);
        }
        // The last element of a descriptor's path is its position among its siblings.
        marked.sort_by_key(|field| field.path().last().copied());
        let parts = marked.iter().map(Part::new).collect::<Result<_, _>>()?;
        Ok(Some(Self { parts }))
    }

    /// The id of the entity that an encoded request is for.
    ///
    /// The id of a single string key is a slice of the request: nothing is copied. If the field stands several times,
    /// the last one counts. Only what the key needs is checked; [`MessageShape::validate`] checks the rest.
    ///
    /// # Errors
    ///
    /// A key that is a string or bytes is missing or empty, or the bytes are not an encoded message.
    ///
    /// [`MessageShape::validate`]: super::MessageShape::validate
    pub fn extract(&self, request: &Bytes) -> Result<ByteString, KeyError> {
        if let [part] = &*self.parts {
            let mut value = None;
            self.scan(request, |_, text| value = text)?;
            return part.or_default(value);
        }
        let mut values = vec![None; self.parts.len()];
        self.scan(request, |index, text| values[index] = text)?;
        let mut id = String::new();
        for (part, value) in self.parts.iter().zip(values) {
            if !std::ptr::eq(part, &self.parts[0]) {
                id.push('-');
            }
            push_escaped(&mut id, &part.or_default(value)?);
        }
        Ok(id.into())
    }

    /// Calls `set` with the index of a part for each of its values, and with `None` where a rival unsets it.
    fn scan(
        &self,
        request: &Bytes,
        mut set: impl FnMut(usize, Option<ByteString>),
    ) -> Result<(), WireError> {
        let mut reader = Reader::new(request);
        while !reader.is_empty() {
            let tag = reader.tag()?;
            let mut value = None;
            for (index, part) in self.parts.iter().enumerate() {
                if part.number == tag.number {
                    let text = part
                        .key_type
                        .read(tag, &mut reader, request)
                        .map_err(|error| error.within(&part.name))?;
                    value = Some((index, text));
                } else if part.rivals.contains(&tag.number) {
                    set(index, None);
                }
            }
            match value {
                Some((index, text)) => set(index, Some(text)),
                None => reader.skip(tag, WireFault::DEPTH_LIMIT)?,
            }
        }
        Ok(())
    }
}

impl Part {
    fn new(field: &FieldDescriptor) -> Result<Self, KeyError> {
        let what = if field.is_map() {
            Err("a map")
        } else if field.is_list() {
            Err("repeated")
        } else if field.is_group() {
            Err("a group")
        } else {
            KeyType::of(&field.kind()).ok_or("a message")
        };
        let key_type = what.map_err(|what| KeyError::NotAKey {
            field: field.full_name().to_owned(),
            what,
        })?;
        let rivals = field
            .containing_oneof()
            .iter()
            .flat_map(|oneof| oneof.fields())
            .map(|member| member.number())
            .filter(|&number| number != field.number())
            .collect();
        Ok(Self {
            number: field.number(),
            name: field.name().into(),
            key_type,
            rivals,
            default: default_text(&field.default_value()).into(),
        })
    }

    fn or_default(&self, value: Option<ByteString>) -> Result<ByteString, KeyError> {
        let value = value.unwrap_or_else(|| self.default.clone());
        if value.is_empty() {
            return Err(KeyError::Empty {
                field: String::from(&*self.name),
            });
        }
        Ok(value)
    }
}

fn is_marked(field: &FieldDescriptor) -> bool {
    field.options().extensions().any(|(option, value)| {
        KEY_OPTIONS.contains(&option.full_name()) && value.as_bool() == Some(true)
    })
}

fn push_escaped(id: &mut String, part: &str) {
    for character in part.chars() {
        if matches!(character, '\\' | '-') {
            id.push('\\');
        }
        id.push(character);
    }
}
