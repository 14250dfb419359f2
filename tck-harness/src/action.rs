//! The proxy's side of an action's calls, and the notation of their cases.
//!
//! ```no_run
//! use tck_harness::{action::{Call, effect, group, no_reply, replied, reply, request}, case::Fixture, failure::Verdict};
//!
//! async fn example(tck: &mut Fixture) -> Verdict {
//!     let mut call = Call::streamed(tck).await?;
//!     call.send(request([group([reply("one")]), group([])])).await?;
//!     call.expect(replied("one")).await?;
//!     call.expect(no_reply()).await?;
//!     call.send(request([group([reply("two"), effect("a")])])).await?;
//!     call.expect(replied("two").effects(["a"])).await?;
//!     call.end().await
//! }
//! ```

mod notation;

pub use notation::{
    Expected, effect, fail, failed, forward, forwarded, group, no_reply, replied, reply, request,
    synchronous_effect,
};

use cloudstate::{Rpc, Service};
use cloudstate_protocol::{
    Any,
    cloudstate::action::{ActionCommand, ActionResponse},
};

use crate::{
    case::Fixture,
    connection::Connection,
    failure::Verdict,
    pb::action::{ActionTckModel, Request},
};

pub(crate) const UNARY: &str = "/cloudstate.action.ActionProtocol/handleUnary";
pub(crate) const STREAMED_IN: &str = "/cloudstate.action.ActionProtocol/handleStreamedIn";
pub(crate) const STREAMED_OUT: &str = "/cloudstate.action.ActionProtocol/handleStreamedOut";
pub(crate) const STREAMED: &str = "/cloudstate.action.ActionProtocol/handleStreamed";

/// A call of `cloudstate.tck.model.action.ActionTckModel`, in any of the four shapes.
#[derive(Debug)]
pub struct Call {
    connection: Connection<ActionCommand, ActionResponse>,
}

impl Call {
    /// Calls `ProcessUnary`.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn unary(tck: &Fixture, request: Request) -> Verdict<Self> {
        Self::with_one(tck, UNARY, ActionTckModel::ProcessUnary, &request).await
    }

    /// Calls `ProcessStreamedOut`.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn streamed_out(tck: &Fixture, request: Request) -> Verdict<Self> {
        let rpc = ActionTckModel::ProcessStreamedOut;
        Self::with_one(tck, STREAMED_OUT, rpc, &request).await
    }

    /// Opens a call of `ProcessStreamedIn`, without a request yet.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn streamed_in(tck: &Fixture) -> Verdict<Self> {
        Self::open(tck, STREAMED_IN, ActionTckModel::ProcessStreamedIn).await
    }

    /// Opens a call of `ProcessStreamed`, without a request yet.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn streamed(tck: &Fixture) -> Verdict<Self> {
        Self::open(tck, STREAMED, ActionTckModel::ProcessStreamed).await
    }

    async fn with_one<R: Rpc>(
        tck: &Fixture,
        path: &'static str,
        rpc: R,
        request: &Request,
    ) -> Verdict<Self> {
        let mut call = Self {
            connection: tck.link().open(path),
        };
        let command = ActionCommand {
            payload: Some(Any::pack(request)),
            ..names(rpc)
        };
        call.connection.send(&command).await?;
        call.end_input();
        Ok(call)
    }

    async fn open(tck: &Fixture, path: &'static str, rpc: impl Rpc) -> Verdict<Self> {
        let connection = tck.link().open(path);
        connection.send(&names(rpc)).await?;
        Ok(Self { connection })
    }

    /// Sends one more request of a streamed call.
    ///
    /// # Errors
    /// The service does not take the message.
    pub async fn send(&self, request: Request) -> Verdict {
        let command = ActionCommand {
            payload: Some(Any::pack(&request)),
            ..ActionCommand::default()
        };
        self.connection.send(&command).await
    }

    /// There are no more requests.
    pub fn end_input(&mut self) {
        self.connection.end_input();
    }

    /// Waits for exactly this response.
    ///
    /// # Errors
    /// The service responds otherwise, or not in time.
    pub async fn expect(&mut self, expected: Expected) -> Verdict {
        self.connection.expect(&expected.into()).await
    }

    /// Cancels the call, as happens where a caller is lost.
    pub fn cancel(self) {
        self.connection.cancel();
    }

    /// Ends the input if it is still open; the service must complete the call with OK and without another response.
    ///
    /// # Errors
    /// It does something else, or nothing in time.
    pub async fn end(self) -> Verdict {
        self.connection.complete().await
    }
}

/// The names in a command for this rpc.
pub(crate) fn names<R: Rpc>(_: R) -> ActionCommand {
    ActionCommand {
        service_name: R::Service::NAME.into(),
        name: R::NAME.into(),
        ..ActionCommand::default()
    }
}
