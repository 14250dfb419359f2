//! Streamed commands: who is told what, and in which order.

use cloudstate::protocol::cloudstate::{
    client_action::Action,
    crdt::{
        CrdtStreamCancelledResponse, CrdtWriteConsistency, crdt_stream_in::Message as In,
        crdt_stream_out::Message as Out,
    },
};

use super::peer::{Peer, both_ways, failure_of, names, set, update, updated, visit};

async fn cancelled(peer: &mut Peer, id: i64) -> CrdtStreamCancelledResponse {
    match peer.next().await {
        Some(Out::StreamCancelledResponse(response)) => {
            assert_eq!(response.command_id, id);
            response
        }
        other => panic!("not the response to a cancellation: {other:?}"),
    }
}

#[tokio::test]
async fn open_streams_hear_of_a_change_behind_its_reply() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        let reply = room.enter("").await;
        assert!(reply.streamed);
        assert_eq!(reply.state_action, None);
        assert_eq!(names(reply.client_action), [""; 0]);
        // The second stream's own change is told to the first alone.
        let reply = room.enter("+ada").await;
        assert!(reply.streamed);
        assert_eq!(reply.state_action, updated(&[], &["ada"]));
        room.expect_pushed(1, ["ada"]).await;
        room.change("+bob").await;
        room.expect_pushed(1, ["ada", "bob"]).await;
        room.expect_pushed(2, ["ada", "bob"]).await;
        // What changes nothing is told to nobody.
        assert_eq!(room.change("+bob").await.state_action, None);
        assert_eq!(room.guests().await, ["ada", "bob"]);
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn open_streams_hear_of_what_other_nodes_did_and_of_deletion() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.enter("").await;
        room.delta(set(false, &[], &["ada"])).await;
        room.expect_pushed(1, ["ada"]).await;
        room.change("delete").await;
        room.expect_pushed(1, ["ada"]).await;
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_when_its_handler_says_so() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.enter("until=2 cancel=+late").await;
        room.change("+ada").await;
        room.expect_pushed(1, ["ada"]).await;
        room.change("+bob").await;
        let last = room.pushed(1).await;
        assert!(last.end_stream);
        assert_eq!(names(last.client_action), ["ada", "bob"]);
        room.change("+eve").await;
        // The stream is gone, and with it what it would do on a cancellation.
        room.cancel(1).await;
        assert_eq!(cancelled(&mut room, 1).await.state_action, None);
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_stream_may_change_the_state() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.enter("+ada cancel=-ada").await;
        room.enter("").await;
        room.cancel(1).await;
        let response = cancelled(&mut room, 1).await;
        let left = update(set(false, &["ada"], &[]), CrdtWriteConsistency::Majority);
        assert_eq!(response.state_action, left);
        assert_eq!(response.side_effects, []);
        room.expect_pushed(2, []).await;
        room.change("+bob").await;
        room.expect_pushed(2, ["bob"]).await;
        room.cancel(2).await;
        assert_eq!(cancelled(&mut room, 2).await.state_action, None);
        room.change("+eve").await;
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn cancelling_may_start_effects_and_what_is_unknown_is_answered() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.enter("idle cancel=effect").await;
        room.cancel(1).await;
        let response = cancelled(&mut room, 1).await;
        assert_eq!(
            (response.side_effects.len(), response.state_action),
            (1, None)
        );
        for id in [1, 77] {
            room.cancel(id).await;
            let bare = CrdtStreamCancelledResponse {
                command_id: id,
                ..CrdtStreamCancelledResponse::default()
            };
            assert_eq!(cancelled(&mut room, id).await, bare);
        }
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn the_first_reply_may_be_none() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        let reply = room.enter("empty +ada").await;
        assert_eq!(reply.client_action, None);
        assert!(reply.streamed);
        assert_eq!(reply.state_action, updated(&[], &["ada"]));
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_needs_something_to_run_and_somebody_who_listens() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        assert!(!room.enter("once").await.streamed);
        // The command is not streamed, although its rpc streams.
        let command = room.command("Enter", visit(""));
        room.send(In::Command(command)).await;
        assert!(!room.reply().await.streamed);
        // The rpc does not stream, although the command is streamed.
        let mut command = room.command("Look", visit(""));
        command.streamed = true;
        room.send(In::Command(command)).await;
        assert!(!room.reply().await.streamed);
        room.change("+ada").await;
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_command_opens_no_stream() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.enter("").await;
        let reply = room.enter("+ada fail").await;
        assert!(!reply.streamed);
        assert_eq!(reply.state_action, None);
        assert_eq!(
            failure_of(reply.client_action),
            (2, "expected failure".into())
        );
        room.change("+bob").await;
        room.expect_pushed(1, ["bob"]).await;
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_may_say_nothing_start_effects_and_forward() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.enter("silent").await;
        room.enter("effect").await;
        room.enter("forward").await;
        room.change("+ada").await;
        let effect = room.pushed(2).await;
        assert_eq!(effect.side_effects.len(), 1);
        assert_eq!(names(effect.client_action), ["ada"]);
        let forward = room.pushed(3).await;
        match forward.client_action.and_then(|action| action.action) {
            Some(Action::Forward(forward)) => assert_eq!(forward.command_name, "Look"),
            other => panic!("not a forward: {other:?}"),
        }
        assert!(!forward.end_stream);
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_breaks_down_harms_nobody_else() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.enter("refuse").await;
        room.enter("panic").await;
        room.enter("").await;
        room.change("+ada").await;
        let refused = room.pushed(1).await;
        assert!(!refused.end_stream);
        assert_eq!(
            failure_of(refused.client_action),
            (1, "expected refusal".into())
        );
        let panicked = room.pushed(2).await;
        let text = "Unexpected failure: expected panic";
        assert_eq!(failure_of(panicked.client_action), (2, text.into()));
        room.expect_pushed(3, ["ada"]).await;
        // Both are gone; the third goes on.
        room.change("+bob").await;
        room.expect_pushed(3, ["ada", "bob"]).await;
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn a_panic_while_cancelling_breaks_the_entity_down() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.enter("cancel=panic").await;
        room.cancel(1).await;
        let text = "CRDT entity unexpected failure: expected panic";
        room.expect_breakdown(1, text).await;
    })
    .await;
}
