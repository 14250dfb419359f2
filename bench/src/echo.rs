//! The limits: the same contracts answered from nothing, by the libraries alone.
//!
//! They decode the same requests and encode replies of the same size as the programs under test do, and keep nothing.
//! What they cost is what gRPC and HTTP themselves cost here; what a program costs beyond that is ours.

mod cart;
mod http;
mod protocol;
mod replicated;
mod texts;

use std::{
    future::Future,
    io::{self, Write},
    net::Ipv4Addr,
};

use clap::ValueEnum;
use tokio::{net::TcpListener, runtime};
use tonic::transport::server::{Server, TcpIncoming};

use crate::{
    Error, pb::shopping_cart_server::ShoppingCartServer, tags::tags_server::TagsServer,
    texts::texts_server::TextsServer, votes::votes_server::VotesServer,
};

/// Streams on one connection; a live entity has one each.
const STREAMS: u32 = 1_000_000;

/// A server that keeps nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Echo {
    /// gRPC, by tonic on a worker for each core: `#[tokio::main]`, as the programs under test have it.
    Grpc,
    /// gRPC, by tonic on one thread for everything.
    GrpcOnOneThread,
    /// HTTP/1.1, by hyper on a worker for each core.
    Http,
}

impl Echo {
    /// Its name on the command line.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::GrpcOnOneThread => "grpc-on-one-thread",
            Self::Http => "http",
        }
    }
}

/// Serves until the process is killed. Prints `echo ready on http://HOST:PORT` on stdout.
///
/// # Errors
/// No port can be bound.
pub fn serve(echo: Echo) -> Result<(), Error> {
    let mut builder = match echo {
        Echo::Grpc | Echo::Http => runtime::Builder::new_multi_thread(),
        Echo::GrpcOnOneThread => runtime::Builder::new_current_thread(),
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(Error::io("start the echo's runtime"))?;
    let served = match echo {
        Echo::Grpc | Echo::GrpcOnOneThread => runtime.block_on(on_free_port(grpc)),
        Echo::Http => runtime.block_on(on_free_port(http::serve)),
    };
    served.map_err(Error::io("serve the echo"))
}

async fn on_free_port<F: Future<Output = io::Result<()>>>(
    serve: impl FnOnce(TcpListener) -> F,
) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    println!("echo ready on http://{address}");
    io::stdout().flush()?;
    serve(listener).await
}

async fn grpc(listener: TcpListener) -> io::Result<()> {
    Server::builder()
        .max_concurrent_streams(STREAMS)
        .add_service(ShoppingCartServer::new(cart::EchoedCart::default()))
        .add_service(protocol::EchoedEntity::default())
        .add_service(TextsServer::new(texts::EchoedTexts))
        .add_service(VotesServer::new(replicated::EchoedVotes::default()))
        .add_service(TagsServer::new(replicated::EchoedTags))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await
        .map_err(io::Error::other)
}
