//! Calls of the cart: the loads that scenarios put on it, and single calls around them.

use std::{fmt, time::Instant};

use tokio::task::JoinSet;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::{
    Error,
    closed_loop::{Callers, ClosedLoop, Measurement, Tally},
    http_json::JsonClient,
    pb::{Cart, shopping_cart_client::ShoppingCartClient},
    server::Server,
    workload::{self, PRODUCTS, Picks},
};

pub use crate::closed_loop::runtime;

/// The cart's client, as tonic generates it.
pub type Client = ShoppingCartClient<Channel>;

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Adds one of a random product to a random cart.
    AddItem,
    /// Reads a random cart.
    GetCart,
    /// `AddItem` as JSON over HTTP/1.1. Each call in flight has a connection of its own.
    AddItemJson,
}

/// The shape of a load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// What is called.
    pub call: Call,
    /// Calls that wait for an answer at any time.
    pub in_flight: u32,
    /// Connections that they share evenly.
    pub connections: u32,
    /// Carts that they are about.
    pub carts: u32,
    /// How long, and on how many threads.
    pub pace: ClosedLoop,
}

/// `AddItem, 64 in flight over 4 connections, 1000 carts`.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = match self.call {
            Call::AddItem => "AddItem",
            Call::GetCart => "GetCart",
            Call::AddItemJson => "AddItem as JSON",
        };
        write!(f, "{call}, {} in flight over ", self.in_flight)?;
        match self.connections {
            1 => f.write_str("1 connection, ")?,
            connections => write!(f, "{connections} connections, ")?,
        }
        match self.carts {
            1 => f.write_str("one hot cart"),
            carts => write!(f, "{carts} carts"),
        }
    }
}

impl Load {
    /// Puts this load on `server` until the measurement is over.
    ///
    /// # Errors
    /// The server cannot be connected to, a call fails, or calls stay unanswered.
    pub fn run(&self, server: &Server, seed: u64) -> Result<Measurement, Error> {
        self.pace.run(server, async |tally| {
            let picks = |number: u32| Picks::new((seed << 32) + u64::from(number));
            let mut callers = Callers::new();
            if self.call == Call::AddItemJson {
                // All are connected before the first call, which would have the others wait.
                let mut clients = Vec::new();
                for _ in 0..self.in_flight {
                    clients.push(JsonClient::connect(server).await?);
                }
                for (number, client) in (0..).zip(clients) {
                    let (picks, tally) = (picks(number), tally.clone());
                    callers.spawn(add_as_json(client, self.carts, picks, tally));
                }
                return Ok(callers);
            }
            let mut connections = Vec::new();
            for _ in 0..self.connections {
                connections.push(connect(server).await?);
            }
            for (number, client) in (0..self.in_flight).zip(connections.iter().cycle()) {
                callers.spawn(self.call_until_over(client.clone(), picks(number), tally.clone()));
            }
            Ok(callers)
        })
    }

    fn call_until_over(
        &self,
        mut client: Client,
        mut picks: Picks,
        mut tally: Tally,
    ) -> impl Future<Output = Result<Tally, Status>> + use<> {
        let Self { call, carts, .. } = *self;
        async move {
            loop {
                let cart = picks.below(carts);
                let called = Instant::now();
                match call {
                    Call::GetCart => {
                        client.get_cart(workload::get_cart(cart)).await?;
                    }
                    Call::AddItem | Call::AddItemJson => {
                        let product = picks.below(PRODUCTS);
                        client.add_item(workload::add_item(cart, product)).await?;
                    }
                }
                if tally.answered(called).is_break() {
                    return Ok(tally);
                }
            }
        }
    }
}

async fn add_as_json(
    mut client: JsonClient,
    carts: u32,
    mut picks: Picks,
    mut tally: Tally,
) -> Result<Tally, Status> {
    loop {
        let (cart, product) = (picks.below(carts), picks.below(PRODUCTS));
        let called = Instant::now();
        client.add_item(cart, product).await?;
        if tally.answered(called).is_break() {
            return Ok(tally);
        }
    }
}

/// A connection to `server`.
///
/// # Errors
/// It does not answer.
pub async fn channel(server: &Server) -> Result<Channel, Error> {
    let refused = |source| Error::Connect {
        server: server.name().to_owned(),
        source,
    };
    let endpoint = Endpoint::from_shared(server.address().to_owned()).map_err(refused)?;
    endpoint.connect().await.map_err(refused)
}

/// Connects to `server`.
///
/// # Errors
/// It does not answer.
pub async fn connect(server: &Server) -> Result<Client, Error> {
    Ok(ShoppingCartClient::new(channel(server).await?))
}

/// Puts one of every product into each of `carts` carts that are still empty, and checks that one of them has it.
///
/// # Errors
/// A call fails, or that cart is not as it should be.
pub async fn fill(server: &Server, carts: u32) -> Result<(), Error> {
    let mut client = connect(server).await?;
    for cart in 0..carts {
        let mut lines = JoinSet::new();
        for product in 0..PRODUCTS {
            let mut client = client.clone();
            lines.spawn(async move { client.add_item(workload::add_item(cart, product)).await });
        }
        for added in lines.join_all().await {
            added.map_err(|status| Error::call(server, status))?;
        }
    }
    check(&mut client, server, 0, &workload::full_cart(1)).await
}

/// Reads a cart.
///
/// # Errors
/// The call fails, or the cart is not `expected`.
pub async fn check(
    client: &mut Client,
    server: &Server,
    cart: u32,
    expected: &Cart,
) -> Result<(), Error> {
    let got = client.get_cart(workload::get_cart(cart)).await;
    let got = got
        .map_err(|status| Error::call(server, status))?
        .into_inner();
    if got == *expected {
        return Ok(());
    }
    Err(Error::Answer {
        server: server.name().to_owned(),
        got: format!("{got:?}"),
        expected: format!("{expected:?}"),
    })
}
