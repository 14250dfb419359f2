//! A CRDT entity under test, on several nodes.

use std::{
    any::type_name,
    collections::{BTreeMap, VecDeque},
    fmt,
    marker::PhantomData,
    mem,
    ops::{Deref, Index, IndexMut},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use cloudstate_protocol::cloudstate::{
    ClientAction, Failure, StreamCancelled,
    client_action::Action,
    crdt::{
        CrdtDelete, CrdtDelta, CrdtInit, CrdtReply, CrdtStateAction, CrdtStreamIn, CrdtStreamOut,
        CrdtStreamedMessage, crdt_state_action::Action as StateAction,
        crdt_stream_in::Message as In, crdt_stream_out::Message as Out,
    },
};
use cloudstate_proxy::crdt::{Cluster, Crdt, ReplicaId, Value};

use super::{Answer, Command, Started, fixture};
use crate::{
    CrdtEntity, Create, EntityId, Handlers, Metadata, Rpc, Service, UserFunction,
    crdt::replicated::{self, Replicated},
    crdt_entity::EntityStream,
    machine::Machine,
    service::{ServerStreaming, Unary},
};

/// A CRDT entity under test: nodes that each have a copy of it, and hear of each other when the test says so.
///
/// It is what runs in production, without the network: the state machine of the protocol, and the proxy's own copies.
/// Between two [`exchange`](Self::exchange)s the nodes know nothing of each other's commands, as if the network between
/// them were down. Of two writes to a register the later one counts, in the order of the test.
///
/// ```
/// # use cloudstate::{crdt::ORSet, prelude::*, testing::CrdtTest};
/// # mod pb { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/shop.rs")); }
/// # #[crdt_entity(service = pb::Cart)]
/// # #[derive(Default)]
/// # struct Cart { #[crdt] products: ORSet<String> }
/// # #[handlers(partial)]
/// # impl Cart {
/// #     #[command_handler]
/// #     fn add_item(cart: &mut Context<Self>, item: pb::AddItem) { cart.products.insert(item.product); }
/// # }
/// let mut carts = CrdtTest::<Cart>::new("cart-1", 2);
/// let add = |product: &str| pb::AddItem { cart: "cart-1".into(), product: product.into() };
/// carts[0].command(pb::Cart::AddItem, add("tea")).reply();
/// carts[1].command(pb::Cart::AddItem, add("milk")).reply();
/// assert_eq!(carts[0].state().products.len(), 1);
///
/// carts.exchange();
/// carts.assert_converged();
/// assert_eq!(carts[0].state().products.len(), 2);
/// ```
#[derive(Debug)]
pub struct CrdtTest<E> {
    nodes: Vec<CrdtNode<E>>,
}

impl<E: Handlers + CrdtEntity + Create> CrdtTest<E> {
    /// An entity without content on this number of nodes.
    ///
    /// # Panics
    /// Creating the entity panics, or there are no nodes.
    #[track_caller]
    pub fn new(id: impl Into<EntityId>, nodes: usize) -> Self {
        Self::with(id, nodes, E::create)
    }
}

impl<E: Handlers + CrdtEntity> CrdtTest<E> {
    /// An entity that needs something from outside, as [`Cloudstate::register_with`](crate::Cloudstate::register_with)
    /// has it.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[track_caller]
    pub fn with(
        id: impl Into<EntityId>,
        nodes: usize,
        create: impl Fn(&EntityId) -> E + Send + Sync + 'static,
    ) -> Self {
        assert!(nodes > 0, "an entity is on one node at least");
        let user_function = fixture::user_function(create);
        let id = id.into();
        let clock = Arc::new(AtomicI64::new(0));
        let members = (1..).map(ReplicaId::new).take(nodes);
        let nodes = members.clone().map(|member| CrdtNode {
            stream: user_function.crdt_stream(),
            user_function: user_function.clone(),
            id: id.clone(),
            cluster: Cluster::new(member, members.clone()),
            current: None,
            is_deleted: false,
            commands: 0,
            listeners: BTreeMap::new(),
            clock: Arc::clone(&clock),
            entity: PhantomData,
        });
        let mut nodes: Vec<_> = nodes.collect();
        for node in &mut nodes {
            node.reload();
        }
        Self { nodes }
    }

    /// Lets every node hear of what has happened on all others.
    ///
    /// # Panics
    /// An entity breaks down over it.
    #[track_caller]
    pub fn exchange(&mut self) {
        let all: Vec<usize> = (0..self.nodes.len()).collect();
        self.exchange_between(&all);
    }

    /// Lets these nodes hear of what has happened on each other, and no others.
    ///
    /// # Panics
    /// There is no node of such a number, or an entity breaks down over it.
    #[track_caller]
    pub fn exchange_between(&mut self, nodes: &[usize]) {
        let deleted = nodes.iter().any(|&node| self.nodes[node].is_deleted);
        let copies: Vec<Crdt> = nodes
            .iter()
            .filter_map(|&node| self.nodes[node].current.clone())
            .collect();
        for &node in nodes {
            if deleted {
                self.nodes[node].hear_of_deletion();
            } else {
                self.nodes[node].hear_of(&copies);
            }
        }
    }

    /// Checks that all nodes have the same value, and that each entity has in memory what its node has.
    ///
    /// # Panics
    /// They have not, be it because they have not heard of each other since the last change.
    #[track_caller]
    pub fn assert_converged(&self) {
        let first = &self.nodes[0];
        for (number, node) in self.nodes.iter().enumerate() {
            assert!(
                node.is_deleted == first.is_deleted && node.current == first.current,
                "nodes 0 and {number} differ: {:?} and {:?}",
                first.value(),
                node.value()
            );
            node.assert_same_in_memory(number);
        }
    }
}

impl<E> Index<usize> for CrdtTest<E> {
    type Output = CrdtNode<E>;

    fn index(&self, node: usize) -> &CrdtNode<E> {
        &self.nodes[node]
    }
}

impl<E> IndexMut<usize> for CrdtTest<E> {
    fn index_mut(&mut self, node: usize) -> &mut CrdtNode<E> {
        &mut self.nodes[node]
    }
}

/// One node's copy of a [`CrdtTest`]'s entity.
pub struct CrdtNode<E> {
    user_function: UserFunction,
    id: EntityId,
    stream: EntityStream,
    cluster: Cluster,
    /// The proxy's copy: nothing until the first change.
    current: Option<Crdt>,
    is_deleted: bool,
    /// The commands of this activation.
    commands: i64,
    /// What callers that listen have not taken yet, by command.
    listeners: BTreeMap<i64, Listener>,
    /// Milliseconds, by which register writes are ordered.
    clock: Arc<AtomicI64>,
    entity: PhantomData<fn() -> E>,
}

#[derive(Debug, Default)]
struct Listener {
    heard: Vec<CrdtStreamedMessage>,
    ended: bool,
}

impl<E: Handlers + CrdtEntity> CrdtNode<E> {
    /// Sends a command.
    ///
    /// # Panics
    /// What it has changed breaks the protocol.
    #[track_caller]
    pub fn command<R>(&mut self, rpc: R, request: R::Request) -> CrdtOutcome<R>
    where
        R: Rpc<Service = E::Service, Shape = Unary>,
    {
        self.send(Command::to(rpc, request), false)
    }

    /// Sends a command with metadata.
    ///
    /// # Panics
    /// As [`command`](Self::command).
    #[track_caller]
    pub fn command_with<R>(
        &mut self,
        rpc: R,
        request: R::Request,
        metadata: Metadata,
    ) -> CrdtOutcome<R>
    where
        R: Rpc<Service = E::Service, Shape = Unary>,
    {
        self.send(Command::to(rpc, request).metadata(metadata), false)
    }

    /// Sends a command whose caller listens to a stream; [`heard`](Self::heard) has what follows the first answer.
    ///
    /// # Panics
    /// As [`command`](Self::command).
    #[track_caller]
    pub fn listen<R>(&mut self, rpc: R, request: R::Request) -> CrdtOutcome<R>
    where
        R: Rpc<Service = E::Service, Shape = ServerStreaming>,
    {
        self.send(Command::to(rpc, request), true)
    }

    /// What a caller that listens was sent since this was last asked.
    pub fn heard<R: Rpc>(&mut self, listening: &CrdtOutcome<R>) -> Vec<Answer<R>> {
        let listener = self.listeners.get_mut(&listening.command);
        let heard = listener.map(|listener| mem::take(&mut listener.heard));
        heard
            .unwrap_or_default()
            .into_iter()
            .map(|message| answer(message.client_action, message.side_effects))
            .collect()
    }

    /// Whether a caller that listens will be sent more.
    pub fn is_open<R: Rpc>(&self, listening: &CrdtOutcome<R>) -> bool {
        let listener = self.listeners.get(&listening.command);
        listener.is_some_and(|listener| !listener.ended)
    }

    /// The caller that listens goes away. Gives the side effects of the handler's `on_cancel`.
    ///
    /// # Panics
    /// As [`command`](Self::command).
    #[track_caller]
    pub fn cancel<R: Rpc>(&mut self, listening: &CrdtOutcome<R>) -> Vec<Started> {
        self.listeners.remove(&listening.command);
        let cancelled = StreamCancelled {
            entity_id: self.id.as_str().into(),
            id: listening.command,
        };
        let mut effects = Vec::new();
        for message in self.receive(In::StreamCancelled(cancelled)) {
            match message {
                Out::StreamCancelledResponse(response) => {
                    effects.extend(response.side_effects.into_iter().map(Started::from));
                    self.change(response.state_action);
                }
                message => self.note(message),
            }
        }
        effects
    }

    /// The state on this node.
    pub fn state(&self) -> &E {
        let state = self.stream.state().and_then(|state| state.downcast_ref());
        let Some(state) = state else {
            unreachable!("an entity that cannot be loaded has failed the test")
        };
        state
    }

    /// Loads the entity again on this node, as after it was idle for long. Nobody listens any more.
    ///
    /// # Panics
    /// It cannot be loaded.
    #[track_caller]
    pub fn reload(&mut self) {
        self.stream = self.user_function.crdt_stream();
        self.commands = 0;
        self.listeners.clear();
        let init = In::Init(self.init());
        for message in self.receive(init) {
            self.note(message);
        }
    }

    #[track_caller]
    fn send<R: Rpc>(&mut self, command: Command, streamed: bool) -> CrdtOutcome<R> {
        self.commands += 1;
        let number = self.commands;
        if self.is_deleted {
            return CrdtOutcome::refused(number, "Entity deleted");
        }
        let mut command = command.into_wire(&self.id, number);
        command.streamed = streamed;
        let mut outcome = None;
        for message in self.receive(In::Command(command)) {
            match message {
                Out::Reply(reply) if reply.command_id == number => {
                    if reply.streamed {
                        self.listeners.insert(number, Listener::default());
                    }
                    self.change(reply.state_action.clone());
                    outcome = Some(CrdtOutcome::new(number, reply));
                }
                Out::Failure(failure) => {
                    self.reload();
                    return CrdtOutcome::broken(number, fixture::defect(&failure));
                }
                message => self.note(message),
            }
        }
        outcome.unwrap_or_else(|| CrdtOutcome::broken(number, "it answered nothing".into()))
    }

    /// Keeps what a listening caller is sent.
    #[track_caller]
    fn note(&mut self, message: Out) {
        match message {
            Out::StreamedMessage(message) => {
                if let Some(listener) = self.listeners.get_mut(&message.command_id) {
                    listener.ended |= message.end_stream;
                    listener.heard.push(message);
                }
            }
            Out::Failure(failure) => panic!(
                "{} `{}` broke down: {}",
                type_name::<E>(),
                self.id,
                fixture::defect(&failure)
            ),
            Out::Reply(_) | Out::StreamCancelledResponse(_) => {}
        }
    }

    /// Makes the proxy's copy what the entity has made of its own.
    #[track_caller]
    fn change(&mut self, action: Option<CrdtStateAction>) {
        match action.and_then(|action| action.action) {
            None => {}
            Some(StateAction::Delete(_)) => {
                self.is_deleted = true;
                self.current = None;
            }
            Some(StateAction::Update(delta)) => self.update(delta),
        }
    }

    #[track_caller]
    fn update(&mut self, delta: CrdtDelta) {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let kind = cloudstate_proxy::crdt::Kind::of(&delta);
        let current = match (self.current.take(), kind) {
            (Some(current), _) => Some(current),
            (None, kind) => kind.map(Crdt::new),
        };
        let Some(mut current) = current else {
            panic!("{} sent a change of no type", type_name::<E>());
        };
        let mut seen = current.clone();
        let updated = seen
            .update_as_seen(delta.clone(), &self.cluster, now)
            .and_then(|()| current.update(delta, &self.cluster, now));
        if let Err(error) = updated {
            panic!("{} sent a change that cannot be: {error}", type_name::<E>());
        }
        self.current = Some(current);
        // A write whose clock is behind another's is known to the entity alone.
        self.tell_since(seen.value(&self.cluster));
    }

    #[track_caller]
    fn hear_of(&mut self, copies: &[Crdt]) {
        let known = self.value();
        for copy in copies {
            match &mut self.current {
                None => self.current = Some(copy.clone()),
                Some(current) => {
                    if let Err(error) = current.merge(copy) {
                        panic!("{}: {error}", type_name::<E>());
                    }
                }
            }
        }
        self.tell_since(known);
    }

    /// Tells the entity what it does not know yet.
    #[track_caller]
    fn tell_since(&mut self, known: Option<Value>) {
        let Some(value) = self.value() else { return };
        let news = match known {
            None => Some(value.into_delta()),
            Some(known) => value.since(&known),
        };
        if let Some(delta) = news {
            for message in self.receive(In::Delta(delta)) {
                self.note(message);
            }
        }
    }

    #[track_caller]
    fn hear_of_deletion(&mut self) {
        if mem::replace(&mut self.is_deleted, true) {
            return;
        }
        self.current = None;
        for message in self.receive(In::Delete(CrdtDelete {})) {
            self.note(message);
        }
    }

    fn value(&self) -> Option<Value> {
        self.current.as_ref()?.value(&self.cluster)
    }

    fn init(&self) -> CrdtInit {
        CrdtInit {
            service_name: <E::Service as Service>::NAME.into(),
            entity_id: self.id.as_str().into(),
            delta: self.value().map(Value::into_delta),
        }
    }

    #[track_caller]
    fn assert_same_in_memory(&self, number: usize) {
        if self.is_deleted || self.current.is_none() {
            return;
        }
        let mut loaded = Self {
            user_function: self.user_function.clone(),
            id: self.id.clone(),
            stream: self.user_function.crdt_stream(),
            cluster: self.cluster.clone(),
            current: self.current.clone(),
            is_deleted: false,
            commands: 0,
            listeners: BTreeMap::new(),
            clock: Arc::clone(&self.clock),
            entity: PhantomData,
        };
        loaded.reload();
        let (live, loaded) = (self.whole(), loaded.whole());
        assert!(
            live == loaded,
            "the entity on node {number} has not what its node has\n  in memory: {live:?}\n       node: {loaded:?}"
        );
    }

    /// The value in memory, in a form in which the order of its parts does not count.
    fn whole(&self) -> Option<Value> {
        let delta = replicated::message(self.state().crdt().whole());
        let alone = Cluster::of_one();
        Crdt::create(delta, &alone, 0).ok()?.value(&alone)
    }

    fn receive(&mut self, message: In) -> Vec<Out> {
        let mut replies: VecDeque<CrdtStreamOut> = VecDeque::new();
        let message = Some(message);
        self.stream.receive(CrdtStreamIn { message }, &mut replies);
        replies
            .into_iter()
            .filter_map(|reply| reply.message)
            .collect()
    }
}

impl<E> fmt::Debug for CrdtNode<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrdtNode")
            .field("id", &self.id)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

/// What a command of rpc `R` led to in a CRDT entity. It dereferences to the [`Answer`].
#[derive(Debug)]
pub struct CrdtOutcome<R: Rpc> {
    answer: Answer<R>,
    command: i64,
    action: Option<CrdtStateAction>,
}

impl<R: Rpc> CrdtOutcome<R> {
    fn new(command: i64, reply: CrdtReply) -> Self {
        Self {
            answer: answer(reply.client_action, reply.side_effects),
            command,
            action: reply.state_action,
        }
    }

    fn broken(command: i64, defect: String) -> Self {
        Self {
            answer: Answer::broken(defect),
            command,
            action: None,
        }
    }

    fn refused(command: i64, text: &str) -> Self {
        let failure = Failure {
            description: text.into(),
            ..Failure::default()
        };
        Self {
            answer: Answer::new(Some(Action::Failure(failure)), Vec::new()),
            command,
            action: None,
        }
    }

    /// Whether the command has left the value as it was.
    pub fn is_unchanged(&self) -> bool {
        self.action.is_none()
    }

    /// Whether the command has deleted the entity.
    pub fn is_deleted(&self) -> bool {
        let action = self.action.as_ref();
        matches!(
            action.and_then(|action| action.action.as_ref()),
            Some(StateAction::Delete(_))
        )
    }

    /// The nodes that must have the change before the reply leaves.
    pub fn write_consistency(&self) -> crate::WriteConsistency {
        use cloudstate_protocol::cloudstate::crdt::CrdtWriteConsistency as Wire;
        match self.action.as_ref().map(CrdtStateAction::write_consistency) {
            None | Some(Wire::Local) => crate::WriteConsistency::Local,
            Some(Wire::Majority) => crate::WriteConsistency::Majority,
            Some(Wire::All) => crate::WriteConsistency::All,
        }
    }
}

impl<R: Rpc> Deref for CrdtOutcome<R> {
    type Target = Answer<R>;

    fn deref(&self) -> &Answer<R> {
        &self.answer
    }
}

fn answer<R: Rpc>(
    action: Option<ClientAction>,
    effects: Vec<cloudstate_protocol::cloudstate::SideEffect>,
) -> Answer<R> {
    Answer::new(action.and_then(|action| action.action), effects)
}
