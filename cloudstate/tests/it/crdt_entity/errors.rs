//! What is against the protocol, and what breaks an entity down.

use cloudstate::{
    Any,
    protocol::cloudstate::{
        Command, StreamCancelled,
        crdt::{CrdtDelta, PnCounterDelta, crdt_delta::Delta, crdt_stream_in::Message as In},
    },
};

use super::peer::{both_ways, failure_of, init, set, visit};

#[tokio::test]
async fn init_comes_first_once_and_for_a_crdt_entity() {
    both_ways(async |proxy| {
        let expected = "Protocol error: Expected init message for CRDT entity";
        let mut peer = proxy.open().await;
        let command = peer.command("Look", visit(""));
        peer.send(In::Command(command)).await;
        peer.expect_breakdown(0, expected).await;

        let mut peer = proxy.open().await;
        peer.half_close().await;
        peer.expect_breakdown(0, expected).await;

        let unknown = "Protocol error: Service not found: room.Nobody";
        let peer = proxy.start_of("room.Nobody", None).await;
        peer.expect_breakdown(0, unknown).await;

        let mut peer = proxy.start(None).await;
        peer.send(init("room.Presence", None)).await;
        peer.expect_breakdown(0, "Protocol error: CRDT entity already inited")
            .await;

        let mut peer = proxy.start(None).await;
        peer.send_raw(None).await;
        let empty = "Protocol error: CRDT entity received empty/unknown message";
        peer.expect_breakdown(0, empty).await;
    })
    .await;
}

#[tokio::test]
async fn a_delta_has_the_type_of_the_entity() {
    both_ways(async |proxy| {
        let counter = || Delta::Pncounter(PnCounterDelta { change: 1 });
        let text = "Received a delta of PNCounter for ORSet";
        let peer = proxy.start(Some(counter())).await;
        peer.expect_breakdown(0, text).await;

        let mut peer = proxy.start(None).await;
        peer.delta(counter()).await;
        peer.expect_breakdown(0, text).await;

        let mut peer = proxy.start(None).await;
        peer.send(In::Delta(CrdtDelta { delta: None })).await;
        peer.expect_breakdown(0, "CrdtDelta.delta is not set").await;
    })
    .await;
}

#[tokio::test]
async fn a_command_has_the_right_entity_a_payload_and_a_handler() {
    both_ways(async |proxy| {
        let another =
            "Protocol error: Receiving CRDT entity is not the intended recipient of command";
        let mut peer = proxy.start(None).await;
        let foreign = Command {
            entity_id: "room-2".into(),
            ..peer.command("Look", visit(""))
        };
        peer.send(In::Command(foreign)).await;
        peer.expect_breakdown(1, another).await;

        let mut peer = proxy.start(None).await;
        let foreign = StreamCancelled {
            entity_id: "room-2".into(),
            id: 5,
        };
        peer.send(In::StreamCancelled(foreign)).await;
        peer.expect_breakdown(5, another).await;

        let mut peer = proxy.start(None).await;
        let empty = Command {
            payload: None,
            ..peer.command("Look", Any::default())
        };
        peer.send(In::Command(empty)).await;
        peer.expect_breakdown(1, "Protocol error: No command payload for CRDT entity")
            .await;

        let mut peer = proxy.start(None).await;
        let unknown = peer.command("Dance", Any::default());
        peer.send(In::Command(unknown)).await;
        let text = "No command handler found for command [Dance] on it::crdt_entity::rooms::Room";
        peer.expect_breakdown(1, text).await;
    })
    .await;
}

#[tokio::test]
async fn a_garbled_command_is_refused_and_the_entity_goes_on() {
    both_ways(async |proxy| {
        let mut room = proxy.start(None).await;
        room.change("+ada").await;
        let garbled = Any {
            type_url: "type.googleapis.com/room.Visit".into(),
            value: vec![0xff].into(),
        };
        let reply = room.call("Leave", garbled).await;
        assert!(failure_of(reply.client_action).1.contains("[Leave]"));
        assert_eq!(room.guests().await, ["ada"]);
        room.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn putting_another_value_in_the_place_of_the_replicated_one_is_noticed() {
    both_ways(async |proxy| {
        let text = "The handler put another value in the place of the replicated one, or of one in a map: change it by \
                    its own operations, such as `clear`";
        for words in ["replace", "+ada replace", "replace fail"] {
            let mut room = proxy.start(None).await;
            let command = room.command("Leave", visit(words));
            room.send(In::Command(command)).await;
            room.expect_breakdown(1, text).await;
        }
        let mut room = proxy.start(Some(set(false, &[], &["ada"]))).await;
        room.enter("cancel=replace").await;
        room.cancel(1).await;
        room.expect_breakdown(1, text).await;
    })
    .await;
}

#[tokio::test]
async fn a_panic_breaks_its_entity_down_and_no_other() {
    both_ways(async |proxy| {
        let mut other = proxy.start(None).await;
        let mut room = proxy.start(None).await;
        let command = room.command("Leave", visit("+ada panic"));
        room.send(In::Command(command)).await;
        let text = "CRDT entity unexpected failure: expected panic";
        room.expect_breakdown(1, text).await;
        assert_eq!(other.guests().await, [""; 0]);
        other.passivate().await;
    })
    .await;
}
