//! Calls of actions that stream in.
//!
//! hyper goes on sending a request whose response nobody wants any more, for as long as the request has not ended. A call
//! that is dropped has to be reset instead: if its input merely ended, the action would take what has come for all there
//! is. To fail while encoding is the one way to reset a request that is being sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Buf;
use cloudstate_protocol::cloudstate::action::{ActionCommand, ActionResponse};
use futures_util::{FutureExt, Stream};
use http::uri::PathAndQuery;
use prost::Message;
use tokio::sync::oneshot;
use tonic::{
    Response, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};

use super::super::ActionCommands;

/// Keeps a call going. When it is dropped, the call is reset, unless its input has ended.
#[derive(Debug)]
pub(super) struct KeepAlive(
    #[expect(dead_code, reason = "held to be dropped")] oneshot::Sender<Infallible>,
);

/// Opens a call with these commands, on the rpc of this path.
pub(super) async fn open(
    channel: Channel,
    path: &'static str,
    commands: ActionCommands,
    max_message_size: usize,
) -> Result<(Streaming<ActionResponse>, KeepAlive), Status> {
    let (call, given_up) = oneshot::channel();
    let commands = Some(commands);
    let input = Input { commands, given_up };
    let mut client = Grpc::new(channel).max_decoding_message_size(max_message_size);
    client
        .ready()
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static(path);
    let request = tonic::Request::new(input);
    let response = client.streaming(request, path, ActionCodec).await;
    Ok((response.map(Response::into_inner)?, KeepAlive(call)))
}

/// The commands, or a failure once the call is given up.
struct Input {
    /// Gone with the call: the client's own stream is in it, which is to be closed then.
    commands: Option<ActionCommands>,
    given_up: oneshot::Receiver<Infallible>,
}

impl Stream for Input {
    type Item = Result<ActionCommand, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(commands) = &mut self.commands else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(command) = commands.as_mut().poll_next(cx) {
            return Poll::Ready(command.map(Ok));
        }
        match self.given_up.poll_unpin(cx) {
            Poll::Ready(_) => {
                self.commands = None;
                let status = Status::cancelled("the caller has given up the call");
                Poll::Ready(Some(Err(status)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct ActionCodec;

impl Codec for ActionCodec {
    type Encode = Result<ActionCommand, Status>;
    type Decode = ActionResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for ActionCodec {
    type Item = Result<ActionCommand, Status>;
    type Error = Status;

    fn encode(&mut self, item: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item?
            .encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for ActionCodec {
    type Item = ActionResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<ActionResponse>, Status> {
        // One slice, which payloads share instead of being copied.
        let message = buffer.copy_to_bytes(buffer.remaining());
        ActionResponse::decode(message)
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}
