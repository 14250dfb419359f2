//! The attribute macros of `cloudstate`, which re-exports them; depend on that crate instead.
//!
//! A macro reads its item into a model, checks every rule on the way, and then writes code from the model. When
//! something is wrong it reports all of it at once, and still gives the compiler the user's item and whatever
//! implementations other code relies on, so that one mistake does not become twenty errors.

mod attrs;
mod driver;
mod errors;
mod expand;
mod fallback;
mod json;
mod model;
mod parse;
mod tokens;
mod validate;

use proc_macro::TokenStream;

use model::EntityKind;

/// Makes a struct the state of an event-sourced entity, which implements a service of a `.proto` file.
///
/// The struct is the state in memory. What is stored are its events and snapshots, so its fields may change freely. It
/// needs the state before the first event, by `Default` or `init`, and an `impl` block with [`macro@handlers`].
///
/// | option | meaning | without it |
/// |---|---|---|
/// | `service = pb::ShoppingCart` | the service, by the marker that the build script generated | required |
/// | `extern_service = protos::ShoppingCart` | instead of `service`, where the marker is of another crate | |
/// | `persistence_id = "shopping-cart"` | separates what is stored from that of other entities; changing it loses sight of everything stored | name of the struct |
/// | `snapshot_every = 100` | stores a snapshot with every hundredth event | no snapshots |
/// | `passivate_after = "30s"` | keeps an idle entity in memory for so long: a whole number of `ms`, `s`, `m` or `h`, up to `720h` | up to the proxy |
/// | `init = Cart::new` | creates the state before the first command, a function from `&EntityId` to the struct | `Default` |
/// | `register = false` | leaves the entity out of what `cloudstate::run` serves; it then needs neither `Default` nor `init` | registered |
/// | `crate = path` | where the crate `cloudstate` is, if it has another name | `::cloudstate` |
///
/// Within a crate no two entities implement one service. Of two with the same `extern_service` the program complains
/// when it starts. Generic structs are never registered: pass their instances to `Cloudstate::register`.
#[proc_macro_attribute]
pub fn event_sourced_entity(options: TokenStream, item: TokenStream) -> TokenStream {
    driver::entity(EntityKind::EventSourced, options.into(), &item.into()).into()
}

/// Makes a struct the state of a value entity, which implements a service of a `.proto` file.
///
/// The state is stored as a whole, with every command that has changed it: what the method with [`macro@snapshot`]
/// returns is stored, and the one with [`macro@snapshot_handler`] reads it back. The struct needs the state before the
/// first command, by `Default` or `init`, and an `impl` block with [`macro@handlers`]. Its command handlers change it
/// through `&mut Context<Self>`; the entity has no events.
///
/// The options are those of [`macro@event_sourced_entity`], without `snapshot_every`, and one more:
///
/// | option | meaning | without it |
/// |---|---|---|
/// | `json` | stores the struct itself as JSON, by `serde`; it derives `serde::Serialize` and `serde::Deserialize`, and may have `#[json(name = "cart", version = 2)]` as with [`macro@Json`] | the pair of snapshot methods |
///
/// A struct that is stored itself is replaced as a whole when it is loaded. One that holds more than its state, such as
/// what `Cloudstate::register_with` gives it, has a pair of snapshot methods instead.
#[proc_macro_attribute]
pub fn value_entity(options: TokenStream, item: TokenStream) -> TokenStream {
    driver::entity(EntityKind::Value, options.into(), &item.into()).into()
}

