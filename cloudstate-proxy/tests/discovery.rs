//! What a user function is refused for, that it is told, and that one that is not there yet is waited for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "proto/pool.rs"]
mod pool;

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use cloudstate_protocol::{
    cloudstate::{
        Entity, EntityPassivationStrategy, EntitySpec, ProxyInfo, ServiceInfo,
        TimeoutPassivationStrategy, entity_passivation_strategy::Strategy,
    },
    version,
};
use cloudstate_proxy::{
    catalog::Catalog,
    discovery::discover,
    user_function::{EventSourcedConnection, UserFunction, UserFunctionError},
};
use futures_util::{FutureExt, future::BoxFuture};
use prost::Message as _;

const PROTO: &str = r#"
    syntax = "proto3";
    package test;
    import "cloudstate/entity_key.proto";
    import "cloudstate/eventing.proto";
    import "google/api/annotations.proto";
    message Keyed { string id = 1 [(cloudstate.entity_key) = true]; }
    message Keyless { string id = 1; }
    message ListKey { repeated string id = 1 [(cloudstate.entity_key) = true]; }
    service Good { rpc Do(Keyed) returns (Keyless); }
    service Other { rpc Do(Keyed) returns (Keyless); }
    service NoKey { rpc Do(Keyless) returns (Keyless); }
    service BadKey { rpc Do(ListKey) returns (Keyless); }
    service Streams { rpc Do(Keyed) returns (stream Keyless); }
    service StreamsIn { rpc Do(stream Keyed) returns (Keyless); }
    service Told {
        rpc One(Keyed) returns (Keyless) { option (cloudstate.eventing).in.event_log = "log"; }
        rpc Two(Keyed) returns (Keyless) { option (cloudstate.eventing).in = { event_log: "log", consumer_group: "g" }; }
        rpc Three(Keyless) returns (Keyless) { option (cloudstate.eventing).in.event_log = "log"; }
    }
    service ToldTwice {
        rpc One(Keyed) returns (Keyless) { option (cloudstate.eventing).in.event_log = "log"; }
        rpc Two(Keyed) returns (Keyless) { option (cloudstate.eventing).in.event_log = "log"; }
    }
    service SameGroup {
        rpc One(Keyed) returns (Keyless) { option (cloudstate.eventing).in = { event_log: "log", consumer_group: "g" }; }
    }
    service Topical {
        rpc One(Keyed) returns (Keyless) {
            option (cloudstate.eventing) = { in: { topic: "news" }, out: { topic: "news" } };
        }
        rpc Two(Keyed) returns (Keyless) { option (cloudstate.eventing).out.topic = ""; }
        rpc Three(Keyed) returns (Keyless) { option (cloudstate.eventing).in.consumer_group = "g"; }
    }
    service BadRule { rpc Do(Keyed) returns (Keyless) { option (google.api.http) = { get: "/x/{nothing}" }; } }
"#;

fn entity(service: &str, persistence_id: &str) -> Entity {
    Entity {
        entity_type: version::EVENT_SOURCED.into(),
        service_name: format!("test.{service}"),
        persistence_id: persistence_id.into(),
        passivation_strategy: None,
    }
}

fn spec(entities: Vec<Entity>) -> EntitySpec {
    EntitySpec {
        proto: pool::descriptor_set(PROTO).into(),
        entities,
        service_info: Some(ServiceInfo {
            protocol_major_version: version::MAJOR,
            protocol_minor_version: version::MINOR,
            ..ServiceInfo::default()
        }),
    }
}

fn problems(spec: &EntitySpec) -> Vec<String> {
    Catalog::new(spec).unwrap_err().problems().to_vec()
}

