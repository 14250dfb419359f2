//! The user function behind a port, as one in another process is.

use std::{net::Ipv4Addr, sync::Arc};

use cloudstate_protocol::cloudstate::{
    EntitySpec, ProxyInfo, UserFunctionError,
    action::{
        ActionCommand, ActionResponse,
        action_protocol_server::{ActionProtocol, ActionProtocolServer},
    },
    entity_discovery_server::{EntityDiscovery, EntityDiscoveryServer},
};
use cloudstate_proxy::user_function::{ActionCommands, UserFunction};
use futures_util::{StreamExt, TryStreamExt, future::pending, stream::BoxStream};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming, transport::Server};

use crate::function::Actions;

/// Serves on a port of its own, for as long as the test runs.
pub(crate) async fn serve(actions: Arc<Actions>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::builder()
        .add_service(EntityDiscoveryServer::new(Served(Arc::clone(&actions))))
        .add_service(ActionProtocolServer::new(Served(actions)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    port
}

struct Served(Arc<Actions>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl EntityDiscovery for Served {
    async fn discover(&self, request: Request<ProxyInfo>) -> Answer<EntitySpec> {
        let spec = self.0.discover(request.into_inner()).await;
        spec.map(Response::new).map_err(broken)
    }

    async fn report_error(&self, request: Request<UserFunctionError>) -> Answer<()> {
        self.0.report_error(request.into_inner().message).await;
        Ok(Response::new(()))
    }
}

#[tonic::async_trait]
impl ActionProtocol for Served {
    type handleStreamedOutStream = BoxStream<'static, Result<ActionResponse, Status>>;
    type handleStreamedStream = BoxStream<'static, Result<ActionResponse, Status>>;

    async fn handle_unary(&self, request: Request<ActionCommand>) -> Answer<ActionResponse> {
        let response = self.0.action(request.into_inner()).await;
        response.map(Response::new).map_err(broken)
    }

    async fn handle_streamed_in(
        &self,
        request: Request<Streaming<ActionCommand>>,
    ) -> Answer<ActionResponse> {
        let response = self.0.action_streamed_in(commands(request)).await;
        response.map(Response::new).map_err(broken)
    }

    async fn handle_streamed_out(
        &self,
        request: Request<ActionCommand>,
    ) -> Answer<Self::handleStreamedOutStream> {
        let responses = self.0.action_streamed_out(request.into_inner());
        Ok(Response::new(responses.map_err(broken).boxed()))
    }

    async fn handle_streamed(
        &self,
        request: Request<Streaming<ActionCommand>>,
    ) -> Answer<Self::handleStreamedStream> {
        let responses = self.0.action_streamed(commands(request));
        Ok(Response::new(responses.map_err(broken).boxed()))
    }
}

/// A stream that breaks off has not ended.
fn commands(request: Request<Streaming<ActionCommand>>) -> ActionCommands {
    let command = async |command: Result<ActionCommand, Status>| match command {
        Ok(command) => command,
        Err(_) => pending().await,
    };
    request.into_inner().then(command).boxed()
}

fn broken(error: cloudstate_proxy::user_function::UserFunctionError) -> Status {
    Status::internal(error.to_string())
}
