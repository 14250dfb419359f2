//! Entries of the index that are in memory alone.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Where an event is. Entries are ordered as the index is: by entity, then by sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Entry {
    pub(in super::super) entity: i64,
    pub(in super::super) sequence: u64,
    pub(in super::super) position: u64,
}

/// What goes from memory to the table together.
#[derive(Debug)]
pub(in super::super) struct Slice {
    /// In order.
    pub(super) entries: Vec<Entry>,
    /// Once it is written, every event up to this position has its entry.
    pub(super) completes: Option<u64>,
}

/// Of every event that is stored, either the table has the entry or it is here. Readers ask here first: what leaves in the
/// meantime is in the table then.
#[derive(Debug)]
pub(in super::super) struct Recent(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// On their way into the table, in order; those before `left` are there.
    leaving: Vec<Entry>,
    left: usize,
    /// The last position of those that leave.
    leaving_up_to: u64,
    /// Later ones, as they came. Those of an entity are a chain, from the last one backwards.
    newest: Vec<Link>,
    chains: HashMap<i64, Chain>,
    /// Position of the last event that has been added.
    added: u64,
}

#[derive(Debug)]
struct Link {
    entry: Entry,
    /// Where in `newest` the entity's entry before it is.
    previous: Option<u32>,
}

#[derive(Debug)]
struct Chain {
    /// Sequence number of its first entry.
    first: u64,
    /// Where in `newest` its last one is.
    last: u32,
}

/// What is known of an entity here.
#[derive(Debug)]
pub(in super::super) struct Known {
    /// Entries behind the sequence number that was asked for, as many as were asked for.
    pub(in super::super) entries: Vec<Entry>,
    /// Position of the last event of all that was known, here or in the table.
    pub(in super::super) added: u64,
}

impl Recent {
    /// Of events behind a position; those before have their entries in the table.
    pub(super) fn behind(position: u64) -> Self {
        Self(Mutex::new(State {
            added: position,
            ..State::default()
        }))
    }

    /// Adds what has been committed, in the order of positions.
    pub(super) fn add(&self, entries: Vec<Entry>) {
        let mut state = self.state();
        for entry in entries {
            // Far fewer than 2^32 fit.
            let place = state.newest.len() as u32;
            let mut previous = None;
            state
                .chains
                .entry(entry.entity)
                .and_modify(|chain| previous = Some(std::mem::replace(&mut chain.last, place)))
                .or_insert(Chain {
                    first: entry.sequence,
                    last: place,
                });
            state.newest.push(Link { entry, previous });
            state.added = entry.position;
        }
    }

    /// The next entries that leave, up to `count`; none while fewer than `enough` have come since all others left.
    pub(super) fn slice(&self, count: usize, enough: usize) -> Option<Slice> {
        let mut state = self.state();
        if state.leaving.is_empty() {
            if state.newest.len() < enough {
                return None;
            }
            state.leave();
        }
        let end = state.leaving.len().min(state.left + count);
        Some(Slice {
            entries: state.leaving[state.left..end].to_vec(),
            completes: (end == state.leaving.len()).then_some(state.leaving_up_to),
        })
    }

    /// A slice is in the table.
    pub(super) fn left(&self, slice: &Slice) {
        let mut state = self.state();
        state.left += slice.entries.len();
        if slice.completes.is_some() {
            state.leaving = Vec::new();
            state.left = 0;
        }
    }

    /// Sequence number of an entity's last event, if it is here.
    pub(in super::super) fn last(&self, entity: i64) -> Option<u64> {
        self.state().last(entity)
    }

