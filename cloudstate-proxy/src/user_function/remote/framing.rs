//! Messages as gRPC has them in an HTTP/2 stream: a byte that says whether it is compressed, the length, the message.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use crate::user_function::UserFunctionError;

const HEADER: usize = 5;

/// Puts a message behind those that wait to be sent.
pub(super) fn encode(message: &impl Message, waiting: &mut BytesMut) {
    let length = message.encoded_len();
    // Exactly, because most often it stays alone.
    waiting.reserve(HEADER + length);
    waiting.put_u8(0);
    // What does not fit is refused by the other side; a message of 4 GB cannot have come here.
    waiting.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(waiting);
}

/// Messages in what has arrived of a stream.
#[derive(Debug)]
pub(super) struct Received<T> {
    /// What no message has been made of yet. Nothing while the stream is idle.
    bytes: BytesMut,
    limit: usize,
    message: PhantomData<fn() -> T>,
}

impl<T: Message + Default> Received<T> {
    /// No message may be larger than this, in bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            limit,
            message: PhantomData,
        }
    }

    /// Bytes that have arrived. They are copied: HTTP/2 hands out slices of a buffer that all streams share.
    pub(super) fn push(&mut self, arrived: &Bytes) {
        self.bytes.extend_from_slice(arrived);
    }

    /// There is nothing more to come.
    pub(super) fn clear(&mut self) {
        self.bytes = BytesMut::new();
    }

    /// The next message, if it has arrived whole.
    ///
    /// # Errors
    /// It is too large, compressed, or no such message.
    pub(super) fn next(&mut self) -> Result<Option<T>, UserFunctionError> {
        let Some((header, _)) = self.bytes.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [compressed, length @ ..] = *header;
        let length = u32::from_be_bytes(length) as usize;
        if compressed != 0 {
            let text = "the user function compresses a message, which it was not offered";
            return Err(UserFunctionError::new(text));
        }
        if length > self.limit {
            return Err(UserFunctionError::new(format!(
                "the user function's message has {length} bytes, and may have {}",
                self.limit
            )));
        }
        if self.bytes.len() < HEADER + length {
            return Ok(None);
        }
        self.bytes.advance(HEADER);
        let message = if self.bytes.len() == length {
            std::mem::take(&mut self.bytes)
        } else {
            self.bytes.split_to(length)
        };
        T::decode(message.freeze())
            .map(Some)
            .map_err(|error| UserFunctionError::new(format!("not a message: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use cloudstate_protocol::cloudstate::Failure;

    use super::*;

    fn failure(command_id: i64) -> Failure {
        Failure {
            command_id,
            description: "no".into(),
            restart: false,
        }
    }

    #[test]
    fn messages_arrive_whole_however_they_are_cut() {
        let mut sent = BytesMut::new();
        for id in 0..3 {
            encode(&failure(id), &mut sent);
        }
        for size in 1..=sent.len() {
            let mut received = Received::<Failure>::new(100);
            let mut messages = Vec::new();
            for piece in sent.chunks(size) {
                received.push(&Bytes::copy_from_slice(piece));
                while let Some(message) = received.next().unwrap() {
                    messages.push(message.command_id);
                }
            }
            assert_eq!(messages, [0, 1, 2], "in pieces of {size} bytes");
            assert_eq!(received.bytes.capacity(), 0, "an idle stream keeps nothing");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_by_its_header() {
        let mut received = Received::<Failure>::new(100);
        received.push(&Bytes::from_static(&[0, 0, 0, 0, 101]));
        let text = received.next().unwrap_err().to_string();
        assert!(text.contains("101 bytes, and may have 100"), "{text}");
    }

    #[test]
    fn what_is_compressed_is_refused() {
        let mut received = Received::<Failure>::new(100);
        received.push(&Bytes::from_static(&[1, 0, 0, 0, 0]));
        assert!(received.next().is_err());
    }
}
