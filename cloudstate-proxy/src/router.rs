//! Takes a call to its entity, carries out the side effects of its outcome, and follows its forwards.

use std::sync::{Arc, Weak};

use cloudstate_protocol::{
    Any,
    cloudstate::{Forward, Metadata, Reply, SideEffect, client_action::Action},
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;
use tonic::Code;

use crate::{
    call::{Answer, Call, CallError, Outcome},
    catalog::{Catalog, EntityKind, Method},
    entity::{
        Abandoned, Envelope, LiveEntities, Population, Respond, event_sourced::EventSourcedHost,
    },
    settings::Settings,
    store::Store,
    user_function::UserFunction,
};

/// How many forwards and side effects may follow from one call, one out of the other.
const MAX_DEPTH: usize = 32;
/// Asynchronous side effects in progress; further ones are carried out like synchronous ones, so that none is lost.
const MAX_ASYNC_EFFECTS: usize = 1000;

/// Routes calls for the services of one catalog.
#[derive(Clone, Debug)]
pub struct Router {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    catalog: Catalog,
    user_function: Arc<dyn UserFunction>,
    /// By index into [`Catalog::services`].
    hosts: Vec<EntityHost>,
    population: Population,
    effects: TaskTracker,
    effect_places: Arc<Semaphore>,
    abandoned: mpsc::UnboundedSender<Abandoned>,
}

#[derive(Debug)]
enum EntityHost {
    EventSourced(Arc<EventSourcedHost>),
}

impl Router {
    /// A router with no live entities yet.
    pub fn new(
        catalog: Catalog,
        user_function: Arc<dyn UserFunction>,
        store: &Arc<dyn Store>,
        settings: &Settings,
    ) -> Self {
        let population = Population::new(settings);
        let hosts = catalog
            .services
            .iter()
            .map(|service| {
                let live = LiveEntities::new(Arc::clone(service), settings, population.clone());
                match service.kind {
                    EntityKind::EventSourced => {
                        EntityHost::EventSourced(Arc::new(EventSourcedHost::new(
                            live,
                            Arc::clone(&user_function),
                            Arc::clone(store),
                            settings,
                        )))
                    }
                }
            })
            .collect();
        let (abandoned, outcomes) = mpsc::unbounded_channel();
        let shared = Shared {
            catalog,
            user_function,
            hosts,
            population,
            effects: TaskTracker::new(),
            effect_places: Arc::new(Semaphore::new(MAX_ASYNC_EFFECTS)),
            abandoned,
        };
        let router = Self {
            shared: Arc::new(shared),
        };
        tokio::spawn(carry_on(Arc::downgrade(&router.shared), outcomes));
        router
    }

    /// What is served.
    pub fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    /// Whether commands carry the caller's metadata.
    pub fn wants_metadata(&self) -> bool {
        self.shared.user_function.wants_metadata()
    }

    /// Handles a call. `None` is the answer of a user function that replied with no message.
    ///
    /// # Errors
    /// The user function refused the call, or it could not be handled.
    pub async fn call(&self, call: Call) -> Result<Option<Answer>, CallError> {
        self.route(call, 0).await
    }

    /// Waits for asynchronous side effects, then for the entities to finish and leave memory.
    pub async fn stop(&self) {
        self.shared.effects.close();
        self.shared.effects.wait().await;
        self.shared.population.stop().await;
    }

    async fn route(&self, mut call: Call, mut depth: usize) -> Result<Option<Answer>, CallError> {
        loop {
            let method = Arc::clone(&call.method);
            let outcome = self.invoke(call).await?;
            if !outcome.effects.is_empty() {
                self.effects(Arc::clone(&method), outcome.effects, depth + 1)
                    .await;
            }
            match outcome.action {
                Some(Action::Reply(reply)) => return self.answer(&method, reply).map(Some),
                Some(Action::Forward(forward)) => {
                    depth += 1;
                    call = self.forward(&method, forward, depth)?;
                }
                Some(Action::Failure(failure)) => {
                    return Err(CallError::refused(failure.description));
                }
                None => return Ok(None),
            }
        }
    }

    /// Hands the call to its entity and waits for the outcome.
    async fn invoke(&self, call: Call) -> Result<Outcome, CallError> {
        let id = call.method.entity_id(&call.payload)?;
        let (respond, outcome) =
            Respond::new(Arc::clone(&call.method), self.shared.abandoned.clone());
        match &self.shared.hosts[call.method.service] {
            EntityHost::EventSourced(host) => {
                LiveEntities::submit(host, id, Envelope { call, respond });
            }
        }
        outcome.await
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

    fn forward(&self, from: &Method, forward: Forward, depth: usize) -> Result<Call, CallError> {
        let Forward {
            service_name,
            command_name,
            payload,
            metadata,
        } = forward;
        self.follow(
            Step::Forward,
            from,
            &service_name,
            &command_name,
            payload,
            metadata,
            depth,
        )
    }

    /// Carries out side effects in order. They run in a task of their own, so that a caller who goes away now does not
    /// take them along.
    async fn effects(&self, from: Arc<Method>, effects: Vec<SideEffect>, depth: usize) {
        let router = self.clone();
        let task = self.shared.effects.spawn(async move {
            for effect in effects {
                router.effect(&from, effect, depth).await;
            }
        });
        // A panic in there has been reported by the runtime; the caller's command has succeeded all the same.
        let _ = task.await;
    }

    /// Starts a side effect, and waits for it where it is synchronous. Its failure is nobody's but its own.
    async fn effect(&self, from: &Method, effect: SideEffect, depth: usize) {
        let SideEffect {
            service_name,
            command_name,
            payload,
            synchronous,
            metadata,
        } = effect;
        let call = match self.follow(
            Step::SideEffect,
            from,
            &service_name,
            &command_name,
            payload,
            metadata,
            depth,
        ) {
            Ok(call) => call,
            Err(error) => return tracing::error!(%error, "a side effect was dropped"),
        };
        let run = self.run_effect(call, depth);
        match Arc::clone(&self.shared.effect_places).try_acquire_owned() {
            Ok(place) if !synchronous => {
                self.shared.effects.spawn(async move {
                    run.await;
                    drop(place);
                });
            }
            Ok(_) | Err(_) => run.await,
        }
    }

    fn run_effect(&self, call: Call, depth: usize) -> BoxFuture<'static, ()> {
        let router = self.clone();
        async move {
            let method = Arc::clone(&call.method);
            if let Err(error) = router.route(call, depth).await {
                tracing::warn!(service = %method.service_name, command = %method.name, %error, "a side effect failed");
            }
        }
        .boxed()
    }

    /// Finds the target of a forward or a side effect.
    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of the two messages that have them in common"
    )]
    fn follow(
        &self,
        step: Step,
        from: &Method,
        service: &str,
        command: &str,
        payload: Option<Any>,
        metadata: Option<Metadata>,
        depth: usize,
    ) -> Result<Call, CallError> {
        let refuse = |problem: String| {
            let text = format!(
                "{} {}/{}: {problem}",
                step.came_from(),
                from.service_name,
                from.name
            );
            self.report(text.clone());
            Err(CallError::new(Code::Internal, text))
        };
        if depth > MAX_DEPTH {
            return refuse(format!(
                "{service}/{command} would be step {depth} of one call; {MAX_DEPTH} are allowed, so this looks like a loop"
            ));
        }
        let Some(method) = self.shared.catalog.method(service, command) else {
            return refuse(format!("{service}/{command} is not served here"));
        };
        let Some(payload) = payload else {
            return refuse(format!("{service}/{command} was given no payload"));
        };
        Ok(Call {
            method: Arc::clone(method),
            payload: payload.value,
            metadata,
        })
    }

    /// Tells the operator and, without waiting, the user function.
    fn report(&self, text: String) {
        tracing::error!("{text}");
        let user_function = Arc::clone(&self.shared.user_function);
        self.shared
            .effects
            .spawn(async move { user_function.report_error(text).await });
    }
}

/// Carries out the side effects of commands whose callers have gone away.
async fn carry_on(shared: Weak<Shared>, mut outcomes: mpsc::UnboundedReceiver<Abandoned>) {
    while let Some(Abandoned { method, effects }) = outcomes.recv().await {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        Router { shared }.effects(method, effects, 1).await;
    }
}

#[derive(Clone, Copy)]
enum Step {
    Forward,
    SideEffect,
}

impl Step {
    fn came_from(self) -> &'static str {
        match self {
            Self::Forward => "forwarded from",
            Self::SideEffect => "side effect of",
        }
    }
}
