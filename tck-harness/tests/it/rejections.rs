//! A user function that breaks a rule of discovery is told so by the sidecar, which then gives up.

use std::{process::Stdio, time::Duration};

use cloudstate::Service as _;
use cloudstate_protocol::{
    cloudstate::{
        Entity, EntitySpec, ProxyInfo, ServiceInfo, UserFunctionError,
        entity_discovery_server::{EntityDiscovery, EntityDiscoveryServer},
    },
    version,
};
use prost::Message as _;
use tck_harness::pb::{
    EventSourcedTckModel, EventSourcedTwo,
    action::{ActionTckModel, ActionTwo},
    crdt::CrdtTckModel,
    valueentity::{ValueEntityTckModel, ValueEntityTwo},
};
use tokio::{net::TcpListener, process::Command, sync::mpsc, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::proxied::sidecar;

/// The time that the sidecar has to look, to complain and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The file that says what an entity's key is.
const KEYS: &str = "cloudstate/entity_key.proto";

/// Announces something, and passes on what is said of it.
struct Announced {
    spec: EntitySpec,
    reports: mpsc::UnboundedSender<String>,
}

#[tonic::async_trait]
impl EntityDiscovery for Announced {
    async fn discover(&self, _: Request<ProxyInfo>) -> Result<Response<EntitySpec>, Status> {
        Ok(Response::new(self.spec.clone()))
    }

    async fn report_error(
        &self,
        error: Request<UserFunctionError>,
    ) -> Result<Response<()>, Status> {
        self.reports.send(error.into_inner().message).unwrap();
        Ok(Response::new(()))
    }
}

/// Starts the sidecar for a user function that announces this, and waits until it has ended. What it has reported is
/// one text, with which it also ends.
async fn rejection(spec: EntitySpec) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (reports, mut reported) = mpsc::unbounded_channel();
    let serving = Server::builder()
        .add_service(EntityDiscoveryServer::new(Announced { spec, reports }))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let server = tokio::spawn(async { serving.await.unwrap() });
    let ended = Command::new(sidecar())
        .args(["--store", "memory", "--http-host", "127.0.0.1"])
        .args(["--http-port", "0", "--user-function-host", "127.0.0.1"])
        .args(["--user-function-port", &port.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, ended).await.unwrap().unwrap();
    server.abort();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{printed}");
    let report = reported.try_recv().unwrap();
    assert!(reported.try_recv().is_err(), "it reports more than once");
    let printed: String = printed.split_whitespace().collect();
    let text: String = report.split_whitespace().collect();
    assert!(printed.contains(&text), "{printed} does not say {report}");
    report
}

fn entity(entity_type: &str, service_name: &str, persistence_id: &str) -> Entity {
    Entity {
        entity_type: entity_type.into(),
        service_name: service_name.into(),
        persistence_id: persistence_id.into(),
        passivation_strategy: None,
    }
}

fn spec(entities: impl Into<Vec<Entity>>) -> EntitySpec {
    EntitySpec {
        proto: EventSourcedTckModel::DESCRIPTOR_SET.into(),
        entities: entities.into(),
        service_info: Some(ServiceInfo {
            protocol_major_version: version::MAJOR,
            protocol_minor_version: version::MINOR,
            ..ServiceInfo::default()
        }),
    }
}

/// A descriptor set, whose files are bytes: so their options stay as they are.
#[derive(Clone, PartialEq, prost::Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    file: Vec<Vec<u8>>,
}

/// What is added to a file, as all fields of a message may be given in pieces.
#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "3")]
    dependency: Vec<String>,
}

/// The models, with their files changed.
fn with_files(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> EntitySpec {
    let mut files = Files::decode(EventSourcedTckModel::DESCRIPTOR_SET).unwrap();
    change(&mut files.file);
    EntitySpec {
        proto: files.encode_to_vec().into(),
        ..spec([right()])
    }
}

fn name(file: &[u8]) -> String {
    File::decode(file).unwrap().name
}

fn right() -> Entity {
    entity(version::EVENT_SOURCED, EventSourcedTckModel::NAME, "a")
}

async fn is_told(spec: EntitySpec, told: &[&str]) {
    let report = rejection(spec).await;
    for told in told {
        assert!(report.contains(told), "{told:?} is not in {report:?}");
    }
}

#[tokio::test]
async fn another_version_of_the_protocol() {
    let mut newer = spec([right()]);
    let info = newer.service_info.as_mut().unwrap();
    info.protocol_minor_version = version::MINOR + 1;
    is_told(newer, &["protocol 0.3", "speaks 0.2"]).await;
}

#[tokio::test]
async fn descriptors_that_cannot_be_used() {
    let mut unreadable = spec([right()]);
    unreadable.proto = b"\xff\xff".to_vec().into();
    is_told(unreadable, &["EntitySpec.proto"]).await;

    let incomplete = with_files(|files| files.retain(|file| name(file) != KEYS));
    is_told(incomplete, &[KEYS]).await;

    let circular = with_files(|files| {
        let model = files.iter().map(|file| name(file));
        let model = model.filter(|name| name.ends_with("eventsourced.proto"));
        let dependency = model.collect();
        let keys = files.iter_mut().find(|file| name(file) == KEYS).unwrap();
        let import = File {
            dependency,
            ..File::default()
        };
        keys.extend(import.encode_to_vec());
    });
    is_told(circular, &["import cycle", KEYS]).await;
}

#[tokio::test]
async fn entities_that_cannot_be_served() {
    let sourced = version::EVENT_SOURCED;
    let value = version::VALUE_ENTITY;
    let (action, crdt) = (ActionTckModel::NAME, CrdtTckModel::NAME);
    let keyless = ActionTwo::NAME;
    let missing = "cloudstate.tck.model.Nothing";
    let unsupported = "cloudstate.magic.Magic";
    for (entities, told) in [
        (vec![], vec!["no entities"]),
        (
            vec![entity(sourced, missing, "a")],
            vec![missing, "not in the descriptor set"],
        ),
        (
            vec![entity(unsupported, EventSourcedTckModel::NAME, "a")],
            vec![unsupported, "does not support"],
        ),
        (
            vec![entity(sourced, crdt, "a")],
            vec!["CrdtTckModel.ProcessStreamed", "streams"],
        ),
        (
            vec![entity(value, crdt, "a")],
            vec!["CrdtTckModel.ProcessStreamed", "streams"],
        ),
        (
            vec![entity(version::CRDT, action, "a")],
            vec!["ActionTckModel.ProcessStreamedIn", "takes a stream"],
        ),
        (
            vec![entity(sourced, keyless, "a")],
            vec!["ActionTwo.Call", "no field marked"],
        ),
        (
            vec![entity(value, keyless, "a")],
            vec!["ActionTwo.Call", "no field marked"],
        ),
        (
            vec![right(), entity(sourced, EventSourcedTwo::NAME, "a")],
            vec!["persistence id `a`"],
        ),
        (
            vec![
                entity(value, ValueEntityTckModel::NAME, "b"),
                entity(value, ValueEntityTwo::NAME, "b"),
            ],
            vec!["persistence id `b`"],
        ),
    ] {
        is_told(spec(entities), &told).await;
    }
}
