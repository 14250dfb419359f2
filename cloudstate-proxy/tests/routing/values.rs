//! Value entities: what is stored of them, and when.

use std::{fmt, sync::Arc};

use cloudstate_protocol::{
    Any,
    cloudstate::{
        Command, Entity, EntityPassivationStrategy, EntitySpec, Failure, ProxyInfo, Reply,
        ServiceInfo, TimeoutPassivationStrategy,
        client_action::Action,
        entity_passivation_strategy::Strategy,
        valueentity::{
            ValueEntityAction, ValueEntityDelete, ValueEntityReply, ValueEntityStreamIn,
            ValueEntityStreamOut, ValueEntityUpdate, value_entity_action::Action as StateAction,
            value_entity_stream_in::Message as In, value_entity_stream_out::Message as Out,
        },
    },
    version,
};
use cloudstate_proxy::{
    Metrics,
    call::CallError,
    catalog::Catalog,
    router::Router,
    store::{MemoryStore, Store, StoredValue},
    user_function::{
        EventSourcedConnection, UserFunction, UserFunctionError, ValueEntityConnection,
    },
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all, ready},
};
use tokio::sync::mpsc;
use tonic::Code;

use crate::{
    bench::{SOON, call, settings},
    scripted::{
        action, event, response,
        stream::{Say, connection},
        text_of,
    },
    unreliable::Unreliable,
};

/// Its entities do what a command's text says, and answer with their value.
struct Values {
    spec: EntitySpec,
    seen: mpsc::UnboundedSender<String>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Values")
    }
}

impl UserFunction for Values {
    fn discover(&self, _proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        ready(Ok(self.spec.clone())).boxed()
    }

    fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
        let _ = self.seen.send(format!("report {message}"));
        ready(()).boxed()
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        unreachable!("there are none")
    }

    fn value_entity(&self) -> BoxFuture<'_, Result<ValueEntityConnection, UserFunctionError>> {
        let seen = self.seen.clone();
        let mut value = String::new();
        let connection = connection(move |message: Option<ValueEntityStreamIn>| {
            let Some(message) = message else {
                let _ = seen.send("closed".into());
                return Say::End;
            };
            match message.message.expect("the proxy sends no empty messages") {
                In::Init(init) => {
                    let state = init.state.expect("always present").value;
                    value = state.map_or_else(String::new, |state| {
                        String::from_utf8(state.value.to_vec()).unwrap()
                    });
                    let _ = seen.send(format!("init {} {value:?}", init.entity_id));
                    Say::Nothing
                }
                In::Command(command) => {
                    assert!(command.metadata.is_none() && !command.streamed);
                    let text = text_of(&command);
                    let _ = seen.send(format!("command {} {text}", command.id));
                    obey(&command, &text, &mut value)
                }
            }
        });
        ready(Ok(connection)).boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }

    fn speaks_unasked(&self) -> bool {
        false
    }
}

fn obey(command: &Command, text: &str, value: &mut String) -> Say<ValueEntityStreamOut> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let update = |text: &str| {
        StateAction::Update(ValueEntityUpdate {
            value: Some(state(text)),
        })
    };
    let mut id = command.id;
    let mut refusal = None;
    let change = match word {
        "set" => {
            *value = rest.into();
            Some(update(rest))
        }
        "delete" => {
            value.clear();
            Some(StateAction::Delete(ValueEntityDelete {}))
        }
        "refuse" => {
            refusal = Some(Failure {
                command_id: id,
                description: "expected failure".into(),
                restart: true,
            });
            Some(update("never"))
        }
        "nothing" => Some(StateAction::Update(ValueEntityUpdate { value: None })),
        "wrong" => {
            id += 1;
            None
        }
        "fail" => {
            let failure = Failure {
                command_id: id,
                description: "in detail".into(),
                restart: false,
            };
            return out(Out::Failure(failure));
        }
        "end" => return Say::End,
        _ => None,
    };
    let client_action = match refusal {
        Some(failure) => action(Action::Failure(failure)),
        None => action(Action::Reply(Reply {
            payload: Some(response(value)),
            metadata: None,
        })),
    };
    out(Out::Reply(ValueEntityReply {
        command_id: id,
        client_action,
        side_effects: Vec::new(),
        state_action: change.map(|action| ValueEntityAction {
            action: Some(action),
        }),
    }))
}

