//! A user function that is killed, again and again, while commands run behind the sidecar.

use std::{
    collections::HashSet,
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use end_to_end::{Http, Program, Running, eventually, lasting_port};
use serde_json::json;
use tokio::time::sleep;

use super::NODE;
use crate::proxied::sidecar;

const CLIENTS: usize = 6;
const CRASHES: usize = 4;
/// Commands of all clients that are acknowledged between two crashes.
const BETWEEN: usize = 60;

/// What the clients share.
#[derive(Default)]
struct Progress {
    acknowledged: AtomicUsize,
    failed: AtomicUsize,
    is_over: AtomicBool,
}

impl Progress {
    async fn of(&self, count: &AtomicUsize, more: usize) {
        let enough = count.load(Ordering::SeqCst) + more;
        eventually("the clients get on", async || {
            let now = count.load(Ordering::SeqCst);
            (now >= enough).then_some(()).ok_or(now.to_string())
        })
        .await;
    }
}

/// What one client has sent to its entity, and what of it was acknowledged.
#[derive(Default)]
struct History {
    sent: Vec<String>,
    acknowledged: Vec<String>,
}

fn start(command: &str, port: u16) -> Running {
    Program::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOST", "127.0.0.1")
        .env("PORT", port.to_string())
        .spawn()
}

/// Sends one command after the other, each with a value of its own, until it is over.
async fn commands(
    http: Http,
    path: String,
    action: &'static str,
    progress: Arc<Progress>,
) -> History {
    let mut history = History::default();
    while !progress.is_over.load(Ordering::SeqCst) {
        let value = format!("{};", history.sent.len());
        let body = json!({ "actions": [{ action: { "value": value } }] });
        history.sent.push(value.clone());
        let answer = http.post(&path, &body.to_string()).await;
        if answer.status == 200 {
            let state = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(state.ends_with(&value), "{state} does not end with {value}");
            history.acknowledged.push(value);
            progress.acknowledged.fetch_add(1, Ordering::SeqCst);
        } else {
            progress.failed.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(20)).await;
        }
    }
    history
}

async fn state(http: &Http, path: &str) -> String {
    let answer = http.post(path, "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_a_service_in_node_crashes() {
    let Some(command) = NODE.service() else {
        return;
    };
    let port = lasting_port();
    let mut node = start(&command, port);
    let directory = tempfile::tempdir().unwrap();
    let sidecar = Program::new(sidecar())
        .env("USER_FUNCTION_PORT", port.to_string())
        .store(directory.path())
        .start();
    let progress = Arc::new(Progress::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (path, action) = match client % 2 {
                0 => (format!("/tck/model/eventsourced/{client}"), "emit"),
                _ => (format!("/tck/model/entity/{client}"), "update"),
            };
            let work = commands(sidecar.http(), path.clone(), action, Arc::clone(&progress));
            (path, action, tokio::spawn(work))
        })
        .collect();

    for _ in 0..CRASHES {
        progress.of(&progress.acknowledged, BETWEEN).await;
        node.kill();
        // Clients have noticed.
        progress.of(&progress.failed, 1).await;
        node = start(&command, port);
    }
    progress.of(&progress.acknowledged, BETWEEN).await;
    progress.is_over.store(true, Ordering::SeqCst);
    let mut histories = Vec::new();
    for (path, action, work) in clients {
        histories.push((path, action, work.await.unwrap()));
    }
    // What the last process has in memory does not count.
    node.kill();
    let _node = start(&command, port);
    let http = sidecar.http();
    eventually("the service is back", async || {
        let answer = http.post("/tck/model/entity/new", "{}").await;
        (answer.status == 200).then_some(()).ok_or(answer.body)
    })
    .await;

    for (path, action, history) in histories {
        let state = state(&http, &path).await;
        let stored: Vec<_> = state.split_inclusive(';').map(str::to_owned).collect();
        println!(
            "{path}: {} sent, {} acknowledged, {} stored",
            history.sent.len(),
            history.acknowledged.len(),
            stored.len()
        );
        let last = history.acknowledged.last().unwrap();
        if action == "update" {
            // A command that was not acknowledged may have been stored, but none before the last that was.
            let place = |value| history.sent.iter().position(|sent| sent == value).unwrap();
            assert!(place(&stored[0]) >= place(last), "{path} has {state}");
        } else {
            let distinct: HashSet<_> = stored.iter().collect();
            assert_eq!(
                distinct.len(),
                stored.len(),
                "{path} has something twice: {state}"
            );
            let acknowledged: HashSet<_> = history.acknowledged.iter().collect();
            let kept: Vec<_> = stored
                .into_iter()
                .filter(|one| acknowledged.contains(one))
                .collect();
            assert_eq!(kept, history.acknowledged, "{path}");
        }
    }
}
