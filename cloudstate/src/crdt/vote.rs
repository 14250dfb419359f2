//! One vote per node.

use cloudstate_protocol::cloudstate::crdt::{VoteDelta, crdt_delta::Delta};

use super::{CrdtError, CrdtType, replicated::Replicated};

/// A vote in which every node of the cluster has a voice, `false` at first.
///
/// ```
/// use cloudstate::crdt::Vote;
///
/// let mut ready = Vote::default();
/// ready.vote(true);
/// assert_eq!((ready.votes_for(), ready.voters()), (1, 1));
/// ```
#[derive(Clone, Debug)]
pub struct Vote {
    ballot: Ballot,
    voters: u32,
    /// What the proxy knows.
    confirmed: Ballot,
    /// Whether the proxy has been told of this value, or has told of it. See [`Replicated::is_attached`].
    attached: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ballot {
    self_vote: bool,
    votes_for: u32,
}

impl Vote {
    /// This node's vote.
    pub fn self_vote(&self) -> bool {
        self.ballot.self_vote
    }

    /// How many nodes vote `true`, as far as this one knows.
    pub fn votes_for(&self) -> u32 {
        self.ballot.votes_for
    }

    /// How many nodes there are, this one included.
    pub fn voters(&self) -> u32 {
        self.voters
    }

    /// Whether any node votes `true`.
    pub fn is_at_least_one(&self) -> bool {
        self.ballot.votes_for > 0
    }

    /// Whether more than half of the nodes vote `true`.
    pub fn is_majority(&self) -> bool {
        u64::from(self.ballot.votes_for) * 2 > u64::from(self.voters)
    }

    /// Whether all nodes vote `true`.
    pub fn is_unanimous(&self) -> bool {
        self.ballot.votes_for == self.voters
    }

    /// Casts or changes this node's vote.
    pub fn vote(&mut self, vote: bool) {
        if vote == self.ballot.self_vote {
            return;
        }
        self.ballot.self_vote = vote;
        self.ballot.votes_for = if vote {
            self.ballot.votes_for.saturating_add(1)
        } else {
            self.ballot.votes_for.saturating_sub(1)
        };
    }
}

impl Default for Vote {
    fn default() -> Self {
        Self {
            ballot: Ballot::default(),
            voters: 1,
            confirmed: Ballot::default(),
            attached: false,
        }
    }
}

impl PartialEq for Vote {
    fn eq(&self, other: &Self) -> bool {
        (self.ballot, self.voters) == (other.ballot, other.voters)
    }
}

impl Replicated for Vote {
    fn delta(&self) -> Option<Delta> {
        (self.ballot.self_vote != self.confirmed.self_vote).then(|| self.whole())
    }

    fn whole(&self) -> Delta {
        Delta::Vote(VoteDelta {
            self_vote: self.ballot.self_vote,
            ..VoteDelta::default()
        })
    }

    fn is_attached(&self) -> bool {
        self.attached
    }

    fn settle(&mut self) {
        self.attached = true;
        self.confirmed = self.ballot;
    }

    fn roll_back(&mut self) {
        self.ballot = self.confirmed;
    }

    fn apply(&mut self, delta: Delta) -> Result<(), CrdtError> {
        let Delta::Vote(delta) = delta else {
            return Err(CrdtError::mismatch(CrdtType::Vote, &delta));
        };
        self.ballot = Ballot {
            self_vote: delta.self_vote,
            votes_for: count("VoteDelta.votes_for", delta.votes_for)?,
        };
        self.voters = count("VoteDelta.total_voters", delta.total_voters)?;
        self.confirmed = self.ballot;
        Ok(())
    }

    fn from_delta(delta: Delta) -> Result<Self, CrdtError> {
        let mut vote = Self::default();
        vote.apply(delta)?;
        vote.attached = true;
        Ok(vote)
    }
}

fn count(field: &'static str, value: i32) -> Result<u32, CrdtError> {
    u32::try_from(value).map_err(|_| CrdtError::Negative { field, value })
}