fn out(message: Out) -> Say<ValueEntityStreamOut> {
    Say::Message(ValueEntityStreamOut {
        message: Some(message),
    })
}

fn state(text: &str) -> Any {
    event(text)
}

struct Bench {
    router: Router,
    seen: mpsc::UnboundedReceiver<String>,
}

impl Bench {
    fn new(passivate_after: i64, store: Arc<dyn Store>) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let timeout = TimeoutPassivationStrategy {
            timeout: passivate_after,
        };
        let spec = EntitySpec {
            proto: crate::pool::descriptor_set(include_str!("../proto/counter.proto")).into(),
            entities: vec![Entity {
                entity_type: version::VALUE_ENTITY.into(),
                service_name: "test.counter.Counter".into(),
                persistence_id: "values".into(),
                passivation_strategy: Some(EntityPassivationStrategy {
                    strategy: Some(Strategy::Timeout(timeout)),
                }),
            }],
            service_info: Some(ServiceInfo {
                protocol_major_version: version::MAJOR,
                protocol_minor_version: version::MINOR,
                ..ServiceInfo::default()
            }),
        };
        let catalog = Catalog::new(&spec).unwrap();
        let user_function = Arc::new(Values { spec, seen: sender });
        let router = Router::new(
            catalog,
            user_function,
            &store,
            &settings(&[]),
            Metrics::default(),
        );
        Self { router, seen }
    }

    fn in_memory() -> Self {
        Self::new(60_000, Arc::new(MemoryStore::new()))
    }

    /// Sends a command to entity `a`.
    async fn say(&self, text: &str) -> Result<String, CallError> {
        call(&self.router, "a", text).await
    }

    async fn fails(&self, text: &str) -> (Code, String) {
        let error = self.say(text).await.unwrap_err();
        (error.code(), error.message().to_owned())
    }

    async fn expect(&mut self, expected: &[&str]) {
        for &expected in expected {
            let seen = tokio::time::timeout(SOON, self.seen.recv()).await;
            assert_eq!(seen.expect("something happens soon").unwrap(), expected);
        }
    }
}

#[tokio::test]
async fn an_entity_is_loaded_with_its_value_and_commands_count_from_one() {
    let mut bench = Bench::new(50, Arc::new(MemoryStore::new()));
    assert_eq!(bench.say("get").await.unwrap(), "");
    assert_eq!(bench.say("set one").await.unwrap(), "one");
    assert_eq!(bench.say("get").await.unwrap(), "one");
    bench
        .expect(&["init a \"\"", "command 1 get", "command 2 set one"])
        .await;
    bench.expect(&["command 3 get", "closed"]).await;
    assert_eq!(bench.say("set two").await.unwrap(), "two");
    assert_eq!(bench.say("delete").await.unwrap(), "");
    assert_eq!(bench.say("set three").await.unwrap(), "three");
    bench
        .expect(&["init a \"one\"", "command 1 set two", "command 2 delete"])
        .await;
    bench.expect(&["command 3 set three", "closed"]).await;
    assert_eq!(bench.say("delete").await.unwrap(), "");
    bench
        .expect(&["init a \"three\"", "command 1 delete", "closed"])
        .await;
    assert_eq!(bench.say("get").await.unwrap(), "");
    bench.expect(&["init a \"\""]).await;
}

#[tokio::test]
async fn a_value_that_is_not_there_is_not_deleted() {
    let store = Arc::new(MemoryStore::new());
    let bench = Bench::new(60_000, Arc::clone(&store) as _);
    bench.say("delete").await.unwrap();
    bench.say("set x").await.unwrap();
    bench.say("delete").await.unwrap();
    bench.say("delete").await.unwrap();
    let key = cloudstate_proxy::store::EntityKey {
        persistence_id: "values".into(),
        entity_id: "a".into(),
    };
    let entity = Arc::new(cloudstate_proxy::store::EntityRef::new(key));
    let expected = StoredValue {
        revision: 2,
        ..StoredValue::default()
    };
    assert_eq!(store.value(&entity).await, Ok(expected));
}

