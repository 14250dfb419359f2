//! What the in-process connection adds to the state machine: limits, wake-ups, and the proxy's view of it.

use cloudstate::protocol::cloudstate::eventsourced::{
    EventSourcedStreamIn, event_sourced_stream_in::Message as In,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::time::timeout;

use crate::conversation::{PATIENCE, command, init, state, user_function};

fn message(message: In) -> EventSourcedStreamIn {
    EventSourcedStreamIn {
        message: Some(message),
    }
}

#[tokio::test]
async fn a_sender_waits_while_its_replies_are_not_read() {
    let mut connection = user_function().event_sourced();
    connection.send(message(init(None))).await.unwrap();
    let mut sent = 0;
    while let Some(result) = connection
        .send(message(command(sent + 1, [])))
        .now_or_never()
    {
        result.unwrap();
        sent += 1;
        assert!(sent < 10_000, "nothing bounds the unread replies");
    }
    for id in 1..=sent {
        let reply = connection.next().await.unwrap();
        assert_eq!(reply.message, Some(state("").reply(id)));
    }
    let resumed = connection.send(message(command(sent + 1, [])));
    resumed.now_or_never().unwrap().unwrap();
}

#[tokio::test]
async fn a_split_connection_wakes_the_side_that_waits() {
    let (mut sink, stream) = user_function().event_sourced().split();
    let reading = tokio::spawn(stream.collect::<Vec<_>>());
    // The reader, on the same thread, waits from here on.
    tokio::task::yield_now().await;
    sink.send(message(init(None))).await.unwrap();
    for id in 1..=500 {
        let sent = timeout(PATIENCE, sink.send(message(command(id, [])))).await;
        sent.expect("the sender is woken").unwrap();
    }
    sink.close().await.unwrap();
    let read = timeout(PATIENCE, reading).await;
    let replies = read.expect("the reader is woken").unwrap();
    assert_eq!(replies.len(), 500);
    assert_eq!(replies[499].message, Some(state("").reply(500)));
}

#[cfg(feature = "embedded")]
#[tokio::test]
async fn an_embedded_proxy_sees_the_same_user_function() {
    use cloudstate::protocol::cloudstate::ProxyInfo;
    use cloudstate_proxy::user_function::UserFunction as Seen;

    let user_function = user_function();
    let seen: &dyn Seen = &user_function;
    let spec = seen.discover(ProxyInfo::default()).await.unwrap();
    assert_eq!(&spec, user_function.spec());
    assert!(seen.wants_metadata());
    let mut connection = seen.event_sourced().await.unwrap();
    connection.send(message(init(None))).await.unwrap();
    connection.send(message(command(1, []))).await.unwrap();
    connection.close().await.unwrap();
    let reply = connection.next().await.unwrap().unwrap();
    assert_eq!(reply.message, Some(state("").reply(1)));
    assert!(connection.next().await.is_none());
}
