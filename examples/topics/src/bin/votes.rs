//! Polls that count on every node at once: a replicated map of counters.

use cloudstate::{crdt::PNCounterMap, prelude::*};

mod pb {
    cloudstate::include_proto!("com.example.votes");
}

/// Votes by option.
#[crdt_entity(service = pb::Votes)]
#[derive(Default)]
struct Poll {
    votes: PNCounterMap<String>,
}

#[handlers]
impl Poll {
    #[command_handler]
    fn cast(poll: &mut Context<Self>, ballot: pb::Ballot) -> pb::Standings {
        poll.votes.increment(ballot.option, 1);
        poll.standings()
    }

    #[command_handler]
    fn withdraw(poll: &mut Context<Self>, ballot: pb::Ballot) -> Result<pb::Standings, Failure> {
        let option = ballot.option;
        let votes = poll.votes.get(&option).unwrap_or_default();
        ensure!(votes > 0, "nobody has voted for {option}");
        poll.votes.decrement(option, 1);
        Ok(poll.standings())
    }

    #[command_handler]
    fn count(&self) -> pb::Standings {
        self.standings()
    }

    #[command_handler]
    fn follow(&self) -> Streamed<Self, pb::Standings> {
        Streamed::reply(self.standings()).on_change(Self::standings)
    }
}

impl Poll {
    fn standings(&self) -> pb::Standings {
        let standing = |(option, votes): (&String, i64)| pb::Standing {
            option: option.clone(),
            votes,
        };
        let mut standings: Vec<_> = self.votes.iter().map(standing).collect();
        standings.sort_by(|one, other| one.option.cmp(&other.option));
        pb::Standings { standings }
    }
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::run().await
}
