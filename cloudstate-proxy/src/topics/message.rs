//! A message of a topic: a payload, and what CloudEvents say of it.

use std::time::SystemTime;

use cloudstate_protocol::{
    Any,
    any::Kind,
    cloudstate::{Metadata, MetadataEntry, Reply, metadata_entry::Value},
};
use prost::Message as _;
use prost_reflect::prost_types::Timestamp;

use super::Topic;
use crate::call::text_entry;

/// Says what the stored bytes are to those who look into the store.
const TYPE_URL: &str = "cloudstate.io/proxy.message";
/// The message type that holds any other.
const ANY: &str = "type.googleapis.com/google.protobuf.Any";

const ID: &str = "ce-id";
const SOURCE: &str = "ce-source";
const SPEC_VERSION: &str = "ce-specversion";
const TYPE: &str = "ce-type";
const CONTENT_TYPE: &str = "Content-Type";
const SUBJECT: &str = "ce-subject";
const TIME: &str = "ce-time";
/// What a publisher may say of a message beside the attributes that every message has.
const EXTENSION: &str = "ce-";

/// What is published, and the attributes of its CloudEvent but, where the publisher has not given one, the id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) payload: Any,
    metadata: Metadata,
}

/// Who published a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// Full name of the service.
    pub(crate) service: &'a str,
    /// The entity, where one did.
    pub(crate) entity_id: Option<&'a str>,
}

impl Message {
    /// What a method's reply publishes: its payload, under the attributes that the reply's metadata give, and otherwise
    /// under those that follow from the payload and its origin. `None` for a reply without a payload.
    pub(crate) fn of_reply(reply: &Reply, origin: Origin<'_>) -> Option<Self> {
        let payload = unpacked(reply.payload.as_ref()?);
        let said = reply.metadata.as_ref();
        let mut entries = Vec::with_capacity(8);
        let mut attribute = |key: &str, default: Option<&str>| {
            let said = said.and_then(|said| text(said, key));
            if let Some(value) = said.or(default) {
                entries.push(text_entry(key, value));
            }
        };
        let now = Timestamp::from(SystemTime::now()).to_string();
        attribute(ID, None);
        attribute(SOURCE, Some(origin.service));
        attribute(SPEC_VERSION, Some("1.0"));
        attribute(TYPE, Some(event_type(&payload)));
        attribute(CONTENT_TYPE, Some(content_type(&payload)));
        attribute(SUBJECT, origin.entity_id);
        attribute(TIME, Some(&now));
        let known = [ID, SOURCE, SPEC_VERSION, TYPE, CONTENT_TYPE, SUBJECT, TIME];
        let is_extension = |entry: &&MetadataEntry| {
            let key = &entry.key;
            key.get(..EXTENSION.len())
                .is_some_and(|prefix| prefix.eq_ignore_ascii_case(EXTENSION))
                && !known.iter().any(|known| known.eq_ignore_ascii_case(key))
        };
        entries.extend(
            said.iter()
                .flat_map(|said| &said.entries)
                .filter(is_extension)
                .cloned(),
        );
        Some(Self {
            payload,
            metadata: Metadata { entries },
        })
    }

    /// What a subscriber is told beside the payload. The id is the message's place, unless its publisher gave it one: it
    /// is the same each time the message comes.
    pub(crate) fn metadata(&self, topic: &Topic, number: u64) -> Metadata {
        let mut metadata = self.metadata.clone();
        if text(&metadata, ID).is_none() {
            let id = text_entry(ID, &format!("{topic}/{number}"));
            metadata.entries.insert(0, id);
        }
        metadata
    }

    pub(super) fn to_stored(&self) -> Any {
        let stored = StoredMessage {
            payload: Some(self.payload.clone()),
            metadata: Some(self.metadata.clone()),
        };
        Any {
            type_url: TYPE_URL.into(),
            value: stored.encode_to_vec().into(),
        }
    }

    /// What cannot be read is a payload without attributes: whoever is subscribed to anything gets it, and whoever is not
    /// does not get lost over it.
    pub(super) fn from_stored(stored: Any) -> Self {
        let read = if stored.type_url == TYPE_URL {
            StoredMessage::decode(stored.value.clone()).ok()
        } else {
            None
        };
        let read = read.unwrap_or_else(|| StoredMessage {
            payload: Some(stored),
            metadata: None,
        });
        Self {
            payload: read.payload.unwrap_or_default(),
            metadata: read.metadata.unwrap_or_default(),
        }
    }
}

/// The stored form of a [`Message`].
#[derive(Clone, PartialEq, prost::Message)]
struct StoredMessage {
    #[prost(message, optional, tag = "1")]
    payload: Option<Any>,
    #[prost(message, optional, tag = "2")]
    metadata: Option<Metadata>,
}

/// What a method publishes that may answer with anything is what it answers with.
fn unpacked(payload: &Any) -> Any {
    if payload.type_url == ANY
        && let Ok(inner) = Any::decode(payload.value.clone())
        && !inner.type_url.is_empty()
    {
        return inner;
    }
    payload.clone()
}

