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
