//! Clients that go wrong: those that say nothing, read nothing, or vanish.

use std::{
    env,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use tonic::Code;

use crate::{
    function::Spec,
    others::Others,
    programs::{Function, Process, Sidecar, eventually, lasting_port},
};

const ADDRESS: &str = "FAULTS_ADDRESS";
const HALF_OPEN: usize = 1000;

/// Opens connections, says nothing or half of something, and waits until each has been closed.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn opens_halfway() {
    let Ok(address) = env::var(ADDRESS) else {
        return;
    };
    let address: SocketAddr = address.parse().unwrap();
    let beginnings: [&[u8]; 4] = [
        b"",
        b"PRI * HTTP/2.0\r\n",
        b"P",
        b"GET /ready HTTP/1.1\r\nhost: ",
    ];
    let connections: Vec<TcpStream> = beginnings
        .iter()
        .cycle()
        .take(HALF_OPEN)
        .map(|beginning| {
            let mut connection = TcpStream::connect(address).unwrap();
            connection.write_all(beginning).unwrap();
            connection
        })
        .collect();
    println!("\nhalf open: {}", connections.len());
    for mut connection in connections {
        // What matters is that there is an end, not whether it is a polite one.
        let _ = connection.read_to_end(&mut Vec::new());
    }
    println!("\nall closed");
}

#[tokio::test]
async fn connections_that_say_nothing_are_closed_and_hold_up_nobody() {
    let port = lasting_port();
    let _function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &["--head-timeout=2s"]).await;
    let others = Others::of(&sidecar).await;
    let mut clients = Process::of_this_binary(
        "client_side::opens_halfway",
        &[(ADDRESS, sidecar.address.to_string())],
    );
    clients.heard("half open: 1000").await;
    // New connections are served beside them.
    assert_eq!(sidecar.client().add("new", "one").await.unwrap(), "1");
    assert_eq!(sidecar.client().get("/ready").await.0, 200);
    clients.heard("all closed").await;
    others.were_served().await;
}

#[tokio::test]
async fn a_stream_that_nobody_reads_stops_nobody() {
    let port = lasting_port();
    let _function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &[]).await;
    let others = Others::of(&sidecar).await;
    // More than fit into a connection's usual window, so that the user function would be stopped for all.
    let mut unread = Vec::new();
    for _ in 0..40 {
        let client = sidecar.client();
        let mut stream = client.stream("test.Feed/Endless", "").await.unwrap();
        assert_eq!(stream.message().await.unwrap().unwrap().text.len(), 10_000);
        unread.push((client, stream));
    }
    let client = sidecar.client();
    for count in 1..=300 {
        let answer = client.add("beside", "entry").await;
        assert_eq!(answer.unwrap(), count.to_string());
    }
    let memory = sidecar.process.memory();
    assert!(memory.is_none_or(|bytes| bytes < 300_000_000), "{memory:?}");
    others.were_served().await;
}

#[tokio::test]
async fn callers_that_vanish_leave_nothing_behind() {
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let flags = ["--command-timeout=3s", "--max-requests=20"];
    let sidecar = Sidecar::start(port, &flags).await;
    for _ in 0..3 {
        let client = sidecar.client();
        let calls: Vec<_> = (0..19)
            .map(|id| {
                let client = client.clone();
                tokio::spawn(async move { client.add(&format!("v{id}"), "hang").await })
            })
            .collect();
        for _ in 0..19 {
            function.0.heard("got hang").await;
        }
        for call in calls {
            call.abort();
        }
        drop(client);
        // Their places are free again, though the user function is still at it.
        let client = sidecar.client();
        let served = eventually("places are free", async || {
            let calls = (0..20).map(|_| client.call("test.Feed/Say", "", "hello", None));
            let answers = futures_util::future::join_all(calls).await;
            answers
                .into_iter()
                .all(|answer| answer.is_ok())
                .then_some(())
        });
        served.await;
        // So are the entities, when the user function has had its time.
        let entry = eventually("the entity is served", async || {
            let deadline = Some(Duration::from_secs(20));
            let answer = client
                .call("test.Ledger/Add", "v7", "count", deadline)
                .await;
            assert!(
                !matches!(&answer, Err(error) if error.code() == Code::Unknown),
                "{answer:?}"
            );
            answer.ok()
        });
        assert_eq!(entry.await, "0");
    }
}
