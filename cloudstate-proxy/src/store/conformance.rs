//! What every engine must do, as code: for this crate's engines, and for anybody's own.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use cloudstate_proxy::store::{MemoryStore, Store, conformance};
//! # async fn my_engine_conforms() {
//! conformance::check(|| {
//!     let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
//!     conformance::Subject { reopen: Box::new(move || Arc::clone(&store)), durable: false }
//! })
//! .await;
//! # }
//! ```

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: a failure is to panic where it happens"
)]

pub mod snapshots;
pub mod together;
pub mod values;

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::Any;
use futures_util::future::join_all;

use super::{Append, EntityKey, EntityRef, Store, StoreError, StoredEvent};

/// A store under test that holds nothing yet.
#[expect(
    missing_debug_implementations,
    reason = "it holds a closure, and is only ever consumed"
)]
pub struct Subject {
    /// Opens it: the first time, and again after it was closed.
    pub reopen: Box<dyn Fn() -> Arc<dyn Store> + Send + Sync>,
    /// Whether what was stored is there after it was closed.
    pub durable: bool,
}

/// Runs every case, each on a store of its own.
///
/// # Panics
/// The engine does not do what a case says.
pub async fn check(fresh: impl Fn() -> Subject) {
    expected_sequence(&*(fresh().reopen)()).await;
    conflicts(&*(fresh().reopen)()).await;
    pages(&*(fresh().reopen)()).await;
    global_order(&*(fresh().reopen)()).await;
    snapshots::newest(&*(fresh().reopen)()).await;
    concurrent_writers(&(fresh().reopen)()).await;
    pipelined_appends(&*(fresh().reopen)()).await;
    payloads(&*(fresh().reopen)()).await;
    snapshots::equal_replay(&*(fresh().reopen)()).await;
    values::revisions(&*(fresh().reopen)()).await;
    values::conflicts(&*(fresh().reopen)()).await;
    values::deltas(&*(fresh().reopen)()).await;
    values::deltas_of_nothing(&*(fresh().reopen)()).await;
    values::beside_events(&*(fresh().reopen)()).await;
    values::concurrent_writers(&(fresh().reopen)()).await;
    values::pipelined_changes(&*(fresh().reopen)()).await;
    values::payloads(&*(fresh().reopen)()).await;
    together::all_or_nothing(&*(fresh().reopen)()).await;
    together::deltas(&*(fresh().reopen)()).await;
    together::logs(&(fresh().reopen)()).await;
    values::listed(&*(fresh().reopen)()).await;
    closing(fresh()).await;
    together::closing(fresh()).await;
    values::closing(fresh()).await;
    values::deltas_after_closing(fresh()).await;
}

/// Events get the sequence numbers behind the one that the writer knows.
pub async fn expected_sequence(store: &dyn Store) {
    let entity = entity("sequence");
    assert_eq!(store.last_position().await.unwrap(), 0);
    assert_eq!(store.events(&entity, 0, 10).await.unwrap(), []);
    assert_eq!(
        store.append(append(&entity, 0, &["a", "b"])).await.unwrap(),
        2
    );
    assert_eq!(store.append(append(&entity, 2, &["c"])).await.unwrap(), 3);
    assert_eq!(store.append(append(&entity, 3, &[])).await.unwrap(), 3);
    let expected = [(1, "a"), (2, "b"), (3, "c")].map(|(sequence, text)| event(sequence, text));
    assert_eq!(store.events(&entity, 0, 10).await.unwrap(), expected);
    // Somebody who comes anew finds the same.
    assert_eq!(
        store
            .events(&self::entity("sequence"), 0, 10)
            .await
            .unwrap(),
        expected
    );
    assert_eq!(
        store.events(&self::entity("other"), 0, 10).await.unwrap(),
        []
    );
}

/// A writer who has seen something else is refused, and nothing of the append is stored.
pub async fn conflicts(store: &dyn Store) {
    let entity = entity("conflict");
    store.append(append(&entity, 0, &["a"])).await.unwrap();
    for expected in [0, 2, 7] {
        let mut refused = append(&entity, expected, &["x", "y"]);
        refused.snapshot = Some(payload("x"));
        match store.append(refused).await {
            Err(StoreError::Conflict {
                entity: key,
                expected: said,
                actual,
            }) => {
                assert_eq!((&key, said, actual), (entity.key(), expected, 1));
            }
            other => panic!("a conflict, not {other:?}"),
        }
    }
    assert_eq!(store.events(&entity, 0, 10).await.unwrap(), [event(1, "a")]);
    assert_eq!(store.latest_snapshot(&entity).await.unwrap(), None);
    assert_eq!(store.last_position().await.unwrap(), 1);
}

