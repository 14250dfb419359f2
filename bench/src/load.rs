//! A closed loop of calls: a fixed number in flight, each replaced as soon as it is answered.
//!
//! A slow server slows the load down, so the latencies are those of callers who wait for their answer, not those of
//! requests that arrive at a given rate.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{runtime, task::JoinSet, time};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::{
    Error,
    figures::percentile,
    pb::{Cart, shopping_cart_client::ShoppingCartClient},
    process::{Process, machine_time},
    server::Server,
    workload::{self, PRODUCTS, Picks},
};

/// The cart's client, as tonic generates it.
pub type Client = ShoppingCartClient<Channel>;

/// How long calls in flight may take after the end of a measurement.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Adds one of a random product to a random cart.
    AddItem,
    /// Reads a random cart.
    GetCart,
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
    /// Threads that make them. One leaves the other cores to the server; see the README.
    pub threads: u16,
    /// Time before the measurement.
    pub warm_up: Duration,
    /// Time of the measurement.
    pub measured: Duration,
}

/// `AddItem, 64 in flight over 4 connections, 1000 carts`.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} in flight over ", self.call, self.in_flight)?;
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

/// What came of it.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// Microseconds from call to answer of every call that was answered in time, sorted.
    latencies: Vec<u32>,
    window: Window,
}

/// What was used between the start and the end of the measurement.
#[derive(Clone, Copy, Debug)]
struct Window {
    time: Duration,
    server: Duration,
    client: Duration,
    machine: Duration,
    written: u64,
}

impl Measurement {
    /// Calls answered per second.
    pub fn calls_per_second(&self) -> f64 {
        self.calls() / self.window.time.as_secs_f64()
    }

    /// Milliseconds that `percent` of the calls did not exceed.
    pub fn milliseconds(&self, percent: f64) -> f64 {
        f64::from(percentile(&self.latencies, percent)) / 1000.0
    }

    /// Processor time of the server per call, in microseconds.
    pub fn server_time(&self) -> f64 {
        self.window.server.as_secs_f64() * 1e6 / self.calls()
    }

    /// Processor time of the load itself per call, in microseconds.
    pub fn client_time(&self) -> f64 {
        self.window.client.as_secs_f64() * 1e6 / self.calls()
    }

    /// Cores that were busy with neither the server nor the load.
    pub fn other_cores(&self) -> f64 {
        let ours = self.window.server + self.window.client;
        self.window.machine.saturating_sub(ours).as_secs_f64() / self.window.time.as_secs_f64()
    }

    /// Bytes that the server had written to the disk per call.
    pub fn bytes_written(&self) -> f64 {
        self.window.written as f64 / self.calls()
    }

    fn calls(&self) -> f64 {
        self.latencies.len() as f64
    }
}

impl Load {
    /// Puts this load on `server` until the measurement is over.
    ///
    /// # Errors
    /// The server cannot be connected to, a call fails, or calls stay unanswered.
    pub fn run(&self, server: &Server, seed: u64) -> Result<Measurement, Error> {
        runtime(self.threads)?.block_on(async {
            let clients = self.connect(server).await?;
            let phase = Arc::new(Phase::default());
            let mut callers = JoinSet::new();
            for (number, client) in clients.into_iter().enumerate() {
                let picks = Picks::new((seed << 32) + number as u64);
                callers.spawn(self.call_until_over(client, picks, Arc::clone(&phase)));
            }
            let window = self.measure(server, &phase).await?;
            let answered = time::timeout(PATIENCE, callers.join_all()).await;
            let answered = answered.map_err(|_| Error::Unanswered {
                server: server.name().to_owned(),
                seconds: PATIENCE.as_secs(),
            })?;
            let mut latencies = Vec::new();
            for caller in answered {
                latencies.append(&mut caller.map_err(|status| failed(server, status))?);
            }
            if latencies.is_empty() {
                return Err(Error::NoCalls {
                    server: server.name().to_owned(),
                    seconds: self.measured.as_secs_f64(),
                });
            }
            latencies.sort_unstable();
            Ok(Measurement { latencies, window })
        })
    }

