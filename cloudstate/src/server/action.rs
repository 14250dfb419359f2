//! `cloudstate.action.ActionProtocol`: calls in their four shapes.

use cloudstate_protocol::cloudstate::action::{
    ActionCommand, ActionResponse, action_protocol_server::ActionProtocol,
};
use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    stream::{BoxStream, MapErr},
};
use tonic::{Request, Response, Status, Streaming};

use super::ProtocolService;
use crate::action::{self, Answers, CallError, Commands};

#[tonic::async_trait]
impl ActionProtocol for ProtocolService {
    type handleStreamedOutStream = MapErr<Answers, fn(CallError) -> Status>;
    type handleStreamedStream = BoxStream<'static, Result<ActionResponse, Status>>;

    async fn handle_unary(
        &self,
        request: Request<ActionCommand>,
    ) -> Result<Response<ActionResponse>, Status> {
        let response = self.user_function.action(request.into_inner()).await?;
        Ok(Response::new(response))
    }

    async fn handle_streamed_in(
        &self,
        request: Request<Streaming<ActionCommand>>,
    ) -> Result<Response<ActionResponse>, Status> {
        let commands = commands(request.into_inner());
        let answers = self.user_function.action_calls(commands, false).await;
        Ok(Response::new(action::only(answers).await?))
    }

    async fn handle_streamed_out(
        &self,
        request: Request<ActionCommand>,
    ) -> Result<Response<Self::handleStreamedOutStream>, Status> {
        let answers = self.user_function.action_streamed_out(request.into_inner());
        Ok(Response::new(answers.map_err(Status::from)))
    }

    /// The response begins before the first message is there, because a client may wait for the one to send the other.
    async fn handle_streamed(
        &self,
        request: Request<Streaming<ActionCommand>>,
    ) -> Result<Response<Self::handleStreamedStream>, Status> {
        let commands = commands(request.into_inner());
        let answers = self.user_function.action_calls(commands, true);
        let responses = answers.flatten_stream().map_err(Status::from);
        Ok(Response::new(responses.boxed()))
    }
}

fn commands(received: Streaming<ActionCommand>) -> Commands {
    received.map_err(CallError::from).boxed()
}
