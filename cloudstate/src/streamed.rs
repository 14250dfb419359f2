//! Answers that are streams: what a handler of a CRDT entity returns to an rpc that streams its responses.

use std::fmt;

use prost::Message;

use crate::{
    Context, Entity, Failure, MaybeReply, Reply, Rpc, SideEffect,
    crdt_entity::{Answer, Callbacks, Pushed},
    handler::{Handled, answer},
    kind::{self, Kind},
    reply::Action,
};

/// The answer of a CRDT entity to an rpc that streams its responses: a first reply or none, and what to send whenever
/// the state changes.
///
/// The state changes with a command, with the end of another stream, and with what other nodes did.
///
/// ```
/// # mod pb { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/room.rs")); }
/// use cloudstate::{crdt::ORSet, prelude::*};
///
/// #[crdt_entity(service = pb::Presence)]
/// #[derive(Default)]
/// struct Room {
///     present: ORSet<String>,
/// }
///
/// #[handlers(partial)]
/// impl Room {
///     /// Shows who is there for as long as the caller looks, and counts the caller in.
///     #[command_handler]
///     fn enter(room: &mut Context<Self>, visit: pb::Visit) -> Streamed<Self, pb::Guests> {
///         room.present.insert(visit.guest.clone());
///         Streamed::reply(room.guests())
///             .on_change(|room: &Self| room.guests())
///             .on_cancel(move |room: &mut Context<Self>| {
///                 room.present.remove(&visit.guest);
///             })
///     }
/// }
///
/// impl Room {
///     fn guests(&self) -> pb::Guests {
///         pb::Guests { names: self.present.iter().cloned().collect() }
///     }
/// }
/// # fn main() {}
/// ```
///
/// If the caller does not listen to a stream, because the rpc is called as a side effect for one, the first reply is all
/// there is.
#[must_use = "a stream is opened by returning it"]
pub struct Streamed<E: Entity, T> {
    first: MaybeReply<T>,
    callbacks: Callbacks<E>,
}

impl<E: Entity, T: Message> Streamed<E, T> {
    /// Answers with a first reply: a message, a [`Reply`](Reply) or a [`MaybeReply`].
    pub fn reply(first: impl Into<MaybeReply<T>>) -> Self {
        Self {
            first: first.into(),
            callbacks: Callbacks {
                on_change: None,
                on_cancel: None,
            },
        }
    }

    /// Begins with no reply.
    pub fn none() -> Self {
        Self::reply(MaybeReply::none())
    }

    /// Runs `push` whenever the state has changed, and sends what it returns: a message, a [`Reply`](Reply), a
    /// [`MaybeReply`], or a [`Next`], which can end the stream.
    ///
    /// A reply that is a failure ends the stream too; so does a panic, which harms nothing else.
    pub fn on_change<N: Into<Next<T>>>(
        mut self,
        mut push: impl FnMut(&E) -> N + Send + 'static,
    ) -> Self {
        self.callbacks.on_change = Some(Box::new(move |state| push(state).into().encode()));
        self
    }

    /// Runs `cancel` when the caller goes away. It may change the state, and start side effects; nobody receives an
    /// answer.
    pub fn on_cancel(mut self, cancel: impl FnOnce(&mut Context<E>) + Send + 'static) -> Self {
        self.callbacks.on_cancel = Some(Box::new(cancel));
        self
    }
}

impl<E: Entity, T: fmt::Debug> fmt::Debug for Streamed<E, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed")
            .field("first", &self.first)
            .field("on_change", &self.callbacks.on_change.is_some())
            .field("on_cancel", &self.callbacks.on_cancel.is_some())
            .finish()
    }
}

/// A type that a handler of rpc `R`, which streams its responses, can return in an entity of kind `K`.
#[diagnostic::on_unimplemented(
    message = "a handler of `{R}`, which streams its responses, cannot return `{Self}`",
    label = "not a stream of replies",
    note = "a handler of a streaming rpc returns `Streamed<Self, T>`, where `T` is the rpc's response message, or a `Result` \
            of it with an error that is `Into<Failure>`"
)]
pub trait IntoStreamed<E: Entity, R: Rpc, K: Kind> {
    /// Encodes the first answer, and leaves in the context what is to run while the stream is open.
    fn open(self, context: &mut Context<E>) -> Handled;
}

impl<E: Entity<Kind = kind::Crdt>, R: Rpc> IntoStreamed<E, R, kind::Crdt>
    for Streamed<E, R::Response>
{
    fn open(self, context: &mut Context<E>) -> Handled {
        let work = context.work_mut();
        work.open(self.callbacks, R::RESPONSE_TYPE_URL);
        answer::<E, R, _>(context, self.first)
    }
}

impl<E, R, T, X> IntoStreamed<E, R, kind::Crdt> for Result<T, X>
where
    E: Entity<Kind = kind::Crdt>,
    R: Rpc,
    T: IntoStreamed<E, R, kind::Crdt>,
    X: Into<Failure>,
{
    fn open(self, context: &mut Context<E>) -> Handled {
        match self {
            Ok(streamed) => streamed.open(context),
            Err(failure) => Handled::Failed(failure.into()),
        }
    }
}

/// These kinds have no streams, which is what the compiler says of such an rpc; nothing more is asked of its handler.
macro_rules! unserved {
    ($($kind:ident)*) => {$(
        impl<E: Entity, R: Rpc, T> IntoStreamed<E, R, kind::$kind> for T {
            fn open(self, _context: &mut Context<E>) -> Handled {
                Handled::Unknown
            }
        }
    )*};
}

unserved!(EventSourced Value);

/// What an open stream sends next, and whether it ends with it.
///
/// ```
/// use cloudstate::Next;
///
/// let last = Next::message("sold out").end();
/// let silence = Next::<&str>::none();
/// # let _ = (last, silence);
/// ```
#[derive(Debug)]
pub struct Next<T> {
    reply: MaybeReply<T>,
    ends: bool,
}

impl<T> Next<T> {
    /// Sends a message.
    pub fn message(message: T) -> Self {
        MaybeReply::message(message).into()
    }

    /// Sends nothing this time.
    pub fn none() -> Self {
        MaybeReply::none().into()
    }

    /// Ends the stream behind what is sent.
    #[must_use]
    pub fn end(self) -> Self {
        self.end_if(true)
    }

    /// Ends the stream behind what is sent, if a condition holds.
    #[must_use]
    pub fn end_if(mut self, condition: bool) -> Self {
        self.ends |= condition;
        self
    }

    /// Starts another command.
    #[must_use]
    pub fn effect(mut self, effect: SideEffect) -> Self {
        self.reply = self.reply.effect(effect);
        self
    }
}

impl<T> From<T> for Next<T> {
    fn from(message: T) -> Self {
        Self::message(message)
    }
}

impl<T> From<MaybeReply<T>> for Next<T> {
    fn from(reply: MaybeReply<T>) -> Self {
        Self { reply, ends: false }
    }
}

impl<T> From<Reply<T>> for Next<T> {
    fn from(reply: Reply<T>) -> Self {
        MaybeReply::from(reply).into()
    }
}

impl<T: Message> Next<T> {
    fn encode(self) -> Pushed {
        Pushed {
            answer: match self.reply.action {
                Action::Message(message) => Answer::Message {
                    payload: message.encode_to_vec().into(),
                    metadata: self.reply.metadata,
                },
                Action::Forward(forward) => Answer::Forward(forward),
                Action::Failure(failure) => Answer::Failure(failure),
                Action::None(_) => Answer::Nothing,
            },
            effects: self.reply.effects,
            ends: self.ends,
        }
    }
}
