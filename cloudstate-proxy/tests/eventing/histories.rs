//! Whatever is published and whenever the proxy is stopped: every group gets every message at least once and in order,
//! and what it does not handle is a dead letter.

use std::{collections::BTreeSet, path::Path};

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use serde_json::json;

use crate::bench::{Bench, text_of};

/// What happens, one after the other.
#[derive(Clone, Debug)]
enum Step {
    /// An entity publishes something that subscribers handle, or something that they do not.
    Publish { entity: u8, good: bool },
    /// The proxy is stopped, wherever its subscriptions are, and started again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8, prop::bool::weighted(0.7)).prop_map(|(entity, good)| Step::Publish { entity, good }),
        1 => Just(Step::Restart),
    ]
}

#[test]
fn every_group_gets_everything_in_order_or_keeps_it_as_a_dead_letter() {
    let config = ProptestConfig {
        cases: 12,
        ..ProptestConfig::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    TestRunner::new(config)
        .run(&vec(step(), 1..40), |steps| {
            let directory = tempfile::tempdir().unwrap();
            runtime.block_on(play(directory.path(), &steps));
            Ok(())
        })
        .unwrap();
}

async fn play(directory: &Path, steps: &[Step]) {
    let mut bench = Bench::new(directory, usize::MAX, 1).await;
    let mut published = Vec::new();
    let mut told: [Vec<String>; 2] = Default::default();
    for step in steps {
        match step {
            Step::Publish { entity, good } => {
                let word = if *good { "good" } else { "refuse" };
                let text = format!("{word} {}", published.len());
                let command = json!({"id": entity.to_string(), "text": text});
                let method = if entity % 2 == 0 {
                    "Source/Announce"
                } else {
                    "Register/Set"
                };
                bench.post(method, command, 200).await;
                published.push(text);
            }
            Step::Restart => {
                let mut rest = bench.stop_telling().await;
                collect(&mut told, &mut rest);
                bench = Bench::new(directory, usize::MAX, 1).await;
            }
        }
    }
    bench
        .post(
            "Source/Announce",
            json!({"id": "0", "text": "the end"}),
            200,
        )
        .await;
    published.push("the end".into());
    for (service, told) in ["Reader", "Relay"].into_iter().zip(&mut told) {
        while told.last().is_none_or(|last| last != "the end") {
            told.push(text_of(&bench.next(service).await));
        }
        assert_in_order(&published, told);
    }
    let letters = bench.proxy.dead_letters();
    let bad =
        |(index, text): (usize, &String)| text.starts_with("refuse").then_some(index as u64 + 1);
    let expected: BTreeSet<u64> = published.iter().enumerate().filter_map(bad).collect();
    for group in ["test.eventing.Reader", "relay"] {
        let found = letters.list(Some(group), "", 1000).await.unwrap();
        let places: BTreeSet<u64> = found.iter().map(|letter| letter.place).collect();
        assert_eq!(
            (found.len(), &places),
            (expected.len(), &expected),
            "{group}"
        );
    }
    bench.stop().await;
}

fn collect(told: &mut [Vec<String>; 2], rest: &mut Vec<(String, String)>) {
    for (service, text) in rest.drain(..) {
        match service.as_str() {
            "test.eventing.Reader" => told[0].push(text),
            "test.eventing.Relay" => told[1].push(text),
            _ => {}
        }
    }
}

/// Each comes when all before it have come; what has come may come again.
fn assert_in_order(published: &[String], told: &[String]) {
    let mut next = 0;
    for text in told {
        let place = published.iter().position(|other| other == text).unwrap();
        assert!(
            place <= next,
            "{text} came before {}: {told:?}",
            published[next]
        );
        next = next.max(place + 1);
    }
    assert_eq!(next, published.len());
}