#[test]
fn each_rule_is_named_where_it_is_broken() {
    let passivated_after = |timeout| Entity {
        passivation_strategy: Some(EntityPassivationStrategy {
            strategy: Some(Strategy::Timeout(TimeoutPassivationStrategy { timeout })),
        }),
        ..entity("Good", "a")
    };
    let unknown = Entity {
        entity_type: "cloudstate.magic.Magic".into(),
        ..entity("Good", "a")
    };
    for (entities, problem) in [
        (vec![], "serves no entities"),
        (
            vec![entity("Missing", "a")],
            "`test.Missing` is not in the descriptor set",
        ),
        (
            vec![unknown],
            "`cloudstate.magic.Magic`, which this proxy does not support",
        ),
        (
            vec![entity("NoKey", "a")],
            "`test.NoKey.Do` takes `test.Keyless`, which has no field marked",
        ),
        (vec![entity("BadKey", "a")], "`test.BadKey.Do`"),
        (vec![entity("Streams", "a")], "`test.Streams.Do` streams"),
        (vec![entity("BadRule", "a")], "test.BadRule.Do"),
        (
            vec![entity("Good", "")],
            "`test.Good` has no persistence id",
        ),
        (
            vec![entity("Good", "a"), entity("Other", "a")],
            "persistence id `a` belongs to two",
        ),
        (
            vec![entity("Good", "a"), entity("Good", "b")],
            "`test.Good` is served by two",
        ),
        (
            vec![entity("Good", "cloudstate|topic")],
            "those that begin with `cloudstate|` are the proxy's own",
        ),
        (vec![passivated_after(0)], "passivation timeout of 0 ms"),
    ] {
        let found = problems(&spec(entities));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(problem), "{problem}: {found:?}");
    }
    assert!(Catalog::new(&spec(vec![entity("Good", "a"), entity("Other", "b")])).is_ok());
}

#[test]
fn crdt_entities_may_stream_out_but_not_in() {
    let crdt = |service| Entity {
        entity_type: version::CRDT.into(),
        ..entity(service, "a")
    };
    assert!(Catalog::new(&spec(vec![crdt("Streams")])).is_ok());
    for (service, problem) in [
        ("StreamsIn", "`test.StreamsIn.Do` takes a stream"),
        ("NoKey", "`test.NoKey.Do` takes `test.Keyless`"),
    ] {
        let found = problems(&spec(vec![crdt(service)]));
        assert!(found[0].contains(problem), "{found:?}");
    }
}

#[test]
fn actions_need_no_key_and_may_stream() {
    let action = |service| Entity {
        entity_type: version::ACTION.into(),
        ..entity(service, "")
    };
    assert!(Catalog::new(&spec(vec![action("NoKey"), action("Streams")])).is_ok());
}

#[test]
fn subscriptions_are_checked() {
    let action = |service| Entity {
        entity_type: version::ACTION.into(),
        ..entity(service, "")
    };
    let catalog = Catalog::new(&spec(vec![action("Told")])).unwrap();
    let subscriptions: Vec<_> = catalog
        .subscriptions
        .iter()
        .map(|subscription| (&*subscription.group, subscription.source.to_string()))
        .collect();
    let log = || "event log `log`".to_owned();
    assert_eq!(subscriptions, [("test.Told", log()), ("g", log())]);
    let method = |type_url| {
        let method = catalog.subscriptions[0].method(type_url)?;
        Some(method.name.to_string())
    };
    assert_eq!(method("type.googleapis.com/test.Keyed").unwrap(), "One");
    assert_eq!(method("example.com/test.Keyless").unwrap(), "Three");
    assert_eq!(method("type.googleapis.com/test.Other"), None);
    assert_eq!(method("json.cloudstate.io/test.Keyed"), None);

    for (services, expected) in [
        (
            vec!["ToldTwice"],
            vec!["methods `One` and `Two` of service `test.ToldTwice` both take"],
        ),
        (
            vec!["Told", "SameGroup"],
            vec!["both read event log `log` as group `g`"],
        ),
        (
            vec!["Topical"],
            vec![
                "`test.Topical.One`: it subscribes to topic `news` and publishes to it",
                "`test.Topical.Two`: it publishes to nothing: set `topic`",
                "`test.Topical.Three`: it subscribes to nothing: set `event_log`",
            ],
        ),
    ] {
        let found = problems(&spec(services.into_iter().map(action).collect()));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{expected}: {found}");
        }
    }
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let entities = vec![
        entity("NoKey", "a"),
        entity("Streams", "a"),
        entity("Missing", ""),
    ];
    assert_eq!(problems(&spec(entities)).len(), 5);
}

