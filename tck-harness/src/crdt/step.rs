//! The steps of a case.

use super::notation::Expected;
use crate::{
    answer::command,
    pb::crdt::{CrdtTckModel, Request, RequestAction, StreamedRequest},
};
use cloudstate::Service as _;
use cloudstate_protocol::cloudstate::{
    Command, StreamCancelled,
    crdt::{
        CrdtDelete, CrdtDelta, CrdtInit, CrdtStreamIn, CrdtStreamOut,
        crdt_stream_in::Message as In, crdt_stream_out::Message as Out,
    },
};

/// One message either way, or one each.
#[derive(Clone, Debug)]
pub struct Step(pub(super) Move);

#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a case has a dozen steps, and most of them are exchanges"
)]
pub(super) enum Move {
    /// Opens a stream with this message.
    Init(Sent),
    Send(Sent),
    Exchange(Sent, Wanted),
    Expect(Wanted),
    /// Ends the input; the service must complete the stream with OK and without another message.
    End,
}

/// A message to the service, but for the id of the entity.
#[derive(Clone, Debug)]
pub(super) enum Sent {
    Init(Option<CrdtDelta>),
    Delta(CrdtDelta),
    Delete,
    Process(i64, Vec<RequestAction>),
    ProcessStreamed(i64, StreamedRequest),
    Cancel(i64),
}

/// A message of the service.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) message: CrdtStreamOut,
    /// Of what its delta lists.
    pub(super) in_any_order: bool,
}

impl Wanted {
    pub(super) fn new(in_any_order: bool, message: Out) -> Self {
        Self {
            message: CrdtStreamOut {
                message: Some(message),
            },
            in_any_order,
        }
    }
}

/// A stream begins; nothing is known of the entity.
pub fn init() -> Step {
    Step(Move::Init(Sent::Init(None)))
}

/// A stream begins; this is known of the entity.
pub fn init_with(delta: CrdtDelta) -> Step {
    Step(Move::Init(Sent::Init(Some(delta))))
}

/// The CRDT has changed elsewhere.
pub fn replicated(delta: CrdtDelta) -> Step {
    Step(Move::Send(Sent::Delta(delta)))
}

/// The CRDT was deleted elsewhere.
pub fn deleted() -> Step {
    Step(Move::Send(Sent::Delete))
}

/// A command asks for all of these, and is answered like this.
pub fn process(
    id: i64,
    actions: impl IntoIterator<Item: Into<RequestAction>>,
    expected: Expected,
) -> Step {
    let actions = actions.into_iter().map(Into::into).collect();
    let command = Sent::Process(id, actions);
    Step(Move::Exchange(command, expected.into_reply(id, false)))
}

/// A command asks for all of these; its answer comes later.
pub fn asks(id: i64, actions: impl IntoIterator<Item: Into<RequestAction>>) -> Step {
    let actions = actions.into_iter().map(Into::into).collect();
    Step(Move::Send(Sent::Process(id, actions)))
}

/// A command that was sent is answered like this.
pub fn answers(id: i64, expected: Expected) -> Step {
    Step(Move::Expect(expected.into_reply(id, false)))
}

/// A command that asks for nothing is answered like this.
pub fn ask(id: i64, expected: Expected) -> Step {
    process(id, [] as [RequestAction; 0], expected)
}

/// A streamed command is answered like this at first, and stays open. The request gets the entity's id.
pub fn process_streamed(id: i64, request: StreamedRequest, expected: Expected) -> Step {
    let command = Sent::ProcessStreamed(id, request);
    Step(Move::Exchange(command, expected.into_reply(id, true)))
}

/// A streamed command gets a further message.
pub fn streams(id: i64, expected: Expected) -> Step {
    Step(Move::Expect(expected.into_streamed(id)))
}

/// The caller of a streamed command goes away, and this comes of it.
pub fn cancel(id: i64, expected: Expected) -> Step {
    Step(Move::Exchange(
        Sent::Cancel(id),
        expected.into_cancelled(id),
    ))
}

/// The proxy ends the stream; the service completes it with OK and sends nothing more.
pub fn end() -> Step {
    Step(Move::End)
}

impl Sent {
    pub(super) fn for_entity(self, entity_id: &str) -> CrdtStreamIn {
        let entity_id = entity_id.to_owned();
        let message = match self {
            Self::Init(delta) => In::Init(CrdtInit {
                service_name: CrdtTckModel::NAME.into(),
                entity_id,
                delta,
            }),
            Self::Delta(delta) => In::Delta(delta),
            Self::Delete => In::Delete(CrdtDelete {}),
            Self::Process(id, actions) => {
                let request = Request {
                    id: entity_id.clone(),
                    actions,
                };
                In::Command(command(CrdtTckModel::Process, &entity_id, id, &request))
            }
            Self::ProcessStreamed(id, mut request) => {
                request.id.clone_from(&entity_id);
                In::Command(Command {
                    streamed: true,
                    ..command(CrdtTckModel::ProcessStreamed, &entity_id, id, &request)
                })
            }
            Self::Cancel(id) => In::StreamCancelled(StreamCancelled { entity_id, id }),
        };
        CrdtStreamIn {
            message: Some(message),
        }
    }
}
