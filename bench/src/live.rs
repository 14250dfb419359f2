//! Entities that are made live by a call, one by one.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use tonic::{Status, transport::Channel};

use crate::{
    Error, load,
    pb::shopping_cart_client::ShoppingCartClient,
    plan::Bench,
    server::{Launch, Server},
    votes::{Poll, votes_client::VotesClient},
    workload,
};

/// Calls in flight while entities are made live.
const IN_FLIGHT: u32 = 64;
/// Longer than any run.
const STAY: Duration = Duration::from_secs(3600);

/// A kind of entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The cart.
    EventSourced,
    /// The cart as a value entity.
    Value,
    /// A poll: a replicated map of counters.
    Crdt,
}

impl Kind {
    /// What it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventSourced => "event sourced",
            Self::Value => "value",
            Self::Crdt => "CRDT",
        }
    }

    async fn read(self, channel: Channel, number: u32) -> Result<(), Status> {
        let id = workload::cart_id(number);
        match self {
            Self::EventSourced | Self::Value => {
                let mut client = ShoppingCartClient::new(channel);
                client.get_cart(workload::get_cart(number)).await?;
            }
            Self::Crdt => {
                VotesClient::new(channel).count(Poll { poll: id }).await?;
            }
        }
        Ok(())
    }
}

/// Entities of this server stay in memory, however many there are.
pub fn staying(launch: Launch, bench: &Bench) -> Launch {
    let most = u64::from(bench.plan.entities.get()) * 20 + 10_000;
    launch
        .passivating_after(STAY)
        .with("CLOUDSTATE_MAX_LIVE_ENTITIES", most.to_string())
}

/// Reads each of these entities once, and says how long all took.
///
/// # Errors
/// A call fails.
pub async fn activate(
    server: &Server,
    kind: Kind,
    entities: Range<u32>,
) -> Result<Duration, Error> {
    let channel = load::channel(server).await?;
    let next = Arc::new(AtomicU32::new(entities.start));
    let mut callers = JoinSet::new();
    let started = Instant::now();
    for _ in 0..IN_FLIGHT {
        let (channel, next, end) = (channel.clone(), Arc::clone(&next), entities.end);
        callers.spawn(async move {
            loop {
                let entity = next.fetch_add(1, Ordering::Relaxed);
                if entity >= end {
                    return Ok(());
                }
                kind.read(channel.clone(), entity).await?;
            }
        });
    }
    for called in callers.join_all().await {
        called.map_err(|status| Error::call(server, status))?;
    }
    Ok(started.elapsed())
}
