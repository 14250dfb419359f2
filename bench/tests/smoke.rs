//! The benchmarks run, on real processes, and what they measure is the cart.
#![expect(
    clippy::unwrap_used,
    reason = "a test's way to fail; clippy knows only the functions that carry #[test]"
)]

use std::{path::Path, process::Command};

use bench::{
    load, program,
    server::{Launch, Server, Store},
    workload,
};
use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_bench");

/// Runs the benchmark as small as it goes, and returns its JSON.
fn bench(scenarios: &[&str]) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("figures.json");
    let run = Command::new(BENCH)
        .args(scenarios)
        .args(["--seconds", "0.03", "--rounds", "1"])
        .args(["--carts", "3", "--events", "250"])
        .args([Path::new("--directory"), directory.path()])
        .args([Path::new("--json"), &json])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}");
    let left: Vec<_> = directory.path().read_dir().unwrap().collect();
    assert_eq!(left.len(), 1, "only the figures are left: {left:?}");

    let figures: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let printed = String::from_utf8(run.stdout).unwrap();
    for table in tables(&figures) {
        let title = table["title"].as_str().unwrap();
        assert!(printed.contains(title), "{title} is in the JSON only");
    }
    figures
}

fn tables(figures: &Value) -> impl Iterator<Item = &Value> {
    let scenarios = figures["scenarios"].as_array().unwrap();
    scenarios
        .iter()
        .flat_map(|scenario| scenario["tables"].as_array().unwrap())
}

fn subjects(table: &Value) -> Vec<&str> {
    let subjects = table["subjects"].as_array().unwrap();
    subjects
        .iter()
        .map(|subject| subject["subject"].as_str().unwrap())
        .collect()
}

/// Every subject of `table` has a positive `figure`.
fn assert_positive(table: &Value, figure: &str) {
    for subject in table["subjects"].as_array().unwrap() {
        let median = &subject["figures"][figure]["median"];
        assert!(
            median.as_f64().is_some_and(|median| median > 0.0),
            "{figure} of {subject}"
        );
    }
}

#[test]
fn limits_are_measured_without_a_cart() {
    let figures = bench(&["floor"]);
    let tables: Vec<&Value> = tables(&figures).collect();
    let (calls, kept) = tables.split_at(12);
    for table in calls {
        let expected: &[&str] = match table["title"].as_str().unwrap() {
            title if title.starts_with("Bare hyper") => &["echo, hyper"],
            _ => &["echo", "echo, current_thread"],
        };
        assert_eq!(subjects(table), expected);
        assert_positive(table, "calls/s");
        assert_positive(table, "server us/call");
        assert_positive(table, "p99 ms");
    }
    let [appends, commits] = kept else {
        panic!("not two tables: {kept:?}");
    };
    assert_positive(appends, "appends/s");
    assert_eq!(subjects(commits), ["1 writer", "64 writers", "512 writers"]);
    assert_positive(commits, "events/s");
}

/// Every subject but the first has its ratio to the first.
fn assert_compared_with_echo(table: &Value) {
    for subject in &table["subjects"].as_array().unwrap()[1..] {
        let ratio = &subject["figures"]["calls of echo"]["median"];
        assert!(ratio.as_f64().unwrap() > 0.0, "{subject}");
    }
}

#[test]
fn commands_are_measured_beside_the_echo() {
    let figures = bench(&["command"]);
    let tables: Vec<&Value> = tables(&figures).collect();
    let (memory, calls) = tables.split_last().unwrap();
    assert_eq!(calls.len(), 21, "10 of AddItem, 5 of GetCart, 6 as JSON");
    for table in calls {
        let expected: &[&str] = match table["title"].as_str().unwrap() {
            title if title.contains("JSON") => &["echo, hyper", "cart, memory", "cart, SQLite"],
            _ => &[
                "echo",
                "cart, memory",
                "cart, SQLite",
                "cart, SQLite, sidecar",
            ],
        };
        assert_eq!(subjects(table), expected);
        assert_positive(table, "calls/s");
        assert_positive(table, "client us/call");
        assert_compared_with_echo(table);
    }
    assert_positive(memory, "peak MB");
}

#[test]
fn only_what_is_asked_for_is_measured() {
    let figures = bench(&["command", "--only", "GetCart, 64 in flight over 1"]);
    let titles: Vec<_> = tables(&figures).map(|table| &table["title"]).collect();
    assert_eq!(titles.len(), 2, "the calls and the memory: {titles:?}");
}

#[test]
fn the_language_half_is_measured_beside_a_bare_stream() {
    let figures = bench(&["language"]);
    let tables: Vec<&Value> = tables(&figures).collect();
    let (memory, streams) = tables.split_last().unwrap();
    assert_eq!(streams.len(), 5);
    for table in streams {
        assert_eq!(subjects(table), ["echo", "cart, user function"]);
        assert_positive(table, "calls/s");
        assert_compared_with_echo(table);
    }
    assert_positive(memory, "peak MB");
}

#[test]
fn starts_and_replays_are_measured() {
    let figures = bench(&["start", "replay"]);
    let [start, replay] = tables(&figures).collect::<Vec<_>>()[..] else {
        panic!("not two tables: {figures}");
    };
    assert_eq!(
        subjects(start),
        [
            "echo",
            "cart, memory",
            "cart, new store",
            "cart, 250 events",
            "cart, 250 events, killed under load",
        ]
    );
    assert_eq!(
        subjects(replay),
        [
            "10 events",
            "25 events",
            "250 events",
            "250 events and a snapshot"
        ]
    );
    for table in [start, replay] {
        assert_positive(table, "first reply ms");
        assert_positive(table, "peak MB");
    }
}

#[test]
fn live_entities_are_measured() {
    let figures = bench(&["live", "--entities", "500"]);
    let [live] = tables(&figures).collect::<Vec<_>>()[..] else {
        panic!("not one table: {figures}");
    };
    assert_eq!(
        subjects(live),
        [
            "event sourced, 50 stay",
            "event sourced, 500 stay",
            "event sourced, 500 leave",
            "value, 50 stay",
            "value, 500 stay",
            "value, 500 leave",
        ]
    );
    assert_positive(live, "activations/s");
}

#[test]
fn a_cart_keeps_what_it_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let program = program::build(program::SHOPPING_CART, Path::new(BENCH)).unwrap();
    let store = Store::Directory(directory.path().join("store"));
    let launch = Launch::cart("cart", &program, &store);
    let runtime = load::runtime(1).unwrap();

    let server = Server::start(&launch, directory.path()).unwrap();
    runtime.block_on(async {
        // Adds one of each product, and reads the cart.
        load::fill(&server, 1).await.unwrap();
        let mut client = load::connect(&server).await.unwrap();
        client.add_item(workload::add_item(0, 4)).await.unwrap();
    });
    server.kill();

    let mut expected = workload::full_cart(1);
    expected.items[4].quantity = 2;
    let server = Server::start(&launch, directory.path()).unwrap();
    runtime.block_on(async {
        let mut client = load::connect(&server).await.unwrap();
        load::check(&mut client, &server, 0, &expected)
            .await
            .unwrap();
        assert!(
            load::check(&mut client, &server, 1, &expected)
                .await
                .is_err()
        );
    });
    server.stop().unwrap();
}
