//! The limit: the cart's contract answered by tonic from nothing.
//!
//! It decodes the same requests and encodes replies of the same size as the cart does, and keeps nothing. What it costs
//! is what gRPC itself costs here; what the cart costs beyond that is ours.

use std::{
    io::{self, Write},
    net::Ipv4Addr,
};

use clap::ValueEnum;
use tokio::{net::TcpListener, runtime};
use tonic::{
    Request, Response, Status,
    transport::server::{Server, TcpIncoming},
};

use crate::{
    Error,
    pb::{
        AddLineItem, Cart, GetShoppingCart, RemoveLineItem,
        shopping_cart_server::{ShoppingCart, ShoppingCartServer},
    },
    workload,
};

/// The runtime that the service runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flavour {
    /// A worker for each core: `#[tokio::main]`, as the cart has it.
    MultiThread,
    /// One thread for everything.
    CurrentThread,
}

/// Serves until the process is killed. Prints `echo ready on http://HOST:PORT` on stdout.
///
/// # Errors
/// No port can be bound.
pub fn serve(flavour: Flavour) -> Result<(), Error> {
    let mut builder = match flavour {
        Flavour::MultiThread => runtime::Builder::new_multi_thread(),
        Flavour::CurrentThread => runtime::Builder::new_current_thread(),
    };
    let runtime = builder
        .enable_all()
        .build()
        .map_err(Error::io("start the echo's runtime"))?;
    runtime
        .block_on(serve_on_free_port())
        .map_err(Error::io("serve the echo"))
}

async fn serve_on_free_port() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    println!("echo ready on http://{address}");
    io::stdout().flush()?;
    Server::builder()
        .add_service(ShoppingCartServer::new(Echo {
            cart: workload::full_cart(1),
        }))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await
        .map_err(io::Error::other)
}

#[derive(Debug)]
struct Echo {
    cart: Cart,
}

#[tonic::async_trait]
impl ShoppingCart for Echo {
    async fn add_item(&self, _: Request<AddLineItem>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn remove_item(&self, _: Request<RemoveLineItem>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn get_cart(&self, _: Request<GetShoppingCart>) -> Result<Response<Cart>, Status> {
        Ok(Response::new(self.cart.clone()))
    }
}
