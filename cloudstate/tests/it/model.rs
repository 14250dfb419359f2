//! The event-sourced model of the TCK, implemented by hand: what the macros write, written out.

use cloudstate::{
    Any, Context, Entity, EventCodec, EventContext, EventSourcedEntity, Failure, Forward, Handlers,
    Handles, Payload, ReplayError, Reply, Rpc, Service, SideEffect, Snapshots,
    handler::{Command, Handled, unary},
    service::{Method, Unary},
};
use prost::{Message, Name};
use std::time::Duration;

/// Declares a message of package `cloudstate.tck.model`.
macro_rules! message {
    ($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        #[derive(Clone, PartialEq, Message)]
        pub(crate) struct $name { $($(#[$attribute])* pub(crate) $field: $type),* }

        impl Name for $name {
            const NAME: &'static str = stringify!($name);
            const PACKAGE: &'static str = "cloudstate.tck.model";
        }
    };
}

message!(Request {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, repeated, tag = "2")]
    actions: Vec<RequestAction>,
});
message!(RequestAction {
    #[prost(oneof = "Action", tags = "1, 2, 3, 4, 100")]
    action: Option<Action>,
});
message!(Value {
    #[prost(string, tag = "1")]
    text: String,
});
message!(Effect {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(bool, tag = "2")]
    synchronous: bool,
});
message!(Response {
    #[prost(string, tag = "1")]
    message: String,
});
message!(Persisted {
    #[prost(string, tag = "1")]
    value: String,
});

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Action {
    #[prost(message, tag = "1")]
    Emit(Value),
    #[prost(message, tag = "2")]
    Forward(Value),
    #[prost(message, tag = "3")]
    Effect(Effect),
    #[prost(message, tag = "4")]
    Fail(Value),
    /// Not of the TCK: the handler panics with this text.
    #[prost(message, tag = "100")]
    Panic(Value),
}

/// A service with one rpc from [`Request`] to [`Response`].
macro_rules! service {
    ($service:ident, $rpc:ident, $method:literal) => {
        #[derive(Debug)]
        pub(crate) enum $service {}

        impl Service for $service {
            const NAME: &'static str = concat!("cloudstate.tck.model.", stringify!($service));
            const METHODS: &'static [Method] = &[Method {
                name: $method,
                handler: "handler",
                request: "cloudstate.tck.model.Request",
                response: "cloudstate.tck.model.Response",
                client_streaming: false,
                server_streaming: false,
            }];
            const DESCRIPTOR_SET: &'static [u8] = DESCRIPTOR_SET;
        }

        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $rpc;

        impl Rpc for $rpc {
            type Service = $service;
            type Request = Request;
            type Response = Response;
            type Shape = Unary;
            const NAME: &'static str = $method;
            const REQUEST_TYPE_URL: &'static str =
                "type.googleapis.com/cloudstate.tck.model.Request";
            const RESPONSE_TYPE_URL: &'static str =
                "type.googleapis.com/cloudstate.tck.model.Response";
        }
    };
}

service!(EventSourcedTckModel, Process, "Process");
service!(EventSourcedTwo, Call, "Call");

/// A file descriptor set, encoded by hand: file `model.proto` in `cloudstate.tck.model` with the two services.
const DESCRIPTOR_SET: &[u8] = b"\x0a\x4e\
    \x0a\x0bmodel.proto\
    \x12\x14cloudstate.tck.model\
    \x32\x16\x0a\x14EventSourcedTckModel\
    \x32\x11\x0a\x0fEventSourcedTwo\
    ";

/// Appends what it is told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) state: String,
}

impl Entity for Model {
    type Kind = cloudstate::kind::EventSourced;
    type Service = EventSourcedTckModel;
    type Init = cloudstate::FromDefault;
    const PERSISTENCE_ID: &'static str = "event-sourced-tck-model";
    const PASSIVATE_AFTER: Option<Duration> = None;
}

impl EventSourcedEntity for Model {
    const SNAPSHOT_EVERY: u64 = 5;
}

