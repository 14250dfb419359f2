//! What the method option `cloudstate.eventing` says.

use std::{collections::HashMap, fmt, sync::Arc};

use bytestring::ByteString;
use cloudstate_protocol::cloudstate::{
    EventDestination, EventSource, Eventing, event_destination::Destination,
    event_source::Source as Declared,
};
use prost_reflect::{MethodDescriptor, Value};

use crate::topics::Topic;

/// The method option that holds an [`Eventing`].
const OPTION: &str = "cloudstate.eventing";

/// Where the messages of a subscription come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The events of an entity type, by its persistence id.
    EventLog(Arc<str>),
    /// What is published to a topic.
    Topic(Arc<Topic>),
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::EventLog(one), Self::EventLog(other)) => one == other,
            (Self::Topic(one), Self::Topic(other)) => one.name() == other.name(),
            (Self::EventLog(_), Self::Topic(_)) | (Self::Topic(_), Self::EventLog(_)) => false,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventLog(name) => write!(f, "event log `{name}`"),
            Self::Topic(topic) => write!(f, "topic `{topic}`"),
        }
    }
}

/// What one method declares.
#[derive(Debug, Default)]
pub(super) struct Declaration {
    /// What it subscribes to, and as which group; the group is empty where none is named.
    pub(super) source: Option<(Source, String)>,
    /// Where its replies are published.
    pub(super) destination: Option<Arc<Topic>>,
}

/// The topics of one catalog: each is one object, however many methods name it.
#[derive(Debug, Default)]
pub(super) struct Topics(HashMap<String, Arc<Topic>>);

impl Topics {
    /// What a method declares; the error is what is wrong with that.
    pub(super) fn declaration(&mut self, method: &MethodDescriptor) -> Result<Declaration, String> {
        self.read(method)
            .map_err(|problem| format!("method `{}`: {problem}", method.full_name()))
    }

    fn read(&mut self, method: &MethodDescriptor) -> Result<Declaration, String> {
        let options = method.options();
        let Some((_, value)) = options
            .extensions()
            .find(|(option, _)| option.full_name() == OPTION)
        else {
            return Ok(Declaration::default());
        };
        let Value::Message(message) = value else {
            return Err(format!("the option {OPTION} is not a message"));
        };
        let eventing: Eventing = message.transcode_to().map_err(|error| {
            format!("the option {OPTION} is not a cloudstate.Eventing: {error}")
        })?;
        let source = eventing.r#in.map(|source| self.source(source));
        let destination = eventing.out.map(|out| self.destination(out));
        let declaration = Declaration {
            source: source.transpose()?,
            destination: destination.transpose()?,
        };
        if let (Some((Source::Topic(from), _)), Some(to)) =
            (&declaration.source, &declaration.destination)
            && from.name() == to.name()
        {
            return Err(format!(
                "it subscribes to topic `{to}` and publishes to it, so that it would never come to an end: publish to \
                 another topic"
            ));
        }
        Ok(declaration)
    }

    fn source(&mut self, source: EventSource) -> Result<(Source, String), String> {
        let from = match source.source {
            Some(Declared::EventLog(name)) if !name.is_empty() => Source::EventLog(name.into()),
            Some(Declared::Topic(name)) if !name.is_empty() => Source::Topic(self.named(name)),
            Some(Declared::EventLog(_) | Declared::Topic(_)) | None => {
                return Err(
                    "it subscribes to nothing: set `event_log` to the persistence id of an event-sourced entity, or \
                     `topic` to the name of a topic"
                        .into(),
                );
            }
        };
        Ok((from, source.consumer_group))
    }

    fn destination(&mut self, out: EventDestination) -> Result<Arc<Topic>, String> {
        match out.destination {
            Some(Destination::Topic(name)) if !name.is_empty() => Ok(self.named(name)),
            Some(Destination::Topic(_)) | None => {
                Err("it publishes to nothing: set `topic` to the name of a topic".into())
            }
        }
    }

    fn named(&mut self, name: String) -> Arc<Topic> {
        let topic = self
            .0
            .entry(name.clone())
            .or_insert_with(|| Arc::new(Topic::new(ByteString::from(name))));
        Arc::clone(topic)
    }
}
