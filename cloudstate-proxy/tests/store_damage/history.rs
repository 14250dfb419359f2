//! What the tests store: appends whose number, size and snapshot are told by their contents.

use std::{collections::BTreeMap, sync::Arc};

use cloudstate_protocol::Any;
use cloudstate_proxy::store::{
    Append, Commit, EntityKey, EntityRef, SqliteStore, Store, StoreError,
};

/// Each append of an entity has one to three events, and each third one a snapshot.
pub(crate) fn append(entity: usize, number: u64) -> Append {
    let events = 1 + number % 3;
    Append {
        entity: reference(entity),
        after: last_sequence(number - 1),
        events: (1..=events)
            .map(|event| payload(&text(entity, number, event)))
            .collect(),
        snapshot: (number.is_multiple_of(3)).then(|| payload(&snapshot(entity, number))),
    }
}

/// The entity's last sequence number after that many appends.
pub(crate) fn last_sequence(appends: u64) -> u64 {
    (1..=appends).map(|number| 1 + number % 3).sum()
}

pub(crate) fn reference(entity: usize) -> Arc<EntityRef> {
    Arc::new(EntityRef::new(EntityKey {
        persistence_id: "history".into(),
        entity_id: format!("entity-{entity}").into(),
    }))
}

/// Long enough that pages fill.
pub(crate) fn text(entity: usize, append: u64, event: u64) -> String {
    format!(
        "event {event} of append {append} of entity {entity}. {:.>80}",
        ""
    )
}

pub(crate) fn snapshot(entity: usize, append: u64) -> String {
    format!("state after append {append} of entity {entity}")
}

pub(crate) const TYPE: &str = "type.googleapis.com/history.Text";

fn payload(text: &str) -> Any {
    Any {
        type_url: TYPE.into(),
        value: text.to_owned().into(),
    }
}

/// Stores the appends `numbers` of each of three entities, one after the other; gives the last position.
pub(crate) async fn write(store: &SqliteStore, numbers: std::ops::RangeInclusive<u64>) -> u64 {
    for number in numbers {
        for entity in 0..3 {
            store.append(append(entity, number)).await.unwrap();
        }
    }
    store.last_position().await.unwrap()
}

/// Stores the appends `numbers` of an entity, without waiting for each.
pub(crate) async fn write_at_once(
    store: &SqliteStore,
    entity: usize,
    numbers: std::ops::RangeInclusive<u64>,
) {
    let commits: Vec<Commit> = numbers
        .map(|number| store.append(append(entity, number)))
        .collect();
    for commit in commits {
        commit.await.unwrap();
    }
}

/// Stores as many appends of an entity as it can; gives their number and the error that ended it.
pub(crate) async fn write_until_error(
    store: &SqliteStore,
    entity: usize,
    mut appends: u64,
) -> (u64, StoreError) {
    loop {
        let commit: Commit = store.append(append(entity, appends + 1));
        match commit.await {
            Ok(_) => appends += 1,
            Err(error) => return (appends, error),
        }
    }
}

/// Everything in a store, checked: positions and sequences without gaps, contents as written, whole appends, each
/// with its snapshot. Gives the number of appends by entity.
pub(crate) async fn appends(store: &dyn Store) -> Result<BTreeMap<usize, u64>, StoreError> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut position = 0;
    loop {
        let page = store.journal(position, 1000).await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            position += 1;
            assert_eq!(entry.position, position);
            assert_eq!(entry.payload.type_url, TYPE);
            let events = texts.entry(entry.entity.entity_id.to_string()).or_default();
            assert_eq!(entry.sequence, events.len() as u64 + 1);
            events.push(String::from_utf8(entry.payload.value.to_vec()).unwrap());
        }
    }
    assert_eq!(store.last_position().await?, position);
    let mut appends = BTreeMap::new();
    for (entity_id, texts) in texts {
        let entity: usize = entity_id["entity-".len()..].parse().unwrap();
        let mut number = 0;
        let mut written = Vec::new();
        while written.len() < texts.len() {
            number += 1;
            written.extend((1..=1 + number % 3).map(|event| text(entity, number, event)));
        }
        assert_eq!(texts, written, "whole appends of entity {entity}");
        check_entity(store, entity, number, &texts).await?;
        appends.insert(entity, number);
    }
    Ok(appends)
}

async fn check_entity(
    store: &dyn Store,
    entity: usize,
    number: u64,
    texts: &[String],
) -> Result<(), StoreError> {
    let reference = reference(entity);
    let mut events = Vec::new();
    while let page = store.events(&reference, events.len() as u64, 1000).await?
        && !page.is_empty()
    {
        events.extend(page.into_iter().map(|event| event.payload.value));
    }
    assert!(
        events.iter().eq(texts.iter().map(String::as_bytes)),
        "entity {entity} reads as the journal has it"
    );
    let with_snapshot = number / 3 * 3;
    let found = store.latest_snapshot(&reference).await?;
    let found = found.map(|found| (found.sequence, found.payload));
    let expected = (with_snapshot > 0).then(|| {
        let payload = payload(&snapshot(entity, with_snapshot));
        (last_sequence(with_snapshot), payload)
    });
    assert_eq!(found, expected, "the snapshot of the last append with one");
    Ok(())
}
