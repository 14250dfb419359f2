//! A message that a subscription has given up on, and why.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloudstate_protocol::{Any, cloudstate::Metadata};
use prost::{DecodeError, Message as _};

use super::{
    log::Incoming,
    subscriber::{Failed, Subscriber},
};
use crate::catalog::Source;

/// Says what the stored bytes are to those who look into the store.
const TYPE_URL: &str = "cloudstate.io/proxy.dead-letter";

/// A message that could not be handled.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Group, source and place: the same message has the same id for one group, however often it comes.
    pub id: String,
    /// The consumer group.
    pub group: String,
    /// Full name of the service that is subscribed.
    pub service: String,
    /// The method that was called; empty where none takes such a message.
    pub method: String,
    /// Where the message came from.
    pub source: LetterSource,
    /// Position in the journal, or number in the topic.
    pub place: u64,
    /// What was to be handled.
    pub payload: Any,
    /// The attributes of its CloudEvent.
    pub metadata: Metadata,
    /// Why it could not be handled, the last time.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up on, or tried last.
    pub time: SystemTime,
}

/// The name of what a subscription reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterSource {
    /// Persistence id of an entity type.
    EventLog(String),
    /// Name of a topic.
    Topic(String),
}

impl From<&Source> for LetterSource {
    fn from(source: &Source) -> Self {
        match source {
            Source::EventLog(name) => Self::EventLog(name.to_string()),
            Source::Topic(topic) => Self::Topic(topic.to_string()),
        }
    }
}

impl DeadLetter {
    pub(super) fn new(
        subscriber: &Subscriber,
        message: &Incoming,
        failed: &Failed,
        attempts: u32,
    ) -> Self {
        let subscription = subscriber.subscription();
        let method = subscriber.method(&message.payload.type_url);
        let source = LetterSource::from(&subscription.source);
        let kind = match &source {
            LetterSource::EventLog(name) => format!("event-log/{name}"),
            LetterSource::Topic(name) => format!("topic/{name}"),
        };
        Self {
            // With zeros before the place, so that the order of ids is the order of messages.
            id: format!("{}/{kind}/{:012}", subscription.group, message.position),
            group: subscription.group.clone(),
            service: subscription.service.clone(),
            method: method
                .map(|method| method.name.to_string())
                .unwrap_or_default(),
            source,
            place: message.position,
            payload: message.payload.clone(),
            metadata: message.metadata.clone(),
            reason: failed.reason().to_owned(),
            attempts,
            time: SystemTime::now(),
        }
    }

    pub(super) fn to_stored(&self) -> Any {
        let since = self.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (source, is_topic) = match &self.source {
            LetterSource::EventLog(name) => (name, false),
            LetterSource::Topic(name) => (name, true),
        };
        let stored = StoredLetter {
            group: self.group.clone(),
            service: self.service.clone(),
            method: self.method.clone(),
            source: source.clone(),
            is_topic,
            place: self.place,
            payload: Some(self.payload.clone()),
            metadata: Some(self.metadata.clone()),
            reason: self.reason.clone(),
            attempts: self.attempts,
            milliseconds: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        };
        Any {
            type_url: TYPE_URL.into(),
            value: stored.encode_to_vec().into(),
        }
    }

    pub(super) fn from_stored(id: &str, stored: &Any) -> Result<Self, DecodeError> {
        let stored = StoredLetter::decode(stored.value.clone())?;
        Ok(Self {
            id: id.to_owned(),
            group: stored.group,
            service: stored.service,
            method: stored.method,
            source: if stored.is_topic {
                LetterSource::Topic(stored.source)
            } else {
                LetterSource::EventLog(stored.source)
            },
            place: stored.place,
            payload: stored.payload.unwrap_or_default(),
            metadata: stored.metadata.unwrap_or_default(),
            reason: stored.reason,
            attempts: stored.attempts,
            time: UNIX_EPOCH + Duration::from_millis(stored.milliseconds),
        })
    }
}

/// The stored form of a [`DeadLetter`].
#[derive(Clone, PartialEq, prost::Message)]
struct StoredLetter {
    #[prost(string, tag = "1")]
    group: String,
    #[prost(string, tag = "2")]
    service: String,
    #[prost(string, tag = "3")]
    method: String,
    #[prost(string, tag = "4")]
    source: String,
    #[prost(bool, tag = "5")]
    is_topic: bool,
    #[prost(uint64, tag = "6")]
    place: u64,
    #[prost(message, optional, tag = "7")]
    payload: Option<Any>,
    #[prost(message, optional, tag = "8")]
    metadata: Option<Metadata>,
    #[prost(string, tag = "9")]
    reason: String,
    #[prost(uint32, tag = "10")]
    attempts: u32,
    #[prost(uint64, tag = "11")]
    milliseconds: u64,
}
