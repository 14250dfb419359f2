//! What travels beside a message, and the CloudEvent that may be in it.

use std::sync::Arc;

use bytes::Bytes;
use cloudstate_protocol::cloudstate as wire;
use wire::metadata_entry::Value;

/// Entries that travel beside a message: request headers on the way in, response headers on the way out.
///
/// Keys are compared without regard to case, may repeat, and keep their order; a text entry and a bytes entry of one key
/// are different entries. Clones share the entries until one of them is changed.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// None if there are none: most commands come without.
    entries: Option<Arc<Vec<wire::MetadataEntry>>>,
}

impl Metadata {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first text entry of this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries()
            .filter(|entry| entry.key.eq_ignore_ascii_case(key))
            .find_map(text_of)
    }

    /// Every text entry of this key, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries()
            .filter(move |entry| entry.key.eq_ignore_ascii_case(key))
            .filter_map(text_of)
    }

    /// The first bytes entry of this key.
    pub fn get_bytes(&self, key: &str) -> Option<&Bytes> {
        self.entries()
            .filter(|entry| entry.key.eq_ignore_ascii_case(key))
            .find_map(|entry| match &entry.value {
                Some(Value::BytesValue(bytes)) => Some(bytes),
                Some(Value::StringValue(_)) | None => None,
            })
    }

    /// Adds a text entry behind the present ones.
    pub fn append(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let value = Some(Value::StringValue(value.into()));
        self.entries_mut().push(wire::MetadataEntry {
            key: key.into(),
            value,
        });
    }

    /// Adds a bytes entry behind the present ones.
    pub fn append_bytes(&mut self, key: impl Into<String>, value: impl Into<Bytes>) {
        let value = Some(Value::BytesValue(value.into()));
        self.entries_mut().push(wire::MetadataEntry {
            key: key.into(),
            value,
        });
    }

    /// Removes every entry of this key.
    pub fn remove(&mut self, key: &str) {
        self.entries_mut()
            .retain(|entry| !entry.key.eq_ignore_ascii_case(key));
    }

    /// The keys, in order, repeated as often as they stand there.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries().map(|entry| entry.key.as_str())
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    /// The CloudEvent that these entries describe, if they hold the four that every CloudEvent has.
    pub fn cloud_event(&self) -> Option<CloudEvent> {
        CloudEvent::from_metadata(self)
    }

    /// Makes these entries describe `event`, instead of the CloudEvent that they described if they did.
    pub fn set_cloud_event(&mut self, event: CloudEvent) {
        let entries = [
            ("ce-specversion", Some(event.spec_version)),
            ("ce-id", Some(event.id)),
            ("ce-source", Some(event.source)),
            ("ce-type", Some(event.event_type)),
            ("Content-Type", event.data_content_type),
            ("ce-dataschema", event.data_schema),
            ("ce-subject", event.subject),
            ("ce-time", event.time),
        ];
        for (key, value) in entries {
            self.remove(key);
            if let Some(value) = value {
                self.append(key, value);
            }
        }
    }

    pub(crate) fn from_wire(metadata: Option<wire::Metadata>) -> Self {
        let entries = metadata.map(|metadata| metadata.entries);
        Self {
            entries: entries.filter(|entries| !entries.is_empty()).map(Arc::new),
        }
    }

    /// Nothing rather than an empty message: the protocol tells the two apart.
    pub(crate) fn into_wire(self) -> Option<wire::Metadata> {
        let entries = self.entries.map(Arc::unwrap_or_clone)?;
        (!entries.is_empty()).then_some(wire::Metadata { entries })
    }

    fn entries(&self) -> impl Iterator<Item = &wire::MetadataEntry> {
        self.entries.iter().flat_map(|entries| entries.iter())
    }

    fn entries_mut(&mut self) -> &mut Vec<wire::MetadataEntry> {
        Arc::make_mut(self.entries.get_or_insert_default())
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.entries().eq(other.entries())
    }
}

