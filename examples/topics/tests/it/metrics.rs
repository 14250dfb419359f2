//! What a program counts is what the test did: for each kind of entity, the front-end and the store.

use std::time::Duration;

use end_to_end::{Http, Metrics, Program, Running, eventually};
use tempfile::tempdir;

mod pb {
    cloudstate::include_proto!("com.example.votes");
}

const ORDER: &[(&str, &str)] = &[("entity_name", "order")];
const MAILBOX: &[(&str, &str)] = &[("entity_name", "mailbox")];
const POLL: &[(&str, &str)] = &[("entity_name", "Votes")];

fn program(executable: &str) -> Program {
    Program::new(executable).env("METRICS_PORT", "0")
}

fn checkout() -> Program {
    program(env!("CARGO_BIN_EXE_forwards-and-effects"))
}

/// Compares counters and gauges with what is expected of them.
fn compare(metrics: &Metrics, prefix: &str, labels: &[(&str, &str)], expected: &[(&str, f64)]) {
    for (name, value) in expected {
        let name = format!("{prefix}{name}");
        let found = metrics.value(&name, labels);
        assert!((found - value).abs() < 1e-9, "{name}: {found}, not {value}");
    }
}

async fn buy(running: &Running, times: usize) {
    let order = r#"{"orderId": "4711", "customer": "alice", "product": "tea"}"#;
    for _ in 0..times {
        let bought = running.http().post("/checkout", order).await;
        assert_eq!(bought.status, 200, "{bought:?}");
    }
}

#[tokio::test]
async fn actions_and_durable_entities_are_counted_by_what_they_did() {
    let store = tempdir().unwrap();
    let running = checkout().store(store.path()).start();
    buy(&running, 3).await;
    let refused = running.http().post("/checkout", "{}").await;
    assert_eq!(refused.status, 500);

    let metrics = running.metrics().await;
    let action = &[("service", "com.example.checkout.Checkout")];
    let calls = [
        ("received_commands_total", 4.0),
        ("completed_commands_total", 4.0),
        ("failed_commands_total", 1.0),
        ("command_processing_time_seconds_count", 4.0),
    ];
    compare(&metrics, "cloudstate_action_", action, &calls);
    let orders = [
        ("activated_entities_total", 1.0),
        ("live_entities", 1.0),
        ("passivated_entities_total", 0.0),
        ("failed_entities_total", 0.0),
        ("entity_active_time_seconds_count", 0.0),
        ("recovery_time_seconds_count", 1.0),
        ("received_commands_total", 3.0),
        ("completed_commands_total", 3.0),
        ("failed_commands_total", 0.0),
        ("stashed_commands_total", 1.0),
        ("unstashed_commands_total", 1.0),
        ("command_stash_time_seconds_count", 1.0),
        ("command_processing_time_seconds_count", 3.0),
        ("command_total_time_seconds_count", 3.0),
        ("persist_time_seconds_count", 1.0),
        ("persisted_events_total", 1.0),
        // Field 1 is "tea".
        ("persisted_event_bytes_total", 5.0),
        ("loaded_events_total", 0.0),
        ("persisted_snapshots_total", 0.0),
    ];
    compare(&metrics, "cloudstate_eventsourced_", ORDER, &orders);
    let mails = [
        ("activated_entities_total", 1.0),
        ("received_commands_total", 1.0),
        ("completed_commands_total", 1.0),
        ("persisted_values_total", 1.0),
        ("loaded_values_total", 0.0),
        ("deleted_values_total", 0.0),
    ];
    compare(&metrics, "cloudstate_valueentity_", MAILBOX, &mails);
    let method = |code| {
        let service = ("service", "com.example.checkout.Checkout");
        [service, ("method", "Buy"), ("code", code)]
    };
    let requests = "cloudstate_frontend_requests_total";
    assert_eq!(metrics.value(requests, &method("OK")), 3.0);
    assert_eq!(metrics.value(requests, &method("UNKNOWN")), 1.0);
    let everything = [
        ("frontend_requests_in_progress", 0.0),
        ("live_entities", 2.0),
        ("store_position", 1.0),
        ("store_commit_writes_sum", 2.0),
        ("store_failed_commits_total", 0.0),
        ("store_waiting_writes", 0.0),
    ];
    compare(&metrics, "cloudstate_", &[], &everything);
    assert!(metrics.value("cloudstate_store_journal_bytes", &[]) > 4096.0);
    assert!(metrics.value("process_resident_memory_bytes", &[]) > 1e6);
    running.kill();

    // What was stored is read, and counts are of this process.
    let running = checkout().store(store.path()).start();
    buy(&running, 1).await;
    let metrics = running.metrics().await;
    let orders = [
        ("received_commands_total", 1.0),
        ("loaded_events_total", 1.0),
        ("loaded_event_bytes_total", 5.0),
        ("persisted_events_total", 0.0),
    ];
    compare(&metrics, "cloudstate_eventsourced_", ORDER, &orders);
}

