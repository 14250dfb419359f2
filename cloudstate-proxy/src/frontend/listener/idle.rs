//! Connections over which no request comes any more.
//!
//! Over HTTP/2 a client may answer pings for ever and ask for nothing, and its connection with all that belongs to it is
//! kept. One that is asked to go away finishes what is in progress over it, and makes another when it has something to ask.

use std::{
    convert::Infallible,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

/// How often is looked: so many times in the time that a connection has.
const LOOKS: u32 = 4;
/// Pauses between two looks, at least and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(3600));
/// Connections that may have ended before those that have are forgotten.
const ROOM: usize = 64;

/// The connections of a port.
#[derive(Debug)]
pub(super) struct Idle {
    timeout: Duration,
    looks: Interval,
    connections: Vec<Watched>,
    /// How many there may be before those that have ended are forgotten.
    room: usize,
}

/// Counts the requests of a connection: all that a request costs for it.
#[derive(Debug)]
pub(super) struct Requests(Arc<AtomicU64>);

#[derive(Debug)]
struct Watched {
    requests: Weak<AtomicU64>,
    seen: u64,
    since: Instant,
    leave: CancellationToken,
}

impl Idle {
    pub(super) fn new(timeout: Duration) -> Self {
        let pause = (timeout / LOOKS).clamp(PAUSE.0, PAUSE.1);
        let mut looks = interval_at(Instant::now() + pause, pause);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            timeout,
            looks,
            connections: Vec::new(),
            room: ROOM,
        }
    }

    /// Watches over a connection that has been accepted now, which is to leave when this is cancelled.
    pub(super) fn watch(&mut self, leave: CancellationToken) -> Requests {
        if self.connections.len() >= self.room {
            self.forget_ended();
            self.room = ROOM.max(2 * self.connections.len());
        }
        let requests = Arc::new(AtomicU64::new(0));
        self.connections.push(Watched {
            requests: Arc::downgrade(&requests),
            seen: 0,
            since: Instant::now(),
            leave,
        });
        Requests(requests)
    }

    /// Has connections leave, for ever. May be dropped and called again at any point.
    pub(super) async fn run(&mut self) -> Infallible {
        loop {
            let now = self.looks.tick().await;
            self.forget_ended();
            for connection in &mut self.connections {
                connection.look(now, self.timeout);
            }
        }
    }

    fn forget_ended(&mut self) {
        let lives = |connection: &Watched| connection.requests.strong_count() > 0;
        self.connections.retain(lives);
    }
}

impl Watched {
    fn look(&mut self, now: Instant, timeout: Duration) {
        let requests = self.requests.upgrade();
        let requests = requests.map_or(0, |requests| requests.load(Ordering::Relaxed));
        if requests != self.seen {
            (self.seen, self.since) = (requests, now);
        } else if now.saturating_duration_since(self.since) >= timeout {
            self.leave.cancel();
        }
    }
}

impl Requests {
    /// A request has come.
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
