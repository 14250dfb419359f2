//! What every engine must do with changes that are stored together, and with logs that many write to.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{Subject, append, entity, payload, replay, values};
use crate::store::{EntityRef, Extend, Put, Store, StoreError, Write};

/// Changes of different entities are stored together; a conflict of one keeps all of them out.
pub async fn all_or_nothing(store: &dyn Store) {
    let (owner, value, log) = (entity("owner"), entity("value"), entity("log"));
    let writes = |after: u64, revision: u64, text: &str| {
        vec![
            Write::Append(append(&owner, after, &[text, text])),
            Write::Put(put(&value, revision, text)),
            extend(&log, &[text]),
        ]
    };
    assert_eq!(store.write(writes(0, 0, "a")).await, Ok(2));
    for (after, revision) in [(1, 1), (2, 0), (0, 0)] {
        let refused = store.write(writes(after, revision, "x")).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict { .. })),
            "{refused:?}"
        );
    }
    // The conflict of the last is the conflict of all, however much came before it.
    let refused = store.write(vec![
        extend(&log, &["x"]),
        extend(&entity("new"), &["x"]),
        Write::Put(put(&value, 7, "x")),
    ]);
    match refused.await {
        Err(StoreError::Conflict {
            entity,
            expected,
            actual,
        }) => assert_eq!((&entity, expected, actual), (value.key(), 7, 1)),
        other => panic!("a conflict, not {other:?}"),
    }
    assert_eq!(store.last_position().await, Ok(3));
    assert_eq!(store.write(writes(2, 1, "b")).await, Ok(4));
    assert_eq!(replay(store, &owner, 0, 10).await, ["a", "a", "b", "b"]);
    assert_eq!(replay(store, &log, 0, 10).await, ["a", "b"]);
    assert!(replay(store, &entity("new"), 0, 10).await.is_empty());
    let found = store.value(&value).await.unwrap();
    assert_eq!((found.revision, found.payload), (2, Some(payload("b"))));
    // What was refused left no trace in what the engine knows.
    assert_eq!(
        store.write(vec![extend(&entity("new"), &["n"])]).await,
        Ok(1)
    );
    assert_eq!(replay(store, &entity("new"), 0, 10).await, ["n"]);
    // Nor does it take with it what was queued before and has been stored, perhaps in the same transaction.
    let queued = (0..20).map(|round| {
        let kept = store.append(append(&owner, 4 + round, &["k"]));
        let lost = store.write(vec![
            extend(&owner, &["x"]),
            Write::Put(put(&value, 7, "x")),
        ]);
        async move { (kept.await, lost.await) }
    });
    for (round, (kept, lost)) in join_all(queued).await.into_iter().enumerate() {
        assert_eq!(kept, Ok(5 + round as u64));
        assert!(
            matches!(lost, Err(StoreError::Conflict { actual: 2, .. })),
            "{lost:?}"
        );
    }
    assert_eq!(replay(store, &owner, 4, 100).await, ["k"; 20]);
}

/// Those who write to a log at the same time do not meet; each one's own order is kept, and the log's is the journal's.
pub async fn logs(store: &Arc<dyn Store>) {
    let log = entity("log");
    let rounds = 40;
    let mut commits = Vec::new();
    for round in 0..rounds {
        for writer in 0..5 {
            let text = format!("{writer}:{round}");
            let own = append(&entity(&format!("writer-{writer}")), round, &[&text]);
            commits.push(store.write(vec![Write::Append(own), extend(&log, &[&text])]));
        }
    }
    for commit in join_all(commits).await {
        commit.unwrap();
    }
    let texts = replay(&**store, &log, 0, 7).await;
    assert_eq!(texts.len() as u64, rounds * 5);
    for writer in 0..5 {
        let prefix = format!("{writer}:");
        let own: Vec<_> = texts
            .iter()
            .filter(|text| text.starts_with(&prefix))
            .cloned()
            .collect();
        let expected: Vec<_> = (0..rounds)
            .map(|round| format!("{writer}:{round}"))
            .collect();
        assert_eq!(own, expected);
    }
    let mut grown = store.grown();
    let last = rounds * 5 * 2;
    assert!(grown.wait_for(|position| *position == last).await.is_ok());
}

/// A delta is stored with what belongs to it, or is not there; so is what takes the place of deltas.
pub async fn deltas(store: &dyn Store) {
    let (value, other) = (entity("value"), entity("other"));
    let fresh = || entity("value");
    let mut expected = values::stored(3, Some("a"));
    expected.deltas = vec![payload("b"), payload("c")];
    store.put(put(&value, 0, "a")).await.unwrap();
    store.put(values::put_delta(&value, 1, "b")).await.unwrap();
    store.put(values::put_delta(&value, 2, "c")).await.unwrap();
    for change in [values::put_delta(&value, 3, "x"), put(&value, 3, "x")] {
        let refused = vec![Write::Put(change), Write::Put(put(&other, 7, "x"))];
        let refused = store.write(refused).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })));
        assert_eq!(store.value(&fresh()).await.as_ref(), Ok(&expected));
    }
    let stored = vec![
        Write::Put(values::put_delta(&value, 3, "d")),
        Write::Put(put(&other, 0, "o")),
    ];
    assert_eq!(store.write(stored).await, Ok(4));
    expected.revision = 4;
    expected.deltas.push(payload("d"));
    assert_eq!(store.value(&fresh()).await, Ok(expected));
    assert_eq!(store.value(&other).await, Ok(values::stored(1, Some("o"))));
}

/// What was queued before closing is stored, together.
pub async fn closing(subject: Subject) {
    let (owner, log) = (entity("owner"), entity("log"));
    let store = (subject.reopen)();
    let queued: Vec<_> = (0..50)
        .map(|after| {
            store.write(vec![
                Write::Append(append(&owner, after, &["e"])),
                extend(&log, &["m"]),
            ])
        })
        .collect();
    store.close().await.unwrap();
    for commit in join_all(queued).await {
        commit.unwrap();
    }
    let refused = store.write(vec![extend(&log, &["x"])]).await;
    assert_eq!(refused, Err(StoreError::Closed));
    drop(store);
    if subject.durable {
        let store = (subject.reopen)();
        let (owner, log) = (entity("owner"), entity("log"));
        assert_eq!(replay(&*store, &owner, 0, 100).await.len(), 50);
        assert_eq!(replay(&*store, &log, 0, 100).await.len(), 50);
        assert_eq!(store.write(vec![extend(&log, &["again"])]).await, Ok(51));
        store.close().await.unwrap();
    }
}

fn extend(entity: &Arc<EntityRef>, texts: &[&str]) -> Write {
    Write::Extend(Extend {
        entity: Arc::clone(entity),
        events: texts.iter().map(|text| payload(text)).collect(),
    })
}

fn put(entity: &Arc<EntityRef>, after: u64, text: &str) -> Put {
    values::put(entity, after, Some(text))
}
