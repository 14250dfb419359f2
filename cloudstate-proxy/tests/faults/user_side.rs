//! User functions that go wrong: what their callers read, what is stored, and that nobody else notices.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{io::AsyncWriteExt, net::TcpListener, time::timeout};
use tonic::Code;

use crate::{
    function::Spec,
    others::Others,
    programs::{DEADLINE, Function, Sidecar, eventually, lasting_port},
};

#[tokio::test]
async fn a_stream_that_goes_wrong_fails_one_command() {
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &[]).await;
    let others = Others::of(&sidecar).await;
    let client = sidecar.client();
    for (fault, text) in [
        ("wrong id", "Unexpected entity failure"),
        ("garbage", "Unexpected entity termination"),
        ("end", "Unexpected entity termination"),
        ("break", "Unexpected entity termination"),
    ] {
        assert_eq!(client.add(fault, "one").await.unwrap(), "1");
        let error = client.add(fault, fault).await.unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (Code::Unknown, text),
            "{fault}"
        );
        // Nothing of it is stored, and the entity goes on.
        assert_eq!(client.add(fault, "count").await.unwrap(), "1", "{fault}");
        assert_eq!(client.add(fault, "two").await.unwrap(), "2", "{fault}");
    }
    let report = function.0.heard("report").await;
    assert!(report.contains("a reply to command 1002"), "{report}");
    others.were_served().await;
}

#[tokio::test]
async fn a_command_that_is_never_answered_has_an_end() {
    let port = lasting_port();
    let _function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &["--command-timeout=2s"]).await;
    let others = Others::of(&sidecar).await;
    let client = sidecar.client();
    let behind = client.clone();
    let (hung, waited, acted) = tokio::join!(
        client.add("a", "hang"),
        async {
            // Behind the one that hangs, or before it: it is served.
            behind.add("a", "one").await
        },
        client.call("test.Feed/Say", "", "hang", None),
    );
    assert_eq!(waited.unwrap(), "1");
    for error in [hung.unwrap_err(), acted.unwrap_err()] {
        assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
        assert!(
            error.message().contains("CLOUDSTATE_COMMAND_TIMEOUT"),
            "{error}"
        );
    }
    others.were_served().await;
}

#[tokio::test]
async fn a_caller_waits_no_longer_than_it_says() {
    let port = lasting_port();
    let _function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &["--command-timeout=1h"]).await;
    let client = sidecar.client();
    let deadline = Some(Duration::from_millis(200));
    let calls = ["test.Ledger/Add", "test.Feed/Say"]
        .map(|method| client.call(method, "a", "hang", deadline));
    for answer in join_all(calls).await {
        // The client itself may be the first to say so.
        let code = answer.unwrap_err().code();
        assert!(
            matches!(code, Code::DeadlineExceeded | Code::Cancelled),
            "{code}"
        );
    }
    assert_eq!(client.add("b", "one").await.unwrap(), "1");
}

#[tokio::test]
async fn a_user_function_that_is_killed_takes_only_what_it_was_at() {
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &["--command-timeout=1h"]).await;
    let client = sidecar.client();
    let ids: Vec<String> = (0..10).map(|id| id.to_string()).collect();
    for (count, id) in ids.iter().enumerate() {
        for entry in 1..=count {
            assert_eq!(client.add(id, "entry").await.unwrap(), entry.to_string());
        }
    }
    let calls = join_all(ids.iter().map(|id| client.add(id, "hang")));
    let acts = client.call("test.Feed/Say", "", "hang", None);
    let ((calls, act), ()) = tokio::join!(async { tokio::join!(calls, acts) }, async {
        for _ in 0..=ids.len() {
            function.0.heard("got hang").await;
        }
        function.kill();
    });
    for answer in calls.into_iter().chain([act]) {
        let error = answer.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable, "{error}");
    }
    // While it is gone callers are told so at once; then everything is as it was.
    let error = client.add("0", "entry").await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    let _function = Function::start(port, Spec::First).await;
    for (count, id) in ids.iter().enumerate() {
        let found = eventually("the user function is back", async || {
            client.add(id, "count").await.ok()
        })
        .await;
        assert_eq!(found, count.to_string());
    }
}

/// Whatever listens on the user function's port, callers are answered, and the user function is found when it is back.
#[tokio::test]
async fn whoever_takes_the_place_of_the_user_function_stops_nobody() {
    let port = lasting_port();
    let function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &["--command-timeout=2s"]).await;
    let client = sidecar.client();
    assert_eq!(client.add("a", "one").await.unwrap(), "1");
    function.kill();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let impostor = tokio::spawn(async move {
        let mut silent = Vec::new();
        for bytes in [
            &b""[..],
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            &[0xff; 1000],
            b"\0",
        ]
        .iter()
        .cycle()
        {
            let (mut connection, _) = listener.accept().await.unwrap();
            // The proxy may be gone already.
            let _ = connection.write_all(bytes).await;
            if *bytes == b"\0" {
                silent.push(connection);
            }
        }
    });
    for _ in 0..8 {
        for method in ["test.Ledger/Add", "test.Feed/Say"] {
            let error = client.call(method, "a", "x", None).await.unwrap_err();
            let code = error.code();
            // Nobody there, nobody who answers, somebody who speaks something else.
            let expected = [Code::Unavailable, Code::DeadlineExceeded, Code::Unknown];
            assert!(expected.contains(&code), "{error}");
        }
    }
    impostor.abort();
    assert!(impostor.await.unwrap_err().is_cancelled());
    let _function = Function::start(port, Spec::First).await;
    let found = eventually("the user function is back", async || {
        client.add("a", "two").await.ok()
    });
    assert_eq!(found.await, "2");
}

#[tokio::test]
async fn a_stream_that_is_not_taken_stops_no_other_on_its_connection() {
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::start(port, &[]).await;
    let client = sidecar.client();
    let taken = Arc::new(AtomicUsize::new(0));
    let filling = client.clone().fill("test.Feed/Fill", Arc::clone(&taken));
    let filling = tokio::spawn(filling);
    function.0.heard("got a stream").await;
    // Until nothing more fits, and for a while after that.
    let (mut count, mut unchanged, mut last) = (0, 0, 0);
    while unchanged < 50 {
        count += 1;
        assert_eq!(client.add("a", "entry").await.unwrap(), count.to_string());
        let now = taken.load(Ordering::Relaxed);
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
    }
    assert!(last > 0);
    filling.abort();
}

#[tokio::test]
async fn an_entity_that_was_busy_when_it_might_have_been_idle_leaves_in_time() {
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let flags = ["--passivate-after=100ms", "--command-timeout=1h"];
    let sidecar = Sidecar::start(port, &flags).await;
    assert_eq!(sidecar.client().add("a", "slow").await.unwrap(), "0");
    timeout(DEADLINE, function.0.heard("closed")).await.unwrap();
}
