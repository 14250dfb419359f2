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

/// A figure of one of a table's subjects.
fn median(subject: &Value, figure: &str) -> Option<f64> {
    let figures = subject["figures"].as_array().unwrap();
    let found = figures.iter().find(|found| found["name"] == figure)?;
    found["median"].as_f64()
}

/// Every subject of `table` has a positive `figure`.
fn assert_positive(table: &Value, figure: &str) {
    for subject in table["subjects"].as_array().unwrap() {
        assert!(
            median(subject, figure).is_some_and(|median| median > 0.0),
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
        assert!(median(subject, "calls of echo").unwrap() > 0.0, "{subject}");
    }
}

#[test]
fn commands_are_measured_beside_the_echo() {
    let figures = bench(&["command"]);
    let tables: Vec<&Value> = tables(&figures).collect();
    let (memory, calls) = tables.split_last().unwrap();
    assert_eq!(calls.len(), 21, "10 of AddItem, 5 of GetCart, 6 as JSON");
    for table in calls {
        let expected = match table["title"].as_str().unwrap() {
            title if title.contains("JSON") => "echo, hyper",
            _ => "echo",
        };
        assert_eq!(
            subjects(table),
            [
                expected,
                "cart, memory",
                "cart, SQLite",
                "cart, SQLite, sidecar",
            ]
        );
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
            "cart, 2500 events",
            "cart, 2500 events, killed under load",
        ]
    );
    let rows = subjects(replay);
    assert_eq!(rows.len(), 12);
    assert!(
        rows.contains(&"250 events and a snapshot, cold"),
        "{rows:?}"
    );
    for table in [start, replay] {
        assert_positive(table, "first reply ms");
        assert_positive(table, "peak MB");
    }
}

#[test]
fn live_entities_and_footprints_are_measured() {
    let figures = bench(&["live", "footprint", "--entities", "50"]);
    let [live, sizes, memory] = tables(&figures).collect::<Vec<_>>()[..] else {
        panic!("not three tables: {figures}");
    };
    assert_eq!(
        subjects(live)[..4],
        [
            "event sourced, 5 stay",
            "event sourced, 50 stay",
            "event sourced, 500 stay",
            "event sourced, 10 leave",
        ]
    );
    assert_eq!(subjects(live).len(), 12, "three kinds");
    assert_positive(live, "activations/s");
    assert_eq!(subjects(sizes), ["cart", "cloudstate-proxy"]);
    assert_positive(sizes, "MB");
    assert_eq!(subjects(memory).len(), 4);
    assert_positive(memory, "idle MB");
}

#[test]
fn streams_and_replicated_data_are_measured() {
    let figures = bench(&["stream"]);
    let tables: Vec<&Value> = tables(&figures).collect();
    let (memory, calls) = tables.split_last().unwrap();
    assert_eq!(calls.len(), 12, "7 of actions, 5 of CRDT entities");
    for table in calls {
        assert!(subjects(table).len() > 1, "{table}");
        assert_positive(table, "calls/s");
        assert_compared_with_echo(table);
    }
    assert_positive(memory, "peak MB");
}

#[test]
fn journals_that_grow_are_measured() {
    let figures = bench(&["size", "--quick"]);
    let [size] = tables(&figures).collect::<Vec<_>>()[..] else {
        panic!("not one table: {figures}");
    };
    assert_eq!(subjects(size), ["2500 events"]);
    assert_positive(size, "calls of a small journal");
    assert_positive(size, "journal MB");
}

#[test]
fn more_than_can_be_carried_is_refused_and_counted() {
    let figures = bench(&["overload"]);
    let [table] = tables(&figures).collect::<Vec<_>>()[..] else {
        panic!("not one table: {figures}");
    };
    let rows = table["subjects"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert!(median(&rows[0], "answered/s").unwrap() > 0.0, "{table}");
    // On a busy machine twice a short peak may be no call at all.
    assert!(median(&rows[3], "sent/s").is_some(), "{table}");
}

#[test]
fn a_report_is_a_page_with_pictures() {
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("docs");
    let run = |arguments: &[&str]| {
        let run = Command::new(BENCH).args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{errors}");
    };
    let report = report.to_str().unwrap();
    run(&[
        "language",
        "--only",
        "64 commands",
        "--seconds",
        "0.03",
        "--rounds",
        "1",
        "--report",
        report,
    ]);
    let read = |file: &str| std::fs::read_to_string(Path::new(report).join(file)).unwrap();
    let page = read("performance.md");
    assert!(page.contains("## The language half"), "{page}");
    assert!(page.contains("](performance/language.svg)"), "{page}");
    assert!(page.contains("| node-support [1]"), "{page}");
    assert!(read("performance/language.svg").starts_with("<svg"));

    // The page is made again from its own figures.
    let figures = Path::new(report).join("performance/figures.json");
    run(&["--from", figures.to_str().unwrap(), "--report", report]);
    assert_eq!(read("performance.md"), page);
}

#[test]
fn a_cart_keeps_what_it_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let [program] = program::build([program::SHOPPING_CART], Path::new(BENCH)).unwrap();
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
