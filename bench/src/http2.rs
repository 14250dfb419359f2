//! The client's half of an HTTP/2 connection, for unary gRPC calls that are encoded beforehand.
//!
//! It is here to cost next to nothing: a load of twice what a server carries has to come from less than a core. It does
//! what these calls need: it keeps to the server's limits, and says of every call how it ended. Anything else that a
//! server may do ends the connection with an error. There is no I/O in it.

mod status;

use std::collections::VecDeque;

use status::Statuses;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes that answers may have before more are allowed. They are counted over the whole connection.
const WINDOW: u32 = 1 << 30;
/// What HTTP/2 begins with.
const FIRST_WINDOW: u32 = 65_535;
const FRAME_HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

const MAX_CONCURRENT_STREAMS: u16 = 3;
const ENABLE_PUSH: u16 = 2;

/// A call that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended<T> {
    /// What was given with the call.
    pub call: T,
    /// Its gRPC status.
    pub status: u8,
}

/// Why a connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection broke: {0}")]
pub struct Broken(&'static str);

/// A connection on which one method is called; `T` is remembered of each call.
#[derive(Debug)]
pub struct Connection<T> {
    /// What is to be written to the server.
    pub out: Vec<u8>,
    first_head: Vec<u8>,
    input: Vec<u8>,
    /// Calls by their streams, from `oldest` on; those that have ended leave `None`.
    calls: VecDeque<Option<T>>,
    oldest: u32,
    open: u32,
    max_open: u32,
    /// Bytes that may be sent.
    window: i64,
    /// Bytes received that the server has not been told of.
    unacknowledged: u32,
    statuses: Statuses,
}

impl<T> Connection<T> {
    /// A connection on which `path` is called at `authority`.
    pub fn new(authority: &str, path: &str) -> Self {
        let mut out = PREFACE.to_vec();
        out.extend(frame_head(6, SETTINGS, 0, 0));
        out.extend(ENABLE_PUSH.to_be_bytes());
        out.extend(0_u32.to_be_bytes());
        window_update(&mut out, WINDOW - FIRST_WINDOW);
        Self {
            out,
            first_head: first_head(authority, path),
            input: Vec::new(),
            calls: VecDeque::new(),
            oldest: 1,
            open: 0,
            // HTTP/2 has no limit until there is one; nobody wants to begin with thousands that are refused.
            max_open: 100,
            window: FIRST_WINDOW.into(),
            unacknowledged: 0,
            statuses: Statuses::default(),
        }
    }

    /// Calls that have not ended.
    pub fn open(&self) -> u32 {
        self.open
    }

    /// Whether the server's limits let a call of a message of `size` begin.
    pub fn may_call(&self, size: usize) -> bool {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        self.open < self.max_open && size <= self.window
    }

    /// Begins a call with this message, which has its gRPC head of five bytes.
    pub fn call(&mut self, message: &[u8], call: T) {
        let stream = self.oldest + 2 * u32::try_from(self.calls.len()).unwrap_or(u32::MAX / 4);
        // The first one puts every header into the server's table, newest first from 62 on; the others point there.
        let pointers = [0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe];
        let first = std::mem::take(&mut self.first_head);
        let head = if first.is_empty() {
            &pointers[..]
        } else {
            &first[..]
        };
        self.out
            .extend(frame_head(head.len(), HEADERS, END_HEADERS, stream));
        self.out.extend(head);
        self.out
            .extend(frame_head(message.len(), DATA, END_STREAM, stream));
        self.out.extend(message);
        self.window -= i64::try_from(message.len()).unwrap_or(i64::MAX);
        self.calls.push_back(Some(call));
        self.open += 1;
    }

    /// Takes what the server has sent; calls that have ended go to `ended`.
    ///
    /// # Errors
    /// The server does what this client has no part for, or breaks the protocol.
    pub fn receive(&mut self, bytes: &[u8], mut ended: impl FnMut(Ended<T>)) -> Result<(), Broken> {
        let mut input = std::mem::take(&mut self.input);
        input.extend(bytes);
        let mut rest = &input[..];
        while let Some((head, behind)) = rest.split_first_chunk::<FRAME_HEAD>() {
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let Some((payload, behind)) = behind.split_at_checked(length) else {
                break;
            };
            let stream = number(&head[5..])? & 0x7fff_ffff;
            self.frame(head[3], head[4], stream, payload, &mut ended)?;
            rest = behind;
        }
        let parsed = input.len() - rest.len();
        input.drain(..parsed);
        self.input = input;
        Ok(())
    }

    fn frame(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
        ended: &mut impl FnMut(Ended<T>),
    ) -> Result<(), Broken> {
        match kind {
            DATA => {
                self.unacknowledged += u32::try_from(payload.len()).unwrap_or(u32::MAX);
                if self.unacknowledged > WINDOW / 2 {
                    window_update(&mut self.out, std::mem::take(&mut self.unacknowledged));
                }
                if flags & END_STREAM != 0 {
                    return Err(Broken("a response ended without a status"));
                }
            }
            HEADERS => {
                if flags & END_HEADERS == 0 || flags & (PADDED | PRIORITY) != 0 {
                    return Err(Broken("a head in a form that this client does not know"));
                }
                let status = self.statuses.read(payload)?;
                if flags & END_STREAM != 0 {
                    let status = status.ok_or(Broken("a response ended without a status"))?;
                    let call = self.end(stream);
                    let call = call.ok_or(Broken("a call that there is not has ended"))?;
                    ended(Ended { call, status });
                }
            }
            // Behind a whole response: the server did not want the rest of the request.
            RST_STREAM if number(payload)? == 0 && !self.is_open(stream) => {}
            RST_STREAM => return Err(Broken("a call was reset")),
            SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    if setting[..2] == MAX_CONCURRENT_STREAMS.to_be_bytes() {
                        self.max_open = number(&setting[2..])?;
                    }
                }
                self.out.extend(frame_head(0, SETTINGS, ACK, 0));
            }
            PING if flags & ACK == 0 => {
                self.out.extend(frame_head(payload.len(), PING, ACK, 0));
                self.out.extend(payload);
            }
            GOAWAY => return Err(Broken("the server closes it")),
            // A stream's own window is larger than its only message.
            WINDOW_UPDATE if stream == 0 => self.window += i64::from(number(payload)?),
            _ => {}
        }
        Ok(())
    }

    fn is_open(&self, stream: u32) -> bool {
        let at = stream.checked_sub(self.oldest).map(|ahead| ahead / 2);
        at.is_some_and(|at| matches!(self.calls.get(at as usize), Some(Some(_))))
    }

    fn end(&mut self, stream: u32) -> Option<T> {
        let at = stream.checked_sub(self.oldest)? / 2;
        let call = self.calls.get_mut(at as usize)?.take()?;
        self.open -= 1;
        while let Some(None) = self.calls.front() {
            self.calls.pop_front();
            self.oldest += 2;
        }
        Some(call)
    }
}

