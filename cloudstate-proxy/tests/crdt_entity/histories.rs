//! Random histories of commands, failing writes and streams that break: what was acknowledged is there, and nothing that
//! was never said.

use std::collections::BTreeSet;

use cloudstate_protocol::cloudstate::crdt::{
    CrdtDelta, crdt_delta::Delta, crdt_stream_in::Message as In,
};
use futures_util::future::join_all;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    bench::Bench,
    deltas::gset,
    gated::{Gate, GatedStore},
    user_side::{UserSide, change, refusal},
};

/// What the user function does about a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Adds the command's text to the set.
    Add,
    Refuse,
    /// Ends the stream instead of an answer.
    End,
    /// Answers, and ends the stream.
    AddAndEnd,
}

#[derive(Clone, Debug)]
struct History {
    /// Sent together, and answered before the next ones are sent.
    batches: Vec<Vec<Deed>>,
    /// Whether each write succeeds, over and over again.
    writes: Vec<bool>,
}

fn history() -> impl Strategy<Value = History> {
    let deed = prop_oneof![
        8 => Just(Deed::Add),
        1 => select(&[Deed::Refuse, Deed::End, Deed::AddAndEnd][..]),
    ];
    let batches = vec(vec(deed, 1..8), 1..6);
    let writes = vec(prop::bool::weighted(0.8), 1..10);
    (batches, writes).prop_map(|(batches, writes)| History { batches, writes })
}

fn elements(delta: Option<CrdtDelta>) -> BTreeSet<Vec<u8>> {
    match delta.and_then(|delta| delta.delta) {
        None => BTreeSet::new(),
        Some(Delta::Gset(set)) => set.added.iter().map(|any| any.value.to_vec()).collect(),
        Some(other) => panic!("{other:?}"),
    }
}

fn element(text: &str) -> Vec<u8> {
    crate::deltas::text(text).value.to_vec()
}

/// Plays the user function of one stream: a command's text says which deed it is, and its name.
async fn play(mut user: UserSide) {
    loop {
        let command = match user.next_or_end().await {
            Some(Some(In::Command(command))) => command,
            Some(Some(In::Init(_))) => continue,
            Some(None) | None => return,
            Some(Some(other)) => panic!("{other:?}"),
        };
        let text = crate::bench::text_of_request(&command.payload.unwrap().value);
        match text.as_bytes()[0] {
            b'a' => user.reply(change(command.id, "", gset(&[&text]))),
            b'r' => user.reply(refusal(command.id, "no")),
            b'e' => return,
            _ => {
                user.reply(change(command.id, "", gset(&[&text])));
                return;
            }
        }
    }
}

async fn decide(mut gate: Gate, writes: Vec<bool>) {
    for succeeds in writes.into_iter().cycle() {
        let write = gate.wait().await;
        if succeeds {
            write.succeed().await;
        } else {
            write.fail();
        }
    }
}

async fn run(history: History) {
    let (store, gate) = GatedStore::with_gate();
    let gate = tokio::spawn(decide(gate, history.writes));
    let (mut acknowledged, mut said) = (BTreeSet::new(), BTreeSet::new());
    for (number, batch) in history.batches.iter().enumerate() {
        // Each batch has a process of its own.
        let (bench, streams) = Bench::of_store(&store).split();
        let players = tokio::spawn(streams.play(play));
        let texts: Vec<String> = batch
            .iter()
            .enumerate()
            .map(|(index, deed)| {
                let letter = match deed {
                    Deed::Add => 'a',
                    Deed::Refuse => 'r',
                    Deed::End => 'e',
                    Deed::AddAndEnd => 'x',
                };
                format!("{letter}{number}-{index}")
            })
            .collect();
        let results = join_all(texts.iter().map(|text| bench.change("a", text).result())).await;
        for (text, result) in texts.iter().zip(results) {
            if text.starts_with(['a', 'x']) {
                said.insert(element(text));
            }
            if result.is_ok() {
                acknowledged.insert(element(text));
            }
        }
        bench.router.stop().await;
        players.abort();
    }
    gate.abort();
    let mut bench = Bench::of_store(&store);
    let _call = bench.change("a", "");
    let known = elements(bench.opened().await.init().await.1);
    assert!(
        acknowledged.is_subset(&known),
        "{acknowledged:?} of {known:?}"
    );
    assert!(known.is_subset(&said), "{known:?} of {said:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_is_there(history in history()) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(history));
    }
}
