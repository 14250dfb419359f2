//! What a program registers: checked before anything runs, and told to proxies.

use std::time::Duration;

use cloudstate::{
    Any, Cloudstate, Context, Entity, EntityId, EventContext, EventSourcedEntity, Handlers,
    ReplayError, Service,
    handler::{Command, Handled},
    protocol::{
        cloudstate::{
            Entity as WireEntity, EntityPassivationStrategy, ServiceInfo,
            TimeoutPassivationStrategy, entity_passivation_strategy::Strategy,
        },
        version,
    },
};
use prost::Message;

use crate::{
    conversation::{Proxy, emit, state, user_function},
    model::{EventSourcedTckModel, EventSourcedTwo, Model, Two},
};

/// An entity without rpcs, for what registration looks at.
macro_rules! entity {
    ($name:ident, $service:ty, $persistence_id:literal) => {
        #[derive(Debug, Default)]
        struct $name;

        impl Entity for $name {
            type Kind = cloudstate::kind::EventSourced;
            type Service = $service;
            type Init = cloudstate::FromDefault;
            const PERSISTENCE_ID: &'static str = $persistence_id;
            const PASSIVATE_AFTER: Option<Duration> = None;
        }

        impl EventSourcedEntity for $name {
            const SNAPSHOT_EVERY: u64 = 0;
        }

        impl Handlers for $name {
            const HANDLED: &'static [&'static str] = &[];

            fn handle(_context: &mut Context<Self>, _command: Command) -> Handled {
                Handled::Unknown
            }

            fn replay(&mut self, _: &Any, _: &EventContext<'_>) -> Result<(), ReplayError> {
                Ok(())
            }

            fn take_snapshot(&self) -> Option<Any> {
                None
            }

            fn restore_snapshot(&mut self, _: &Any) -> Result<(), ReplayError> {
                Ok(())
            }
        }
    };
}

entity!(SameService, EventSourcedTckModel, "same-service");
entity!(
    SamePersistenceId,
    EventSourcedTwo,
    "event-sourced-tck-model"
);
entity!(Shadowed, ShadowedService, "shadowed");

/// A service whose file has the import path of the model's, and other contents.
#[derive(Debug)]
enum ShadowedService {}

impl Service for ShadowedService {
    const NAME: &'static str = "com.example.Zebra";
    const METHODS: &'static [cloudstate::service::Method] = &[];
    const DESCRIPTOR_SET: &'static [u8] =
        b"\x0a\x23\x0a\x0bmodel.proto\x12\x0bcom.example\x32\x07\x0a\x05Zebra";
}

fn refusal(service: Cloudstate) -> String {
    service.into_user_function().unwrap_err().to_string()
}

#[test]
fn a_service_without_entities_is_refused() {
    let text = refusal(Cloudstate::new());
    assert!(text.contains("#[event_sourced_entity(..)]"), "{text}");
    assert!(text.contains("use my_entities as _;"), "{text}");
}

#[test]
fn two_entities_on_one_service_are_refused_with_both_places() {
    let line = line!() + 1;
    let service = Cloudstate::new().register::<Model>();
    let text = refusal(service.register::<SameService>());
    assert!(
        text.contains("cloudstate.tck.model.EventSourcedTckModel"),
        "{text}"
    );
    for place in [
        format!("it::model::Model (cloudstate/tests/it/registration.rs:{line})"),
        format!(
            "SameService (cloudstate/tests/it/registration.rs:{})",
            line + 1
        ),
    ] {
        assert!(text.contains(&place), "{text}");
    }
}

#[test]
fn two_entities_with_one_persistence_id_are_refused() {
    let text = refusal(
        Cloudstate::new()
            .register::<Model>()
            .register::<SamePersistenceId>(),
    );
    assert!(text.contains("\"event-sourced-tck-model\""), "{text}");
    assert!(text.contains("SamePersistenceId"), "{text}");
}

#[test]
fn a_service_hidden_by_another_file_of_the_same_path_is_refused() {
    assert!(
        Cloudstate::new()
            .register::<Shadowed>()
            .into_user_function()
            .is_ok()
    );
    let service = Cloudstate::new().register::<Shadowed>().register::<Model>();
    let text = refusal(service);
    assert!(text.contains("rename one of the two files"), "{text}");
}

#[tokio::test]
async fn a_factory_replaces_the_registration_of_its_entity() {
    let prefix = String::from("from ");
    let service = Cloudstate::new()
        .register::<Model>()
        .register_with(move |id: &EntityId| Model {
            state: format!("{prefix}{id}: "),
        });
    let proxy = Proxy::InProcess(service.into_user_function().unwrap());
    let mut peer = proxy.start(None).await;
    peer.exchange(1, [emit("A")], state("from entity-1: A").events(&["A"]))
        .await;
}

#[test]
fn discovery_describes_what_is_registered() {
    let service = Cloudstate::new()
        .register::<Model>()
        .register::<Two>()
        .service_name("shop")
        .service_version("1.2.3");
    let spec = service.into_user_function().unwrap().spec().clone();
    assert_eq!(spec.proto, EventSourcedTckModel::DESCRIPTOR_SET);
    let timeout = TimeoutPassivationStrategy { timeout: 100 };
    let expected = [
        WireEntity {
            entity_type: version::EVENT_SOURCED.into(),
            service_name: EventSourcedTckModel::NAME.into(),
            persistence_id: "event-sourced-tck-model".into(),
            passivation_strategy: None,
        },
        WireEntity {
            entity_type: version::EVENT_SOURCED.into(),
            service_name: EventSourcedTwo::NAME.into(),
            persistence_id: "event-sourced-two".into(),
            passivation_strategy: Some(EntityPassivationStrategy {
                strategy: Some(Strategy::Timeout(timeout)),
            }),
        },
    ];
    assert_eq!(spec.entities, expected);
    let expected = ServiceInfo {
        service_name: "shop".into(),
        service_version: "1.2.3".into(),
        service_runtime: "Rust".into(),
        support_library_name: "cloudstate-rust".into(),
        support_library_version: env!("CARGO_PKG_VERSION").into(),
        protocol_major_version: 0,
        protocol_minor_version: 2,
    };
    assert_eq!(spec.service_info, Some(expected));
    let files = prost_types::FileDescriptorSet::decode(spec.proto).unwrap();
    let services = files.file[0].service.iter().map(|service| service.name());
    assert_eq!(
        services.collect::<Vec<_>>(),
        ["EventSourcedTckModel", "EventSourcedTwo"]
    );
}

#[test]
fn a_service_is_named_after_its_program() {
    let spec = user_function().spec().clone();
    let name = spec.service_info.unwrap().service_name;
    // Cargo appends a hash to the name of a test program.
    assert!(name.starts_with("it-"), "{name}");
}

#[test]
fn annotated_entities_register_themselves() {
    use cloudstate::__private::{Registration, inventory};

    entity!(Annotated, ShadowedService, "annotated");
    inventory::submit!(Registration::entity::<Annotated>("somewhere.rs:7"));

    let spec = Cloudstate::registered().into_user_function().unwrap();
    assert_eq!(spec.spec().entities[0].persistence_id, "annotated");
    let text = refusal(Cloudstate::registered().register::<Shadowed>());
    assert!(text.contains("Annotated (somewhere.rs:7)"), "{text}");
}