/// A message behind its gRPC head.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// The headers of a call, each put into the server's table.
fn first_head(authority: &str, path: &str) -> Vec<u8> {
    let mut head = vec![0x83, 0x86];
    // By the name's number in the table that everybody has.
    for (name, value) in [
        (4, path),
        (1, authority),
        (31, "application/grpc"),
        (0, "te"),
        (58, "bench"),
    ] {
        match name {
            0 => {
                head.push(0x40);
                text(&mut head, "te");
                text(&mut head, "trailers");
            }
            name => {
                head.push(0x40 | name);
                text(&mut head, value);
            }
        }
    }
    head
}

fn text(head: &mut Vec<u8>, text: &str) {
    // Longer ones have a form of their own, and no path is that long.
    let length = text.len().min(126);
    head.push(length as u8);
    head.extend(&text.as_bytes()[..length]);
}

fn window_update(out: &mut Vec<u8>, by: u32) {
    out.extend(frame_head(4, WINDOW_UPDATE, 0, 0));
    out.extend(by.to_be_bytes());
}

fn frame_head(length: usize, kind: u8, flags: u8, stream: u32) -> [u8; FRAME_HEAD] {
    let [_, a, b, c] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    [a, b, c, kind, flags, d, e, f, g]
}

fn number(bytes: &[u8]) -> Result<u32, Broken> {
    let bytes = bytes.first_chunk().ok_or(Broken("a frame is too short"))?;
    Ok(u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::{
        ACK, Broken, Connection, END_HEADERS, END_STREAM, Ended, HEADERS, MAX_CONCURRENT_STREAMS,
        PING, SETTINGS, frame_head, framed,
    };

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        [&frame_head(payload.len(), kind, flags, stream)[..], payload].concat()
    }

    /// Trailers with `grpc-status: 0` or `8`, as they are without Huffman's code and without the table.
    fn end(stream: u32, status: u8) -> Vec<u8> {
        let block = [b"\x00\x0bgrpc-status\x01", &[b'0' + status][..]].concat();
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
    }

    fn receive(connection: &mut Connection<&'static str>, bytes: &[u8]) -> Vec<(&'static str, u8)> {
        let mut all = Vec::new();
        connection
            .receive(bytes, |Ended { call, status }| all.push((call, status)))
            .unwrap();
        all
    }

    #[test]
    fn calls_end_in_any_order_and_in_any_pieces() {
        let mut connection = Connection::new("localhost", "/a.B/C");
        for call in ["one", "two", "three"] {
            connection.call(&framed(b"message"), call);
        }
        let ends = [end(3, 8), end(1, 0), end(5, 0)].concat();
        let (first, second) = ends.split_at(40);
        assert_eq!(receive(&mut connection, first), [("two", 8)]);
        assert_eq!(connection.open(), 2);
        assert_eq!(receive(&mut connection, second), [("one", 0), ("three", 0)]);
        assert_eq!(connection.open(), 0);
        let again = connection.receive(&end(3, 0), |_| {});
        assert_eq!(again, Err(Broken("a call that there is not has ended")));
    }

    #[test]
    fn the_servers_limits_are_kept() {
        let mut connection = Connection::new("localhost", "/a.B/C");
        let limit = [
            &MAX_CONCURRENT_STREAMS.to_be_bytes()[..],
            &1_u32.to_be_bytes(),
        ]
        .concat();
        receive(&mut connection, &frame(SETTINGS, 0, 0, &limit));
        assert!(connection.out.ends_with(&frame(SETTINGS, ACK, 0, b"")));
        assert!(!connection.may_call(100_000));
        assert!(connection.may_call(100));
        connection.call(b"message", "one");
        assert!(!connection.may_call(100));
        receive(&mut connection, &end(1, 0));
        assert!(connection.may_call(100));
    }

    #[test]
    fn pings_are_answered() {
        let mut connection = Connection::new("localhost", "/a.B/C");
        receive(&mut connection, &frame(PING, 0, 0, b"12345678"));
        assert!(connection.out.ends_with(&frame(PING, ACK, 0, b"12345678")));
    }
}
