//! Dots, what has been seen of them, and joining two copies of something dotted.

/// Which replica, among all that have ever changed a CRDT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(u64);

impl ReplicaId {
    /// The replica of a proxy that shares its store with no other.
    pub const ONLY: Self = Self(1);

    /// The replica of this number. Two that change the same CRDT must never have the same.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// One change of one replica, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dot {
    pub(super) replica: ReplicaId,
    pub(super) sequence: u64,
}

impl Dot {
    pub(super) const fn new(replica: ReplicaId, sequence: u64) -> Self {
        Self { replica, sequence }
    }
}

/// The changes that a copy has taken in: of each replica the first so many, because copies are exchanged whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(
    /// The last of each replica, in the order of replicas.
    Vec<Dot>,
);

impl Seen {
    /// From the last dot of each replica; `None` if they are not in order.
    pub(super) fn from_last(last: Vec<Dot>) -> Option<Self> {
        last.is_sorted_by(|a, b| a.replica < b.replica)
            .then_some(Self(last))
    }

    /// The last dot of each replica, in order.
    pub(super) fn last(&self) -> &[Dot] {
        &self.0
    }

    /// How many changes of this replica.
    pub(super) fn count(&self, replica: ReplicaId) -> u64 {
        match self.place(replica) {
            Ok(at) => self.0[at].sequence,
            Err(_) => 0,
        }
    }

    pub(super) fn contains(&self, dot: Dot) -> bool {
        match self.place(dot.replica) {
            Ok(at) => dot.sequence <= self.0[at].sequence,
            Err(_) => false,
        }
    }

    /// The dot of a new change, which counts as seen.
    pub(super) fn next(&mut self, replica: ReplicaId) -> Dot {
        match self.place(replica) {
            Ok(at) => {
                self.0[at].sequence += 1;
                self.0[at]
            }
            Err(at) => {
                let first = Dot::new(replica, 1);
                self.0.insert(at, first);
                first
            }
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        for &dot in &other.0 {
            match self.place(dot.replica) {
                Ok(at) => self.0[at].sequence = self.0[at].sequence.max(dot.sequence),
                Err(at) => self.0.insert(at, dot),
            }
        }
    }

    fn place(&self, replica: ReplicaId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&replica, |dot| dot.replica)
    }
}

/// Something that changes have put there, with the dots of these changes: at most one of each replica, in the order of
/// replicas. What belongs to a dot never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dots<T>(Vec<Dotted<T>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dotted<T> {
    pub(super) dot: Dot,
    pub(super) value: T,
}

impl<T> Default for Dots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Dots<T> {
    /// From dots with their values; `None` if they are not in order.
    pub(super) fn from_sorted(dots: Vec<Dotted<T>>) -> Option<Self> {
        dots.is_sorted_by(|a, b| a.dot.replica < b.dot.replica)
            .then_some(Self(dots))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Dotted<T>> {
        self.0.iter()
    }

    /// What a replica has put there itself.
    pub(super) fn of(&self, replica: ReplicaId) -> Option<&T> {
        let at = self.place(replica).ok()?;
        Some(&self.0[at].value)
    }

    /// Replaces what the replica of this dot has put there before; what others have put there stays.
    pub(super) fn put(&mut self, dot: Dot, value: T) {
        let new = Dotted { dot, value };
        match self.place(dot.replica) {
            Ok(at) => self.0[at] = new,
            Err(at) => self.0.insert(at, new),
        }
    }

    /// Replaces everything that anybody has put there.
    pub(super) fn replace(&mut self, dot: Dot, value: T) {
        self.0.clear();
        // Most have one dot for ever.
        self.0.reserve_exact(1);
        self.0.push(Dotted { dot, value });
    }

    /// Takes away what a replica has put there.
    pub(super) fn remove(&mut self, replica: ReplicaId) {
        if let Ok(at) = self.place(replica) {
            self.0.remove(at);
        }
    }

    fn place(&self, replica: ReplicaId) -> Result<usize, usize> {
        self.0
            .binary_search_by_key(&replica, |dotted| dotted.dot.replica)
    }
}

impl<T: Clone> Dots<T> {
    /// Takes in another copy's. `seen` and `their_seen` are what the two copies had seen before.
    pub(super) fn join(&mut self, seen: &Seen, theirs: &Self, their_seen: &Seen) {
        self.0.retain(|mine| {
            theirs.place(mine.dot.replica).is_ok() || !their_seen.contains(mine.dot)
        });
        for their in &theirs.0 {
            match self.place(their.dot.replica) {
                // A replica's later change has replaced its earlier one.
                Ok(at) if self.0[at].dot.sequence < their.dot.sequence => {
                    self.0[at] = their.clone();
                }
                Err(at) if !seen.contains(their.dot) => self.0.insert(at, their.clone()),
                Ok(_) | Err(_) => {}
            }
        }
    }
}
