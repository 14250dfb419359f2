//! A value entity under test.

use std::{any::type_name, collections::VecDeque, fmt, marker::PhantomData, ops::Deref};

use cloudstate_protocol::cloudstate::valueentity::{
    ValueEntityInit, ValueEntityInitState, ValueEntityReply, ValueEntityStreamIn,
    ValueEntityStreamOut, value_entity_action::Action as StateAction,
    value_entity_stream_in::Message as In, value_entity_stream_out::Message as Out,
};

use super::{Answer, Command, Stored, fixture};
use crate::{
    Any, Create, EntityId, Handlers, Metadata, Payload, Rpc, Service, UserFunction, ValueEntity,
    machine::Machine, value_entity::EntityStream,
};

/// A value entity under test: given a value, a command leads to a reply and perhaps to another value.
///
/// It is what runs in production, without the network and the disk: the state machine of the protocol, and a store in
/// memory. Behind every command that has changed the state, the entity is loaded again from what it has stored, so that
/// [`state`](Self::state) is what survives, and a value that cannot be read back fails the test.
///
/// ```
/// # use cloudstate::{prelude::*, testing::ValueEntityTest};
/// # mod pb { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs")); }
/// # #[value_entity(service = pb::Cart)]
/// # #[derive(Default)]
/// # struct Cart { products: Vec<String> }
/// # #[handlers(partial)]
/// # impl Cart {
/// #     #[command_handler]
/// #     fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
/// #         cart.products.push(item.product);
/// #         ensure!(cart.products.len() < 3, "the cart is full");
/// #         Ok(())
/// #     }
/// #     #[snapshot]
/// #     fn save(&self) -> pb::Saved { pb::Saved { products: self.products.clone() } }
/// #     #[snapshot_handler]
/// #     fn restore(&mut self, saved: pb::Saved) { self.products = saved.products; }
/// # }
/// let saved = |products: &[&str]| pb::Saved { products: products.iter().map(ToString::to_string).collect() };
/// let add = |product: &str| pb::AddItem { cart: "cart-1".into(), product: product.into() };
/// let mut cart = ValueEntityTest::<Cart>::new("cart-1").given(saved(&["tea"]));
///
/// let added = cart.command(pb::Cart::AddItem, add("milk"));
/// assert_eq!(added.stored::<pb::Saved>(), saved(&["tea", "milk"]));
///
/// let refused = cart.command(pb::Cart::AddItem, add("salt"));
/// assert_eq!(refused.failure(), "the cart is full");
/// assert!(refused.is_unchanged());
/// assert_eq!(cart.state().products, ["tea", "milk"]);
/// ```
pub struct ValueEntityTest<E> {
    user_function: UserFunction,
    id: EntityId,
    stream: EntityStream,
    value: Option<Any>,
    /// The commands of this activation.
    commands: i64,
    entity: PhantomData<fn() -> E>,
}

impl<E: Handlers + ValueEntity + Create> ValueEntityTest<E> {
    /// An entity of which nothing is stored.
    ///
    /// # Panics
    /// Creating the entity panics.
    #[track_caller]
    pub fn new(id: impl Into<EntityId>) -> Self {
        Self::with(id, E::create)
    }
}

impl<E: Handlers + ValueEntity> ValueEntityTest<E> {
    /// An entity that needs something from outside, as [`Cloudstate::register_with`](crate::Cloudstate::register_with)
    /// has it.
    ///
    /// # Panics
    /// Creating the entity panics.
    #[track_caller]
    pub fn with(
        id: impl Into<EntityId>,
        create: impl Fn(&EntityId) -> E + Send + Sync + 'static,
    ) -> Self {
        let user_function = fixture::user_function(create);
        let mut this = Self {
            stream: user_function.value_entity_stream(),
            user_function,
            id: id.into(),
            value: None,
            commands: 0,
            entity: PhantomData,
        };
        this.reload();
        this
    }

    /// Stores a value, of the type that the entity stores or has an upcaster for, and loads it.
    ///
    /// # Panics
    /// It cannot be loaded.
    #[must_use]
    #[track_caller]
    pub fn given<V: Payload>(mut self, value: V) -> Self {
        self.value = Some(value.to_any());
        self.reload();
        self
    }

    /// Sends a command, and stores what it changes.
    ///
    /// # Panics
    /// What it has stored cannot be read back.
    #[track_caller]
    pub fn command<R: Rpc<Service = E::Service>>(
        &mut self,
        rpc: R,
        request: R::Request,
    ) -> ValueEntityOutcome<R> {
        self.send(Command::to(rpc, request))
    }