#[test]
fn versions_must_be_equal_and_descriptors_readable() {
    let mut unversioned = spec(vec![entity("Good", "a")]);
    unversioned.service_info = None;
    let found = problems(&unversioned);
    assert!(
        found[0].contains("protocol 0.0, this proxy speaks 0.2"),
        "{found:?}"
    );

    let mut unreadable = spec(vec![entity("Good", "a")]);
    unreadable.proto = (&b"\xff\xff"[..]).into();
    assert!(problems(&unreadable)[0].contains("EntitySpec.proto"));
}

/// A descriptor set, whose files are bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    file: Vec<Vec<u8>>,
}

#[test]
fn files_must_not_import_each_other() {
    let mut circular = spec(vec![entity("Good", "a")]);
    let mut files = Files::decode(circular.proto).unwrap();
    let keys = b"\n\x1bcloudstate/entity_key.proto";
    let keys = files.file.iter_mut().find(|file| file.starts_with(keys));
    // One more `dependency`, as all fields of a message may be given in pieces.
    keys.unwrap().extend(b"\x1a\x10under-test.proto");
    circular.proto = files.encode_to_vec().into();
    let found = problems(&circular);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("import cycle"), "{found:?}");
    for file in ["under-test.proto", "cloudstate/entity_key.proto"] {
        assert!(found[0].contains(file), "{found:?}");
    }
    assert!(!found[0].contains("google/"), "{found:?}");
}

/// Fails to answer a few times.
#[derive(Debug)]
struct Late {
    failures: AtomicUsize,
    spec: EntitySpec,
    asked: Mutex<Vec<ProxyInfo>>,
    told: Mutex<Vec<String>>,
}

impl Late {
    fn new(failures: usize, spec: EntitySpec) -> Self {
        let (asked, told) = (Mutex::default(), Mutex::default());
        Self {
            failures: failures.into(),
            spec,
            asked,
            told,
        }
    }
}

impl UserFunction for Late {
    fn discover(&self, proxy: ProxyInfo) -> BoxFuture<'_, Result<EntitySpec, UserFunctionError>> {
        self.asked.lock().unwrap().push(proxy);
        let failed = self
            .failures
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        async move {
            match failed {
                Ok(_) => Err(UserFunctionError::unreachable("not there yet")),
                Err(_) => Ok(self.spec.clone()),
            }
        }
        .boxed()
    }

    fn report_error(&self, message: String) -> BoxFuture<'_, ()> {
        self.told.lock().unwrap().push(message);
        async {}.boxed()
    }

    fn event_sourced(&self) -> BoxFuture<'_, Result<EventSourcedConnection, UserFunctionError>> {
        async { Err(UserFunctionError::new("nothing is called here")) }.boxed()
    }

    fn wants_metadata(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_user_function_that_is_late_is_asked_again() {
    let late = Late::new(1, spec(vec![entity("Good", "a")]));
    let found = discover(&late).await.unwrap();
    assert_eq!(found.name, "good");
    let asked = late.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(
        (
            asked[1].protocol_major_version,
            asked[1].protocol_minor_version
        ),
        (0, 2)
    );
    assert_eq!(
        asked[1].supported_entity_types,
        [
            version::EVENT_SOURCED,
            version::VALUE_ENTITY,
            version::CRDT,
            version::ACTION
        ]
    );
    assert!(late.told.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_user_function_that_is_refused_is_told_why() {
    let refused = Late::new(0, spec(vec![entity("NoKey", "a")]));
    let error = discover(&refused).await.unwrap_err().to_string();
    assert!(error.contains("test.NoKey.Do"));
    assert_eq!(*refused.told.lock().unwrap(), [error]);
    assert_eq!(refused.asked.lock().unwrap().len(), 1);
}
