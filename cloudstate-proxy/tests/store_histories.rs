//! Random histories, on each engine and on the plainest model of one: after every step they are the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, future::Future, path::Path, sync::Arc};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{
    Append, Change, EntityKey, EntityRef, MemoryStore, Put, SqliteStore, Store, StoreError,
    StoredSnapshot, StoredValue,
};
use proptest::prelude::*;

/// Something that happens to a store.
#[derive(Clone, Debug)]
enum Step {
    /// Appends of one entity, all queued before the first is awaited.
    Append {
        entity: u8,
        appends: Vec<(usize, bool)>,
    },
    /// Changes of one entity's value, all queued before the first is awaited.
    Put { entity: u8, changes: Vec<Deed> },
    /// An append by a writer who is wrong by so many events.
    Conflict { entity: u8, wrong: u64 },
    /// The store is closed and opened again.
    Reopen,
}

/// What becomes of a value. A delta of nothing is a whole one.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Whole,
    Delta,
    Delete,
}

fn step() -> impl Strategy<Value = Step> {
    let appends = prop::collection::vec((0_usize..5, any::<bool>()), 1..5);
    let deed = prop_oneof![2 => Just(Deed::Whole), 4 => Just(Deed::Delta), 1 => Just(Deed::Delete)];
    let changes = prop::collection::vec(deed, 1..5);
    prop_oneof![
        4 => (0_u8..4, changes).prop_map(|(entity, changes)| Step::Put { entity, changes }),
        8 => (0_u8..4, appends).prop_map(|(entity, appends)| Step::Append { entity, appends }),
        1 => (0_u8..4, 1_u64..9).prop_map(|(entity, wrong)| Step::Conflict { entity, wrong }),
        1 => Just(Step::Reopen),
    ]
}

/// What the store has to hold. The state of an entity is the concatenation of its events.
#[derive(Default)]
struct Model {
    journal: Vec<(u8, u64, Any)>,
    entities: BTreeMap<u8, (Vec<Any>, Option<StoredSnapshot>)>,
    values: BTreeMap<u8, StoredValue>,
    written: usize,
}

impl Model {
    fn append(&mut self, entity: u8, count: usize, snapshot: bool) -> Append {
        let (events, latest) = self.entities.entry(entity).or_default();
        let after = events.len() as u64;
        let new: Vec<Any> = (self.written..self.written + count)
            .map(|number| Any {
                type_url: format!("test/{}", number % 3).into(),
                value: format!("{number},").into(),
            })
            .collect();
        self.written += count;
        for event in &new {
            events.push(event.clone());
            let sequence = events.len() as u64;
            self.journal.push((entity, sequence, event.clone()));
        }
        let snapshot = snapshot.then(|| state(Vec::new(), events.iter()));
        if count > 0
            && let Some(payload) = &snapshot
        {
            *latest = Some(StoredSnapshot {
                sequence: events.len() as u64,
                payload: payload.clone(),
            });
        }
        Append {
            entity: reference(entity),
            after,
            events: new,
            snapshot,
        }
    }

    fn put(&mut self, entity: u8, deed: Deed) -> Put {
        let value = self.values.entry(entity).or_default();
        let after = value.revision;
        self.written += 1;
        value.revision += 1;
        let payload = Any {
            type_url: format!("test/{}", self.written % 3).into(),
            value: format!("value {}", self.written).into(),
        };
        let change = match deed {
            Deed::Delta if value.payload.is_some() => {
                value.deltas.push(payload.clone());
                Change::Delta(payload)
            }
            Deed::Whole | Deed::Delta => {
                (value.payload, value.deltas) = (Some(payload.clone()), Vec::new());
                Change::Whole(payload)
            }
            Deed::Delete => {
                (value.payload, value.deltas) = (None, Vec::new());
                Change::Delete
            }
        };
        Put {
            entity: reference(entity),
            after,
            change,
        }
    }

