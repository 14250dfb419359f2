//! Actions: calls that no entity is looked up for and nothing is kept of.

use std::{sync::Arc, time::Duration};

use cloudstate_protocol::cloudstate::{
    Metadata,
    action::{ActionCommand, ActionResponse, action_response::Response},
    client_action::Action,
};
use futures_util::{
    FutureExt, StreamExt,
    future::ready,
    stream::{self, BoxStream},
};
use tokio::time::timeout;
use tonic::Code;

use crate::{
    call::{Call, CallError, Outcome, StreamedCall},
    catalog::Method,
    metrics::ActionMeters,
    requests::leave_connection,
    settings::Settings,
    trace::Trace,
    user_function::{ActionCommands, ActionResponses, UserFunction, UserFunctionError},
};

/// What a caller reads when an action breaks off instead of responding; the detail goes to the log only.
const ACTION_FAILURE: &str = "Unexpected action failure";

/// Calls one action of a user function. Whoever drops a call cancels it.
#[derive(Debug)]
pub(crate) struct Actions {
    user_function: Arc<dyn UserFunction>,
    command_timeout: Duration,
    meters: ActionMeters,
}

impl Actions {
    pub(crate) fn new(
        user_function: Arc<dyn UserFunction>,
        settings: &Settings,
        meters: ActionMeters,
    ) -> Self {
        Self {
            user_function,
            command_timeout: settings.command_timeout,
            meters,
        }
    }

    /// Calls a unary method.
    pub(crate) async fn unary(&self, call: Call) -> Result<Outcome, CallError> {
        leave_connection().await;
        let (method, trace) = (Arc::clone(&call.method), call.trace.clone());
        let mut meter = self.meters.call();
        let response = self.user_function.action(command(call));
        match timeout(self.command_timeout, response).await {
            Ok(response) => meter.watch(outcome(&method, &trace, response)),
            Err(_) => {
                let _logged = trace.entered();
                let limit = self.command_timeout;
                tracing::error!(service = %method.service_name, command = %method.name, ?limit, "an action took too long");
                let text = format!(
                    "the action did not answer within {limit:?} (CLOUDSTATE_COMMAND_TIMEOUT)"
                );
                Err(CallError::new(Code::DeadlineExceeded, text))
            }
        }
    }

    /// Calls a method that streams in. It takes as long as the client goes on.
    pub(crate) async fn streamed_in(&self, call: StreamedCall) -> Result<Outcome, CallError> {
        leave_connection().await;
        let (method, trace) = (Arc::clone(&call.method), call.trace.clone());
        let mut meter = self.meters.call();
        let response = self.user_function.action_streamed_in(commands(call)).await;
        meter.watch(outcome(&method, &trace, response))
    }

    /// Calls a method that streams out.
    pub(crate) fn streamed_out(
        &self,
        call: Call,
    ) -> BoxStream<'static, Result<Outcome, CallError>> {
        let (method, trace) = (Arc::clone(&call.method), call.trace.clone());
        let user_function = Arc::clone(&self.user_function);
        self.outcomes(method, trace, move || {
            user_function.action_streamed_out(command(call))
        })
    }

    /// Calls a method that streams both ways.
    pub(crate) fn streamed(
        &self,
        call: StreamedCall,
    ) -> BoxStream<'static, Result<Outcome, CallError>> {
        let (method, trace) = (Arc::clone(&call.method), call.trace.clone());
        let user_function = Arc::clone(&self.user_function);
        self.outcomes(method, trace, move || {
            user_function.action_streamed(commands(call))
        })
    }

    fn outcomes(
        &self,
        method: Arc<Method>,
        trace: Trace,
        call: impl FnOnce() -> ActionResponses + Send + 'static,
    ) -> BoxStream<'static, Result<Outcome, CallError>> {
        let mut meter = self.meters.call();
        leave_connection()
            .map(|()| call())
            .flatten_stream()
            .map(move |response| meter.watch(outcome(&method, &trace, response)))
            .boxed()
    }
}

fn command(call: Call) -> ActionCommand {
    ActionCommand {
        payload: Some(call.message()),
        ..opening(&call.method, call.metadata)
    }
}

/// What is called comes first, the messages behind it.
fn commands(call: StreamedCall) -> ActionCommands {
    let messages = call.messages.map(|message| ActionCommand {
        payload: Some(message),
        ..ActionCommand::default()
    });
    stream::once(ready(opening(&call.method, call.metadata)))
        .chain(messages)
        .boxed()
}

fn opening(method: &Method, metadata: Option<Metadata>) -> ActionCommand {
    ActionCommand {
        service_name: method.service_name.to_string(),
        name: method.name.to_string(),
        payload: None,
        metadata,
    }
}

fn outcome(
    method: &Method,
    trace: &Trace,
    response: Result<ActionResponse, UserFunctionError>,
) -> Result<Outcome, CallError> {
    let response = response.map_err(|error| {
        let _logged = trace.entered();
        tracing::error!(service = %method.service_name, command = %method.name, %error, "an action broke off");
        if error.is_unreachable() {
            error.into()
        } else {
            CallError::new(Code::Unknown, ACTION_FAILURE).because(error.to_string())
        }
    })?;
    Ok(Outcome {
        action: response.response.map(|response| match response {
            Response::Failure(failure) => Action::Failure(failure),
            Response::Reply(reply) => Action::Reply(reply),
            Response::Forward(forward) => Action::Forward(forward),
        }),
        effects: response.side_effects,
        more: None,
    })
}
