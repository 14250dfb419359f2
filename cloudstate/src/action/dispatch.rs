//! From a call to its handler: what arrives, and what it must be for the shape of the rpc.

use std::{any::type_name, fmt, marker::PhantomData};

use cloudstate_protocol::{
    Any,
    cloudstate::{Metadata as WireMetadata, action::ActionResponse},
};
use tokio::sync::oneshot;

use super::{
    Answers, CallError, Incoming,
    answers::{Broken, ManyAnswers, OneAnswer, Slot},
    incoming::{Commands, unreadable},
};
use crate::{
    Metadata, Rpc,
    handler::{Call, HandlerArg},
    service::{ClientStreaming, ServerStreaming, Streaming, Unary},
};

/// A call on its way to its handler.
pub struct Invocation {
    pub(super) name: &'static str,
    pub(super) metadata: Option<WireMetadata>,
    pub(super) input: Input,
    pub(super) streamed_out: bool,
}

pub(super) enum Input {
    One(Any),
    Many(Commands),
}

impl Invocation {
    /// Whether it is a call of this rpc.
    pub fn is<R: Rpc>(&self, _rpc: R) -> bool {
        self.name == R::NAME
    }

    /// Says that no handler of `A` has its name.
    pub fn unhandled<A>(&self) -> CallError {
        CallError::unhandled(self.name, type_name::<A>())
    }

    fn came(&self) -> &'static str {
        shape(matches!(self.input, Input::Many(_)), self.streamed_out)
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("name", &self.name)
            .field("came", &self.came())
            .finish_non_exhaustive()
    }
}

/// What a call with one request is addressed to: its handler takes the request.
#[derive(Debug)]
pub struct OneRequest(());

/// What a call with a stream of requests is addressed to: its handler takes [`Incoming`].
pub struct Requests<R: Rpc>(Option<Incoming<R::Request>>);

impl<R: Rpc> fmt::Debug for Requests<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Requests").field(&self.0).finish()
    }
}

impl<R: Rpc> HandlerArg<R, Requests<R>> for Incoming<R::Request> {
    fn take(call: &mut Call<R, Requests<R>>) -> Self {
        // The macros rule a second argument of this type out.
        let taken = || Incoming::empty(R::NAME, R::decode_request);
        call.target.0.take().unwrap_or_else(taken)
    }
}

/// A call of rpc `R`, known before the types of its handler are looked at, so that what the compiler says of them names
/// it. The shape `S` decides what the handler takes and returns.
#[derive(Debug)]
pub struct CallDispatch<R, S>(PhantomData<(R, S)>);

/// Begins a call of the handler of an rpc.
pub fn dispatch_call<R: Rpc>(_rpc: R) -> CallDispatch<R, R::Shape> {
    CallDispatch(PhantomData)
}

impl<R: Rpc<Shape = Unary>> CallDispatch<R, Unary> {
    /// Decodes the request and runs the handler.
    ///
    /// # Errors
    /// The call is not unary.
    pub fn run<W>(
        self,
        invocation: Invocation,
        handler: impl FnOnce(Call<R, OneRequest>, OneAnswer<R>) -> W,
    ) -> Result<Answers, CallError>
    where
        W: Future<Output = ActionResponse> + Send + 'static,
    {
        one_request(invocation, false, |call| {
            Answers::unary(handler(call, OneAnswer::new()), None)
        })
    }
}

impl<R: Rpc<Shape = ClientStreaming>> CallDispatch<R, ClientStreaming> {
    /// Runs the handler on the stream of requests.
    ///
    /// # Errors
    /// The call is not client-streaming.
    pub fn run<W>(
        self,
        invocation: Invocation,
        handler: impl FnOnce(Call<R, Requests<R>>, OneAnswer<R>) -> W,
    ) -> Result<Answers, CallError>
    where
        W: Future<Output = ActionResponse> + Send + 'static,
    {
        many_requests(invocation, false, |call, broken| {
            Answers::unary(handler(call, OneAnswer::new()), Some(broken))
        })
    }
}

impl<R: Rpc<Shape = ServerStreaming>> CallDispatch<R, ServerStreaming> {
    /// Decodes the request and runs the handler.
    ///
    /// # Errors
    /// The call is not server-streaming.
    pub fn run<W>(
        self,
        invocation: Invocation,
        handler: impl FnOnce(Call<R, OneRequest>, ManyAnswers<R>) -> W,
    ) -> Result<Answers, CallError>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        one_request(invocation, true, |call| {
            let slot = Slot::default();
            let handler = handler(call, ManyAnswers::new(slot.clone()));
            Answers::streaming(handler, slot, None)
        })
    }
}

impl<R: Rpc<Shape = Streaming>> CallDispatch<R, Streaming> {
    /// Runs the handler on the stream of requests.
    ///
    /// # Errors
    /// The call does not stream both ways.
    pub fn run<W>(
        self,
        invocation: Invocation,
        handler: impl FnOnce(Call<R, Requests<R>>, ManyAnswers<R>) -> W,
    ) -> Result<Answers, CallError>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        many_requests(invocation, true, |call, broken| {
            let slot = Slot::default();
            let handler = handler(call, ManyAnswers::new(slot.clone()));
            Answers::streaming(handler, slot, Some(broken))
        })
    }
}

fn one_request<R: Rpc>(
    invocation: Invocation,
    streamed_out: bool,
    begin: impl FnOnce(Call<R, OneRequest>) -> Answers,
) -> Result<Answers, CallError> {
    let came = invocation.came();
    let Input::One(payload) = invocation.input else {
        return Err(CallError::shape(R::NAME, came, shape(false, streamed_out)));
    };
    if invocation.streamed_out != streamed_out {
        return Err(CallError::shape(R::NAME, came, shape(false, streamed_out)));
    }
    Ok(match R::decode_request(payload) {
        Ok(request) => begin(Call {
            request: Some(request),
            metadata: Metadata::from_wire(invocation.metadata),
            target: OneRequest(()),
        }),
        Err(error) => Answers::failure(unreadable(R::NAME, &error)),
    })
}

fn many_requests<R: Rpc>(
    invocation: Invocation,
    streamed_out: bool,
    begin: impl FnOnce(Call<R, Requests<R>>, oneshot::Receiver<Broken>) -> Answers,
) -> Result<Answers, CallError> {
    let came = invocation.came();
    let Input::Many(commands) = invocation.input else {
        return Err(CallError::shape(R::NAME, came, shape(true, streamed_out)));
    };
    if invocation.streamed_out != streamed_out {
        return Err(CallError::shape(R::NAME, came, shape(true, streamed_out)));
    }
    let (tell, broken) = oneshot::channel();
    let incoming = Incoming::new(commands, R::NAME, R::decode_request, tell);
    let call = Call {
        request: None,
        metadata: Metadata::from_wire(invocation.metadata),
        target: Requests(Some(incoming)),
    };
    Ok(begin(call, broken))
}

fn shape(streamed_in: bool, streamed_out: bool) -> &'static str {
    match (streamed_in, streamed_out) {
        (false, false) => "unary",
        (true, false) => "client-streaming",
        (false, true) => "server-streaming",
        (true, true) => "streaming both ways",
    }
}
