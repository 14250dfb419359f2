//! What the state machines of all kinds have in common: messages of the protocol in, messages out, no I/O.

use std::{collections::VecDeque, fmt};

use cloudstate_protocol::cloudstate::Failure;

/// The user function's side of one stream, from its first message to its end.
pub(crate) trait Machine: Send + fmt::Debug {
    /// What the proxy says.
    type In;
    /// What the user function answers.
    type Out;

    /// Takes the next message of the proxy, and puts what it leads to behind what waits in `replies`.
    fn receive(&mut self, message: Self::In, replies: &mut VecDeque<Self::Out>) -> Flow;

    /// The proxy sends nothing more. The stream completes behind `replies`.
    fn half_close(&mut self, replies: &mut VecDeque<Self::Out>);
}

/// Whether a stream goes on behind what a message led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    End,
}

/// A failure without a restart.
pub(crate) fn failure(command_id: i64, description: String) -> Failure {
    Failure {
        command_id,
        description,
        restart: false,
    }
}

/// The proxy's mistake.
pub(crate) fn protocol_error(command_id: i64, text: &str) -> Failure {
    failure(command_id, format!("Protocol error: {text}"))
}
