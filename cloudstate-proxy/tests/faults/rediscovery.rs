//! A user function that is restarted: with the specification it had, with one that fits, and with one that does not.

use tonic::Code;

use crate::{
    client::Client,
    function::Spec,
    programs::{DEADLINE, Function, Sidecar, eventually, lasting_port},
};

async fn ready(client: &Client) {
    eventually("the sidecar is ready", async || {
        (client.get("/ready").await.0 == 200).then_some(())
    })
    .await;
}

/// Why it is not ready.
async fn not_ready(client: &Client, why: &str) {
    eventually(why, async || {
        let (code, body) = client.get("/ready").await;
        (code == 503 && body.contains(why)).then_some(())
    })
    .await;
    assert_eq!(client.get("/alive").await.0, 200);
}

#[tokio::test]
async fn the_same_specification_is_gone_on_with() {
    let port = lasting_port();
    let mut function = Function::start(port, Spec::First).await;
    let mut sidecar = Sidecar::start(port, &[]).await;
    let client = sidecar.client();
    function.0.heard("discovered").await;
    ready(&client).await;
    assert_eq!(client.add("a", "one").await.unwrap(), "1");

    function.kill();
    not_ready(&client, "cannot be reached").await;
    let error = client.add("a", "lost").await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");

    // Nobody calls: that it is back is noticed all the same.
    let mut function = Function::start(port, Spec::First).await;
    sidecar.process.heard("serves what it has served").await;
    function.0.heard("discovered").await;
    ready(&client).await;
    assert_eq!(client.add("a", "two").await.unwrap(), "2");
}

#[tokio::test]
async fn a_specification_that_fits_is_taken_over() {
    let port = lasting_port();
    let function = Function::start(port, Spec::First).await;
    let mut sidecar = Sidecar::start(port, &[]).await;
    let client = sidecar.client();
    assert_eq!(client.add("a", "one").await.unwrap(), "1");
    assert_eq!(
        client
            .call("test.Feed/Say", "", "hello", None)
            .await
            .unwrap(),
        "hello"
    );
    let error = client
        .call("test.Notes/Read", "n", "", None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
    assert_eq!(client.get("/count/a").await.0, 404);
    let openapi = async || client.get("/openapi.json").await.1;
    assert!(!openapi().await.contains("/count/{"));

    function.kill();
    let _function = Function::start(port, Spec::Grown).await;
    sidecar.process.heard("which is served from now on").await;
    ready(&client).await;
    // What was stored is there, through the method that was there, the new one, and its path.
    assert_eq!(client.add("a", "two").await.unwrap(), "2");
    assert_eq!(
        client
            .call("test.Ledger/Count", "a", "count", None)
            .await
            .unwrap(),
        "2"
    );
    let (code, body) = client.get("/count/a?text=count").await;
    assert_eq!((code, &*body), (200, r#"{"text":"2"}"#));
    assert!(openapi().await.contains("/count/{"));
    assert_eq!(
        client.call("test.Notes/Read", "n", "", None).await.unwrap(),
        "a note"
    );
    let error = client
        .call("test.Feed/Say", "", "hello", None)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_specification_that_does_not_fit_is_refused_until_one_does() {
    let port = lasting_port();
    let function = Function::start(port, Spec::First).await;
    let mut sidecar = Sidecar::start(port, &[]).await;
    let client = sidecar.client();
    assert_eq!(client.add("a", "one").await.unwrap(), "1");

    function.kill();
    for (spec, why) in [
        (
            Spec::Swapped,
            "persistence id `ledger`, which belonged to event-sourced entities",
        ),
        (Spec::BadPath, "`nothing`"),
    ] {
        let mut function = Function::start(port, spec).await;
        sidecar.process.heard("cannot be served").await;
        let report = function.0.heard("report").await;
        assert!(report.contains(why), "{report}");
        not_ready(&client, why).await;
        for method in ["test.Ledger/Add", "test.Feed/Say"] {
            let error = client.call(method, "a", "x", None).await.unwrap_err();
            assert_eq!(error.code(), Code::Unavailable, "{error}");
            assert!(error.message().contains(why), "{error}");
        }
        function.kill();
    }

    let _function = Function::start(port, Spec::First).await;
    sidecar.process.heard("which is served from now on").await;
    ready(&client).await;
    assert_eq!(client.add("a", "two").await.unwrap(), "2");
}

#[tokio::test]
async fn a_specification_that_cannot_be_served_ends_a_sidecar_that_starts() {
    for (spec, why) in [
        (Spec::BadPath, "test.Feed.Say"),
        (
            Spec::BadEventing,
            "it subscribes to nothing: set `event_log`",
        ),
        (
            Spec::SameService,
            "service `test.Ledger` is served by two entities",
        ),
        (
            Spec::SameId,
            "persistence id `ledger` belongs to two entities",
        ),
    ] {
        let port = lasting_port();
        let mut function = Function::start(port, spec).await;
        let (code, printed) = Sidecar::spawn(port, &[]).ended().await;
        assert_eq!(code, Some(1), "{spec:?}: {printed}");
        assert_eq!(printed.matches(why).count(), 1, "{spec:?}: {printed}");
        let report = function.0.heard("report").await;
        assert!(report.contains(why), "{spec:?}: {report}");
    }
}

/// Something else listens on the user function's port, for a while.
#[tokio::test]
async fn whoever_is_not_a_user_function_is_waited_out() {
    let port = lasting_port();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .unwrap();
    let mut sidecar = Sidecar::spawn(port, &[]);
    for bytes in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", &[0xff; 1000]] {
        let accepted = tokio::time::timeout(DEADLINE, listener.accept())
            .await
            .unwrap();
        let (mut connection, _) = accepted.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut connection, bytes)
            .await
            .unwrap();
        drop(connection);
        sidecar.heard("cannot be discovered yet").await;
    }
    drop(listener);
    let _function = Function::start(port, Spec::First).await;
    let sidecar = Sidecar::ready(sidecar).await;
    assert_eq!(sidecar.client().add("a", "one").await.unwrap(), "1");
}