    async fn check(&self, store: &dyn Store, page: usize) {
        assert_eq!(store.last_position().await, Ok(self.journal.len() as u64));
        let mut journal = Vec::new();
        while let entries = store.journal(journal.len() as u64, page).await.unwrap()
            && !entries.is_empty()
        {
            for entry in entries {
                let entity = entry.entity.entity_id.parse().unwrap();
                journal.push((entity, entry.sequence, entry.payload));
                assert_eq!(entry.position, journal.len() as u64);
            }
        }
        assert_eq!(journal, self.journal);
        for (&entity, value) in &self.values {
            let found = store.value(&reference(entity)).await.unwrap();
            assert_eq!(&found, value);
        }
        for (&entity, (events, latest)) in &self.entities {
            let all = read(store, entity, 0, page).await;
            assert_eq!(&all, events);
            let snapshot = store.latest_snapshot(&reference(entity)).await.unwrap();
            assert_eq!(&snapshot, latest);
            // The reason why snapshots may be used at all.
            let (start, after) = snapshot.map_or_else(Default::default, |snapshot| {
                (snapshot.payload.value.to_vec(), snapshot.sequence)
            });
            let later = read(store, entity, after, page).await;
            assert_eq!(state(start, later.iter()), state(Vec::new(), all.iter()));
        }
    }
}

async fn read(store: &dyn Store, entity: u8, mut after: u64, page: usize) -> Vec<Any> {
    let entity = reference(entity);
    let mut events = Vec::new();
    while let found = store.events(&entity, after, page).await.unwrap()
        && !found.is_empty()
    {
        for event in found {
            after += 1;
            assert_eq!(event.sequence, after);
            events.push(event.payload);
        }
    }
    events
}

fn state<'a>(mut start: Vec<u8>, events: impl Iterator<Item = &'a Any>) -> Any {
    for event in events {
        start.extend_from_slice(&event.value);
    }
    Any {
        type_url: "test/state".into(),
        value: start.into(),
    }
}

fn reference(entity: u8) -> Arc<EntityRef> {
    Arc::new(EntityRef::new(EntityKey {
        persistence_id: "history".into(),
        entity_id: entity.to_string().into(),
    }))
}

async fn run(steps: Vec<Step>, page: usize, open: impl Fn() -> Arc<dyn Store>) {
    let mut store = open();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Append { entity, appends } => {
                let commits: Vec<_> = appends
                    .into_iter()
                    .map(|(count, snapshot)| {
                        let append = model.append(entity, count, snapshot);
                        let last = append.after + append.events.len() as u64;
                        (store.append(append), last)
                    })
                    .collect();
                for (commit, last) in commits {
                    assert_eq!(commit.await, Ok(last));
                }
            }
            Step::Put { entity, changes } => {
                let commits: Vec<_> = changes
                    .into_iter()
                    .map(|deed| {
                        let put = model.put(entity, deed);
                        let revision = put.after + 1;
                        (store.put(put), revision)
                    })
                    .collect();
                for (commit, revision) in commits {
                    assert_eq!(commit.await, Ok(revision));
                }
            }
            Step::Conflict { entity, wrong } => {
                let actual = model
                    .entities
                    .get(&entity)
                    .map_or(0, |(events, _)| events.len());
                let append = Append {
                    entity: reference(entity),
                    after: actual as u64 + wrong,
                    events: vec![Any::default()],
                    snapshot: Some(Any::default()),
                };
                let refused = store.append(append).await;
                assert!(matches!(refused, Err(StoreError::Conflict { .. })));
                let revision = model.values.get(&entity).map_or(0, |value| value.revision);
                let put = Put {
                    entity: reference(entity),
                    after: revision + wrong,
                    change: Change::Whole(Any::default()),
                };
                let refused = store.put(put).await;
                assert!(matches!(refused, Err(StoreError::Conflict { .. })));
            }
            Step::Reopen => {
                store.close().await.unwrap();
                store = open();
            }
        }
        model.check(&*store, page).await;
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future);
}

fn sqlite(directory: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(directory).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_keeps_any_history(steps in prop::collection::vec(step(), 1..25), page in 1_usize..9) {
        let directory = tempfile::tempdir().unwrap();
        block_on(run(steps, page, || sqlite(directory.path())));
    }

    #[test]
    fn memory_keeps_any_history(steps in prop::collection::vec(step(), 1..25), page in 1_usize..9) {
        // Closing it is the end of it.
        let steps = steps.into_iter().filter(|step| !matches!(step, Step::Reopen)).collect();
        block_on(run(steps, page, || Arc::new(MemoryStore::new())));
    }
}