/// The message's name, or the name that its writer gave some JSON.
fn event_type(payload: &Any) -> &str {
    match (payload.kind(), payload.type_name()) {
        (Kind::Primitive, "string" | "bytes") => "",
        (Kind::Protobuf | Kind::Json, name) => name,
        (Kind::Primitive | Kind::Other, _) => &payload.type_url,
    }
}

fn content_type(payload: &Any) -> &'static str {
    match (payload.kind(), payload.type_name()) {
        (Kind::Protobuf, _) => "application/protobuf",
        (Kind::Json, _) => "application/json",
        (Kind::Primitive, "string") => "text/plain; charset=utf-8",
        (Kind::Primitive, "bytes") => "application/octet-stream",
        (Kind::Primitive | Kind::Other, _) => "application/vnd.cloudstate.protobuf.any",
    }
}

fn text<'a>(metadata: &'a Metadata, key: &str) -> Option<&'a str> {
    metadata
        .entries
        .iter()
        .filter(|entry| entry.key.eq_ignore_ascii_case(key))
        .find_map(|entry| match &entry.value {
            Some(Value::StringValue(text)) => Some(&**text),
            Some(Value::BytesValue(_)) | None => None,
        })
}

#[cfg(test)]
mod tests {
    use cloudstate_protocol::{
        Any,
        cloudstate::{Metadata, Reply},
    };
    use prost::Message as _;

    use super::{Message, Origin, Topic, text, text_entry};

    fn origin() -> Origin<'static> {
        Origin {
            service: "shop.Orders",
            entity_id: Some("4711"),
        }
    }

    fn reply(type_url: &str, said: &[(&str, &str)]) -> Reply {
        Reply {
            payload: Some(Any {
                type_url: type_url.into(),
                value: vec![1, 2].into(),
            }),
            metadata: Some(Metadata {
                entries: said
                    .iter()
                    .map(|(key, value)| text_entry(key, value))
                    .collect(),
            }),
        }
    }

    #[test]
    fn attributes_follow_from_the_payload_where_nothing_is_said() {
        let any = "application/vnd.cloudstate.protobuf.any";
        for (type_url, event_type, content_type) in [
            (
                "type.googleapis.com/shop.Placed",
                "shop.Placed",
                "application/protobuf",
            ),
            ("json.cloudstate.io/placed", "placed", "application/json"),
            ("p.cloudstate.io/string", "", "text/plain; charset=utf-8"),
            ("p.cloudstate.io/bytes", "", "application/octet-stream"),
            ("p.cloudstate.io/int64", "p.cloudstate.io/int64", any),
            ("example.org/x", "example.org/x", any),
        ] {
            let message = Message::of_reply(&reply(type_url, &[]), origin()).unwrap();
            let metadata = message.metadata(&Topic::new("orders".into()), 7);
            for (key, value) in [
                ("ce-id", "orders/7"),
                ("ce-source", "shop.Orders"),
                ("ce-specversion", "1.0"),
                ("ce-type", event_type),
                ("Content-Type", content_type),
                ("ce-subject", "4711"),
            ] {
                assert_eq!(text(&metadata, key), Some(value), "{type_url}");
            }
            let time = text(&metadata, "ce-time").unwrap();
            assert!(time.ends_with('Z') && time.contains('T'), "{time}");
        }
    }

    #[test]
    fn what_the_reply_says_comes_first_and_extensions_are_kept() {
        let said = [
            ("CE-Id", "mine"),
            ("ce-type", "placed"),
            ("ce-subject", "somebody"),
            ("ce-partition", "3"),
            ("x-other", "not about the event"),
        ];
        let reply = reply("type.googleapis.com/shop.Placed", &said);
        let message = Message::of_reply(&reply, origin()).unwrap();
        let read = Message::from_stored(message.to_stored());
        assert_eq!(read, message);
        let metadata = read.metadata(&Topic::new("orders".into()), 7);
        for (key, value) in [
            ("ce-id", Some("mine")),
            ("ce-type", Some("placed")),
            ("ce-subject", Some("somebody")),
            ("ce-partition", Some("3")),
            ("x-other", None),
        ] {
            assert_eq!(text(&metadata, key), value, "{key}");
        }
        let mut keys: Vec<_> = metadata
            .entries
            .iter()
            .map(|entry| entry.key.to_lowercase())
            .collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), metadata.entries.len());
    }

    #[test]
    fn what_holds_anything_is_unpacked() {
        let inner = Any {
            type_url: "json.cloudstate.io/placed".into(),
            value: vec![1].into(),
        };
        let mut reply = reply("type.googleapis.com/google.protobuf.Any", &[]);
        reply.payload.as_mut().unwrap().value = inner.encode_to_vec().into();
        let message = Message::of_reply(&reply, origin()).unwrap();
        assert_eq!(message.payload, inner);
    }

    #[test]
    fn what_cannot_be_read_is_a_payload() {
        for type_url in ["cloudstate.io/proxy.message", "something.else/x"] {
            let stored = Any {
                type_url: type_url.into(),
                value: vec![0xff].into(),
            };
            let read = Message::from_stored(stored.clone());
            assert_eq!((read.payload, read.metadata), (stored, Metadata::default()));
        }
    }
}
