//! Scans of parcels reach the depots' books and the customers, also those that were published when the process died.

use std::{
    env,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use end_to_end::{Http, Program, Running, eventually};
use http::Method;
use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::task::JoinSet;

mod pb {
    #![allow(dead_code, reason = "not every message is used here")]
    cloudstate::include_proto!("com.example.parcels");
}

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_eventing"))
}

async fn scan(http: &Http, parcel: &str, place: &str) -> Value {
    let body = json!({ "place": place }).to_string();
    let scan = http.post(&format!("/parcels/{parcel}/scans"), &body).await;
    assert_eq!(scan.status, 200, "{scan:?}");
    scan.json()
}

/// Reads until it is as expected.
async fn expect(http: &Http, path: &str, expected: Value) {
    eventually(path, || async {
        let answer = http.get(path).await;
        (answer.status == 200 && answer.json() == expected)
            .then_some(())
            .ok_or_else(|| format!("{answer:?}"))
    })
    .await;
}

fn track(scans: &[(u32, &str)]) -> Value {
    let scan = |&(number, place): &(u32, &str)| json!({"parcelId": "4711", "number": number, "place": place});
    json!({ "scans": scans.iter().map(scan).collect::<Vec<_>>() })
}

#[tokio::test]
async fn a_scan_is_told_to_depots_and_customers_and_a_bad_one_stops_nobody() {
    let store = tempdir().unwrap();
    let program = || {
        program()
            .env("CLOUDSTATE_EVENTING_ATTEMPTS", "2")
            .store(store.path())
    };
    let running = program().start();
    let http = running.http();
    for (number, place) in [(1, "harbour"), (2, "?"), (3, "harbour")] {
        let scan = scan(&http, "4711", place).await;
        assert_eq!(
            scan,
            json!({"parcelId": "4711", "number": number, "place": place})
        );
    }
    // The books take everything; the customer hears of what can be told.
    let traffic = json!({"scans": 2, "lastPosition": "5"});
    expect(&http, "/depots/harbour", traffic.clone()).await;
    let seen = track(&[(1, "harbour"), (3, "harbour")]);
    expect(&http, "/parcels/4711/track", seen.clone()).await;
    assert!(
        running.wait_for_stderr("customers/topic/scans/000000000002"),
        "{running}"
    );
    running.kill();

    let running = program().start();
    let http = running.http();
    scan(&http, "4711", "market").await;
    let seen = track(&[(1, "harbour"), (3, "harbour"), (4, "market")]);
    expect(&http, "/parcels/4711/track", seen).await;
    expect(&http, "/depots/harbour", traffic).await;
}

#[tokio::test]
async fn an_operator_sees_a_dead_letter_and_has_it_tried_again() {
    let program = program().env("CLOUDSTATE_EVENTING_ATTEMPTS", "1");
    let running = program.env("METRICS_PORT", "0").start();
    let http = running.http();
    for place in ["?", "harbour"] {
        scan(&http, "4711", place).await;
    }
    expect(&http, "/parcels/4711/track", track(&[(2, "harbour")])).await;

    let operators = Http::new(running.operators());
    let one = "/dead-letters/customers/topic/scans/000000000001";
    let reason = "nobody can tell where that is";
    let letters = operators.get("/dead-letters").await.json();
    let mut letter = letters["deadLetters"][0].clone();
    assert_eq!(
        letters["deadLetters"].as_array().unwrap().len(),
        1,
        "{letters}"
    );
    let time = letter["time"].take();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    let expected = json!({
        "id": "customers/topic/scans/000000000001",
        "group": "customers",
        "service": "com.example.parcels.Notifier",
        "method": "OnScan",
        "topic": "scans",
        "place": 1,
        "type": "type.googleapis.com/com.example.parcels.Scan",
        "reason": reason,
        "attempts": 1,
        "time": null,
    });
    assert_eq!(letter, expected);
    for path in [
        "/dead-letters?group=others",
        "/dead-letters?after=customers/topic/scans/1",
    ] {
        assert_eq!(
            operators.get(path).await.json(),
            json!({"deadLetters": []}),
            "{path}"
        );
    }
    let whole = operators.get(one).await.json();
    assert_eq!(whole["attributes"]["ce-id"], "scans/1");
    let payload = json!({"parcelId": "4711", "number": 1, "place": "?"});
    assert_eq!(whole["payload"], json!({ "json": payload }));

    // It fails as before, and stays.
    let again = operators.post(&format!("{one}:replay"), "").await;
    assert_eq!(again.status, 422, "{again:?}");
    assert_eq!(again.json(), json!({"handled": false, "reason": reason}));
    let all = operators.post("/dead-letters:replay", "").await;
    assert_eq!(all.json(), json!({"handled": 0, "failed": 1}));
    assert_eq!(operators.get(one).await.json()["attempts"], 3);

    let discarded = operators.send(Method::DELETE, one, None, "").await;
    assert_eq!(discarded.json(), json!({"discarded": true}));
    for (method, path, status) in [
        (Method::GET, one, 404),
        (Method::DELETE, one, 404),
        (Method::POST, one, 405),
        (Method::GET, "/dead-letters:replay", 405),
        (Method::GET, "/dead-letters?limit=0", 400),
    ] {
        let answer = operators.send(method, path, None, "").await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.json()["message"].is_string(), "{answer:?}");
    }
    // Clients do not see any of it.
    assert_eq!(http.get("/dead-letters").await.status, 404);
}

