//! What follows from an outcome: side effects, forwards, and reports of those that cannot be followed.

use std::sync::{Arc, Weak};

use cloudstate_protocol::{
    Any,
    cloudstate::{Forward, Metadata, SideEffect},
};
use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::{self, BoxFuture},
};
use tokio::sync::mpsc;
use tonic::Code;

use super::{Common, Router};
use crate::{
    call::{Call, CallError},
    catalog::Method,
    entity::Abandoned,
    trace::Trace,
};

/// How many forwards and side effects may follow from one call, one out of the other.
const MAX_DEPTH: usize = 32;

impl Router {
    /// The call that takes another's place.
    pub(super) fn forward(
        &self,
        from: &Method,
        forward: Forward,
        depth: usize,
        trace: &Trace,
    ) -> Result<Call, CallError> {
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
            trace,
        )
    }

    /// Carries out side effects in order. They run in a task of their own, so that a caller who goes away now does not
    /// take them along.
    pub(super) async fn effects(
        &self,
        from: Arc<Method>,
        effects: Vec<SideEffect>,
        depth: usize,
        trace: &Trace,
    ) {
        let (router, trace) = (self.clone(), trace.clone());
        let task = self.common().effects.spawn(async move {
            for effect in effects {
                router.effect(&from, effect, depth, &trace).await;
            }
        });
        // A panic in there has been reported by the runtime; the caller's command has succeeded all the same.
        let _ = task.await;
    }

    /// Starts a side effect, and waits for it where it is synchronous. Its failure is nobody's but its own.
    async fn effect(&self, from: &Method, effect: SideEffect, depth: usize, trace: &Trace) {
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
            trace,
        ) {
            Ok(call) => call,
            Err(error) => {
                let _logged = trace.entered();
                return tracing::error!(%error, "a side effect was dropped");
            }
        };
        let run = self.run_effect(call, depth);
        match Arc::clone(&self.common().effect_places).try_acquire_owned() {
            Ok(place) if !synchronous => {
                self.common().effects.spawn(async move {
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
            let (method, trace) = (Arc::clone(&call.method), call.trace.clone());
            if let Err(error) = router.carry_out_at(call, depth).await {
                let _logged = trace.entered();
                tracing::warn!(service = %method.service_name, command = %method.name, %error, "a side effect failed");
            }
        }
        .boxed()
    }

    /// Handles a call that nobody waits for the answers of.
    pub(super) async fn carry_out_at(&self, call: Call, depth: usize) -> Result<(), CallError> {
        if !call.method.shape.streams_out() {
            return self.route(call, depth).await.map(drop);
        }
        let is_entity = call.method.key.is_some();
        let mut answers = self.follow_answers(call, depth);
        if is_entity {
            // An entity's stream goes on for as long as somebody listens, which nobody does here.
            return answers.next().await.transpose().map(drop);
        }
        answers.try_for_each(|_| future::ok(())).await
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
        trace: &Trace,
    ) -> Result<Call, CallError> {
        let refuse = |problem: String| {
            let text = format!(
                "{} {}/{}: {problem}",
                step.came_from(),
                from.service_name,
                from.name
            );
            let _logged = trace.entered();
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
        let metadata = trace.metadata(metadata);
        let mut call = Call::new(Arc::clone(method), payload.value, metadata);
        call.trace = trace.clone();
        Ok(call)
    }

    /// Tells the operator and, without waiting, the user function.
    pub(super) fn report(&self, text: String) {
        tracing::error!("{text}");
        let user_function = Arc::clone(&self.common().user_function);
        self.common()
            .effects
            .spawn(async move { user_function.report_error(text).await });
    }
}

/// Carries out the side effects of commands whose callers have gone away.
pub(super) async fn carry_on(
    common: Weak<Common>,
    mut outcomes: mpsc::UnboundedReceiver<Abandoned>,
) {
    while let Some(Abandoned { method, effects }) = outcomes.recv().await {
        let Some(router) = common.upgrade().and_then(|common| common.router()) else {
            return;
        };
        router.effects(method, effects, 1, &Trace::default()).await;
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
