//! What every engine must do with values.

use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use cloudstate_protocol::Any;
use futures_util::future::join_all;

use super::{Subject, append, entity, event, payload};
use crate::store::{Change, EntityKey, EntityRef, Put, Store, StoreError, StoredValue};

/// The last change is what is read, and each change is a revision, deleting included.
pub async fn revisions(store: &dyn Store) {
    let entity = entity("revisions");
    assert_eq!(store.value(&entity).await, Ok(StoredValue::default()));
    for (after, value) in [Some("a"), Some("b"), None, Some("c"), None, None]
        .into_iter()
        .enumerate()
    {
        let after = after as u64;
        assert_eq!(store.put(put(&entity, after, value)).await, Ok(after + 1));
        let expected = Ok(stored(after + 1, value));
        assert_eq!(store.value(&entity).await, expected);
        // Somebody who comes anew finds the same.
        assert_eq!(store.value(&self::entity("revisions")).await, expected);
    }
    let other = store.value(&self::entity("other")).await;
    assert_eq!(other, Ok(StoredValue::default()));
}

/// Deltas are revisions too. They are read with the value that they follow, in order, and go with it.
pub async fn deltas(store: &dyn Store) {
    let entity = entity("deltas");
    let fresh = || self::entity("deltas");
    store.put(put(&entity, 0, Some("a"))).await.unwrap();
    for whole in [1_u64, 7, 13] {
        let mut expected = store.value(&fresh()).await.unwrap();
        assert_eq!((expected.revision, expected.deltas.len()), (whole, 0));
        // The writer need not wait.
        let texts: Vec<String> = (0..5).map(|number| format!("{whole}+{number}")).collect();
        let commits: Vec<_> = (whole..)
            .zip(&texts)
            .map(|(after, text)| store.put(put_delta(&entity, after, text)))
            .collect();
        for (commit, text) in commits.into_iter().zip(&texts) {
            expected.revision += 1;
            expected.deltas.push(payload(text));
            assert_eq!(commit.await, Ok(expected.revision));
        }
        assert_eq!(store.value(&entity).await, Ok(expected.clone()));
        assert_eq!(store.value(&fresh()).await, Ok(expected.clone()));
        let listed = store.values(&"conformance".into(), "", 10).await.unwrap();
        let [listed] = &listed[..] else {
            panic!("one value, not {listed:?}")
        };
        assert_eq!(listed.revision, expected.revision);
        assert_eq!(Some(&listed.payload), expected.payload.as_ref());
        assert_eq!(listed.deltas, expected.deltas);
        let after = expected.revision;
        for wrong in [0, whole, after - 1, after + 1] {
            let refused = store.put(put_delta(&entity, wrong, "x")).await;
            let conflict = StoreError::Conflict {
                entity: entity.key().clone(),
                expected: wrong,
                actual: after,
            };
            assert_eq!(refused, Err(conflict));
        }
        store.put(put(&fresh(), after, Some("b"))).await.unwrap();
        assert_eq!(store.value(&entity).await, Ok(stored(after + 1, Some("b"))));
    }
    store.put(put_delta(&entity, 19, "last")).await.unwrap();
    store.put(put(&entity, 20, None)).await.unwrap();
    assert_eq!(store.value(&fresh()).await, Ok(stored(21, None)));
}

/// Where there is no value, there is nothing that a delta could change.
pub async fn deltas_of_nothing(store: &dyn Store) {
    let entity = entity("nothing");
    let fresh = || self::entity("nothing");
    let refused = Err(StoreError::NoValue {
        entity: entity.key().clone(),
    });
    assert_eq!(store.put(put_delta(&entity, 0, "x")).await, refused);
    assert_eq!(store.value(&fresh()).await, Ok(StoredValue::default()));
    store.put(put(&entity, 0, Some("a"))).await.unwrap();
    store.put(put(&entity, 1, None)).await.unwrap();
    for entity in [&entity, &fresh()] {
        assert_eq!(store.put(put_delta(entity, 2, "x")).await, refused);
    }
    assert_eq!(store.value(&fresh()).await, Ok(stored(2, None)));
    // It goes on from where it was.
    store.put(put(&entity, 2, Some("b"))).await.unwrap();
    assert_eq!(store.put(put_delta(&entity, 3, "c")).await, Ok(4));
}