/// Makes a struct an action: its methods handle the calls of a service of a `.proto` file.
///
/// An action has no state of its own that is kept: one value of the struct, its `Default`, serves all calls, side by
/// side. It needs an `impl` block with [`macro@handlers`], in which every rpc has a [`macro@call_handler`].
///
/// | option | meaning | without it |
/// |---|---|---|
/// | `service = pb::Checkout` | the service, by the marker that the build script generated | required |
/// | `extern_service = protos::Checkout` | instead of `service`, where the marker is of another crate | |
/// | `register = false` | leaves the action out of what `cloudstate::run` serves; it then needs no `Default` | registered |
/// | `crate = path` | where the crate `cloudstate` is, if it has another name | `::cloudstate` |
///
/// An action that needs something from outside, such as a client of another system, is passed to
/// `Cloudstate::register_action`. Generic structs are never registered by themselves.
#[proc_macro_attribute]
pub fn action(options: TokenStream, item: TokenStream) -> TokenStream {
    driver::action(options.into(), &item.into()).into()
}

/// Makes a struct a CRDT entity, which implements a service of a `.proto` file.
///
/// One field of the struct is replicated: the one with `#[crdt]`, or the only one. Its type is one of `cloudstate::crdt`,
/// such as `ORSet<String>`. Every node may change its own copy at the same time, through `&mut Context<Self>` in the
/// command handlers; the copies agree again once the nodes have heard of each other. Other fields are this node's own: they
/// are neither replicated nor brought back behind a command that failed.
///
/// The struct needs `Default`, which is the state until another node is known to have one, and an `impl` block with
/// [`macro@handlers`]. A handler of an rpc that streams its responses returns a `Streamed`.
///
/// The options are those of [`macro@event_sourced_entity`], without `snapshot_every`; without `persistence_id` it is the
/// service's name.
#[proc_macro_attribute]
pub fn crdt_entity(options: TokenStream, item: TokenStream) -> TokenStream {
    driver::entity(EntityKind::Crdt, options.into(), &item.into()).into()
}

/// Finds the handlers of an entity, of any kind, or of an action, in an `impl` block.
///
/// Its methods with [`macro@command_handler`], [`macro@event_handler`], [`macro@snapshot`], [`macro@snapshot_handler`] and
/// [`macro@upcaster`] stay ordinary methods, which tests can call; others are left alone. Every rpc of the service
/// has a handler.
///
/// One such block is enough for most. An entity with many handlers may have several blocks, also in different modules:
/// the first says how many, and each of the others has its number. Every rpc then has a handler in exactly one of them.
/// Snapshot methods stand in the first.
///
/// ```text
/// #[handlers(parts = 2)]
/// impl Cart { .. }
///
/// #[handlers(part = 2)]
/// impl Cart { .. }
/// ```
///
/// | option | meaning |
/// |---|---|
/// | `partial` | rpcs may lack a handler; their calls fail |
/// | `parts = 2` | the entity has so many blocks, of which this is the first |
/// | `part = 2` | this is the second block |
/// | `crate = path` | where the crate `cloudstate` is, if it has another name |
#[proc_macro_attribute]
pub fn handlers(options: TokenStream, item: TokenStream) -> TokenStream {
    driver::handlers(options.into(), &item.into()).into()
}

/// Lets a type of your own be stored, as JSON: an event, a snapshot, a value or an element of a CRDT.
///
/// serde writes and reads it, so its derives stand beside this one:
/// `#[derive(serde::Serialize, serde::Deserialize, Json)]`. A field that older JSON lacks has `#[serde(default)]`.
///
/// | option of `#[json(..)]` | meaning | without it |
/// |---|---|---|
/// | `name = "item-added"` | what the type is called where it is stored, in `json.cloudstate.io/item-added`; renaming the type then changes nothing | name of the type |
/// | `version = 2` | the type's second form, stored as `json.cloudstate.io/item-added.v2`, so that both forms can be told apart | 1, which does not show |
/// | `crate = path` | where the crate `cloudstate` is, if it has another name | `::cloudstate` |
#[proc_macro_derive(Json, attributes(json))]
pub fn json(item: TokenStream) -> TokenStream {
    driver::derive_json(item.into()).into()
}

