//! Updates of CRDT entities, and those who follow them.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tonic::{Status, transport::Channel};

use crate::{
    Error,
    closed_loop::{Callers, ClosedLoop, Measurement, Tally},
    load,
    server::Server,
    tags::{Tag, tags_client::TagsClient},
    votes::{Ballot, Poll, Standings, votes_client::VotesClient},
    workload::{self, Picks},
};

/// What is updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// So many counters, at random.
    Counters(u32),
    /// One counter, which so many streams follow; what they get is counted.
    Followed(u32),
    /// One set with about so many elements, one of which comes or goes.
    Set(u32),
}

/// Updates, with so many in flight over one connection.
#[derive(Clone, Copy, Debug)]
pub struct Updates {
    /// Of what.
    pub update: Update,
    /// Calls that wait for an answer at any time.
    pub in_flight: u32,
    /// How long, and on how many threads.
    pub pace: ClosedLoop,
}

/// `CRDT, a set of 10000 elements, 64 in flight`.
impl fmt::Display for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.update {
            Update::Counters(1) => f.write_str("CRDT, one hot counter")?,
            Update::Counters(count) => write!(f, "CRDT, {count} counters")?,
            Update::Followed(streams) => write!(f, "CRDT, a counter that {streams} follow")?,
            Update::Set(elements) => write!(f, "CRDT, a set of {elements} elements")?,
        }
        write!(f, ", {} in flight", self.in_flight)
    }
}

impl Updates {
    /// Puts this load on `server` until the measurement is over. The latency of what followers get is counted from the
    /// update.
    ///
    /// # Errors
    /// The server cannot be connected to, or a call fails.
    pub fn run(&self, server: &Server, seed: u64) -> Result<Measurement, Error> {
        self.pace.run(server, async |tally| {
            let channel = load::channel(server).await?;
            let mut callers = Callers::new();
            match self.update {
                Update::Followed(streams) => {
                    let watched = Watched::new(channel, seed).await;
                    let watched = watched.map_err(|status| Error::call(server, status))?;
                    for _ in 0..streams {
                        callers.spawn(watched.clone().follow(tally.clone()));
                    }
                    callers.spawn(watched.cast(tally.clone()));
                }
                Update::Counters(count) => {
                    for number in 0..self.in_flight {
                        let picks = Picks::new((seed << 32) + u64::from(number));
                        callers.spawn(count_up(channel.clone(), count, picks, tally.clone()));
                    }
                }
                Update::Set(elements) => {
                    for number in 0..self.in_flight {
                        let picks = Picks::new((seed << 32) + u64::from(number));
                        callers.spawn(toggle(channel.clone(), elements, picks, tally.clone()));
                    }
                }
            }
            Ok(callers)
        })
    }
}

/// Makes a set of so many elements, for [`Update::Set`].
///
/// # Errors
/// A call fails.
pub async fn fill(server: &Server, elements: u32) -> Result<(), Error> {
    let mut puts = tokio::task::JoinSet::new();
    let client = TagsClient::new(load::channel(server).await?);
    for element in 0..elements {
        let mut client = client.clone();
        // Every other name: a load adds what is missing as often as it takes away what is there.
        puts.spawn(async move { client.put(tag(elements, 2 * element)).await });
        if puts.len() == 256
            && let Some(Ok(put)) = puts.join_next().await
        {
            put.map_err(|status| Error::call(server, status))?;
        }
    }
    for put in puts.join_all().await {
        put.map_err(|status| Error::call(server, status))?;
    }
    Ok(())
}

async fn count_up(
    channel: Channel,
    counters: u32,
    mut picks: Picks,
    mut tally: Tally,
) -> Result<Tally, Status> {
    let mut client = VotesClient::new(channel);
    loop {
        let ballot = ballot(workload::cart_id(picks.below(counters)));
        let called = Instant::now();
        client.cast(ballot).await?;
        if tally.answered(called).is_break() {
            return Ok(tally);
        }
    }
}

async fn toggle(
    channel: Channel,
    elements: u32,
    mut picks: Picks,
    mut tally: Tally,
) -> Result<Tally, Status> {
    let mut client = TagsClient::new(channel);
    loop {
        let tag = tag(elements, picks.below(elements.saturating_mul(2)));
        let called = Instant::now();
        if picks.below(2) == 0 {
            client.put(tag).await?;
        } else {
            client.remove(tag).await?;
        }
        if tally.answered(called).is_break() {
            return Ok(tally);
        }
    }
}

/// A counter, and when each of its values was asked for.
#[derive(Clone, Debug)]
struct Watched {
    client: VotesClient<Channel>,
    poll: String,
    /// The count before the first of the updates.
    before: i64,
    /// When the update was made by which it was one more, two more, and so on.
    updated: Arc<Mutex<Vec<Instant>>>,
}

impl Watched {
    async fn new(channel: Channel, seed: u64) -> Result<Self, Status> {
        let mut client = VotesClient::new(channel);
        let poll = format!("followed-{seed}");
        let before = votes(client.cast(ballot(poll.clone())).await?.get_ref());
        Ok(Self {
            client,
            poll,
            before,
            updated: Arc::default(),
        })
    }

    async fn follow(mut self, mut tally: Tally) -> Result<Tally, Status> {
        let poll = Poll { poll: self.poll };
        let mut counts = self.client.follow(poll).await?.into_inner();
        loop {
            let Some(count) = counts.message().await? else {
                return Err(Status::aborted("the stream ended"));
            };
            let more = usize::try_from(votes(&count) - self.before).unwrap_or(0);
            let called = {
                let updated = self.updated.lock().unwrap_or_else(PoisonError::into_inner);
                more.checked_sub(1).and_then(|at| updated.get(at).copied())
            };
            // Without one it is the count from before the first update.
            if called.is_some_and(|called| tally.answered(called).is_break()) {
                return Ok(tally);
            }
        }
    }

    /// Updates, one after the other, until the measurement is over, and once more for followers that wait.
    async fn cast(mut self, mut tally: Tally) -> Result<Tally, Status> {
        let mut over = false;
        loop {
            let called = Instant::now();
            self.updated
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(called);
            self.client.cast(ballot(self.poll.clone())).await?;
            if over {
                // What is counted is what the followers got.
                return Ok(Tally::default());
            }
            over = tally.answered(called).is_break();
        }
    }
}

fn ballot(poll: String) -> Ballot {
    Ballot {
        poll,
        option: "yes".to_owned(),
    }
}

fn votes(standings: &Standings) -> i64 {
    standings.standings.first().map_or(0, |one| one.votes)
}

fn tag(elements: u32, element: u32) -> Tag {
    Tag {
        set: format!("set-of-{elements}"),
        name: format!("element-{element:06}"),
    }
}
