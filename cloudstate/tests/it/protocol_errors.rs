//! What a user function answers to a proxy that breaks the protocol, and to code that breaks.

use cloudstate::{
    Any,
    protocol::cloudstate::{
        Command,
        eventsourced::{
            EventSourcedEvent, EventSourcedInit, EventSourcedSnapshot,
            event_sourced_stream_in::Message as In,
        },
    },
};

use crate::conversation::{
    ID, Proxy, both_ways, command, emit, event, failed, init, model_command, panic, persisted,
    state,
};

/// Sends these messages, and expects the stream to break down on the last.
async fn breaks_down<const N: usize>(
    proxy: &Proxy,
    messages: [Option<In>; N],
    command_id: i64,
    description: &str,
) {
    let mut peer = proxy.open().await;
    for message in messages {
        peer.send_raw(message).await;
    }
    peer.expect_breakdown(command_id, description).await;
}

#[tokio::test]
async fn the_first_message_is_init() {
    both_ways(async |proxy| {
        let text = "Protocol error: Expected Init message";
        breaks_down(&proxy, [Some(command(1, []))], 0, text).await;
        breaks_down(&proxy, [Some(event(1, "A"))], 0, text).await;
        breaks_down(&proxy, [None], 0, text).await;
        let mut empty = proxy.open().await;
        empty.half_close().await;
        empty.expect_breakdown(0, text).await;
    })
    .await;
}

#[tokio::test]
async fn init_comes_once_and_for_a_known_service() {
    both_ways(async |proxy| {
        let again = [Some(init(None)), Some(init(None))];
        breaks_down(&proxy, again, 0, "Protocol error: Entity already inited").await;
        let unknown = In::Init(EventSourcedInit {
            service_name: "com.example.Nothing".into(),
            entity_id: ID.into(),
            snapshot: None,
        });
        let text = "Protocol error: Service not found: com.example.Nothing";
        breaks_down(&proxy, [Some(unknown)], 0, text).await;
    })
    .await;
}

#[tokio::test]
async fn every_message_has_content() {
    both_ways(async |proxy| {
        let text = "Protocol error: Received empty/unknown message";
        breaks_down(&proxy, [Some(init(None)), None], 0, text).await;
        let event = In::Event(EventSourcedEvent {
            sequence: 1,
            payload: None,
        });
        let text = "Protocol error: No event payload";
        breaks_down(&proxy, [Some(init(None)), Some(event)], 0, text).await;
        let snapshot = In::Init(EventSourcedInit {
            snapshot: Some(EventSourcedSnapshot {
                snapshot_sequence: 5,
                snapshot: None,
            }),
            ..init_fields()
        });
        let text = "Protocol error: No snapshot payload";
        breaks_down(&proxy, [Some(snapshot)], 0, text).await;
    })
    .await;
}

#[tokio::test]
async fn a_command_has_a_payload_a_handler_and_the_right_entity() {
    both_ways(async |proxy| {
        let with = |change: fn(&mut Command)| {
            let mut command = model_command(3, []);
            change(&mut command);
            [Some(init(None)), Some(In::Command(command))]
        };
        let text = "Protocol error: Receiving entity is not the intended recipient of command";
        let other = with(|command| command.entity_id = "entity-2".into());
        breaks_down(&proxy, other, 3, text).await;
        let text = "Protocol error: No command payload";
        breaks_down(&proxy, with(|command| command.payload = None), 3, text).await;
        let text = "No command handler found for command [Other] on it::model::Model";
        let unknown = with(|command| command.name = "Other".into());
        breaks_down(&proxy, unknown, 3, text).await;
    })
    .await;
}

#[tokio::test]
async fn a_garbled_command_is_refused_and_the_entity_goes_on() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        peer.exchange(1, [emit("A")], state("A").events(&["A"]))
            .await;
        let mut garbled = model_command(2, []);
        garbled.payload = Some(Any {
            type_url: "type.googleapis.com/cloudstate.tck.model.Request".into(),
            value: (&b"\xff\xff"[..]).into(),
        });
        peer.send(In::Command(garbled)).await;
        let text = "The payload of command [Process] is not its request message: failed to decode Protobuf message: \
                    invalid varint";
        assert_eq!(peer.next().await, Some(failed(text, false).reply(2)));
        peer.exchange(3, [], state("A")).await;
        peer.passivate().await;
    })
    .await;
}

#[tokio::test]
async fn the_type_url_of_a_command_is_not_looked_at() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        let mut command = model_command(1, [emit("A")]);
        command.payload.as_mut().unwrap().type_url = "json.cloudstate.io/object".into();
        peer.send(In::Command(command)).await;
        let expected = state("A").events(&["A"]).reply(1);
        assert_eq!(peer.next().await, Some(expected));
    })
    .await;
}

