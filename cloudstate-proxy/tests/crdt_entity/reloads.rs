//! What is stored of a large value: its changes and no more. Whenever it is loaded, it is what it was in memory.

use std::sync::{Arc, Mutex};

use cloudstate_protocol::cloudstate::crdt::{CrdtDelta, crdt_stream_in::Message as In};
use cloudstate_proxy::{
    crdt::{Cluster, Crdt, Kind},
    store::{Change, EntityKey, EntityRef, MemoryStore, Put, SqliteStore, Store, StoredValue},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    bench::{Bench, text_of_request},
    deltas::{gset, ormap, orset},
    generated::any_delta,
    user_side::{UserSide, change, deletion},
};

fn entity(id: &str) -> Arc<EntityRef> {
    Arc::new(EntityRef::new(EntityKey {
        persistence_id: "room".into(),
        entity_id: id.to_owned().into(),
    }))
}

/// A process, one entity of which makes these changes, one after the other. Gives the value that it began with.
async fn live(store: &Arc<dyn Store>, deltas: &[CrdtDelta]) -> Option<CrdtDelta> {
    let mut bench = Bench::of_store(store);
    let mut call = bench.change("a", "");
    let mut user = bench.opened().await;
    let (_, known) = user.init().await;
    for delta in deltas {
        let command = user.command().await;
        user.reply(change(command.id, "", delta.clone()));
        call.text().await;
        call = bench.change("a", "");
    }
    user.command().await;
    user.end();
    call.error().await;
    bench.router.stop().await;
    known
}

/// The whole value in a form that does not depend on the order in which a delta says it.
fn plain(value: Option<CrdtDelta>) -> Option<cloudstate_proxy::crdt::Value> {
    let cluster = Cluster::of_one();
    Crdt::create(value?, &cluster, 0).unwrap().value(&cluster)
}

fn bytes(stored: &StoredValue) -> (usize, usize) {
    let whole = stored.payload.as_ref().map_or(0, |any| any.value.len());
    let behind = stored.deltas.iter().map(|delta| delta.value.len()).sum();
    (whole, behind)
}

/// Text of which a few make a value large.
fn large(number: usize) -> String {
    format!("{number:.>200}")
}

fn large_set(elements: usize) -> CrdtDelta {
    let elements: Vec<String> = (0..elements).map(large).collect();
    let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
    orset(false, &[], &elements)
}

#[tokio::test]
async fn a_change_of_a_large_value_is_written_as_large_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = Arc::new(SqliteStore::open(directory.path()).unwrap());
    for store in [Arc::new(MemoryStore::new()) as Arc<dyn Store>, sqlite] {
        live(&store, &[large_set(100)]).await;
        let before = store.value(&entity("a")).await.unwrap();
        let (whole, behind) = bytes(&before);
        assert!(whole > 20_000 && behind == 0, "{whole} and {behind}");
        live(
            &store,
            &[orset(false, &[&large(7)], &[]), orset(false, &[], &["b"])],
        )
        .await;
        let after = store.value(&entity("a")).await.unwrap();
        assert_eq!(after.payload, before.payload);
        assert_eq!(
            (after.revision, after.deltas.len()),
            (before.revision + 2, 2)
        );
        let (_, behind) = bytes(&after);
        assert!(behind < 500, "{behind} bytes for two changes");

        let mut expected = Crdt::create(large_set(100), &Cluster::of_one(), 0).unwrap();
        for delta in [orset(false, &[&large(7)], &[]), orset(false, &[], &["b"])] {
            expected.update(delta, &Cluster::of_one(), 0).unwrap();
        }
        let known = plain(live(&store, &[]).await);
        assert_eq!(known, expected.value(&Cluster::of_one()));
        store.close().await.unwrap();
    }
}

/// What is written in the long run is a multiple of what has changed, and what is read of what there is.
#[tokio::test]
async fn changes_are_bounded_by_the_value_that_they_change() {
    let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
    live(&store, &[large_set(30)]).await;
    let (mut wholes, mut last) = (0, store.value(&entity("a")).await.unwrap());
    for round in 0..20 {
        let toggled: Vec<CrdtDelta> = (0..10)
            .map(|number| match round % 2 {
                0 => orset(false, &[&large(number)], &[]),
                _ => orset(false, &[], &[&large(number)]),
            })
            .collect();
        live(&store, &toggled).await;
        let stored = store.value(&entity("a")).await.unwrap();
        let (whole, behind) = bytes(&stored);
        assert!(behind <= whole + 100, "{behind} bytes behind {whole}");
        wholes += u32::from(stored.payload != last.payload);
        last = stored;
    }
    // 200 changes of 250 bytes each, of a value of 6,000.
    assert!((4..=15).contains(&wholes), "{wholes} times");
}

#[tokio::test]
async fn a_small_value_is_written_whole() {
    let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
    let deltas = [gset(&["a"]), gset(&["b"]), gset(&["c"])];
    live(&store, &deltas).await;
    let stored = store.value(&entity("a")).await.unwrap();
    assert_eq!((stored.revision, stored.deltas.len()), (3, 0));
}