/// A writer who knows another revision is refused, also where the value was deleted meanwhile.
pub async fn conflicts(store: &dyn Store) {
    let entity = entity("conflict");
    let refused = store.put(put(&entity, 1, Some("x"))).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    store.put(put(&entity, 0, Some("a"))).await.unwrap();
    for value in [Some("a"), None] {
        let revision = store.value(&entity).await.unwrap().revision;
        for expected in [0, revision + 1, revision + 7] {
            match store.put(put(&entity, expected, Some("x"))).await {
                Err(StoreError::Conflict {
                    entity: key,
                    expected: said,
                    actual,
                }) => assert_eq!((&key, said, actual), (entity.key(), expected, revision)),
                other => panic!("a conflict, not {other:?}"),
            }
        }
        assert_eq!(
            store.value(&entity).await.unwrap().payload,
            Some(payload("a"))
        );
        if value.is_none() {
            store.put(put(&entity, revision, None)).await.unwrap();
            let refused = store.put(put(&entity, revision, Some("x"))).await;
            assert!(matches!(refused, Err(StoreError::Conflict { .. })));
        }
    }
}

/// The values of one persistence id can be listed, page by page, in the order of their ids.
pub async fn listed(store: &dyn Store) {
    let ids = ["a", "a|b", "b", "ab", "Z", "é"];
    for id in ids {
        store.put(put(&entity(id), 0, Some(id))).await.unwrap();
    }
    let deleted = entity("aa");
    store.put(put(&deleted, 0, Some("x"))).await.unwrap();
    store.put(put(&deleted, 1, None)).await.unwrap();
    store
        .append(append(&entity("ac"), 0, &["e"]))
        .await
        .unwrap();
    let elsewhere = Arc::new(EntityRef::new(EntityKey {
        persistence_id: "conformance-not".into(),
        entity_id: "ad".into(),
    }));
    store.put(put(&elsewhere, 0, Some("x"))).await.unwrap();
    let persistence_id: Arc<str> = "conformance".into();
    for limit in [1, 2, 100] {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = store.values(&persistence_id, &after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = last.entity.entity_id.to_string();
            for value in page {
                assert_eq!(
                    (&*value.entity.persistence_id, value.revision),
                    ("conformance", 1)
                );
                assert_eq!(value.payload, payload(&value.entity.entity_id));
                found.push(value.entity.entity_id.to_string());
            }
        }
        let mut expected = ids;
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}

/// Values and events of one id know nothing of each other.
pub async fn beside_events(store: &dyn Store) {
    let (value_first, event_first) = (entity("value-first"), entity("event-first"));
    store.put(put(&value_first, 0, Some("v"))).await.unwrap();
    let fresh = entity("value-first");
    assert_eq!(store.events(&fresh, 0, 10).await, Ok(vec![]));
    assert_eq!(store.latest_snapshot(&fresh).await, Ok(None));
    assert_eq!(store.last_position().await, Ok(0));
    store.append(append(&value_first, 0, &["e"])).await.unwrap();
    store.append(append(&event_first, 0, &["e"])).await.unwrap();
    let fresh = entity("event-first");
    assert_eq!(store.value(&fresh).await, Ok(StoredValue::default()));
    store.put(put(&event_first, 0, Some("v"))).await.unwrap();
    for id in ["value-first", "event-first"] {
        let entity = entity(id);
        assert_eq!(store.value(&entity).await, Ok(stored(1, Some("v"))));
        let events = store.events(&entity, 0, 10).await;
        assert_eq!(events, Ok(vec![event(1, "e")]));
    }
    assert_eq!(store.last_position().await, Ok(2));
}

/// Of writers who know the same revision, one succeeds; writers of different entities do not meet, whatever they write.
pub async fn concurrent_writers(store: &Arc<dyn Store>) {
    let shared = entity("contended");
    for round in 0..20 {
        let attempts = (0..8).map(|writer| {
            let text = writer.to_string();
            let own = entity(&format!("writer-{writer}"));
            let own_value = store.put(put(&own, round, Some(&text)));
            let own_event = store.append(append(&own, round, &[&text]));
            let contended = store.put(put(&shared, round, Some(&text)));
            async move {
                assert_eq!(own_value.await, Ok(round + 1));
                assert_eq!(own_event.await, Ok(round + 1));
                contended.await.is_ok()
            }
        });
        let won = join_all(attempts).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        let winner = won
            .iter()
            .position(|won| *won)
            .unwrap_or_default()
            .to_string();
        let value = store.value(&shared).await;
        assert_eq!(value, Ok(stored(round + 1, Some(&winner))));
    }
}

/// A writer need not wait for one change before the next.
pub async fn pipelined_changes(store: &dyn Store) {
    let entity = entity("pipeline");
    let texts: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let commits: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(after, text)| store.put(put(&entity, after as u64, Some(text))))
        .collect();
    for (index, commit) in commits.into_iter().enumerate() {
        assert_eq!(commit.await, Ok(index as u64 + 1));
    }
    // What follows a refused change is refused as well.
    let refused = store.put(put(&entity, 9, Some("x")));
    let next = store.put(put(&entity, 10, None));
    assert!(matches!(refused.await, Err(StoreError::Conflict { .. })));
    assert!(matches!(next.await, Err(StoreError::Conflict { .. })));
    assert_eq!(store.value(&entity).await, Ok(stored(500, Some("499"))));
}