#[tokio::test]
async fn entities_that_leave_and_calls_that_are_turned_away_are_counted() {
    let program = checkout().env("CLOUDSTATE_MAX_LIVE_ENTITIES", "1");
    let running = program.env("CLOUDSTATE_PASSIVATE_AFTER", "1ms").start();
    buy(&running, 1).await;
    let left = eventually("the order leaves memory", async || {
        let metrics = running.metrics().await;
        let passivated = metrics.value("cloudstate_eventsourced_passivated_entities_total", ORDER);
        if passivated == 1.0 {
            Ok(metrics)
        } else {
            Err(passivated.to_string())
        }
    });
    let metrics = left.await;
    let orders = [
        ("entity_active_time_seconds_count", 1.0),
        ("live_entities", 0.0),
        ("failed_entities_total", 0.0),
    ];
    compare(&metrics, "cloudstate_eventsourced_", ORDER, &orders);
    // The mailbox had no place beside the order, whose reply did not depend on it.
    let limit = [("limit", "CLOUDSTATE_MAX_LIVE_ENTITIES")];
    assert_eq!(
        metrics.value("cloudstate_rejected_calls_total", &limit),
        1.0
    );
    let quantile = [("entity_name", "order"), ("quantile", "1")];
    let longest = metrics.value(
        "cloudstate_eventsourced_entity_active_time_seconds",
        &quantile,
    );
    assert!(Duration::from_secs_f64(longest) < end_to_end::DEADLINE);
}

#[tokio::test]
async fn crdt_entities_are_counted_by_what_they_did() {
    let running = program(env!("CARGO_BIN_EXE_votes")).start();
    let (grpc, http) = (running.grpc().await, running.http());
    let poll = pb::Poll {
        poll: "drinks".into(),
    };
    let mut follow = grpc.watch(pb::Votes::Follow, poll).await.unwrap();
    follow.next().await.unwrap();
    let ballot = pb::Ballot {
        poll: "drinks".into(),
        option: "tea".into(),
    };
    grpc.call(pb::Votes::Cast, ballot).await.unwrap();
    follow.next().await.unwrap();
    let milk = http.send(http::Method::DELETE, "/polls/drinks/milk", None, "");
    assert_eq!(milk.await.status, 500);

    let metrics = running.metrics().await;
    let polls = [
        ("activated_entities_total", 1.0),
        ("received_commands_total", 3.0),
        ("completed_commands_total", 3.0),
        ("failed_commands_total", 1.0),
        ("command_processing_time_seconds_count", 3.0),
        ("persisted_values_total", 1.0),
        ("live_entities", 1.0),
    ];
    compare(&metrics, "cloudstate_crdt_", POLL, &polls);
    assert_eq!(
        metrics.value("cloudstate_frontend_requests_in_progress", &[]),
        1.0
    );
}

#[tokio::test]
async fn a_port_that_was_asked_for_is_had_or_the_program_ends() {
    let first = checkout().start();
    let operators = first.operators();
    let nothing = Http::new(operators).get("/nothing").await;
    assert_eq!(nothing.status, 404, "{nothing:?}");
    let one = Http::new(operators)
        .get("/metrics?name[]=process_open_fds")
        .await;
    assert_eq!(Metrics::parse(&one.body).types.len(), 1, "{one:?}");

    let taken = checkout()
        .env("METRICS_PORT", operators.port().to_string())
        .run();
    assert_eq!(taken.code, Some(1), "{taken:?}");
    assert!(taken.stderr.contains("METRICS_PORT"), "{taken:?}");
}

/// Whoever holds the port, be it the first of these or a stranger: the programs serve, and do without.
#[tokio::test]
async fn the_default_port_is_only_taken_where_it_is_free() {
    let several: Vec<Running> = (0..2)
        .map(|_| checkout().without("METRICS_PORT").start())
        .collect();
    eventually("one of them does without", async || {
        let without = |running: &Running| running.stderr().contains("METRICS_PORT sets another");
        several
            .iter()
            .any(without)
            .then_some(())
            .ok_or_else(String::new)
    })
    .await;
    for running in &several {
        buy(running, 1).await;
    }
}