/// The entries that describe the event.
impl From<CloudEvent> for Metadata {
    fn from(event: CloudEvent) -> Self {
        let mut metadata = Self::new();
        metadata.set_cloud_event(event);
        metadata
    }
}

fn text_of(entry: &wire::MetadataEntry) -> Option<&str> {
    match &entry.value {
        Some(Value::StringValue(text)) => Some(text),
        Some(Value::BytesValue(_)) | None => None,
    }
}

/// A CloudEvent, read from metadata entries `ce-id`, `ce-source`, `ce-specversion`, `ce-type` and the optional ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent {
    /// `ce-id`.
    pub id: String,
    /// `ce-source`.
    pub source: String,
    /// `ce-specversion`.
    pub spec_version: String,
    /// `ce-type`.
    pub event_type: String,
    /// `Content-Type`.
    pub data_content_type: Option<String>,
    /// `ce-dataschema`.
    pub data_schema: Option<String>,
    /// `ce-subject`.
    pub subject: Option<String>,
    /// `ce-time`, RFC 3339.
    pub time: Option<String>,
}

impl CloudEvent {
    /// An event of version 1.0 with what every CloudEvent has.
    pub fn new(
        id: impl Into<String>,
        source: impl Into<String>,
        event_type: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            source: source.into(),
            spec_version: "1.0".into(),
            event_type: event_type.into(),
            data_content_type: None,
            data_schema: None,
            subject: None,
            time: None,
        }
    }

    fn from_metadata(metadata: &Metadata) -> Option<Self> {
        let text = |key| metadata.get(key).map(String::from);
        Some(Self {
            id: text("ce-id")?,
            source: text("ce-source")?,
            spec_version: text("ce-specversion")?,
            event_type: text("ce-type")?,
            data_content_type: text("Content-Type"),
            data_schema: text("ce-dataschema"),
            subject: text("ce-subject"),
            time: text("ce-time"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{CloudEvent, Metadata};

    #[test]
    fn keys_ignore_case_and_keep_order() {
        let mut metadata = Metadata::new();
        metadata.append("X-Trace", "one");
        metadata.append_bytes("x-trace", &b"raw"[..]);
        metadata.append("x-trace", "two");
        assert_eq!(metadata.all("X-TRACE").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(metadata.get_bytes("X-Trace").unwrap(), &b"raw"[..]);
        metadata.remove("X-trace");
        assert!(metadata.is_empty());
        assert_eq!(metadata.into_wire(), None);
    }

    #[test]
    fn a_cloud_event_replaces_another_and_nothing_else() {
        let mut metadata = Metadata::new();
        for key in ["x-trace", "CE-ID", "ce-time", "ce-id", "ce-vendor"] {
            metadata.append(key, "old");
        }
        let event = CloudEvent {
            subject: Some("cart-1".into()),
            ..CloudEvent::new("1", "/cart", "created")
        };
        metadata.set_cloud_event(event.clone());
        assert_eq!(metadata.cloud_event(), Some(event.clone()));
        assert_eq!(
            metadata.keys().collect::<Vec<_>>(),
            [
                "x-trace",
                "ce-vendor",
                "ce-specversion",
                "ce-id",
                "ce-source",
                "ce-type",
                "ce-subject"
            ]
        );
        assert_eq!(Metadata::from(event.clone()).cloud_event(), Some(event));
    }

    #[test]
    fn a_cloud_event_needs_its_four_entries() {
        let mut metadata = Metadata::new();
        for key in ["ce-id", "ce-source", "ce-specversion"] {
            metadata.append(key, key);
        }
        assert_eq!(metadata.cloud_event(), None);
        metadata.append("ce-type", "created");
        metadata.append("ce-subject", "cart-1");
        let event = metadata.cloud_event().unwrap();
        assert_eq!(
            (event.event_type.as_str(), event.subject.as_deref()),
            ("created", Some("cart-1"))
        );
    }
}
