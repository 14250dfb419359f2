//! Actions: calls without a state, one message or a stream of them either way.
//!
//! A call's handler is a future that the caller's side polls: nothing runs in the background, the handler goes on as
//! fast as its responses are taken, and dropping the call drops the handler. A panic fails its own call.

mod answers;
mod dispatch;
mod error;
mod incoming;
mod live;

use std::sync::Arc;

pub use answers::{Answers, Fallible, ManyAnswers, OneAnswer, Plain, Replies};
pub use dispatch::{CallDispatch, Invocation, OneRequest, Requests, dispatch_call};
pub use error::CallError;
pub(crate) use incoming::Commands;
pub use incoming::Incoming;
pub(crate) use live::{LiveAction, call_many, call_one, only};

use crate::Service;

/// A type whose methods handle the calls of a service. One value of it serves them all, side by side.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an action",
    label = "has no `#[action]`",
    note = "write `#[action(service = ..)]` above `struct {Self}`",
    note = "if it is an entity, its handlers have `#[command_handler]`"
)]
pub trait Action: Sized + Send + Sync + 'static {
    /// The service that it implements.
    type Service: Service;
}

/// How calls reach the methods of an action.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no call handlers",
    label = "no `#[handlers] impl {Self}` with a `#[call_handler]` found",
    note = "write `#[handlers]` above the `impl {Self}` block that holds its call handlers"
)]
pub trait CallHandlers: Action {
    /// Names of the rpcs that have a handler.
    const HANDLED: &'static [&'static str];

    /// Begins a call with the handler of its rpc.
    ///
    /// # Errors
    /// No handler has this name, or the call streams where the rpc does not.
    fn call(self: Arc<Self>, call: Invocation) -> Result<Answers, CallError>;
}
