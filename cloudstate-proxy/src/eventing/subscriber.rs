//! Calls the methods of one subscription, and tells whose fault it is if that does not work.

use std::sync::Arc;

use cloudstate_protocol::{Any, cloudstate::Metadata};
use prost_reflect::DescriptorPool;
use tonic::Code;

use crate::{
    call::{Call, CallError},
    catalog::{Method, Subscription},
    metrics::SubscriptionMeters,
    router::Router,
};

/// A subscription and the way to its methods.
#[derive(Debug)]
pub(super) struct Subscriber {
    router: Router,
    subscription: Arc<Subscription>,
}

/// Why a message has not been dealt with.
#[derive(Debug)]
pub(super) enum Failed {
    /// The method failed over it: it refused it, broke off, or took too long.
    Method(CallError),
    /// No method takes such a message.
    NoMethod(String),
    /// It is not the message's fault: the user function or the store cannot be reached, or there is too much to do.
    Trouble(CallError),
}

impl Failed {
    /// Why, for an operator.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Method(error) | Self::Trouble(error) => error.reason(),
            Self::NoMethod(text) => text,
        }
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        match error.code() {
            _ if error.is_refusal() => Self::Method(error),
            Code::Unavailable | Code::ResourceExhausted | Code::Aborted => Self::Trouble(error),
            _ => Self::Method(error),
        }
    }
}

impl Subscriber {
    pub(super) fn new(router: Router, subscription: Arc<Subscription>) -> Self {
        Self {
            router,
            subscription,
        }
    }

    pub(super) fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// What is measured of it.
    pub(super) fn meters(&self) -> SubscriptionMeters {
        self.router.metrics().subscription(&self.subscription)
    }

    /// What is known of the messages that methods take.
    pub(super) fn descriptors(&self) -> &DescriptorPool {
        &self.router.catalog().descriptors
    }

    /// The method for messages of a type.
    pub(super) fn method(&self, type_url: &str) -> Option<&Arc<Method>> {
        self.subscription.method(type_url)
    }

    /// Calls the method for a message, and waits for everything that follows from it.
    pub(super) async fn deliver(&self, payload: &Any, metadata: &Metadata) -> Result<(), Failed> {
        let type_url = &payload.type_url;
        let Some(method) = self.method(type_url) else {
            return Err(Failed::NoMethod(format!(
                "no method takes messages of type {type_url}: add one, or one that takes google.protobuf.Any"
            )));
        };
        let mut call = Call::new(Arc::clone(method), payload.value.clone(), None);
        call.payload_type = Some(Box::new(type_url.clone()));
        call.metadata = self.router.wants_metadata(method).then(|| metadata.clone());
        Ok(self.router.carry_out(call).await?)
    }
}
