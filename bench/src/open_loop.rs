//! An open loop of calls: they arrive at a rate, whatever becomes of those before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc,
    time::{self, MissedTickBehavior},
};
use tonic::{Code, Status};

use crate::{
    Error,
    closed_loop::{Used, Window, microseconds, runtime},
    figures::percentile,
    load,
    report::Figure,
    server::Server,
    workload::{self, PRODUCTS, Picks},
};

/// How often calls that are due are sent.
const TICK: Duration = Duration::from_millis(1);
/// Calls that wait for an answer at most; what is due beyond them is not sent.
const OUTSTANDING: u32 = 20_000;
/// How long answers may take after the end.
const PATIENCE: Duration = Duration::from_secs(20);

/// `AddItem` at a rate.
#[derive(Clone, Copy, Debug)]
pub struct OpenLoop {
    /// Calls that arrive per second.
    pub rate: f64,
    /// Connections that they take turns in.
    pub connections: u32,
    /// Carts that they are about.
    pub carts: u32,
    /// Time before the measurement.
    pub warm_up: Duration,
    /// Time of the measurement.
    pub measured: Duration,
}

/// What became of the calls that arrived during the measurement.
#[derive(Clone, Debug)]
pub struct Arrivals {
    sent: u32,
    /// Microseconds from the moment that a call was due, sorted.
    answered: Vec<u32>,
    /// The same of those that were refused with `RESOURCE_EXHAUSTED`.
    refused: Vec<u32>,
    window: Window,
}

impl OpenLoop {
    /// Sends calls to `server` until the measurement is over, and waits for all answers.
    ///
    /// # Errors
    /// The server cannot be connected to, a call fails otherwise than by `RESOURCE_EXHAUSTED`, or stays unanswered.
    pub fn run(&self, server: &Server, seed: u64) -> Result<Arrivals, Error> {
        runtime(1)?.block_on(async {
            let mut clients = Vec::new();
            for _ in 0..self.connections {
                clients.push(load::connect(server).await?);
            }
            let (tell, mut outcomes) = mpsc::unbounded_channel();
            let outstanding = Arc::new(AtomicU32::new(0));
            let mut picks = Picks::new(seed);
            let mut clients = clients.iter().cycle();
            let began = Instant::now();
            let first = began + self.warm_up;
            let mut ticks = time::interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let (mut arrived, mut sent) = (0_u32, 0);
            // When the measurement began, and what had been used by then.
            let mut measured_from = None;
            let window = loop {
                ticks.tick().await;
                let now = Instant::now();
                let counts = now >= first;
                match &measured_from {
                    None if counts => measured_from = Some((now, Used::now(server)?)),
                    Some((from, used)) if now >= *from + self.measured => {
                        break used.until(&Used::now(server)?);
                    }
                    None | Some(_) => {}
                }
                let due = ((now - began).as_secs_f64() * self.rate) as u32;
                for number in arrived..due {
                    if outstanding.load(Ordering::Relaxed) >= OUTSTANDING {
                        break;
                    }
                    let Some(mut client) = clients.next().cloned() else {
                        break;
                    };
                    let add = workload::add_item(picks.below(self.carts), picks.below(PRODUCTS));
                    let due_at = began + Duration::from_secs_f64(f64::from(number) / self.rate);
                    outstanding.fetch_add(1, Ordering::Relaxed);
                    sent += u32::from(counts);
                    let (tell, outstanding) = (tell.clone(), Arc::clone(&outstanding));
                    tokio::spawn(async move {
                        let outcome = client.add_item(add).await.map(|_| ());
                        outstanding.fetch_sub(1, Ordering::Relaxed);
                        if counts {
                            // The receiver is there until all senders are gone.
                            let _ = tell.send((outcome, microseconds(due_at)));
                        }
                    });
                }
                arrived = due;
            };
            drop(tell);
            let mut arrivals = Arrivals {
                sent,
                answered: Vec::new(),
                refused: Vec::new(),
                window,
            };
            let all = async {
                while let Some((outcome, latency)) = outcomes.recv().await {
                    arrivals.count(outcome, latency)?;
                }
                Ok(())
            };
            time::timeout(PATIENCE, all)
                .await
                .map_err(|_| Error::Unanswered {
                    server: server.name().to_owned(),
                    seconds: PATIENCE.as_secs(),
                })?
                .map_err(|status: Box<Status>| Error::call(server, *status))?;
            arrivals.answered.sort_unstable();
            arrivals.refused.sort_unstable();
            Ok(arrivals)
        })
    }
}

impl Arrivals {
    /// Calls that were answered in the end, per second.
    pub fn answered_per_second(&self) -> f64 {
        self.answered.len() as f64 / self.window.time.as_secs_f64()
    }

    /// What a table has of it.
    pub fn figures(&self) -> Vec<Figure> {
        let seconds = self.window.time.as_secs_f64();
        let milliseconds = |sorted, percent| f64::from(percentile(sorted, percent)) / 1000.0;
        let mut figures = vec![
            ("sent/s", f64::from(self.sent) / seconds),
            ("answered/s", self.answered_per_second()),
            ("refused/s", self.refused.len() as f64 / seconds),
            ("answered p50 ms", milliseconds(&self.answered, 50.0)),
            ("answered p99 ms", milliseconds(&self.answered, 99.0)),
        ];
        if !self.refused.is_empty() {
            figures.push(("refused p50 ms", milliseconds(&self.refused, 50.0)));
            figures.push(("refused p99 ms", milliseconds(&self.refused, 99.0)));
        }
        figures.push(("server cores", self.window.server.as_secs_f64() / seconds));
        figures.push(("client cores", self.window.client.as_secs_f64() / seconds));
        figures.push(("other cores", self.window.other_cores()));
        figures
    }

    fn count(&mut self, outcome: Result<(), Status>, latency: u32) -> Result<(), Box<Status>> {
        match outcome {
            Ok(()) => self.answered.push(latency),
            Err(status) if status.code() == Code::ResourceExhausted => self.refused.push(latency),
            Err(status) => return Err(Box::new(status)),
        }
        Ok(())
    }
}
