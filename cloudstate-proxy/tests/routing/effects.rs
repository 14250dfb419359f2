//! Side effects and forwards.

use std::sync::Arc;

use cloudstate_protocol::{
    Any,
    cloudstate::{
        Command, Forward, SideEffect, client_action::Action, eventsourced::EventSourcedReply,
    },
};
use cloudstate_proxy::call::Call;
use tonic::Code;

use crate::{
    bench::Bench,
    scripted::{action, message, reply, text_of},
};

fn request(id: &str, text: &str) -> Option<Any> {
    let value = [message(1, id), message(2, text)].concat().into();
    Some(Any {
        type_url: "type.googleapis.com/test.counter.Request".into(),
        value,
    })
}

fn effect(id: &str, text: &str, synchronous: bool) -> SideEffect {
    SideEffect {
        service_name: "test.counter.Other".into(),
        command_name: "Add".into(),
        payload: request(id, text),
        synchronous,
        metadata: None,
    }
}

fn forward(service: &str, text: &str) -> Option<cloudstate_protocol::cloudstate::ClientAction> {
    action(Action::Forward(Forward {
        service_name: service.into(),
        command_name: "Add".into(),
        payload: request("target", text),
        metadata: None,
    }))
}

#[tokio::test]
async fn synchronous_effects_happen_in_order_and_before_the_reply() {
    let mut bench = Bench::of_commands(|command: &Command| {
        let mut answer = reply(command, "done", &[]);
        if text_of(command) == "start" {
            answer.side_effects = vec![
                effect("e", "1", true),
                effect("e", "2", true),
                effect("e", "3", true),
            ];
        }
        answer
    });
    assert_eq!(bench.add("a", "start").await.unwrap(), "done");
    bench.expect(&["opened", "init a", "command 1 start"]).await;
    bench
        .expect(&[
            "opened",
            "init e",
            "command 1 1",
            "command 2 2",
            "command 3 3",
        ])
        .await;
}

#[tokio::test]
async fn asynchronous_effects_happen_and_their_failure_is_nobodys() {
    let mut bench = Bench::of_commands(|command: &Command| match text_of(command).as_str() {
        "start" => EventSourcedReply {
            side_effects: vec![
                effect("e", "refuse", false),
                effect("", "no key", true),
                SideEffect {
                    command_name: "Unknown".into(),
                    ..effect("e", "x", true)
                },
            ],
            ..reply(command, "done", &["stored"])
        },
        _ => crate::scripted::refusal(command, "no", false),
    });
    assert_eq!(bench.add("a", "start").await.unwrap(), "done");
    let mut seen = Vec::new();
    while !(seen.iter().any(|what: &String| what == "command 1 refuse")
        && seen.iter().any(|what| {
            what.starts_with("report")
                && what.contains("test.counter.Other/Unknown is not served here")
        }))
    {
        seen.push(bench.saw().await);
    }
}

#[tokio::test]
async fn an_effect_outlives_the_caller() {
    let mut bench = Bench::of_commands(|command: &Command| {
        let mut answer = reply(command, "", &["stored"]);
        if text_of(command) == "start" {
            answer.side_effects = vec![effect("e", "still", true)];
        }
        answer
    });
    // Nobody polls the call again after it has reached the entity.
    let method = Arc::clone(
        bench
            .router
            .catalog()
            .method("test.counter.Counter", "Add")
            .unwrap(),
    );
    let payload = request("a", "start").unwrap().value;
    let router = bench.router.clone();
    let mut call = Box::pin(async move { router.call(Call::new(method, payload, None)).await });
    assert!(futures_util::poll!(&mut call).is_pending());
    bench.expect(&["opened", "init a", "command 1 start"]).await;
    drop(call);
    bench.expect(&["opened", "init e", "command 1 still"]).await;
}

#[tokio::test]
async fn a_forward_is_answered_by_its_target() {
    let mut bench = Bench::of_commands(|command: &Command| match text_of(command).as_str() {
        "start" => EventSourcedReply {
            client_action: forward("test.counter.Other", "on"),
            ..reply(command, "", &["x"])
        },
        text => reply(command, &format!("target got {text}"), &[]),
    });
    assert_eq!(bench.add("a", "start").await.unwrap(), "target got on");
    bench
        .expect(&[
            "opened",
            "init a",
            "command 1 start",
            "opened",
            "init target",
            "command 1 on",
        ])
        .await;
}

#[tokio::test]
async fn forwards_in_a_circle_end() {
    let bench = Bench::of_commands(|command: &Command| EventSourcedReply {
        client_action: forward("test.counter.Other", "round"),
        ..reply(command, "", &[])
    });
    let error = bench.add("a", "start").await.unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert!(error.message().contains("loop"), "{error}");
}

#[tokio::test]
async fn a_forward_to_nowhere_is_reported() {
    let mut bench = Bench::of_commands(|command: &Command| EventSourcedReply {
        client_action: forward("test.counter.Nowhere", ""),
        ..reply(command, "", &[])
    });
    let error = bench.add("a", "").await.unwrap_err();
    assert!(
        error
            .message()
            .contains("test.counter.Nowhere/Add is not served here"),
        "{error}"
    );
    bench.expect(&["opened", "init a", "command 1 "]).await;
    assert!(
        bench
            .saw()
            .await
            .contains("forwarded from test.counter.Counter/Add")
    );
}

#[tokio::test]
async fn a_request_without_its_key_is_the_callers_mistake() {
    let bench = Bench::of_commands(|command: &Command| reply(command, "", &[]));
    let error = bench.add("", "x").await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("`id`"), "{error}");
}
