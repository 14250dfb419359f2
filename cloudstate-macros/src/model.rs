//! What the macros understood, free of syntax and of mistakes.

use proc_macro2::Span;
use syn::{Attribute, Generics, Ident, ItemStruct, Member, Path, Type};

use crate::{attrs::CratePath, errors::Errors, json};

/// The attributes that make an entity of a struct, by the kind of entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntityKind {
    EventSourced,
    Value,
    Crdt,
}

impl EntityKind {
    /// Name of the attribute.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::EventSourced => "event_sourced_entity",
            Self::Value => "value_entity",
            Self::Crdt => "crdt_entity",
        }
    }

    /// What a struct with the attribute is.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::EventSourced => "an event-sourced entity",
            Self::Value => "a value entity",
            Self::Crdt => "a CRDT entity",
        }
    }
}

/// A struct with an attribute that makes it an entity.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) kind: EntityKind,
    pub(crate) item: ItemStruct,
    pub(crate) krate: CratePath,
    /// Without a service, why there is none.
    pub(crate) service: Result<Service, Errors>,
    pub(crate) persistence_id: String,
    pub(crate) snapshot_every: Option<SnapshotEvery>,
    /// In milliseconds.
    pub(crate) passivate_after: Option<u64>,
    pub(crate) register: bool,
    /// The function that creates one, if not `Default`.
    pub(crate) init: Option<Path>,
    /// Of a value entity that is stored as JSON.
    pub(crate) json: Option<Json>,
    /// The field that a CRDT entity replicates, where there is one.
    pub(crate) replicated: Option<ReplicatedField>,
}

/// A field with `#[crdt]`, or the only one.
#[derive(Debug)]
pub(crate) struct ReplicatedField {
    pub(crate) member: Member,
    pub(crate) ty: Type,
}

/// The option `json`, and where it is written.
#[derive(Debug)]
pub(crate) struct Json {
    pub(crate) span: Span,
    /// How the struct is stored, unless `#[derive(Json)]` says it.
    pub(crate) stored: Option<json::Stored>,
}

/// A struct with `#[action]`.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) item: ItemStruct,
    pub(crate) krate: CratePath,
    /// Without a service, why there is none.
    pub(crate) service: Result<Service, Errors>,
    pub(crate) register: bool,
}

/// The service that an entity or an action implements.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) path: Path,
    /// Whether its marker is of this crate, so that the compiler can see a second entity on it.
    pub(crate) local: bool,
}

/// An interval of snapshots, and where it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotEvery {
    pub(crate) events: u64,
    pub(crate) span: Span,
}

/// An `impl` block with `#[handlers]`.
#[derive(Debug)]
pub(crate) struct Handlers {
    pub(crate) krate: CratePath,
    pub(crate) generics: Generics,
    pub(crate) self_type: Type,
    /// Whether rpcs may lack a handler.
    pub(crate) partial: bool,
    pub(crate) place: Place,
    pub(crate) commands: Vec<CommandHandler>,
    pub(crate) events: Vec<EventHandler>,
    /// Whether the block is an action's, even if its call handlers were refused; otherwise it is an entity's.
    pub(crate) is_action: bool,
    pub(crate) calls: Vec<CallHandler>,
    pub(crate) snapshots: Option<Snapshots>,
    /// From older types of events to those that are handled.
    pub(crate) event_upcasts: Vec<Upcast>,
    /// From older types of snapshots to the one that is restored.
    pub(crate) snapshot_upcasts: Vec<Upcast>,
    /// From older types to an entity that is stored as a whole.
    pub(crate) whole_upcasts: Vec<Upcast>,
    /// Whether a snapshot method is there, even one that was refused.
    pub(crate) has_snapshots: bool,
}

/// The place of a block among those of its entity.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The first of so many, often the only one.
    First { of: usize, span: Span },
    /// One that the first knows by this number.
    Part { number: usize, span: Span },
}

impl Handlers {
    /// Whether the entity has its handlers in several blocks.
    pub(crate) fn is_one_of_several(&self) -> bool {
        !matches!(self.place, Place::First { of: 1, .. })
    }
}

/// A method with `#[command_handler]`.
#[derive(Debug)]
pub(crate) struct CommandHandler {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) method: Ident,
    /// The associated constant of the service that names the rpc.
    pub(crate) marker: Ident,
    pub(crate) args: Vec<CommandArg>,
    pub(crate) output: Type,
}

/// An argument of a command handler.
#[derive(Debug)]
pub(crate) enum CommandArg {
    /// `&self`
    State(Span),
    /// `&mut Context<Self>`
    Context(Span),
    /// `&Context<Self>`
    SharedContext(Span),
    /// A part of the command, by its type.
    Part(Box<Type>),
}

impl CommandArg {
    /// The type of a part of the command.
    pub(crate) fn part(&self) -> Option<&Type> {
        match self {
            Self::Part(part) => Some(part),
            Self::State(_) | Self::Context(_) | Self::SharedContext(_) => None,
        }
    }
}

/// A method with `#[call_handler]`.
#[derive(Debug)]
pub(crate) struct CallHandler {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) method: Ident,
    /// The associated constant of the service that names the rpc.
    pub(crate) marker: Ident,
    pub(crate) args: Vec<CallArg>,
    pub(crate) is_async: bool,
    /// Where its return type stands.
    pub(crate) output: Span,
}

/// An argument of a call handler.
#[derive(Debug)]
pub(crate) enum CallArg {
    /// `&self`
    Action(Span),
    /// A part of the call, by its type.
    Part(Box<Type>),
}

impl CallArg {
    /// The type of a part of the call.
    pub(crate) fn part(&self) -> Option<&Type> {
        match self {
            Self::Part(part) => Some(part),
            Self::Action(_) => None,
        }
    }
}

/// A method with `#[event_handler]`.
#[derive(Debug)]
pub(crate) struct EventHandler {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) method: Ident,
    pub(crate) event: Type,
    pub(crate) args: Vec<EventArg>,
}

/// An argument of an event handler, after `&mut self`.
#[derive(Debug)]
pub(crate) enum EventArg {
    Event(Span),
    /// `EventContext`, or a reference to it.
    Context {
        by_ref: bool,
        span: Span,
    },
    /// `EntityId`, or a reference to it.
    EntityId {
        by_ref: bool,
        span: Span,
    },
}

/// A method with `#[upcaster]`.
#[derive(Debug)]
pub(crate) struct Upcaster {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) method: Ident,
    pub(crate) old: Type,
    pub(crate) new: Type,
}

/// The way from an older type to one that is handled: upcasters, each of which takes what the one before it returns.
#[derive(Clone, Debug)]
pub(crate) struct Upcast {
    /// The conditions of all methods.
    pub(crate) cfgs: Vec<Attribute>,
    /// At least one.
    pub(crate) methods: Vec<Ident>,
    pub(crate) old: Type,
    pub(crate) new: Type,
}

impl Upcast {
    /// A way of one step.
    pub(crate) fn new(upcaster: &Upcaster) -> Self {
        Self {
            cfgs: upcaster.cfgs.clone(),
            methods: vec![upcaster.method.clone()],
            old: upcaster.old.clone(),
            new: upcaster.new.clone(),
        }
    }
}

/// The methods with `#[snapshot]` and `#[snapshot_handler]`.
#[derive(Debug)]
pub(crate) struct Snapshots {
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) save: Ident,
    pub(crate) saved: Type,
    pub(crate) restore: Ident,
    pub(crate) restored: Type,
}