    /// An entity's entries behind a sequence number, oldest first, at most `limit` of them.
    pub(in super::super) fn of(&self, entity: i64, after: u64, limit: usize) -> Known {
        let state = self.state();
        let leaving = state.leaving_of(entity);
        let from = leaving.partition_point(|entry| entry.sequence <= after);
        let mut entries: Vec<Entry> = leaving[from..].iter().take(limit).copied().collect();
        let start = entries.len();
        // A chain that begins behind what is asked for need not be followed to its beginning.
        let wanted = after.saturating_add(limit as u64);
        if state
            .chains
            .get(&entity)
            .is_some_and(|chain| chain.first <= wanted)
        {
            let chain = state
                .chain(entity)
                .skip_while(|entry| entry.sequence > wanted);
            entries.extend(chain.take_while(|entry| entry.sequence > after));
            entries[start..].reverse();
        }
        Known {
            entries,
            added: state.added,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn leave(&mut self) {
        self.chains.clear();
        self.leaving = self.newest.drain(..).map(|link| link.entry).collect();
        self.leaving_up_to = self.added;
        self.leaving.sort_unstable();
    }

    fn last(&self, entity: i64) -> Option<u64> {
        let newest = self.chain(entity).next();
        let last = newest.or_else(|| self.leaving_of(entity).last().copied());
        last.map(|entry| entry.sequence)
    }

    /// Of the newest entries, those of an entity, from the last one backwards.
    fn chain(&self, entity: i64) -> impl Iterator<Item = Entry> {
        let mut next = self.chains.get(&entity).map(|chain| chain.last);
        std::iter::from_fn(move || {
            let link = self.newest.get(next? as usize)?;
            next = link.previous;
            Some(link.entry)
        })
    }

    fn leaving_of(&self, entity: i64) -> &[Entry] {
        let waiting = &self.leaving[self.left..];
        let start = waiting.partition_point(|entry| entry.entity < entity);
        let end = waiting.partition_point(|entry| entry.entity <= entity);
        &waiting[start..end]
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Recent};

    fn entries(positions: std::ops::RangeInclusive<u64>, entities: u64) -> Vec<Entry> {
        positions
            .map(|position| Entry {
                entity: (position % entities) as i64,
                sequence: position.div_ceil(entities),
                position,
            })
            .collect()
    }

    fn sequences(recent: &Recent, entity: i64, after: u64, limit: usize) -> Vec<u64> {
        let known = recent.of(entity, after, limit);
        known.entries.iter().map(|entry| entry.sequence).collect()
    }

    #[test]
    fn an_entry_is_found_until_it_has_left() {
        let recent = Recent::behind(0);
        recent.add(entries(1..=30, 3));
        assert!(recent.slice(100, 31).is_none());
        let first = recent.slice(12, 30).unwrap();
        // What comes meanwhile is behind what leaves.
        recent.add(entries(31..=36, 3));
        for entity in 0..3 {
            assert_eq!(
                sequences(&recent, entity, 0, 100),
                (1..=12).collect::<Vec<_>>()
            );
            assert_eq!(sequences(&recent, entity, 8, 3), [9, 10, 11]);
            assert_eq!(recent.last(entity), Some(12));
        }
        assert!(recent.of(7, 0, 100).entries.is_empty());
        assert_eq!((first.entries.len(), first.completes), (12, None));
        recent.left(&first);
        // The first entity has left, and two entries of the second.
        assert_eq!(sequences(&recent, 0, 0, 100), [11, 12]);
        assert_eq!(sequences(&recent, 1, 0, 100), (3..=12).collect::<Vec<_>>());

        let second = recent.slice(100, 30).unwrap();
        assert_eq!((second.entries.len(), second.completes), (18, Some(30)));
        recent.left(&second);
        assert_eq!(sequences(&recent, 1, 0, 100), [11, 12]);
        assert_eq!(recent.last(1), Some(12));
        assert!(recent.slice(100, 30).is_none());
        let third = recent.slice(100, 1).unwrap();
        assert_eq!((third.entries.len(), third.completes), (6, Some(36)));
        recent.left(&third);
        let known = recent.of(1, 0, 100);
        assert_eq!(
            (known.entries.len(), recent.last(1), known.added),
            (0, None, 36)
        );
        assert!(recent.slice(100, 1).is_none());
    }
}
