//! What the state machines of all kinds have in common: messages of the protocol in, messages out, no I/O.

mod stream;

use std::{collections::VecDeque, fmt};

use cloudstate_protocol::cloudstate::Failure;
use prost::DecodeError;

pub(crate) use stream::{EntityStream, OpenedStream};

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

/// The proxy names a service that is not here.
pub(crate) fn service_not_found(name: &str) -> Failure {
    protocol_error(0, &format!("Service not found: {name}"))
}

/// The proxy sends a command that no handler of the entity is for.
pub(crate) fn no_command_handler(command_id: i64, name: &str, type_name: &str) -> Failure {
    failure(
        command_id,
        format!("No command handler found for command [{name}] on {type_name}"),
    )
}

/// Why a command is refused whose payload cannot be read.
pub(crate) fn undecodable(name: &str, error: &DecodeError) -> String {
    format!("The payload of command [{name}] is not its request message: {error}")
}