/// Handles the commands of one rpc: the one with the method's name in upper camel case, or `name = "AddItem"`.
///
/// Parameters are told apart by type. They come in any order, and each may be left out:
///
/// - `&self`, for a query; or `&mut Context<Self>`, which reads the state, and emits events or changes it,
/// - the request message,
/// - `EntityId`, `Metadata`, `Option<CloudEvent>`.
///
/// The method returns the rpc's response message (nothing for `google.protobuf.Empty`), a `Reply`, a `Forward`, or a
/// `Result` of one of these whose error is a `Failure` or becomes one.
#[proc_macro_attribute]
pub fn command_handler(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::Command, &item.into()).into()
}

/// Applies an event to the state: when it is emitted, and whenever the entity is loaded.
///
/// The method takes `&mut self` and the event, and may take `EventContext` and `EntityId`. It returns nothing and refuses
/// nothing: the event has happened. It has no options, and its place is an event-sourced entity.
#[proc_macro_attribute]
pub fn event_handler(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::Event, &item.into()).into()
}

/// Turns the state into its stored form, a message: `fn save(&self) -> pb::Saved`.
///
/// It comes with a [`macro@snapshot_handler`]. In an event-sourced entity it runs as often as `snapshot_every` says; in a
/// value entity, whenever a command has changed the state. It has no options.
#[proc_macro_attribute]
pub fn snapshot(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::Snapshot, &item.into()).into()
}

/// Restores the state from its stored form: `fn restore(&mut self, saved: pb::Saved)`.
///
/// It takes what [`macro@snapshot`] returns, and runs when the entity is loaded: before the events that are newer than the
/// snapshot are applied. In a value entity it also brings the state back behind a command that failed. It has no options.
#[proc_macro_attribute]
pub fn snapshot_handler(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::SnapshotHandler, &item.into()).into()
}

/// Turns what an older version of the program stored into what today's handles: `fn name(old: OldEvent) -> NewEvent`.
///
/// Whatever was stored as the older type, an event or a snapshot, is read as such, converted, and goes to the handler of
/// the newer type. Upcasters make chains: of three versions of an event, the first upcaster leads from the first to the
/// second, and another from there to the third. An older type has no handler of its own, so it cannot be emitted. It has
/// no options.
#[proc_macro_attribute]
pub fn upcaster(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::Upcaster, &item.into()).into()
}

/// Handles the calls of one rpc of an action: the one with the method's name in upper camel case, or
/// `name = "PlaceOrder"`.
///
/// The rpc's shape decides what the method takes and returns:
///
/// | rpc | method |
/// |---|---|
/// | `(Place) returns (Order)` | `async fn place(&self, request: pb::Place) -> Result<pb::Order, Failure>` |
/// | `(stream Item) returns (Sum)` | `async fn total(&self, items: Incoming<pb::Item>) -> Result<pb::Sum, Failure>` |
/// | `(Query) returns (stream Price)` | `fn prices(&self, query: pb::Query) -> impl Stream<Item = pb::Price>` |
/// | `(stream Item) returns (stream Price)` | `fn convert(&self, items: Incoming<pb::Item>) -> impl Stream<Item = pb::Price>` |
///
/// It may be `async` or not. Parameters are told apart by type, come in any order, and each may be left out: `&self`, the
/// request message or [`Incoming`](../cloudstate/struct.Incoming.html) of it, `Metadata`, `Option<CloudEvent>`.
///
/// What it returns, and each item of a stream, is the rpc's response message (nothing for `google.protobuf.Empty`), a
/// `Reply` or `MaybeReply`, a `Forward`, or a `Result` of one of these whose error is a `Failure` or becomes one. An item
/// that is a failure does not end its stream. A stream may itself come in a `Result`.
#[proc_macro_attribute]
pub fn call_handler(_options: TokenStream, item: TokenStream) -> TokenStream {
    driver::misplaced(attrs::Kind::Call, &item.into()).into()
}
