//! One connection of an open loop: its calls, when they are due, and what becomes of them.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::Interest,
    net::TcpStream,
    time::{self, MissedTickBehavior},
};
use tonic::{Code, Status};

use super::{Arrival, OpenLoop, PATIENCE, Tally};
use crate::http2::{self, Ended};

/// How often calls that are due are sent.
const TICK: Duration = Duration::from_millis(1);
const READ: usize = 64 * 1024;

/// A connection and the calls on it.
pub(super) struct Connection {
    http2: http2::Connection<Sent>,
    stream: TcpStream,
    /// Bytes of what is to be written that have been.
    written: usize,
    requests: Arc<[Vec<u8>]>,
    /// The next of them.
    request: usize,
    schedule: Schedule,
    /// Calls that are due between these two count.
    counted: (Instant, Instant),
    tally: Tally,
}

/// When a call was due, and when it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    due: Instant,
    sent: Instant,
}

impl Connection {
    /// The connection of this number among those of `load`, whose time has begun at `began`.
    pub(super) fn new(
        load: &OpenLoop,
        number: u32,
        began: Instant,
        http2: http2::Connection<Sent>,
        stream: TcpStream,
        requests: Arc<[Vec<u8>]>,
    ) -> Self {
        let from = began + load.warm_up;
        Self {
            http2,
            stream,
            written: 0,
            // Each has other requests before others.
            request: number as usize * requests.len() / load.connections as usize,
            requests,
            schedule: Schedule::new(load, number, began),
            counted: (from, from + load.measured),
            tally: Tally::default(),
        }
    }

    /// Makes calls until the measurement is over, and waits for their answers.
    pub(super) async fn run(mut self) -> Result<Tally, Box<Status>> {
        let broken = |error: io::Error| Box::new(Status::unavailable(error.to_string()));
        let (_, end) = self.counted;
        let mut ticks = time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut buffer = vec![0; READ];
        loop {
            let now = Instant::now();
            if now < end {
                self.call_what_is_due(now);
            } else if self.http2.open() == 0 {
                return Ok(self.tally);
            } else if now > end + PATIENCE {
                self.tally.unanswered = self.http2.open() as usize;
                return Ok(self.tally);
            }
            self.write().map_err(broken)?;
            let interest = if self.http2.out.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            tokio::select! {
                ready = self.stream.ready(interest) => {
                    if ready.map_err(broken)?.is_readable() {
                        self.read(&mut buffer)?;
                    }
                }
                _ = ticks.tick() => {}
            }
        }
    }

    fn call_what_is_due(&mut self, now: Instant) {
        // What stands before a full socket is not sent.
        while self.http2.out.len() < READ {
            let request = &self.requests[self.request % self.requests.len()];
            if !self.http2.may_call(request.len()) {
                return;
            }
            let Some(due) = self.schedule.due(now, self.http2.open()) else {
                return;
            };
            self.http2.call(request, Sent { due, sent: now });
            self.request += 1;
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let out = &mut self.http2.out;
        while self.written < out.len() {
            match self.stream.try_write(&out[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        out.clear();
        self.written = 0;
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), Box<Status>> {
        let read = match self.stream.try_read(buffer) {
            Ok(0) => {
                return Err(Box::new(Status::unavailable(
                    "the server has closed the connection",
                )));
            }
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(Box::new(Status::unavailable(error.to_string()))),
        };
        let (now, (from, end)) = (Instant::now(), self.counted);
        let (tally, mut failed) = (&mut self.tally, None);
        let received = self
            .http2
            .receive(&buffer[..read], |Ended { call, status }| {
                let latencies = match Code::from(i32::from(status)) {
                    Code::Ok => &mut tally.answered,
                    Code::ResourceExhausted => &mut tally.refused,
                    code => {
                        failed = Some(Status::new(code, "(the text is not read)"));
                        return;
                    }
                };
                if call.due >= from && call.due < end {
                    latencies.whole.push(microseconds(now - call.due));
                    latencies.sent.push(microseconds(now - call.sent));
                }
            });
        match (received, failed) {
            (Err(error), _) => Err(Box::new(Status::internal(error.to_string()))),
            (Ok(()), Some(status)) => Err(Box::new(status)),
            (Ok(()), None) => Ok(()),
        }
    }
}

/// One connection's part of the calls.
#[derive(Debug)]
struct Schedule {
    arrival: Arrival,
    began: Instant,
    called: u32,
}

impl Schedule {
    fn new(load: &OpenLoop, number: u32, began: Instant) -> Self {
        let (arrival, behind) = match load.arrival {
            // The connections take turns.
            Arrival::Rate(rate) => (
                Arrival::Rate(rate / f64::from(load.connections)),
                Duration::try_from_secs_f64(f64::from(number) / rate).unwrap_or_default(),
            ),
            Arrival::Waiting(callers) => {
                let more = u32::from(number < callers % load.connections);
                (
                    Arrival::Waiting(callers / load.connections + more),
                    Duration::ZERO,
                )
            }
        };
        Self {
            arrival,
            began: began + behind,
            called: 0,
        }
    }

    /// When the next call was due, if it is.
    fn due(&mut self, now: Instant, open: u32) -> Option<Instant> {
        let due = match self.arrival {
            // At a rate of nothing never.
            Arrival::Rate(rate) => {
                let after = Duration::try_from_secs_f64(f64::from(self.called) / rate).ok()?;
                self.began.checked_add(after)?
            }
            Arrival::Waiting(callers) if open < callers => now,
            Arrival::Waiting(_) => return None,
        };
        (due <= now).then(|| {
            self.called += 1;
            due
        })
    }
}

fn microseconds(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