impl Handlers for Model {
    const HANDLED: &'static [&'static str] = &["Process"];

    fn handle(context: &mut Context<Self>, command: Command) -> Handled {
        if command.is(Process) {
            unary(Process, context, command, |context, call| {
                process(context, call.take_request())
            })
        } else {
            Handled::Unknown
        }
    }

    fn replay(&mut self, event: &Any, context: &EventContext<'_>) -> Result<(), ReplayError> {
        let event = persisted(event, "event")?;
        self.apply(event, context);
        Ok(())
    }

    fn take_snapshot(&self) -> Option<Any> {
        Some(Any::pack(&self.save()))
    }

    fn restore_snapshot(&mut self, snapshot: &Any) -> Result<(), ReplayError> {
        let snapshot = persisted(snapshot, "snapshot")?;
        self.restore(snapshot);
        Ok(())
    }
}

impl Handles<Persisted> for Model {
    fn codec() -> &'static EventCodec<Persisted> {
        static CODEC: EventCodec<Persisted> = EventCodec::new();
        &CODEC
    }

    fn apply(&mut self, event: Persisted, _context: &EventContext<'_>) {
        assert_ne!(event.value, "poison", "poisoned event");
        self.state.push_str(&event.value);
    }
}

impl Snapshots for Model {
    type Snapshot = Persisted;

    fn save(&self) -> Persisted {
        assert!(!self.state.ends_with("unsavable"), "unsavable state");
        Persisted {
            value: self.state.clone(),
        }
    }

    fn restore(&mut self, snapshot: Persisted) {
        assert_ne!(snapshot.value, "poison", "poisoned snapshot");
        self.state = snapshot.value;
    }
}

fn process(context: &mut Context<Model>, request: Request) -> Result<Reply<Response>, Failure> {
    let mut forward = None;
    for action in request.actions.into_iter().filter_map(|one| one.action) {
        match action {
            Action::Emit(Value { text: value }) => context.emit(Persisted { value }),
            Action::Forward(Value { text: id }) => forward = Some(Forward::to(Call, to_two(id))),
            Action::Effect(Effect { id, synchronous }) => {
                let effect = SideEffect::to(Call, to_two(id));
                context.effect(if synchronous {
                    effect.synchronous()
                } else {
                    effect
                });
            }
            Action::Fail(Value { text }) => return Err(Failure::new(text)),
            Action::Panic(Value { text }) => panic!("{text}"),
        }
    }
    Ok(match forward {
        Some(forward) => Reply::forward(forward),
        None => Reply::message(Response {
            message: context.state.clone(),
        }),
    })
}

/// The request by which the model reaches the second service.
pub(crate) fn to_two(id: String) -> Request {
    Request {
        id,
        actions: Vec::new(),
    }
}

fn persisted(any: &Any, kind: &'static str) -> Result<Persisted, ReplayError> {
    if any.type_name() != Persisted::full_name() {
        return Err(ReplayError::NoHandler {
            entity: "Model",
            kind,
            type_url: any.type_url.clone(),
        });
    }
    <Persisted as Payload>::decode(any.value.clone()).map_err(|source| ReplayError::Decode {
        kind,
        type_url: any.type_url.clone(),
        source,
    })
}

/// The second service: answers with nothing, is configured where the model is not.
#[derive(Debug, Default)]
pub(crate) struct Two;

impl Entity for Two {
    type Kind = cloudstate::kind::EventSourced;
    type Service = EventSourcedTwo;
    type Init = cloudstate::FromDefault;
    const PERSISTENCE_ID: &'static str = "event-sourced-two";
    const PASSIVATE_AFTER: Option<Duration> = Some(Duration::from_millis(100));
}

impl EventSourcedEntity for Two {
    const SNAPSHOT_EVERY: u64 = 0;
}

impl Handlers for Two {
    const HANDLED: &'static [&'static str] = &["Call"];

    fn handle(context: &mut Context<Self>, command: Command) -> Handled {
        unary(Call, context, command, |_, _| {
            Reply::<Response>::message(Response::default())
        })
    }

    fn replay(&mut self, event: &Any, _context: &EventContext<'_>) -> Result<(), ReplayError> {
        Err(ReplayError::NoHandler {
            entity: "Two",
            kind: "event",
            type_url: event.type_url.clone(),
        })
    }

    fn take_snapshot(&self) -> Option<Any> {
        None
    }

    fn restore_snapshot(&mut self, snapshot: &Any) -> Result<(), ReplayError> {
        Err(ReplayError::NoHandler {
            entity: "Two",
            kind: "snapshot",
            type_url: snapshot.type_url.clone(),
        })
    }
}