#[tokio::test]
async fn dead_letters_are_for_this_machine_unless_the_operator_says_otherwise() {
    for (allowed, status) in [("false", 404), ("true", 200)] {
        let program = program()
            .env("METRICS_HOST", "0.0.0.0")
            .env("CLOUDSTATE_PLAINTEXT", "allow")
            .env("METRICS_PORT", "0");
        let running = program.env("CLOUDSTATE_DEAD_LETTERS", allowed).start();
        let port = running.operators().port();
        let operators = Http::new(([127, 0, 0, 1], port).into());
        let answer = operators.get("/dead-letters").await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

const PARCELS: usize = 8;

/// `CRASH_ROUNDS=n` for more rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_with_an_event_outlives_kill_9_in_order() {
    let rounds: u32 = env::var("CRASH_ROUNDS").map_or(12, |text| text.parse().unwrap());
    let store = tempdir().unwrap();
    let acknowledged: Arc<[AtomicU32; PARCELS]> = Arc::default();
    for round in 0..rounds {
        let running = program().store(store.path()).start();
        let clients = clients(&running, &acknowledged).await;
        let random = RandomState::new().hash_one(round);
        let enough = total(&acknowledged) + 1 + (random % 200) as u32;
        eventually("enough scans", || async {
            let scans = total(&acknowledged);
            (scans >= enough)
                .then_some(())
                .ok_or_else(|| scans.to_string())
        })
        .await;
        tokio::time::sleep(Duration::from_micros(random % 20_000)).await;
        running.kill();
        clients.join_all().await;
    }
    let running = program().store(store.path()).start();
    let http = running.http();
    for (parcel, acknowledged) in acknowledged.iter().enumerate() {
        let last = scan(&http, &parcel.to_string(), &format!("depot-{parcel}")).await;
        let last = u32::try_from(last["number"].as_u64().unwrap()).unwrap();
        assert!(
            last > acknowledged.load(Ordering::Relaxed),
            "parcel {parcel}: {last}"
        );
        // Each scan that is stored has reached the customer, none before those ahead of it.
        let path = format!("/parcels/{parcel}/track");
        let numbers = eventually(&path, || async {
            let track = http.get(&path).await.json();
            let scans = track["scans"].as_array().cloned().unwrap_or_default();
            let numbers: Vec<_> = scans
                .iter()
                .filter_map(|scan| scan["number"].as_u64())
                .collect();
            let is_there = numbers.last() == Some(&u64::from(last));
            is_there.then_some(numbers).ok_or_else(|| track.to_string())
        })
        .await;
        assert!(
            numbers.into_iter().eq(1..=u64::from(last)),
            "parcel {parcel}"
        );
        let path = format!("/depots/depot-{parcel}");
        eventually(&path, || async {
            let traffic = http.get(&path).await.json();
            (traffic["scans"] == last)
                .then_some(())
                .ok_or_else(|| traffic.to_string())
        })
        .await;
    }
}

fn total(acknowledged: &[AtomicU32; PARCELS]) -> u32 {
    let numbers = acknowledged
        .iter()
        .map(|number| number.load(Ordering::Relaxed));
    numbers.sum()
}

/// A client for each parcel, which has it scanned until nobody answers any more.
async fn clients(running: &Running, acknowledged: &Arc<[AtomicU32; PARCELS]>) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for parcel in 0..PARCELS {
        let (grpc, acknowledged) = (running.grpc().await, Arc::clone(acknowledged));
        clients.spawn(async move {
            let sighting = pb::Sighting {
                parcel_id: parcel.to_string(),
                place: format!("depot-{parcel}"),
            };
            while let Ok(scan) = grpc.call(pb::Parcels::Record, sighting.clone()).await {
                acknowledged[parcel].store(scan.number, Ordering::Relaxed);
            }
        });
    }
    clients
}