#[tokio::test]
async fn a_refusal_changes_nothing_and_the_stream_goes_on() {
    let mut bench = Bench::new(50, Arc::new(MemoryStore::new()));
    bench.say("set one").await.unwrap();
    let refused = (Code::Unknown, "expected failure".into());
    assert_eq!(bench.fails("refuse").await, refused);
    assert_eq!(bench.say("get").await.unwrap(), "one");
    bench
        .expect(&["init a \"\"", "command 1 set one", "command 2 refuse"])
        .await;
    // On the same stream, although the refusal asked for a restart.
    bench.expect(&["command 3 get", "closed"]).await;
    bench.say("get").await.unwrap();
    bench.expect(&["init a \"one\""]).await;
}

#[tokio::test]
async fn what_goes_wrong_fails_its_own_command_only() {
    let mut bench = Bench::in_memory();
    for (text, message) in [
        ("fail", "Unexpected Value entity failure"),
        ("end", "Unexpected Value entity termination"),
        ("wrong", "Unexpected Value entity failure"),
        ("nothing", "Unexpected Value entity failure"),
    ] {
        let value = format!("before {text}");
        let before = format!("set {value}");
        let results = join_all([bench.say(&before), bench.say(text), bench.say("get")]).await;
        assert_eq!(results[0].as_deref().unwrap(), value);
        let error = results[1].as_ref().unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::Unknown, message));
        assert_eq!(results[2].as_deref().unwrap(), value, "{text}");
    }
    let mut reports = Vec::new();
    while let Ok(seen) = bench.seen.try_recv() {
        reports.extend(seen.strip_prefix("report ").map(str::to_owned));
    }
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert!(reports[0].contains("a reply to command"), "{reports:?}");
    assert!(
        reports[1].contains("an update without a value"),
        "{reports:?}"
    );
}

#[tokio::test]
async fn when_the_store_fails_everybody_is_told_and_the_value_is_as_it_was() {
    let store = Arc::new(Unreliable::default());
    let mut bench = Bench::new(60_000, Arc::clone(&store) as _);
    bench.say("set one").await.unwrap();
    store.fail(1);
    let (code, message) = bench.fails("set lost").await;
    assert_eq!(code, Code::Unavailable);
    assert!(message.contains("the disk is full"), "{message}");
    assert_eq!(bench.say("get").await.unwrap(), "one");
    bench
        .expect(&["init a \"\"", "command 1 set one", "command 2 set lost"])
        .await;
    bench.expect(&["init a \"one\"", "command 1 get"]).await;
    // And it can be written again.
    assert_eq!(bench.say("set two").await.unwrap(), "two");
}

#[tokio::test]
async fn concurrent_changes_are_stored_in_the_order_of_their_replies() {
    let bench = Bench::in_memory();
    let texts: Vec<String> = (0..100).map(|number| format!("set {number}")).collect();
    let results = join_all(texts.iter().map(|text| bench.say(text))).await;
    for (number, result) in results.into_iter().enumerate() {
        assert_eq!(result.unwrap(), number.to_string());
    }
    assert_eq!(bench.say("get").await.unwrap(), "99");
}

#[tokio::test]
async fn the_next_command_runs_while_a_value_is_stored_and_nobody_hears_of_it_before() {
    let store = Arc::new(Unreliable::default());
    let mut bench = Bench::new(60_000, Arc::clone(&store) as _);
    bench.say("get").await.unwrap();
    store.hold();
    let (router, other) = (bench.router.clone(), bench.router.clone());
    let set = tokio::spawn(async move { call(&router, "a", "set one").await });
    bench
        .expect(&["init a \"\"", "command 1 get", "command 2 set one"])
        .await;
    let get = tokio::spawn(async move { call(&other, "a", "get").await });
    // It has run, and what it has seen is not durable.
    bench.expect(&["command 3 get"]).await;
    // Another entity is not held up, and by the time it has answered, this one could have.
    assert_eq!(call(&bench.router, "b", "get").await.unwrap(), "");
    assert!(!set.is_finished() && !get.is_finished());
    store.release();
    assert_eq!(set.await.unwrap().unwrap(), "one");
    assert_eq!(get.await.unwrap().unwrap(), "one");
}
