//! Calls that arrive at a rate, whatever becomes of those before; and, by the same means, callers that wait.
//!
//! Each connection is a loop of its own, over [`http2`]: calls are encoded beforehand, and all that are
//! due at a time are written at once. All of them share one thread, which keeps off the server's core.

mod connection;

use std::{
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use prost::Message;
use tokio::{net::TcpStream, task::JoinSet, time};

use crate::{
    Error,
    closed_loop::{Used, Window, runtime},
    figures::percentile,
    http2,
    report::Figure,
    server::Server,
    workload::{self, PRODUCTS, Picks},
};
use connection::Connection;

const PATH: &str = "/com.example.shoppingcart.ShoppingCart/AddItem";
/// Different requests of a load.
const REQUESTS: usize = 10_000;
/// How long answers may take after the end.
const PATIENCE: Duration = Duration::from_secs(20);
/// Part of the calls that were due that must have been sent, or a busy client was the limit.
const ENOUGH: f64 = 0.95;
/// Cores from which on a client of one thread is busy.
const BUSY: f64 = 0.9;

/// When calls are due.
#[derive(Clone, Copy, Debug)]
pub enum Arrival {
    /// So many per second.
    Rate(f64),
    /// One whenever one of so many callers has been answered.
    Waiting(u32),
}

/// `AddItem`, again and again.
#[derive(Clone, Copy, Debug)]
pub struct OpenLoop {
    /// When they are due.
    pub arrival: Arrival,
    /// Connections that they are spread over.
    pub connections: u32,
    /// Carts that they are about.
    pub carts: u32,
    /// Time before the measurement.
    pub warm_up: Duration,
    /// Time of the measurement.
    pub measured: Duration,
}

/// What became of the calls that were due during the measurement.
#[derive(Clone, Debug)]
pub struct Arrivals {
    tally: Tally,
    due: f64,
    window: Window,
}

/// Microseconds, sorted when all are there.
#[derive(Clone, Debug, Default)]
struct Tally {
    answered: Latencies,
    /// Refused with `RESOURCE_EXHAUSTED`.
    refused: Latencies,
    unanswered: usize,
}

#[derive(Clone, Debug, Default)]
struct Latencies {
    /// From when the call was due.
    whole: Vec<u32>,
    /// From when it was written to its connection.
    sent: Vec<u32>,
}

impl OpenLoop {
    /// Makes calls to `server` until the measurement is over, and waits for all answers.
    ///
    /// # Errors
    /// The server cannot be connected to, a call fails otherwise than by `RESOURCE_EXHAUSTED`, or stays unanswered.
    pub fn run(&self, server: &Server, seed: u64) -> Result<Arrivals, Error> {
        // A thread of its own, so that only it is kept off the server's core.
        thread::scope(|scope| {
            let load = scope.spawn(|| {
                keep_off_the_first_core();
                runtime(1)?.block_on(self.load(server, seed))
            });
            load.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    async fn load(&self, server: &Server, seed: u64) -> Result<Arrivals, Error> {
        let requests: Arc<[Vec<u8>]> = requests(self.carts, seed).into();
        let mut connected = Vec::new();
        for _ in 0..self.connections {
            connected.push(connect(server).await?);
        }
        let began = Instant::now();
        let from = began + self.warm_up;
        let mut connections = JoinSet::new();
        for (number, stream) in (0..self.connections).zip(connected) {
            let http2 = http2::Connection::new(server.authority(), PATH);
            let requests = Arc::clone(&requests);
            let connection = Connection::new(self, number, began, http2, stream, requests);
            connections.spawn(connection.run());
        }
        time::sleep_until(from.into()).await;
        let before = Used::now(server)?;
        time::sleep_until((from + self.measured).into()).await;
        let window = before.until(&Used::now(server)?);
        let mut tally = Tally::default();
        for ended in connections.join_all().await {
            tally.add(ended.map_err(|status| Error::call(server, *status))?);
        }
        if tally.unanswered > 0 {
            return Err(Error::Unanswered {
                server: server.name().to_owned(),
                seconds: PATIENCE.as_secs(),
            });
        }
        tally.answered.sort();
        tally.refused.sort();
        let due = match self.arrival {
            Arrival::Rate(rate) => rate * self.measured.as_secs_f64(),
            Arrival::Waiting(_) => tally.sent() as f64,
        };
        Ok(Arrivals { tally, due, window })
    }
}

impl Arrivals {
    /// Calls that were answered in the end, per second.
    pub fn answered_per_second(&self) -> f64 {
        self.tally.answered.whole.len() as f64 / self.window.time.as_secs_f64()
    }

    /// Whether fewer calls were sent than were due because the load had no time for more.
    pub fn is_the_clients_limit(&self) -> bool {
        let client = self.window.client.as_secs_f64() / self.window.time.as_secs_f64();
        (self.tally.sent() as f64) < self.due * ENOUGH && client > BUSY
    }

    /// What a table has of it.
    pub fn figures(&self) -> Vec<Figure> {
        let seconds = self.window.time.as_secs_f64();
        let Tally {
            answered, refused, ..
        } = &self.tally;
        let mut figures = vec![
            ("due/s", self.due / seconds),
            ("sent/s", self.tally.sent() as f64 / seconds),
            ("answered/s", self.answered_per_second()),
            ("refused/s", refused.whole.len() as f64 / seconds),
        ];
        if !answered.whole.is_empty() {
            figures.push(("answered p50 ms", milliseconds(&answered.whole, 50.0)));
            figures.push(("answered p99 ms", milliseconds(&answered.whole, 99.0)));
            figures.push((
                "answered p99 ms once sent",
                milliseconds(&answered.sent, 99.0),
            ));
        }
        if !refused.whole.is_empty() {
            figures.push(("refused p50 ms", milliseconds(&refused.whole, 50.0)));
            figures.push(("refused p99 ms", milliseconds(&refused.whole, 99.0)));
            figures.push((
                "refused p99 ms once sent",
                milliseconds(&refused.sent, 99.0),
            ));
        }
        figures.push(("server cores", self.window.server.as_secs_f64() / seconds));
        figures.push(("client cores", self.window.client.as_secs_f64() / seconds));
        figures.push(("other cores", self.window.other_cores()));
        figures
    }
}

fn milliseconds(sorted: &[u32], percent: f64) -> f64 {
    f64::from(percentile(sorted, percent)) / 1000.0
}

impl Tally {
    fn sent(&self) -> usize {
        self.answered.whole.len() + self.refused.whole.len()
    }

    fn add(&mut self, mut other: Self) {
        for (to, from) in [
            (&mut self.answered, &mut other.answered),
            (&mut self.refused, &mut other.refused),
        ] {
            to.whole.append(&mut from.whole);
            to.sent.append(&mut from.sent);
        }
        self.unanswered += other.unanswered;
    }
}

impl Latencies {
    fn sort(&mut self) {
        self.whole.sort_unstable();
        self.sent.sort_unstable();
    }
}

/// Requests as they go over the wire.
fn requests(carts: u32, seed: u64) -> Vec<Vec<u8>> {
    let mut picks = Picks::new(seed);
    (0..REQUESTS)
        .map(|_| {
            let add = workload::add_item(picks.below(carts), picks.below(PRODUCTS));
            http2::framed(&add.encode_to_vec())
        })
        .collect()
}

async fn connect(server: &Server) -> Result<TcpStream, Error> {
    let failed = || Error::io(format!("connect to {}", server.name()));
    let stream = TcpStream::connect(server.authority())
        .await
        .map_err(failed())?;
    stream.set_nodelay(true).map_err(failed())?;
    Ok(stream)
}

/// Leaves the core of a [server on one](crate::server::Launch::on_one_core) to it, by `taskset` of util-linux; where
/// there is no other, the figures say so.
fn keep_off_the_first_core() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let thread = std::fs::read_link("/proc/thread-self");
    let id = thread
        .ok()
        .and_then(|link| Some(link.file_name()?.to_owned()));
    if let (2.., Some(id)) = (cores, id) {
        // It may fail where fewer cores are allowed than there are.
        let _ = Command::new("taskset")
            .args(["-cp", &format!("1-{}", cores - 1)])
            .arg(id)
            .stdout(Stdio::null())
            .status();
    }
}
