//! The protocol server: streams do not disturb one another, and end in order.

use std::time::Duration;

use cloudstate::{
    Cloudstate,
    protocol::cloudstate::{
        ProxyInfo, UserFunctionError, entity_discovery_client::EntityDiscoveryClient,
        eventsourced::event_sourced_client::EventSourcedClient,
    },
};
use futures_util::{StreamExt, poll, stream::FuturesUnordered};
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet, time::timeout};
use tonic::{Code, transport::Channel};

use crate::{
    conversation::{Peer, Proxy, command, connect, emit, event, init, panic, state, user_function},
    model::Model,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_streams_run_side_by_side_on_one_connection() {
    let proxy = Proxy::over_network().await;
    let mut peers = Vec::new();
    for _ in 0..1000 {
        peers.push(proxy.start(None).await);
    }
    let mut tasks = JoinSet::new();
    for mut peer in peers {
        tasks.spawn(async move {
            peer.exchange(1, [emit("A")], state("A").events(&["A"]))
                .await;
            peer.exchange(2, [emit("B")], state("AB").events(&["B"]))
                .await;
            peer.passivate().await;
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
}

#[tokio::test]
async fn a_stream_may_be_half_closed_behind_any_message() {
    let proxy = Proxy::over_network().await;
    let messages = [
        init(Some((1, "A"))),
        event(2, "B"),
        command(1, [emit("C")]),
        command(2, []),
        command(3, [emit("D"), emit("E")]),
    ];
    let expected = [
        state("ABC").events(&["C"]).reply(1),
        state("ABC").reply(2),
        state("ABCDE")
            .events(&["D", "E"])
            .snapshot("ABCDE")
            .reply(3),
    ];
    for length in 1..=messages.len() {
        let mut peer = proxy.open().await;
        for message in &messages[..length] {
            peer.send(message.clone()).await;
        }
        peer.half_close().await;
        for reply in expected.iter().take(length.saturating_sub(2)) {
            assert_eq!(peer.next().await.as_ref(), Some(reply));
        }
        assert_eq!(peer.next().await, None);
    }
}

#[tokio::test]
async fn every_reply_leaves_without_waiting_for_more_input() {
    let proxy = Proxy::over_network().await;
    let mut peer = proxy.start(None).await;
    let mut all = String::new();
    for id in 1..=20 {
        all.push('x');
        peer.command(id, [emit("x")]).await;
        let mut expected = state(&all).events(&["x"]);
        if id % 5 == 0 {
            expected = expected.snapshot(&all);
        }
        assert_eq!(peer.next().await, Some(expected.reply(id)));
    }
}

#[tokio::test]
async fn replays_longer_than_a_turn_are_applied_completely() {
    let proxy = Proxy::over_network().await;
    let mut peer = proxy.start(None).await;
    for sequence in 1..=5000 {
        peer.send(event(sequence, "x")).await;
    }
    peer.exchange(1, [], state(&"x".repeat(5000))).await;
    peer.passivate().await;
}

#[tokio::test]
async fn broken_streams_leave_the_others_and_the_connection_alone() {
    let proxy = Proxy::over_network().await;
    let mut bystander = proxy.start(None).await;
    bystander
        .exchange(1, [emit("A")], state("A").events(&["A"]))
        .await;
    for _ in 0..1500 {
        let mut peer = proxy.start(None).await;
        // The rest of what was sent is still on its way when the stream ends.
        peer.send(init(None)).await;
        peer.command(1, []).await;
        peer.expect_breakdown(0, "Protocol error: Entity already inited")
            .await;
    }
    for _ in 0..20 {
        let mut peer = proxy.start(None).await;
        peer.command(1, [panic("boom")]).await;
        peer.expect_breakdown(1, "Unexpected failure: boom").await;
    }
    bystander.exchange(2, [], state("A")).await;
    bystander.passivate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_streams_leave_the_connection_alone() {
    let proxy = Proxy::over_network().await;
    let mut bystander = proxy.start(None).await;
    // Streams that the server knows, and streams that are cancelled on their way to it.
    let mut known = Vec::new();
    for _ in 0..500 {
        known.push(proxy.start(None).await);
    }
    drop(known);
    for _ in 0..20 {
        let mut opening: FuturesUnordered<_> = (0..500).map(|_| proxy.open()).collect();
        // Sends them all; a first answer may be there already.
        let _ = poll!(opening.next());
        tokio::task::yield_now().await;
    }
    bystander.exchange(1, [], state("")).await;
    bystander.passivate().await;
}

#[tokio::test]
async fn a_message_beyond_the_limit_ends_its_stream_with_a_status() {
    let channel = connect(user_function()).await;
    let proxy = Proxy::Network(EventSourcedClient::new(channel));
    let mut bystander = proxy.start(None).await;
    let mut peer = proxy.start(None).await;
    peer.command(1, [emit(&"x".repeat(17 << 20))]).await;
    let Peer::Network(_, replies) = &mut peer else {
        panic!("not over the network");
    };
    let status = replies.message().await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    bystander.exchange(1, [], state("")).await;
}

#[tokio::test]
async fn stopping_ends_idle_streams_behind_what_they_received() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(user_function().serve(listener, async {
        let _ = stopped.await;
    }));
    let channel = Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let proxy = Proxy::Network(EventSourcedClient::new(channel));
    let mut peer = proxy.start(None).await;
    peer.exchange(1, [emit("A")], state("A").events(&["A"]))
        .await;
    stop.send(()).unwrap();
    assert_eq!(peer.next().await, None);
    let ended = timeout(Duration::from_secs(3), server).await;
    ended.expect("the server stops").unwrap().unwrap();
    let refused = tokio::net::TcpStream::connect(address).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn discovery_answers_any_proxy_any_number_of_times() {
    let channel = connect(
        Cloudstate::new()
            .register::<Model>()
            .service_name("tck")
            .into_user_function()
            .unwrap(),
    )
    .await;
    let mut client = EntityDiscoveryClient::new(channel);
    // A proxy that supports nothing is told the same; what it cannot serve is logged.
    let first = client.discover(ProxyInfo::default()).await.unwrap();
    let first = first.into_inner();
    assert_eq!(first.entities.len(), 1);
    assert_eq!(first.service_info.as_ref().unwrap().service_name, "tck");
    client
        .report_error(UserFunctionError {
            message: "no such thing".into(),
        })
        .await
        .unwrap();
    let second = client.discover(ProxyInfo::default()).await.unwrap();
    assert_eq!(second.into_inner(), first);
}
