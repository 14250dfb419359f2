//! gRPC's framing, as the front-end reads it: the same messages however the bytes arrive, and those before a mistake.

use std::sync::LazyLock;

use bytes::Bytes;
use cloudstate_proxy::fuzzing::{grpc_messages, grpc_timeout};
use tokio::runtime::{Builder, Runtime};

/// Small, so that it is met.
const LIMIT: usize = 64;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().unwrap());

/// Odd inputs are a `grpc-timeout`; the others begin with the size of the pieces in which the rest arrives.
pub(crate) fn target(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    if first % 2 == 1 {
        return timeout(rest);
    }
    let size = usize::from(first / 2) + 1;
    let pieces = rest.chunks(size).map(Bytes::copy_from_slice).collect();
    let (messages, is_whole) = RUNTIME.block_on(grpc_messages(pieces, LIMIT));
    let (expected, expected_whole) = plainly(rest);
    assert_eq!(messages, expected);
    assert_eq!(is_whole, expected_whole);
}

/// A byte that says that it is not compressed, the length in four bytes, and the message.
fn plainly(mut bytes: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut messages = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let [flag, a, b, c, d] = *head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        // tonic takes a message of which nothing but the head has come for the end.
        if flag == 0 && length <= LIMIT && rest.is_empty() && length > 0 {
            return (messages, true);
        }
        if flag != 0 || length > LIMIT || rest.len() < length {
            return (messages, false);
        }
        let (message, rest) = rest.split_at(length);
        messages.push(message);
        bytes = rest;
    }
    (messages, bytes.is_empty())
}

/// Up to eight digits and a unit, and no more than they say.
fn timeout(value: &[u8]) {
    let Some(timeout) = grpc_timeout(value) else {
        return;
    };
    let (unit, digits) = value.split_last().expect("a unit");
    let number: u32 = str::from_utf8(digits).unwrap().parse().unwrap();
    let nanoseconds: u64 = match unit {
        b'H' => 3_600_000_000_000,
        b'M' => 60_000_000_000,
        b'S' => 1_000_000_000,
        b'm' => 1_000_000,
        b'u' => 1_000,
        b'n' => 1,
        other => panic!("{other} is no unit"),
    };
    assert!(digits.len() <= 8 && digits.iter().all(u8::is_ascii_digit));
    let expected = u128::from(number) * u128::from(nanoseconds);
    assert_eq!(timeout.as_nanos(), expected);
}
