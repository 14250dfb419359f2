//! What methods subscribe to, and which of them gets which message.

use std::{collections::HashMap, sync::Arc};

use prost_reflect::MethodDescriptor;

use super::{Method, Source};

/// The type that stands for every type.
const ANY: &str = "google.protobuf.Any";
/// Types of payloads that are no messages, so that no method can declare them.
const NO_MESSAGES: [&str; 2] = ["json.cloudstate.io/", "p.cloudstate.io/"];

/// The methods of one service that share what comes from one source.
#[derive(Debug)]
pub struct Subscription {
    /// Full name of the service.
    pub service: String,
    /// Where messages come from.
    pub source: Source,
    /// Each group gets every message; the service's name where nothing else is said.
    pub group: String,
    /// By full name of the message that they take.
    methods: HashMap<String, Arc<Method>>,
    any: Option<Arc<Method>>,
}

impl Subscription {
    /// The method for messages of a type.
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
    /// Has a method subscribe as a group, or as its service where that is empty; the error is what is in the way.
    pub(super) fn add(
        &mut self,
        (source, group): (Source, String),
        descriptor: &MethodDescriptor,
        method: &Arc<Method>,
    ) -> Result<(), String> {
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
            .find(|known| known.source == source && known.group == group);
        let subscription = match found {
            Some(known) if known.service != service => {
                return Err(format!(
                    "services `{}` and `{service}` both read {source} as group `{group}`, of which only one would get \
                     each message: give them groups of their own",
                    known.service
                ));
            }
            Some(known) => known,
            None => self.0.push_mut(Subscription {
                service,
                source,
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
                "methods `{}` and `{}` of service `{}` both take `{}` of {}: remove one subscription",
                other.name,
                method.name,
                subscription.service,
                input.full_name(),
                subscription.source
            )),
        }
    }

    pub(super) fn finish(self) -> Vec<Subscription> {
        self.0
    }
}
