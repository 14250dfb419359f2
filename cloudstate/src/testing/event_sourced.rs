//! An event-sourced entity under test.

use std::{collections::VecDeque, fmt, marker::PhantomData, ops::Deref};

use cloudstate_protocol::cloudstate::eventsourced::{
    EventSourcedEvent, EventSourcedInit, EventSourcedReply, EventSourcedSnapshot,
    EventSourcedStreamIn, EventSourcedStreamOut, event_sourced_stream_in::Message as In,
    event_sourced_stream_out::Message as Out,
};

use super::{Answer, Command, Stored, fixture};
use crate::{
    Any, Create, EntityId, EventSourcedEntity, Handlers, Metadata, Payload, Rpc, Service,
    UserFunction, event_sourced::EntityStream, machine::Machine,
};

/// An event-sourced entity under test: given events, a command leads to a reply and to more events.
///
/// It is what runs in production, without the network and the disk: the state machine of the protocol, and a journal in
/// memory. Behind every command that has emitted, the entity is loaded again from what it has stored, so that
/// [`state`](Self::state) is what survives, and an event that cannot be read back fails the test.
///
/// ```
/// # use cloudstate::{prelude::*, testing::EventSourcedTest};
/// # mod pb { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs")); }
/// # #[event_sourced_entity(service = pb::Cart)]
/// # #[derive(Default)]
/// # struct Cart { products: Vec<String> }
/// # #[handlers(partial)]
/// # impl Cart {
/// #     #[command_handler]
/// #     fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
/// #         ensure!(!cart.products.contains(&item.product), "{} is in the cart", item.product);
/// #         cart.emit(pb::ItemAdded { product: item.product });
/// #         Ok(())
/// #     }
/// #     #[event_handler]
/// #     fn item_added(&mut self, event: pb::ItemAdded) { self.products.push(event.product); }
/// # }
/// let mut cart = EventSourcedTest::<Cart>::new("cart-1").given(pb::ItemAdded { product: "tea".into() });
///
/// let add = |product: &str| pb::AddItem { cart: "cart-1".into(), product: product.into() };
/// let added = cart.command(pb::Cart::AddItem, add("milk"));
/// assert_eq!(added.events(), [pb::ItemAdded { product: "milk".into() }]);
/// assert_eq!(cart.state().products, ["tea", "milk"]);
///
/// let refused = cart.command(pb::Cart::AddItem, add("tea"));
/// assert_eq!(refused.failure(), "tea is in the cart");
/// assert!(refused.events().is_empty());
/// ```
pub struct EventSourcedTest<E> {
    user_function: UserFunction,
    id: EntityId,
    stream: EntityStream,
    /// The events after number `first`, whose own are not known.
    events: Vec<Any>,
    first: u64,
    snapshot: Option<(u64, Any)>,
    /// The commands of this activation.
    commands: i64,
    entity: PhantomData<fn() -> E>,
}

impl<E: Handlers + EventSourcedEntity + Create> EventSourcedTest<E> {
    /// An entity without events, in the state that a new one has.
    ///
    /// # Panics
    /// Creating the entity panics.
    #[track_caller]
    pub fn new(id: impl Into<EntityId>) -> Self {
        Self::with(id, E::create)
    }
}