/// Bytes come back as they went in, whatever they are; an empty value is a value.
pub async fn payloads(store: &dyn Store) {
    let entity = entity("payloads");
    let values = [
        (ByteString::new(), Bytes::new()),
        (
            "json.cloudstate.io/Ü".into(),
            Bytes::from_static(&[0, 255, 0, 10, 13]),
        ),
        ("big".into(), vec![7; 9 << 20].into()),
    ];
    for (after, (type_url, value)) in values.into_iter().enumerate() {
        let value = Any { type_url, value };
        let change = Put {
            change: Change::Whole(value.clone()),
            ..put(&entity, after as u64, None)
        };
        store.put(change).await.unwrap();
        let found = store.value(&self::entity("payloads")).await.unwrap();
        assert_eq!(found.payload, Some(value));
    }
}

/// What was queued before closing is stored; what comes after is refused; a durable store keeps everything.
pub async fn closing(subject: Subject) {
    let entity = entity("closing");
    let store = (subject.reopen)();
    let queued: Vec<_> = (0..50)
        .map(|after| store.put(put(&entity, after, Some("v"))))
        .collect();
    store.close().await.unwrap();
    for commit in join_all(queued).await {
        commit.unwrap();
    }
    let refused = store.put(put(&entity, 50, None)).await;
    assert_eq!(refused, Err(StoreError::Closed));
    assert_eq!(store.value(&entity).await, Err(StoreError::Closed));
    drop(store);
    if subject.durable {
        for (revision, value) in [(50, None), (51, Some("again")), (52, None)] {
            let store = (subject.reopen)();
            let entity = self::entity("closing");
            assert_eq!(store.value(&entity).await.unwrap().revision, revision);
            let change = put(&entity, revision, value);
            assert_eq!(store.put(change).await, Ok(revision + 1));
            store.close().await.unwrap();
        }
        let store = (subject.reopen)();
        let found = store.value(&self::entity("closing")).await;
        assert_eq!(found, Ok(stored(53, None)));
        store.close().await.unwrap();
    }
}

/// Deltas outlive the process like the value that they change, and go with it.
pub async fn deltas_after_closing(subject: Subject) {
    let store = (subject.reopen)();
    let entity = || entity("kept");
    store.put(put(&entity(), 0, Some("a"))).await.unwrap();
    let queued: Vec<_> = (1..50)
        .map(|after| store.put(put_delta(&entity(), after, &after.to_string())))
        .collect();
    store.close().await.unwrap();
    for commit in join_all(queued).await {
        commit.unwrap();
    }
    drop(store);
    if !subject.durable {
        return;
    }
    let mut expected = stored(50, Some("a"));
    expected.deltas = (1..50).map(|number| payload(&number.to_string())).collect();
    for revision in 51..54 {
        let store = (subject.reopen)();
        assert_eq!(store.value(&entity()).await.as_ref(), Ok(&expected));
        let delta = put_delta(&entity(), expected.revision, "more");
        assert_eq!(store.put(delta).await, Ok(revision));
        expected.revision = revision;
        expected.deltas.push(payload("more"));
        store.close().await.unwrap();
    }
    let store = (subject.reopen)();
    store.put(put(&entity(), 53, Some("b"))).await.unwrap();
    store.close().await.unwrap();
    let store = (subject.reopen)();
    assert_eq!(store.value(&entity()).await, Ok(stored(54, Some("b"))));
    store.close().await.unwrap();
}

pub(super) fn put(entity: &Arc<EntityRef>, after: u64, value: Option<&str>) -> Put {
    Put {
        entity: Arc::clone(entity),
        after,
        change: value.map_or(Change::Delete, |value| Change::Whole(payload(value))),
    }
}

pub(super) fn put_delta(entity: &Arc<EntityRef>, after: u64, delta: &str) -> Put {
    Put {
        entity: Arc::clone(entity),
        after,
        change: Change::Delta(payload(delta)),
    }
}

pub(super) fn stored(revision: u64, value: Option<&str>) -> StoredValue {
    StoredValue {
        revision,
        payload: value.map(payload),
        deltas: Vec::new(),
    }
}