#[tokio::test]
async fn stored_data_without_a_handler_or_in_another_form_is_named() {
    both_ways(async |proxy| {
        let foreign = |value: &'static [u8], name: &str| Any {
            type_url: format!("type.googleapis.com/{name}").into(),
            value: value.into(),
        };
        let stored = |payload| {
            In::Event(EventSourcedEvent {
                sequence: 1,
                payload: Some(payload),
            })
        };
        let text = "No event handler found for event type.googleapis.com/com.example.Old on Model";
        let messages = [Some(init(None)), Some(stored(foreign(b"", "com.example.Old")))];
        breaks_down(&proxy, messages, 0, text).await;
        let text = "The stored event type.googleapis.com/cloudstate.tck.model.Persisted cannot be decoded: failed to \
                    decode Protobuf message: invalid varint";
        let garbled = stored(foreign(b"\xff", "cloudstate.tck.model.Persisted"));
        breaks_down(&proxy, [Some(init(None)), Some(garbled)], 0, text).await;
        let snapshot = In::Init(EventSourcedInit {
            snapshot: Some(EventSourcedSnapshot {
                snapshot_sequence: 5,
                snapshot: Some(foreign(b"", "com.example.Old")),
            }),
            ..init_fields()
        });
        let text =
            "No snapshot handler found for snapshot type.googleapis.com/com.example.Old on Model";
        breaks_down(&proxy, [Some(snapshot)], 0, text).await;
    })
    .await;
}

#[tokio::test]
async fn sequence_numbers_are_not_negative() {
    both_ways(async |proxy| {
        let text = "Protocol error: Negative sequence number -1";
        breaks_down(&proxy, [Some(init(None)), Some(event(-1, "A"))], 0, text).await;
        breaks_down(&proxy, [Some(init(Some((-1, "A"))))], 0, text).await;
    })
    .await;
}

#[tokio::test]
async fn a_panic_breaks_its_stream_down_and_is_named() {
    both_ways(async |proxy| {
        let during = |actions| [Some(init(None)), Some(command(4, actions))];
        let text = "Unexpected failure: boom";
        breaks_down(&proxy, during(vec![emit("A"), panic("boom")]), 4, text).await;
        let mut peer = proxy.start(None).await;
        peer.send(command(4, [emit("poison")])).await;
        expect_panic(peer, 4, "poisoned event").await;
        let mut peer = proxy.start(None).await;
        peer.send(event(1, "poison")).await;
        expect_panic(peer, 0, "poisoned event").await;
        let peer = proxy.start(Some((5, "poison"))).await;
        expect_panic(peer, 0, "poisoned snapshot").await;
        let mut peer = proxy.start(Some((4, "unsav"))).await;
        peer.send(command(4, [emit("able")])).await;
        expect_panic(peer, 4, "unsavable state").await;
    })
    .await;
}

/// Of an assertion's text only the beginning is ours.
async fn expect_panic(mut peer: crate::conversation::Peer, command_id: i64, text: &str) {
    use cloudstate::protocol::cloudstate::eventsourced::event_sourced_stream_out::Message as Out;
    match peer.next().await {
        Some(Out::Failure(failure)) => {
            assert_eq!(failure.command_id, command_id);
            let description = failure.description;
            assert!(
                description.starts_with("Unexpected failure: "),
                "{description}"
            );
            assert!(description.contains(text), "{description}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(peer.next().await, None);
}

#[tokio::test]
async fn nothing_follows_the_end_of_a_stream() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        for message in [init(None), command(1, []), command(2, [])] {
            peer.send(message).await;
        }
        peer.expect_breakdown(0, "Protocol error: Entity already inited")
            .await;
    })
    .await;
}

#[tokio::test]
async fn an_event_has_no_place_before_a_requested_restart() {
    both_ways(async |proxy| {
        let mut peer = proxy.start(None).await;
        let actions = [emit("A"), crate::conversation::fail("no")];
        peer.exchange(1, actions, failed("no", true)).await;
        peer.send(In::Event(EventSourcedEvent {
            sequence: 1,
            payload: Some(persisted("A")),
        }))
        .await;
        let text = "Protocol error: Received an event on a stream whose restart was requested";
        peer.expect_breakdown(0, text).await;
    })
    .await;
}

fn init_fields() -> EventSourcedInit {
    match init(None) {
        In::Init(init) => init,
        other => panic!("{other:?}"),
    }
}
