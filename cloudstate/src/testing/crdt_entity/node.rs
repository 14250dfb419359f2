//! One of the nodes that a CRDT entity under test is on.

use std::{
    any::type_name,
    collections::{BTreeMap, VecDeque},
    fmt,
    marker::PhantomData,
    mem,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use cloudstate_protocol::cloudstate::{
    StreamCancelled,
    crdt::{
        CrdtDelete, CrdtDelta, CrdtInit, CrdtStateAction, CrdtStreamIn, CrdtStreamOut,
        CrdtStreamedMessage, crdt_state_action::Action as StateAction,
        crdt_stream_in::Message as In, crdt_stream_out::Message as Out,
    },
};
use cloudstate_proxy::crdt::{Cluster, Crdt, Value};

use super::outcome::{CrdtOutcome, answer};
use crate::{
    CrdtEntity, EntityId, Handlers, Metadata, Rpc, Service, UserFunction,
    crdt::replicated::{self, Replicated},
    crdt_entity::EntityStream,
    machine::Machine,
    service::{ServerStreaming, Unary},
    testing::{Answer, Command, Started, fixture},
};

/// One node's copy of a [`CrdtTest`](super::CrdtTest)'s entity.
pub struct CrdtNode<E> {
    user_function: UserFunction,
    id: EntityId,
    stream: EntityStream,
    cluster: Cluster,
    /// The proxy's copy: nothing until the first change.
    pub(super) current: Option<Crdt>,
    pub(super) is_deleted: bool,
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
    /// A node that knows nothing of the entity, and on which the entity has to be [`reload`](Self::reload)ed first.
    pub(super) fn not_loaded(
        user_function: UserFunction,
        id: EntityId,
        cluster: Cluster,
        clock: Arc<AtomicI64>,
    ) -> Self {
        Self {
            stream: user_function.crdt_stream(),
            user_function,
            id,
            cluster,
            current: None,
            is_deleted: false,
            commands: 0,
            listeners: BTreeMap::new(),
            clock,
            entity: PhantomData,
        }
    }

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
    pub(super) fn hear_of(&mut self, copies: &[Crdt]) {
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
    pub(super) fn hear_of_deletion(&mut self) {
        if mem::replace(&mut self.is_deleted, true) {
            return;
        }
        self.current = None;
        for message in self.receive(In::Delete(CrdtDelete {})) {
            self.note(message);
        }
    }

    pub(super) fn value(&self) -> Option<Value> {
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
    pub(super) fn assert_same_in_memory(&self, number: usize) {
        if self.is_deleted || self.current.is_none() {
            return;
        }
        let (user_function, clock) = (self.user_function.clone(), Arc::clone(&self.clock));
        let mut loaded = Self {
            current: self.current.clone(),
            ..Self::not_loaded(user_function, self.id.clone(), self.cluster.clone(), clock)
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
