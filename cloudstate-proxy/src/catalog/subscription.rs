//! What methods subscribe to, as the method option `cloudstate.eventing` says.

use std::{collections::HashMap, sync::Arc};

use cloudstate_protocol::cloudstate::{
    EventSource, Eventing, event_destination::Destination, event_source::Source,
};
use prost_reflect::{MethodDescriptor, Value};

use super::Method;

/// The method option that holds an [`Eventing`].
const OPTION: &str = "cloudstate.eventing";
/// The type that stands for every type.
const ANY: &str = "google.protobuf.Any";
/// Types of payloads that are no messages, so that no method can declare them.
const NO_MESSAGES: [&str; 2] = ["json.cloudstate.io/", "p.cloudstate.io/"];

/// The methods of one service that share the events of one entity type.
#[derive(Debug)]
pub struct Subscription {
    /// Full name of the service.
    pub service: String,
    /// Persistence id of the entity type.
    pub event_log: String,
    /// Each group gets every event; the service's name where nothing else is said.
    pub group: String,
    /// By full name of the message that they take.
    methods: HashMap<String, Arc<Method>>,
    any: Option<Arc<Method>>,
}

impl Subscription {
    /// The method for events of a type.
    pub fn method(&self, type_url: &str) -> Option<&Arc<Method>> {
        let is_message = !NO_MESSAGES
            .iter()
            .any(|prefix| type_url.starts_with(prefix));
        let name = type_url.split_once('/').map_or(type_url, |(_, name)| name);
        is_message
            .then(|| self.methods.get(name))
            .flatten()
            .or(self.any.as_ref())
    }
}

/// The subscriptions of all methods.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    /// Adds what a method subscribes to, if it does; the error is what is wrong with that.
    pub(super) fn add(
        &mut self,
        descriptor: &MethodDescriptor,
        method: &Arc<Method>,
    ) -> Result<(), String> {
        let Some(source) = source(descriptor)
            .map_err(|problem| format!("method `{}`: {problem}", descriptor.full_name()))?
        else {
            return Ok(());
        };
        let EventLog { event_log, group } = source;
        let service = descriptor.parent_service().full_name().to_owned();
        let group = if group.is_empty() {
            service.clone()
        } else {
            group
        };
        let input = descriptor.input();
        let found = self
            .0
            .iter_mut()
            .find(|known| known.event_log == event_log && known.group == group);
        let subscription = match found {
            Some(known) if known.service != service => {
                return Err(format!(
                    "services `{}` and `{service}` both read event log `{event_log}` as group `{group}`, of which only \
                     one would get each event: give them groups of their own",
                    known.service
                ));
            }
            Some(known) => known,
            None => self.0.push_mut(Subscription {
                service,
                event_log,
                group,
                methods: HashMap::new(),
                any: None,
            }),
        };
        let taken = if input.full_name() == ANY {
            subscription.any.replace(Arc::clone(method))
        } else {
            let name = input.full_name().to_owned();
            subscription.methods.insert(name, Arc::clone(method))
        };
        match taken {
            None => Ok(()),
            Some(other) => Err(format!(
                "methods `{}` and `{}` of service `{}` both take `{}` of event log `{}`: remove one subscription",
                other.name,
                method.name,
                subscription.service,
                input.full_name(),
                subscription.event_log
            )),
        }
    }

    pub(super) fn finish(self) -> Vec<Subscription> {
        self.0
    }
}

struct EventLog {
    event_log: String,
    group: String,
}

fn source(method: &MethodDescriptor) -> Result<Option<EventLog>, String> {
    let options = method.options();
    let Some((_, value)) = options
        .extensions()
        .find(|(option, _)| option.full_name() == OPTION)
    else {
        return Ok(None);
    };
    let Value::Message(message) = value else {
        return Err(format!("the option {OPTION} is not a message"));
    };
    let eventing: Eventing = message
        .transcode_to()
        .map_err(|error| format!("the option {OPTION} is not a cloudstate.Eventing: {error}"))?;
    if let Some(Destination::Topic(topic)) = eventing.out.and_then(|out| out.destination) {
        return Err(no_topics("publishes to", &topic));
    }
    let Some(EventSource {
        consumer_group,
        source,
    }) = eventing.r#in
    else {
        return Ok(None);
    };
    match source {
        Some(Source::EventLog(event_log)) if !event_log.is_empty() => Ok(Some(EventLog {
            event_log,
            group: consumer_group,
        })),
        Some(Source::Topic(topic)) => Err(no_topics("subscribes to", &topic)),
        Some(Source::EventLog(_)) | None => Err(
            "it subscribes to nothing: set `event_log` to the persistence id of an event-sourced entity".into(),
        ),
    }
}

fn no_topics(does: &str, topic: &str) -> String {
    format!(
        "it {does} topic `{topic}`, and this proxy has no topics: remove the option, or subscribe to an `event_log`"
    )
}
