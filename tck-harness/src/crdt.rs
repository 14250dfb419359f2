//! The proxy's side of a CRDT entity, and the notation of its cases.
//!
//! A case is a list of [steps](Step), from [`init`] to [`end`]:
//!
//! ```no_run
//! use tck_harness::{
//!     case::Fixture,
//!     crdt::{ask, delta::gcounter as by, end, init, play, process, replicated, reply, state, update},
//!     failure::Verdict,
//! };
//!
//! async fn example(tck: &mut Fixture) -> Verdict {
//!     let at = |value| reply(state::gcounter(value));
//!     play(tck, "GCounter", |_id| {
//!         vec![
//!             init(),
//!             process(1, [update::gcounter(1)], at(1).changed(by(1))),
//!             replicated(by(2)),
//!             ask(2, at(3)),
//!             end(),
//!         ]
//!     })
//!     .await
//! }
//! ```

pub mod delta;
mod notation;
pub mod state;
mod step;
pub mod update;

pub use notation::{
    Expected, delete, effect, empty_reply, fail, failed, forward, forwarded, nothing, reply,
    synchronous_effect,
};
pub use step::{
    Step, answers, ask, asks, cancel, deleted, end, init, init_with, process, process_streamed,
    replicated, streams,
};

use cloudstate_protocol::cloudstate::crdt::{CrdtStreamIn, CrdtStreamOut};

use crate::{
    case::Fixture,
    connection::{Connection, Link},
    failure::{Failure, Verdict},
};
use step::{Move, Sent, Wanted};

const HANDLE: &str = "/cloudstate.crdt.Crdt/handle";

/// Plays these steps with an entity of `cloudstate.tck.model.crdt.CrdtTckModel` that no case has used before.
///
/// `kind` is the type of its CRDT, and with a number its id, from which the steps are made.
///
/// # Errors
/// The service does something else than the steps say.
pub async fn play(tck: &mut Fixture, kind: &str, steps: impl FnOnce(&str) -> Vec<Step>) -> Verdict {
    let id = tck.next_crdt_id(kind);
    let steps = steps(&id);
    let mut player = Player {
        link: tck.link().clone(),
        id,
        connection: None,
    };
    for step in steps {
        player.play(step).await?;
    }
    Ok(())
}

/// An entity, and the stream by which the service holds it.
#[derive(Debug)]
struct Player {
    link: Link,
    id: String,
    connection: Option<Connection<CrdtStreamIn, CrdtStreamOut>>,
}

impl Player {
    async fn play(&mut self, step: Step) -> Verdict {
        match step.0 {
            Move::Init(message) => {
                self.connection = Some(self.link.open(HANDLE));
                self.send(message).await
            }
            Move::Send(message) => self.send(message).await,
            Move::Exchange(message, wanted) => {
                self.send(message).await?;
                self.expect(&wanted).await
            }
            Move::Expect(wanted) => self.expect(&wanted).await,
            Move::End => match self.connection.take() {
                Some(connection) => connection.complete().await,
                None => Err(not_active()),
            },
        }
    }

    async fn send(&mut self, message: Sent) -> Verdict {
        let connection = self.connection.as_ref().ok_or_else(not_active)?;
        connection.send(&message.for_entity(&self.id)).await
    }

    async fn expect(&mut self, wanted: &Wanted) -> Verdict {
        let connection = self.connection.as_mut().ok_or_else(not_active)?;
        if wanted.in_any_order {
            connection
                .expect_normalised(&wanted.message, delta::sort)
                .await
        } else {
            connection.expect(&wanted.message).await
        }
    }
}

fn not_active() -> Failure {
    Failure::new("the case itself is wrong: it has a step that is not between `init` and `end`")
}