#[tokio::test]
async fn a_deleted_value_leaves_no_changes_behind() {
    let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
    live(&store, &[large_set(20), orset(false, &[], &["b"])]).await;
    let stored = store.value(&entity("a")).await.unwrap();
    assert_eq!(stored.deltas.len(), 1);
    let mut bench = Bench::of_store(&store);
    let call = bench.change("a", "");
    let mut user = bench.opened().await;
    user.init().await;
    let command = user.command().await;
    user.reply(deletion(command.id, "gone"));
    user.complete().await;
    assert_eq!(call.text().await, "gone");
    let deleted = StoredValue {
        revision: stored.revision + 1,
        ..StoredValue::default()
    };
    assert_eq!(store.value(&entity("a")).await, Ok(deleted));
}

/// Changes that cannot be made any more are damage, of this entity.
#[tokio::test]
async fn changes_that_do_not_fit_are_told_as_damage() {
    let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
    live(&store, &[large_set(20), orset(false, &[], &["b"])]).await;
    let mut stored = store.value(&entity("a")).await.unwrap();
    // The same changes once more.
    let again = Put {
        entity: entity("a"),
        after: stored.revision,
        change: Change::Delta(stored.deltas.remove(0)),
    };
    store.put(again).await.unwrap();
    let bench = Bench::of_store(&store);
    let error = bench.change("a", "").error().await;
    assert_eq!(error.code(), tonic::Code::DataLoss, "{error}");
}

/// One stretch of an entity's life.
#[derive(Clone, Debug)]
struct Stretch {
    deltas: Vec<CrdtDelta>,
    /// Sent together, so that changes share a write.
    at_once: bool,
}

/// A delta whose effect does not depend on when it is applied.
fn a_delta(kind: Kind) -> BoxedStrategy<CrdtDelta> {
    if kind != Kind::OrMap {
        return any_delta(kind, 0);
    }
    const KINDS: [Kind; 4] = [Kind::PnCounter, Kind::OrSet, Kind::Flag, Kind::GCounter];
    let child = select(&KINDS[..]).prop_flat_map(|kind| any_delta(kind, 0));
    let entries = vec((select(&["a", "b", "c"][..]), child), 0..3);
    let removed = vec(select(&["a", "b"][..]), 0..2);
    (prop::bool::weighted(0.1), removed, entries.clone(), entries)
        .prop_map(|(cleared, removed, updated, added)| ormap(cleared, &removed, updated, added))
        .boxed()
}

fn history() -> impl Strategy<Value = (Kind, Vec<Stretch>)> {
    let kind = select(&[Kind::OrSet, Kind::GSet, Kind::OrMap][..]);
    kind.prop_flat_map(|kind| {
        let deltas = vec(a_delta(kind), 1..12);
        let stretch =
            (deltas, any::<bool>()).prop_map(|(deltas, at_once)| Stretch { deltas, at_once });
        (Just(kind), vec(stretch, 1..8))
    })
}

/// Makes each value large, and so one whose changes are written.
fn filling(kind: Kind) -> CrdtDelta {
    let elements: Vec<String> = (0..8).map(large).collect();
    let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
    match kind {
        Kind::GSet => gset(&elements),
        Kind::OrMap => ormap(false, &[], vec![], vec![("filling", gset(&elements))]),
        _ => orset(false, &[], &elements),
    }
}

/// Plays the user function: the command's text is the number of a delta.
async fn play(
    mut user: UserSide,
    deltas: Arc<Vec<CrdtDelta>>,
    known: Arc<Mutex<Option<CrdtDelta>>>,
) {
    loop {
        match user.next_or_end().await {
            Some(Some(In::Init(init))) => *known.lock().unwrap() = init.delta,
            Some(Some(In::Command(command))) => {
                let text = text_of_request(&command.payload.unwrap().value);
                let delta = deltas[text.parse::<usize>().unwrap()].clone();
                user.reply(change(command.id, "", delta));
            }
            // What it does not know of registers.
            Some(Some(In::Delta(_))) => {}
            Some(None) | None => return,
            Some(Some(other)) => panic!("{other:?}"),
        }
    }
}

async fn run(kind: Kind, history: Vec<Stretch>, store: Arc<dyn Store>) {
    let cluster = Cluster::of_one();
    let mut model = Crdt::create(filling(kind), &cluster, 0).unwrap();
    live(&store, &[filling(kind)]).await;
    for Stretch { deltas, at_once } in history {
        let (bench, streams) = Bench::of_store(&store).split();
        let (deltas, known) = (Arc::new(deltas), Arc::default());
        let players = tokio::spawn({
            let (deltas, known) = (Arc::clone(&deltas), Arc::clone(&known));
            streams.play(move |user| play(user, Arc::clone(&deltas), Arc::clone(&known)))
        });
        let mut calls = Vec::new();
        for number in 0..deltas.len() {
            let call = bench.change("a", &number.to_string());
            if at_once {
                calls.push(call);
            } else {
                call.text().await;
            }
        }
        for call in calls {
            call.text().await;
        }
        bench.router.stop().await;
        players.abort();
        let known = known.lock().unwrap().take();
        assert_eq!(plain(known), model.value(&cluster));
        for delta in deltas.iter().cloned() {
            model.update(delta, &cluster, 0).unwrap();
        }
    }
    assert_eq!(plain(live(&store, &[]).await), model.value(&cluster));
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_gives_back_what_was_there((kind, history) in history()) {
        block_on(run(kind, history, Arc::new(MemoryStore::new())));
    }

    #[test]
    fn sqlite_gives_back_what_was_there((kind, history) in history()) {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
        block_on(run(kind, history, store));
    }
}