impl<E: Handlers + EventSourcedEntity> EventSourcedTest<E> {
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
            stream: user_function.event_sourced_stream(),
            user_function,
            id: id.into(),
            events: Vec::new(),
            first: 0,
            snapshot: None,
            commands: 0,
            entity: PhantomData,
        };
        this.load();
        this
    }

    /// Stores an event, of a type that the entity handles or has an upcaster for, and applies it.
    ///
    /// # Panics
    /// It cannot be applied.
    #[must_use]
    #[track_caller]
    pub fn given<V: Payload>(mut self, event: V) -> Self {
        self.events.push(event.to_any());
        self.load();
        self
    }

    /// Stores a snapshot that was taken after event number `sequence`, and restores it. Events that are given next come
    /// after it.
    ///
    /// # Panics
    /// Events are stored already, or it cannot be restored.
    #[must_use]
    #[track_caller]
    pub fn given_snapshot<V: Payload>(mut self, snapshot: V, sequence: u64) -> Self {
        assert!(
            self.events.is_empty(),
            "a snapshot that is given comes before the events that are"
        );
        self.first = sequence;
        self.snapshot = Some((sequence, snapshot.to_any()));
        self.load();
        self
    }

    /// Sends a command, and stores what it emits.
    ///
    /// # Panics
    /// What it has stored cannot be read back.
    #[track_caller]
    pub fn command<R: Rpc<Service = E::Service>>(
        &mut self,
        rpc: R,
        request: R::Request,
    ) -> EventSourcedOutcome<R> {
        self.send::<R>(Command::to(rpc, request))
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
    ) -> EventSourcedOutcome<R> {
        self.send::<R>(Command::to(rpc, request).metadata(metadata))
    }

    /// The state, as it is loaded from what is stored.
    pub fn state(&self) -> &E {
        let state = self.stream.state().and_then(|state| state.downcast_ref());
        let Some(state) = state else {
            unreachable!("an entity that cannot be loaded has failed the test")
        };
        state
    }

    /// Every stored event, from the first one given.
    pub fn events(&self) -> Vec<Stored> {
        self.events.iter().cloned().map(Stored::new).collect()
    }

    /// Number of the last event; 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// Loads the entity again, as after it was idle for long: the newest snapshot, and the events after it.
    ///
    /// # Panics
    /// What is stored cannot be read back.
    #[track_caller]
    pub fn reload(&mut self) {
        self.load();
    }

    #[track_caller]
    fn send<R: Rpc>(&mut self, command: Command) -> EventSourcedOutcome<R> {
        let before = self.snapshot.clone();
        let (outcome, changed) = match self.run(command) {
            Ok(reply) => {
                self.keep(&reply);
                if reply.snapshot.is_some() {
                    // The snapshot stands for the events, which must be readable nevertheless.
                    self.load_from(before);
                }
                let restart = fixture::asks_for_restart(reply.client_action.as_ref());
                let changed = restart || !reply.events.is_empty();
                (EventSourcedOutcome::new(reply), changed)
            }
            Err(defect) => (EventSourcedOutcome::broken(defect), true),
        };
        if changed {
            self.load();
        }
        outcome
    }

    /// Runs a command on the live entity. An error is what broke it down.
    pub(super) fn run(&mut self, command: Command) -> Result<EventSourcedReply, String> {
        self.commands += 1;
        let command = command.into_wire(&self.id, self.commands);
        match self.receive(In::Command(command)) {
            Some(Out::Reply(reply)) => Ok(reply),
            Some(Out::Failure(failure)) => Err(fixture::defect(&failure)),
            None => Err("it answered nothing".into()),
        }
    }

    /// Stores what a reply says.
    pub(super) fn keep(&mut self, reply: &EventSourcedReply) {
        self.events.extend(reply.events.iter().cloned());
        if let Some(snapshot) = &reply.snapshot {
            self.snapshot = Some((self.sequence(), snapshot.clone()));
        }
    }

    /// The same entity, of which nothing is loaded yet.
    pub(super) fn fresh(&self) -> Self {
        Self {
            user_function: self.user_function.clone(),
            id: self.id.clone(),
            stream: self.user_function.event_sourced_stream(),
            events: self.events.clone(),
            first: self.first,
            snapshot: self.snapshot.clone(),
            commands: 0,
            entity: PhantomData,
        }
    }

    /// Stores an event of another instance, and applies it.
    pub(super) fn append(&mut self, payload: Any) -> Result<(), String> {
        self.events.push(payload.clone());
        self.replay(In::Event(EventSourcedEvent {
            sequence: number(self.sequence()),
            payload: Some(payload),
        }))
    }

    #[track_caller]
    fn load(&mut self) {
        self.load_from(self.snapshot.clone());
    }

    #[track_caller]
    fn load_from(&mut self, snapshot: Option<(u64, Any)>) {
        if let Err(text) = self.try_load(snapshot) {
            let entity = std::any::type_name::<E>();
            panic!(
                "{entity} `{}` cannot be loaded from what it has stored: {text}",
                self.id
            );
        }
    }

    /// Loads the entity from this snapshot, or from the first event.
    pub(super) fn try_load(&mut self, snapshot: Option<(u64, Any)>) -> Result<(), String> {
        self.stream = self.user_function.event_sourced_stream();
        self.commands = 0;
        let covered = snapshot.as_ref().map_or(0, |(sequence, _)| *sequence);
        let init = EventSourcedInit {
            service_name: E::Service::NAME.into(),
            entity_id: self.id.as_str().into(),
            snapshot: snapshot.map(|(sequence, payload)| EventSourcedSnapshot {
                snapshot_sequence: number(sequence),
                snapshot: Some(payload),
            }),
        };
        self.replay(In::Init(init))?;
        let numbered: Vec<_> = (self.first + 1..).zip(self.events.clone()).collect();
        for (sequence, payload) in numbered {
            if sequence > covered {
                self.replay(In::Event(EventSourcedEvent {
                    sequence: number(sequence),
                    payload: Some(payload),
                }))?;
            }
        }
        Ok(())
    }

    fn replay(&mut self, message: In) -> Result<(), String> {
        match self.receive(message) {
            Some(Out::Failure(failure)) => Err(fixture::defect(&failure)),
            Some(Out::Reply(_)) | None => Ok(()),
        }
    }

    fn receive(&mut self, message: In) -> Option<Out> {
        let mut replies: VecDeque<EventSourcedStreamOut> = VecDeque::new();
        let message = Some(message);
        self.stream
            .receive(EventSourcedStreamIn { message }, &mut replies);
        replies.pop_front()?.message
    }
}