/// Reading goes on behind any event, in pages of any size.
pub async fn pages(store: &dyn Store) {
    let entity = entity("pages");
    let texts: Vec<String> = (1..=250).map(|number| number.to_string()).collect();
    let events: Vec<&str> = texts.iter().map(String::as_str).collect();
    store.append(append(&entity, 0, &events)).await.unwrap();
    for limit in [1, 7, 100, 250, 1000] {
        assert_eq!(replay(store, &entity, 0, limit).await, texts);
    }
    assert_eq!(replay(store, &entity, 248, 10).await, ["249", "250"]);
    assert_eq!(store.events(&entity, 250, 10).await.unwrap(), []);
    assert_eq!(
        store.events(&entity, 99, 1).await.unwrap(),
        [event(100, "100")]
    );
}

/// All events have one order, without gaps, in which each entity's own order is kept.
pub async fn global_order(store: &dyn Store) {
    let entities: Vec<_> = (0..5)
        .map(|number| entity(&format!("order-{number}")))
        .collect();
    for round in 0..20 {
        for entity in &entities {
            store.append(append(entity, round, &["e"])).await.unwrap();
        }
    }
    let mut after = 0;
    let mut sequences: HashMap<ByteString, u64> = HashMap::new();
    loop {
        let page = store.journal(after, 7).await.unwrap();
        if page.is_empty() {
            break;
        }
        for entry in page {
            after += 1;
            assert_eq!(entry.position, after);
            let sequence = sequences.entry(entry.entity.entity_id).or_default();
            *sequence += 1;
            assert_eq!(entry.sequence, *sequence);
            assert_eq!(entry.payload, payload("e"));
        }
    }
    assert_eq!((after, sequences.len()), (100, 5));
    assert_eq!(store.last_position().await.unwrap(), 100);
    // Whoever follows the journal hears of it, before and after.
    let mut grown = store.grown();
    assert_eq!(
        *grown.wait_for(|position| *position >= 100).await.unwrap(),
        100
    );
    store
        .append(append(&entities[0], 20, &["e"]))
        .await
        .unwrap();
    assert_eq!(
        *grown.wait_for(|position| *position > 100).await.unwrap(),
        101
    );
}

/// Of writers who have seen the same, one succeeds; writers of different entities do not meet.
pub async fn concurrent_writers(store: &Arc<dyn Store>) {
    let shared = entity("contended");
    let rounds = 20;
    for round in 0..rounds {
        let attempts = (0..8).map(|writer| {
            let own = store.append(append(
                &entity(&format!("writer-{writer}")),
                round,
                &["own"],
            ));
            let contended = store.append(append(&shared, round, &[&writer.to_string()]));
            async move { (own.await, contended.await) }
        });
        let results = join_all(attempts).await;
        assert!(
            results.iter().all(|(own, _)| *own == Ok(round + 1)),
            "{results:?}"
        );
        let winners = results
            .iter()
            .filter(|(_, contended)| contended.is_ok())
            .count();
        assert_eq!(winners, 1, "{results:?}");
    }
    assert_eq!(replay(&**store, &shared, 0, 100).await.len() as u64, rounds);
    assert_eq!(store.last_position().await.unwrap(), rounds * 9);
}

/// A writer need not wait for one commit before it appends the next.
pub async fn pipelined_appends(store: &dyn Store) {
    let entity = entity("pipeline");
    let commits: Vec<_> = (0..500)
        .map(|after| store.append(append(&entity, after, &["e"])))
        .collect();
    for (index, commit) in commits.into_iter().enumerate() {
        assert_eq!(commit.await, Ok(index as u64 + 1));
    }
    // What follows a refused append is refused as well.
    let refused = store.append(append(&entity, 9, &["x"]));
    let next = store.append(append(&entity, 10, &["y"]));
    assert!(matches!(refused.await, Err(StoreError::Conflict { .. })));
    assert!(matches!(next.await, Err(StoreError::Conflict { .. })));
    assert_eq!(replay(store, &entity, 0, 1000).await.len(), 500);
}