    /// A client for each call in flight; they take turns in sharing the connections.
    async fn connect(&self, server: &Server) -> Result<Vec<Client>, Error> {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(connect(server).await?);
        }
        let clients = connections.iter().cycle().take(self.in_flight as usize);
        Ok(clients.cloned().collect())
    }

    /// Waits for the warm-up, then for the measurement, and says what was used meanwhile.
    async fn measure(&self, server: &Server, phase: &Phase) -> Result<Window, Error> {
        time::sleep(self.warm_up).await;
        phase.set(Phase::MEASURED);
        let before = Used::now(server)?;
        time::sleep(self.measured).await;
        let after = Used::now(server)?;
        phase.set(Phase::OVER);
        Ok(Window {
            time: after.at - before.at,
            server: after.server.saturating_sub(before.server),
            client: after.client.saturating_sub(before.client),
            machine: after.machine.saturating_sub(before.machine),
            written: after.written.saturating_sub(before.written),
        })
    }

    fn call_until_over(
        &self,
        mut client: Client,
        mut picks: Picks,
        phase: Arc<Phase>,
    ) -> impl Future<Output = Result<Vec<u32>, Status>> + use<> {
        let Self { call, carts, .. } = *self;
        async move {
            let mut latencies = Vec::new();
            loop {
                let cart = picks.below(carts);
                let called = Instant::now();
                match call {
                    Call::AddItem => {
                        let product = picks.below(PRODUCTS);
                        client.add_item(workload::add_item(cart, product)).await?;
                    }
                    Call::GetCart => {
                        client.get_cart(workload::get_cart(cart)).await?;
                    }
                }
                match phase.get() {
                    Phase::WARM_UP => {}
                    Phase::MEASURED => latencies
                        .push(u32::try_from(called.elapsed().as_micros()).unwrap_or(u32::MAX)),
                    _ => return Ok(latencies),
                }
            }
        }
    }
}

/// Connects to `server`.
///
/// # Errors
/// It does not answer.
pub async fn connect(server: &Server) -> Result<Client, Error> {
    let refused = |source| Error::Connect {
        server: server.name().to_owned(),
        source,
    };
    let endpoint = Endpoint::from_shared(server.address().to_owned()).map_err(refused)?;
    let channel = endpoint.connect().await.map_err(refused)?;
    Ok(ShoppingCartClient::new(channel))
}

/// A client for each call in flight, all on one connection.
///
/// # Errors
/// The server does not answer.
pub async fn clients(server: &Server, in_flight: u32) -> Result<Vec<Client>, Error> {
    let client = connect(server).await?;
    Ok(vec![client; in_flight as usize])
}

/// Reads each of these carts once, and says how long all took.
///
/// # Errors
/// A call fails.
pub async fn activate(
    server: &Server,
    clients: &[Client],
    carts: Range<u32>,
) -> Result<Duration, Error> {
    let next = Arc::new(AtomicU32::new(carts.start));
    let mut callers = JoinSet::new();
    let started = Instant::now();
    for client in clients {
        let (mut client, next, end) = (client.clone(), Arc::clone(&next), carts.end);
        callers.spawn(async move {
            loop {
                let cart = next.fetch_add(1, Ordering::Relaxed);
                if cart >= end {
                    return Ok(());
                }
                client.get_cart(workload::get_cart(cart)).await?;
            }
        });
    }
    for called in callers.join_all().await {
        called.map_err(|status| failed(server, status))?;
    }
    Ok(started.elapsed())
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
            added.map_err(|status| failed(server, status))?;
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
    let got = got.map_err(|status| failed(server, status))?.into_inner();
    if got == *expected {
        return Ok(());
    }
    Err(Error::Answer {
        server: server.name().to_owned(),
        got: format!("{got:?}"),
        expected: format!("{expected:?}"),
    })
}

/// A runtime for the calling side.
///
/// # Errors
/// The operating system has no threads to give.
pub fn runtime(threads: u16) -> Result<runtime::Runtime, Error> {
    let mut builder = if threads <= 1 {
        runtime::Builder::new_current_thread()
    } else {
        let mut builder = runtime::Builder::new_multi_thread();
        builder.worker_threads(threads.into());
        builder
    };
    builder
        .enable_all()
        .build()
        .map_err(Error::io("start the load's runtime"))
}

pub(crate) fn failed(server: &Server, status: Status) -> Error {
    Error::Call {
        server: server.name().to_owned(),
        status: Box::new(status),
    }
}

/// Whether calls count at the moment.
#[derive(Debug, Default)]
struct Phase(AtomicU8);

impl Phase {
    const WARM_UP: u8 = 0;
    const MEASURED: u8 = 1;
    const OVER: u8 = 2;

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }
}

/// What has been used so far.
struct Used {
    at: Instant,
    server: Duration,
    client: Duration,
    machine: Duration,
    written: u64,
}

impl Used {
    fn now(server: &Server) -> Result<Self, Error> {
        let read = || Error::io(format!("read what {} uses from /proc", server.name()));
        Ok(Self {
            at: Instant::now(),
            server: server.process().cpu_time().map_err(read())?,
            client: Process::this().cpu_time().map_err(read())?,
            machine: machine_time().map_err(read())?,
            written: server.process().bytes_written().map_err(read())?,
        })
    }
}
