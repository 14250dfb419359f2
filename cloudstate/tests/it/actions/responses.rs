//! What handlers answer, and what they are told.

use cloudstate::protocol::cloudstate::EntitySpec;
use prost::Message as _;

use super::*;

#[tokio::test]
async fn an_answer_is_a_reply_none_a_forward_or_a_failure_each_with_its_effects() {
    both_ways(async |caller| {
        let cases = [
            ("say one", said("one")),
            ("nothing", response(None)),
            ("forward one", forwarded("one")),
            ("refuse one", refused("one")),
        ];
        for (text, expected) in cases {
            let ask = async |text: &str| caller.one(command(pb::Desk::Ask, text)).await.unwrap();
            assert_eq!(ask(text).await, expected);
            assert_eq!(
                ask(&format!("effect a; {text}; wait b; effect c")).await,
                effects(expected, &["a", "!b", "c"])
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_messages_has_one_answer() {
    both_ways(async |caller| {
        for count in 0..5 {
            let notes = (0..count).map(|_| note("x"));
            let commands = stream::iter([first(pb::Desk::Collect)].into_iter().chain(notes));
            let answer = caller.streamed_in(commands).await.unwrap();
            assert_eq!(answer, counted(count));
        }
        let commands = [first(pb::Desk::Collect), note("x"), note("stop"), note("x")];
        let answer = caller.streamed_in(stream::iter(commands)).await.unwrap();
        assert_eq!(answer, refused("stopped at note 2"));
    })
    .await;
}

#[tokio::test]
async fn a_failure_in_a_stream_does_not_end_it() {
    both_ways(async |caller| {
        let text = "say a; effect x\nrefuse b; wait y\nnothing\nforward c\nrefuse d\nsay e";
        let responses = caller.streamed_out(command(pb::Desk::Recite, text)).await;
        let responses: Vec<_> = responses.try_collect().await.unwrap();
        assert_eq!(
            responses,
            [
                effects(said("a"), &["x"]),
                effects(refused("b"), &["!y"]),
                response(None),
                forwarded("c"),
                refused("d"),
                said("e"),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_stream_may_be_refused_before_it_begins() {
    both_ways(async |caller| {
        let mut responses = caller.streamed_out(command(pb::Desk::Recite, "")).await;
        let only = responses.next().await.unwrap().unwrap();
        assert_eq!(only, refused("nothing to recite"));
        assert!(responses.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn answers_come_between_the_messages_of_a_stream() {
    both_ways(async |caller| {
        let mut chat = caller.chat().await;
        chat.exchange("say one", said("one")).await;
        chat.exchange("effect a", effects(response(None), &["a"]))
            .await;
        chat.exchange("refuse two", refused("two")).await;
        chat.exchange("forward three\nsay four", forwarded("three"))
            .await;
        assert_eq!(chat.next().await.unwrap().unwrap(), said("four"));
        chat.end().await;
    })
    .await;
}

#[tokio::test]
async fn metadata_comes_with_the_call_and_goes_with_the_answer() {
    both_ways(async |caller| {
        let mut ask = command(pb::Desk::Ask, "say one");
        ask.metadata = metadata(&[("Echo", "hello")]);
        let answer = caller.one(ask).await.unwrap();
        let Some(Response::Reply(reply)) = answer.response else {
            panic!("no reply: {answer:?}");
        };
        assert_eq!(reply.metadata, metadata(&[("echoed", "hello")]));
    })
    .await;
}

#[tokio::test]
async fn the_metadata_of_a_stream_and_of_its_messages_are_two_things() {
    both_ways(async |caller| {
        let mut call = first(pb::Desk::Chat);
        call.metadata = metadata(&[("greeting", "welcome"), ("prefix", "of the stream")]);
        let mut with = note("say b");
        with.metadata = metadata(&[("prefix", "a")]);
        let commands = stream::iter([call, with, note("say c")]);
        let responses: Vec<_> = caller.streamed(commands).await.try_collect().await.unwrap();
        assert_eq!(responses, [said("welcome"), said("ab"), said("c")]);
    })
    .await;
}

#[tokio::test]
async fn forwards_and_effects_carry_metadata_of_their_own() {
    let mut metadata = Metadata::new();
    metadata.append("key", "value");
    let note = || pb::Note { text: "x".into() };
    let wire = Some(wire::Metadata {
        entries: vec![entry("key", "value")],
    });
    #[action(extern_service = pb::Desk, register = false)]
    struct Other(Metadata);
    #[handlers(partial)]
    impl Other {
        #[call_handler]
        fn ask(&self, note: pb::Note) -> Reply<pb::Note> {
            let forward = Forward::to(pb::Mailroom::Post, note.clone());
            let effect = SideEffect::to(pb::Mailroom::Sort, Any::pack(&note));
            Reply::forward(forward.metadata(self.0.clone())).effect(effect.metadata(self.0.clone()))
        }
    }
    let user_function = Cloudstate::new()
        .register_action(Other(metadata))
        .into_user_function()
        .unwrap();
    let answer = user_function.action(command(pb::Desk::Ask, "x")).await;
    let answer = answer.unwrap();
    let Some(Response::Forward(forward)) = answer.response else {
        panic!("no forward");
    };
    assert_eq!(forward.metadata, wire);
    let [effect] = &answer.side_effects[..] else {
        panic!("not one effect");
    };
    assert_eq!(effect.metadata, wire);
    // The target takes an `Any`: what it holds is packed into one, as gRPC has it.
    let payload = effect.payload.as_ref().unwrap();
    assert_eq!(payload.type_name(), "google.protobuf.Any");
    assert_eq!(
        Any::decode(payload.value.clone()).unwrap(),
        Any::pack(&note())
    );
}

#[tokio::test]
async fn cloud_events_are_read_from_metadata_and_written_to_it() {
    both_ways(async |caller| {
        let mut post = command(pb::Mailroom::Post, "x");
        post.metadata = metadata(&[
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/desk"),
            ("ce-type", "noted"),
            ("ce-subject", "note-1"),
        ]);
        let answer = caller.one(post).await.unwrap();
        let Some(Response::Reply(reply)) = answer.response else {
            panic!("no reply: {answer:?}");
        };
        assert_eq!(reply.payload, note("note-1").payload);
        let expected = metadata(&[
            ("ce-specversion", "1.0"),
            ("ce-id", "2"),
            ("ce-source", "/mailroom"),
            ("ce-type", "noted"),
            ("ce-subject", "answer"),
        ]);
        assert_eq!(reply.metadata, expected);
    })
    .await;
}

#[tokio::test]
async fn a_handler_of_any_takes_an_event_as_it_is_stored_and_what_grpc_packs() {
    both_ways(async |caller| {
        let event = Any {
            type_url: "json.cloudstate.io/noted".into(),
            value: "{}".into(),
        };
        for payload in [event.clone(), Any::pack(&event)] {
            let sort = ActionCommand {
                payload: Some(payload),
                ..first(pb::Mailroom::Sort)
            };
            let answer = caller.one(sort).await.unwrap();
            assert_eq!(answer, refused("json.cloudstate.io/noted 2"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_type_url_of_a_payload_is_not_looked_at_and_without_one_it_is_empty() {
    both_ways(async |caller| {
        let ask = ActionCommand {
            payload: Some(Any {
                type_url: "nonsense".into(),
                value: encoded("say one").into(),
            }),
            ..first(pb::Desk::Ask)
        };
        assert_eq!(caller.one(ask).await.unwrap(), said("one"));
        let empty = caller.one(first(pb::Desk::Ask)).await.unwrap();
        assert_eq!(empty, response(None));
        let commands = [first(pb::Desk::Collect), ActionCommand::default()];
        let answer = caller.streamed_in(stream::iter(commands)).await.unwrap();
        assert_eq!(answer, counted(1));
    })
    .await;
}

#[test]
fn discovery_names_actions_and_keeps_their_eventing_options() {
    let user_function = user_function(Desk::default());
    let EntitySpec {
        proto, entities, ..
    } = user_function.spec();
    let named: Vec<_> = entities
        .iter()
        .map(|entity| {
            let id = entity.persistence_id.as_str();
            (
                entity.entity_type.as_str(),
                entity.service_name.as_str(),
                id,
            )
        })
        .collect();
    let action = "cloudstate.action.ActionProtocol";
    assert_eq!(
        named,
        [
            (action, "desk.Desk", "Desk"),
            (action, "desk.Mailroom", "Mailroom")
        ]
    );
    assert!(entities[0].passivation_strategy.is_none());
    // Option 1081 with `in { event_log: "cart" }`.
    let option = b"\xca\x43\x08\x0a\x06\x1a\x04cart";
    assert!(proto.windows(option.len()).any(|window| window == option));
}

#[tokio::test]
async fn annotated_actions_register_themselves() {
    let user_function = Cloudstate::registered().into_user_function().unwrap();
    let answer = user_function.action(command(pb::Mailroom::Post, "x")).await;
    assert_eq!(answer.unwrap(), said("x"));
    // Not registered by its annotation.
    let answer = user_function.action(command(pb::Desk::Ask, "x")).await;
    assert_eq!(answer.unwrap(), refused("Unknown service: desk.Desk"));
}