impl<E> fmt::Debug for EventSourcedTest<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSourcedTest")
            .field("id", &self.id)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// What a command of rpc `R` led to in an event-sourced entity. It dereferences to the [`Answer`].
#[derive(Debug)]
pub struct EventSourcedOutcome<R: Rpc> {
    answer: Answer<R>,
    events: Vec<Stored>,
    snapshot: Option<Stored>,
}

impl<R: Rpc> EventSourcedOutcome<R> {
    fn new(reply: EventSourcedReply) -> Self {
        let action = reply.client_action.and_then(|action| action.action);
        Self {
            answer: Answer::new(action, reply.side_effects),
            events: reply.events.into_iter().map(Stored::new).collect(),
            snapshot: reply.snapshot.map(Stored::new),
        }
    }

    fn broken(defect: String) -> Self {
        Self {
            answer: Answer::broken(defect),
            events: Vec::new(),
            snapshot: None,
        }
    }

    /// The events, in order; none if the command failed.
    pub fn events(&self) -> &[Stored] {
        &self.events
    }

    /// The one event of the command.
    ///
    /// # Panics
    /// There is none, there are several, or it is not a `V`.
    #[track_caller]
    pub fn event<V: Payload>(&self) -> V {
        match &*self.events {
            [event] => event.get(),
            events => panic!(
                "expected one event, and these were emitted: {events:?}; {:?}",
                self.answer
            ),
        }
    }

    /// The snapshot that was stored with the events, if one was due.
    pub fn snapshot(&self) -> Option<&Stored> {
        self.snapshot.as_ref()
    }
}

impl<R: Rpc> Deref for EventSourcedOutcome<R> {
    type Target = Answer<R>;

    fn deref(&self) -> &Answer<R> {
        &self.answer
    }
}

fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