    /// Sends a command with metadata.
    ///
    /// # Panics
    /// As [`command`](Self::command).
    #[track_caller]
    pub fn command_with<R: Rpc<Service = E::Service>>(
        &mut self,
        rpc: R,
        request: R::Request,
        metadata: Metadata,
    ) -> ValueEntityOutcome<R> {
        self.send(Command::to(rpc, request).metadata(metadata))
    }

    /// The state, as it is loaded from what is stored.
    pub fn state(&self) -> &E {
        let state = self.stream.state().and_then(|state| state.downcast_ref());
        let Some(state) = state else {
            unreachable!("an entity that cannot be loaded has failed the test")
        };
        state
    }

    /// What is stored, if anything is.
    pub fn value(&self) -> Option<Stored> {
        self.value.clone().map(Stored::new)
    }

    /// Loads the entity again, as after it was idle for long.
    ///
    /// # Panics
    /// What is stored cannot be read back.
    #[track_caller]
    pub fn reload(&mut self) {
        self.stream = self.user_function.value_entity_stream();
        self.commands = 0;
        let state = self.value.clone();
        let init = ValueEntityInit {
            service_name: E::Service::NAME.into(),
            entity_id: self.id.as_str().into(),
            state: state.map(|value| ValueEntityInitState { value: Some(value) }),
        };
        if let Some(Out::Failure(failure)) = self.receive(In::Init(init)) {
            panic!(
                "{} `{}` cannot be loaded from what it has stored: {}",
                type_name::<E>(),
                self.id,
                fixture::defect(&failure)
            );
        }
    }

    #[track_caller]
    fn send<R: Rpc>(&mut self, command: Command) -> ValueEntityOutcome<R> {
        self.commands += 1;
        let command = command.into_wire(&self.id, self.commands);
        let outcome = match self.receive(In::Command(command)) {
            Some(Out::Reply(reply)) => ValueEntityOutcome::new(reply),
            Some(Out::Failure(failure)) => ValueEntityOutcome::broken(fixture::defect(&failure)),
            None => ValueEntityOutcome::broken("it answered nothing".into()),
        };
        match &outcome.change {
            Change::None if outcome.answer.is_defect() => self.reload(),
            Change::None => {}
            Change::Deleted => {
                self.value = None;
                self.reload();
            }
            Change::Stored(value) => {
                self.value = Some(value.as_any().clone());
                self.reload();
            }
        }
        outcome
    }

    fn receive(&mut self, message: In) -> Option<Out> {
        let mut replies: VecDeque<ValueEntityStreamOut> = VecDeque::new();
        let message = Some(message);
        self.stream
            .receive(ValueEntityStreamIn { message }, &mut replies);
        replies.pop_front()?.message
    }
}

impl<E> fmt::Debug for ValueEntityTest<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueEntityTest")
            .field("id", &self.id)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// What a command of rpc `R` led to in a value entity. It dereferences to the [`Answer`].
#[derive(Debug)]
pub struct ValueEntityOutcome<R: Rpc> {
    answer: Answer<R>,
    change: Change,
}

#[derive(Debug)]
enum Change {
    None,
    Stored(Stored),
    Deleted,
}

impl<R: Rpc> ValueEntityOutcome<R> {
    fn new(reply: ValueEntityReply) -> Self {
        let action = reply.client_action.and_then(|action| action.action);
        let change = match reply.state_action.and_then(|action| action.action) {
            None => Change::None,
            Some(StateAction::Update(update)) => {
                Change::Stored(Stored::new(update.value.unwrap_or_default()))
            }
            Some(StateAction::Delete(_)) => Change::Deleted,
        };
        Self {
            answer: Answer::new(action, reply.side_effects),
            change,
        }
    }

    fn broken(defect: String) -> Self {
        Self {
            answer: Answer::broken(defect),
            change: Change::None,
        }
    }

    /// The value that the command has stored.
    ///
    /// # Panics
    /// It has stored none, or one that is not a `V`.
    #[track_caller]
    pub fn stored<V: Payload>(&self) -> V {
        match &self.change {
            Change::Stored(value) => value.get(),
            change => panic!(
                "expected a value to be stored, and the change is {change:?}; {:?}",
                self.answer
            ),
        }
    }

    /// Whether the command has left what is stored as it was.
    pub fn is_unchanged(&self) -> bool {
        matches!(self.change, Change::None)
    }

    /// Whether the command has deleted the state.
    pub fn is_deleted(&self) -> bool {
        matches!(self.change, Change::Deleted)
    }
}

impl<R: Rpc> Deref for ValueEntityOutcome<R> {
    type Target = Answer<R>;

    fn deref(&self) -> &Answer<R> {
        &self.answer
    }
}
