//! Takes a call to its entity or action, carries out the side effects of its outcome, and follows its forwards.
//!
//! A router serves one catalog for as long as calls hold it. When another is to be served, a successor takes its place
//! for the calls that come then.

mod answers;
mod effects;
mod publisher;
mod succession;

use std::sync::{Arc, RwLock, Weak};

use cloudstate_protocol::cloudstate::{Reply, client_action::Action};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use tonic::Code;

use crate::{
    action::Actions,
    call::{Answer, Call, CallError, Outcome},
    catalog::{Catalog, Method, Shape},
    entity::{Abandoned, Entities, Envelope, Population, Respond},
    metrics::Metrics,
    settings::Settings,
    store::Store,
    user_function::UserFunction,
};

use publisher::Publisher;

pub use answers::Answers;
pub(crate) use succession::Leaving;

/// Asynchronous side effects in progress; further ones are carried out like synchronous ones, so that none is lost.
const MAX_ASYNC_EFFECTS: usize = 1000;

/// Routes calls for the services of one catalog.
#[derive(Clone, Debug)]
pub struct Router {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    catalog: Arc<Catalog>,
    /// By index into [`Catalog::services`].
    hosts: Vec<Host>,
    common: Arc<Common>,
}

/// What a router and its successors share.
#[derive(Debug)]
struct Common {
    user_function: Arc<dyn UserFunction>,
    /// Where replies are published.
    store: Arc<dyn Store>,
    population: Population,
    metrics: Metrics,
    effects: TaskTracker,
    effect_places: Arc<Semaphore>,
    abandoned: mpsc::UnboundedSender<Abandoned>,
    /// The last in line. What follows from a command that nobody waits for is its to do.
    current: RwLock<Weak<Shared>>,
}

/// What handles the calls for a service.
#[derive(Clone, Debug)]
enum Host {
    Entities(Entities),
    Actions(Arc<Actions>),
    /// Nothing does at present, for this reason.
    Refused(CallError),
}

impl Router {
    /// A router with no live entities yet.
    pub fn new(
        catalog: Catalog,
        user_function: Arc<dyn UserFunction>,
        store: &Arc<dyn Store>,
        settings: &Settings,
        metrics: Metrics,
    ) -> Self {
        let population = Population::new(settings);
        let counted = population.clone();
        metrics.read(
            "cloudstate_live_entities",
            "Entities in memory, of all types.",
            move || counted.len() as f64,
        );
        let (abandoned, outcomes) = mpsc::unbounded_channel();
        let common = Arc::new(Common {
            user_function,
            store: Arc::clone(store),
            population,
            metrics,
            effects: TaskTracker::new(),
            effect_places: Arc::new(Semaphore::new(MAX_ASYNC_EFFECTS)),
            abandoned,
            current: RwLock::default(),
        });
        tokio::spawn(effects::carry_on(Arc::downgrade(&common), outcomes));
        let hosts = common.hosts(&catalog, &[], store, settings);
        Self::last_in_line(Arc::new(catalog), hosts, common)
    }

    /// What is served.
    pub fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    /// What is measured.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.common().metrics
    }

    /// Whether calls of this method carry the caller's metadata.
    pub fn wants_metadata(&self, method: &Method) -> bool {
        method.key.is_none() || self.common().user_function.wants_metadata()
    }

    /// Handles a call that one message answers. `None` is the answer of a user function that replied with no message.
    ///
    /// # Errors
    /// The user function refused the call, or it could not be handled.
    pub async fn call(&self, call: Call) -> Result<Option<Answer>, CallError> {
        self.route(call.entering(), 0).await
    }

    /// Handles a call of any shape, and whatever follows from it, for nobody who waits for answers.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn carry_out(&self, call: Call) -> Result<(), CallError> {
        self.carry_out_at(call.entering(), 0).await
    }

    /// Waits for asynchronous side effects, then for the entities to finish and leave memory.
    pub async fn stop(&self) {
        let common = self.common();
        common.effects.close();
        common.effects.wait().await;
        common.population.stop().await;
    }

    fn common(&self) -> &Arc<Common> {
        &self.shared.common
    }

    fn host(&self, method: &Method) -> &Host {
        &self.shared.hosts[method.service]
    }

    async fn route(&self, mut call: Call, mut depth: usize) -> Result<Option<Answer>, CallError> {
        let mut publisher = Publisher::of(&call, self);
        loop {
            let (method, trace) = (Arc::clone(&call.method), call.trace.clone());
            let outcome = self.invoke(call).await?;
            if !outcome.effects.is_empty() {
                let effects = outcome.effects;
                self.effects(Arc::clone(&method), effects, depth + 1, &trace)
                    .await;
            }
            match outcome.action {
                Some(Action::Reply(reply)) => {
                    publisher.publish(self, &reply).await?;
                    return self.answer(&method, reply).map(Some);
                }
                Some(Action::Forward(forward)) => {
                    publisher.forwarded();
                    depth += 1;
                    call = self.forward(&method, forward, depth, &trace)?;
                    if call.method.shape.streams_out() {
                        return Err(self.forwarded_to_stream(&method, &call.method));
                    }
                }
                Some(Action::Failure(failure)) => {
                    return Err(CallError::refused(failure.description));
                }
                None => return Ok(None),
            }
        }
    }

    /// Hands the call to its entity or action, and waits for the first outcome.
    async fn invoke(&self, mut call: Call) -> Result<Outcome, CallError> {
        let _span = call
            .trace
            .span(|| format!("handle {}", call.method.service_name))
            .inspect(|span| {
                call.trace = span.trace();
                call.metadata = call.trace.metadata(call.metadata.take());
            });
        let entities = match (self.host(&call.method), call.method.shape) {
            (Host::Entities(entities), _) => entities,
            (Host::Refused(error), _) => return Err(error.clone()),
            (Host::Actions(actions), Shape::StreamedIn) => {
                return actions.streamed_in(call.into()).await;
            }
            (Host::Actions(actions), _) => return actions.unary(call).await,
        };
        let id = call.method.entity_id(&call.payload)?;
        let (respond, outcome) = Respond::new(
            Arc::clone(&call.method),
            self.common().abandoned.clone(),
            entities.meters(),
        );
        entities.submit(&id, Envelope { call, respond });
        outcome.await
    }

    fn forwarded_to_stream(&self, from: &Method, to: &Method) -> CallError {
        let text = format!(
            "forwarded from {}/{}, which answers with one message: {}/{} answers with a stream",
            from.service_name, from.name, to.service_name, to.name
        );
        self.report(text.clone());
        CallError::new(Code::Internal, text)
    }

    fn answer(&self, method: &Method, reply: Reply) -> Result<Answer, CallError> {
        let Some(payload) = reply.payload else {
            let text = format!(
                "method {}/{} replied without a payload",
                method.service_name, method.name
            );
            self.report(text.clone());
            return Err(CallError::new(Code::Internal, text));
        };
        if payload.type_url != method.response_type_url {
            self.report(format!(
                "method {}/{} replied with `{}` where `{}` is declared",
                method.service_name, method.name, payload.type_url, method.response_type_url
            ));
        }
        Ok(Answer {
            payload: payload.value,
            metadata: reply.metadata,
        })
    }
}