/// Bytes come back as they went in, whatever they are.
pub async fn payloads(store: &dyn Store) {
    let key = EntityKey {
        persistence_id: "p|q".into(),
        entity_id: "ключ 'x' \"y\" | ; --".into(),
    };
    let entity = Arc::new(EntityRef::new(key.clone()));
    let events = vec![
        Any {
            type_url: ByteString::new(),
            value: Bytes::new(),
        },
        Any {
            type_url: "json.cloudstate.io/Ü".into(),
            value: Bytes::from_static(&[0, 255, 0, 10, 13]),
        },
        Any {
            type_url: "big".into(),
            value: vec![7; 3 << 20].into(),
        },
        Any {
            type_url: "big".into(),
            value: vec![8; 3 << 20].into(),
        },
        Any {
            type_url: "big".into(),
            value: vec![9; 3 << 20].into(),
        },
    ];
    let append = Append {
        entity: Arc::clone(&entity),
        after: 0,
        events: events.clone(),
        snapshot: None,
    };
    store.append(append).await.unwrap();
    // A page is bounded in bytes as well, whatever its limit.
    let first = store.events(&entity, 0, 100).await.unwrap();
    assert!((1..events.len()).contains(&first.len()));
    let first = store.journal(0, 100).await.unwrap();
    assert!((1..events.len()).contains(&first.len()));
    let mut found = Vec::new();
    while let page = store
        .events(&entity, found.len() as u64, 100)
        .await
        .unwrap()
        && !page.is_empty()
    {
        found.extend(page.into_iter().map(|event| event.payload));
    }
    assert_eq!(found, events);
    let entry = store.journal(0, 1).await.unwrap().remove(0);
    assert_eq!(entry.entity, key);
}

/// What was queued before closing is stored; what comes after is refused; a durable store keeps everything.
pub async fn closing(subject: Subject) {
    let entity = entity("closing");
    let store = (subject.reopen)();
    let queued: Vec<_> = (0..50)
        .map(|after| store.append(append(&entity, after, &["e"])))
        .collect();
    store.close().await.unwrap();
    for commit in join_all(queued).await {
        commit.unwrap();
    }
    assert_eq!(
        store.append(append(&entity, 50, &["x"])).await,
        Err(StoreError::Closed)
    );
    assert_eq!(store.events(&entity, 0, 10).await, Err(StoreError::Closed));
    assert_eq!(
        store.latest_snapshot(&entity).await,
        Err(StoreError::Closed)
    );
    assert_eq!(store.journal(0, 10).await, Err(StoreError::Closed));
    assert_eq!(store.last_position().await, Err(StoreError::Closed));
    store.close().await.unwrap();
    drop(store);
    if subject.durable {
        for round in 0..3 {
            let store = (subject.reopen)();
            assert_eq!(store.last_position().await.unwrap(), 50 + round);
            let entity = self::entity("closing");
            store
                .append(append(&entity, 50 + round, &["again"]))
                .await
                .unwrap();
            assert_eq!(
                replay(&*store, &entity, 0, 20).await.len() as u64,
                51 + round
            );
            store.close().await.unwrap();
        }
    }
}

fn entity(id: &str) -> Arc<EntityRef> {
    let key = EntityKey {
        persistence_id: "conformance".into(),
        entity_id: id.into(),
    };
    Arc::new(EntityRef::new(key))
}

fn payload(text: &str) -> Any {
    Any {
        type_url: "type.googleapis.com/test.Text".into(),
        value: text.to_owned().into(),
    }
}

fn event(sequence: u64, text: &str) -> StoredEvent {
    StoredEvent {
        sequence,
        payload: payload(text),
    }
}

fn append(entity: &Arc<EntityRef>, after: u64, events: &[&str]) -> Append {
    Append {
        entity: Arc::clone(entity),
        after,
        events: events.iter().map(|text| payload(text)).collect(),
        snapshot: None,
    }
}

/// The texts of all events behind `after`, read in pages.
async fn replay(
    store: &dyn Store,
    entity: &Arc<EntityRef>,
    mut after: u64,
    limit: usize,
) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let page = store.events(entity, after, limit).await.unwrap();
        if page.is_empty() {
            return texts;
        }
        assert!(page.len() <= limit);
        for event in page {
            after += 1;
            assert_eq!(event.sequence, after);
            texts.push(String::from_utf8(event.payload.value.to_vec()).unwrap());
        }
    }
}
