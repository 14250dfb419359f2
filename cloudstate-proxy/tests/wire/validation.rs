//! `MessageShape` accepts what decoders accept, and says what is wrong with the rest.

use cloudstate_proxy::wire::{MessageShape, WireFault};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use crate::{arbitrary, pool};

fn everything() -> MessageDescriptor {
    pool::everything("test.Everything")
}

fn grouped() -> MessageDescriptor {
    pool::compile(include_str!("../proto/groups.proto"))
        .get_message_by_name("test.old.Grouped")
        .unwrap()
}

/// The error that these bytes give.
#[track_caller]
fn refused(descriptor: &MessageDescriptor, bytes: &[u8]) -> String {
    let shape = MessageShape::new(descriptor);
    shape.validate(bytes).unwrap_err().to_string()
}

#[track_caller]
fn accepted(descriptor: &MessageDescriptor, bytes: &[u8]) {
    MessageShape::new(descriptor).validate(bytes).unwrap();
    DynamicMessage::decode(descriptor.clone(), bytes).unwrap();
}

/// A field of this number with `content` in it.
fn delimited(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::bytes::encode(number, &content.to_vec(), &mut bytes);
    bytes
}

#[test]
fn errors_name_the_field_by_its_path_and_the_offset() {
    let bad_text = [0x72, 0x02, b'a', 0xff];
    let within_item = delimited(21, &delimited(20, &bad_text));
    let by_number = delimited(31, &delimited(2, &bad_text));
    for (bytes, expected) in [
        (&bad_text[..], "field `f_string` (offset 2) is not UTF-8"),
        (
            &within_item,
            "field `inners.inner.f_string` (offset 8) is not UTF-8",
        ),
        (
            &by_number,
            "field `by_number.value.f_string` (offset 7) is not UTF-8",
        ),
        (
            &[0x72, 0x05, b'a'],
            "field `f_string` (offset 1) is cut short",
        ),
        (&[0x18], "field `f_int32` (offset 1) is cut short"),
        (&[0x18, 0x80], "field `f_int32` (offset 1) is cut short"),
        (
            &[0x4d, 1, 2, 3],
            "field `f_fixed32` (offset 1) is cut short",
        ),
        (
            &[0x51, 1, 2, 3, 4, 5, 6, 7],
            "field `f_fixed64` (offset 1) is cut short",
        ),
        (
            &[0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
            "field `f_int32` (offset 1) has an integer of more than 64 bits",
        ),
        (
            &[0x1a, 0x00],
            "field `f_int32` (offset 0) is length-delimited on the wire where its declared type is a varint",
        ),
        (
            &[0x70, 0x01],
            "field `f_string` (offset 0) is a varint on the wire where its declared type is length-delimited",
        ),
        (
            &[0xb2, 0x01, 0x02, 0x01, 0x80],
            "field `packed_int32` (offset 4) is cut short",
        ),
        (
            &[0x00],
            "the message (offset 0) has a tag that names no field",
        ),
        (
            &[0x07],
            "the message (offset 0) has a tag that names no field",
        ),
        (
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            "the message (offset 0) has a tag that names no field",
        ),
        (&[0x80], "the message (offset 0) is cut short"),
        (
            &[0x9c, 0x06],
            "the message (offset 0) has a group end without its beginning",
        ),
    ] {
        assert_eq!(refused(&everything(), bytes), expected);
        assert!(DynamicMessage::decode(everything(), bytes).is_err());
    }
}

#[test]
fn repeated_scalars_may_be_packed_or_not() {
    accepted(&everything(), &[0xb0, 0x01, 0x05]);
    accepted(&everything(), &[0xb2, 0x01, 0x02, 0x05, 0x06]);
    accepted(&everything(), &[0xb8, 0x01, 0x05]);
    accepted(&everything(), &[0xba, 0x01, 0x02, 0x05, 0x06]);
    accepted(&everything(), &[0xba, 0x01, 0x00]);
}

#[test]
fn unknown_fields_are_passed_over_groups_included() {
    // Field 99: a varint, 64 bits, bytes, 32 bits, and a group around a group.
    accepted(&everything(), &[0x98, 0x06, 0x80, 0x01]);
    accepted(&everything(), &[0x99, 0x06, 0, 0, 0, 0, 0, 0, 0, 0]);
    accepted(&everything(), &[0x9a, 0x06, 0x02, 0xff, 0xff]);
    accepted(&everything(), &[0x9d, 0x06, 0, 0, 0, 0]);
    accepted(
        &everything(),
        &[0x9b, 0x06, 0x0b, 0x08, 0x01, 0x0c, 0x9c, 0x06],
    );
    for unclosed in [
        &[0x9b, 0x06, 0x0b, 0x08, 0x01, 0x9c, 0x06][..],
        &[0x9b, 0x06, 0x14],
        &[0x9b, 0x06],
    ] {
        let shape = MessageShape::new(&everything());
        assert!(shape.validate(unclosed).is_err(), "{unclosed:?}");
    }
}

#[test]
fn declared_groups_and_extensions_are_checked() {
    let grouped = grouped();
    accepted(&grouped, &[0x0b, 0x0a, 0x01, b'a', 0x0c]);
    accepted(&grouped, &[0xa2, 0x06, 0x01, b'a']);
    assert_eq!(
        refused(&grouped, &[0x0b, 0x0a, 0x01, 0xff, 0x0c]),
        "field `pair.left` (offset 3) is not UTF-8"
    );
    assert_eq!(
        refused(&grouped, &[0x0b, 0x14]),
        "field `pair` (offset 1) has a group end without its beginning"
    );
    assert_eq!(
        refused(&grouped, &[0xa2, 0x06, 0x01, 0xff]),
        "field `[test.old.note]` (offset 3) is not UTF-8"
    );
}

#[test]
fn nesting_ends_at_the_limit_that_decoders_have() {
    let nested = |levels: u32| (0..levels).fold(Vec::new(), |inner, _| delimited(20, &inner));
    accepted(&everything(), &nested(WireFault::DEPTH_LIMIT));
    let too_deep = nested(WireFault::DEPTH_LIMIT + 1);
    let error = MessageShape::new(&everything())
        .validate(&too_deep)
        .unwrap_err();
    assert_eq!(error.fault(), WireFault::TooDeep);
    assert!(DynamicMessage::decode(everything(), &too_deep[..]).is_err());

    let unknown_groups =
        |levels| [[0x9b, 0x06].repeat(levels), [0x9c, 0x06].repeat(levels)].concat();
    accepted(&everything(), &unknown_groups(100));
    assert_eq!(
        refused(&everything(), &unknown_groups(101)),
        "the message (offset 200) nests deeper than 100 levels"
    );
    assert!(
        MessageShape::new(&everything())
            .validate(&[0x0b].repeat(1_000_000))
            .is_err()
    );
}

/// Compares with the decoder of prost-reflect.
fn compare(descriptor: &MessageDescriptor, bytes: &[u8]) -> Result<(), TestCaseError> {
    let validated = MessageShape::new(descriptor).validate(bytes);
    let decoded = DynamicMessage::decode(descriptor.clone(), bytes);
    match (validated, decoded) {
        (Ok(()), Err(error)) => prop_assert!(false, "only the decoder refuses: {error}"),
        // The decoder does not look at the wire type of maps.
        (Err(error), Ok(_)) => prop_assert!(
            matches!(error.fault(), WireFault::WireType { expected: 2, .. }),
            "only the check refuses: {error}"
        ),
        _ => {}
    }
    Ok(())
}

/// What can happen to bytes.
#[derive(Debug, Clone)]
enum Damage {
    Cut(prop::sample::Index),
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        at().prop_map(Damage::Cut),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (at(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        at().prop_map(Damage::Remove),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match damage {
        Damage::Cut(at) => bytes.truncate(at.index(length)),
        Damage::Set(at, byte) => bytes[at.index(length)] = *byte,
        Damage::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
        Damage::Insert(at, byte) => bytes.insert(at.index(length), *byte),
        Damage::Remove(at) => drop(bytes.remove(at.index(length))),
    }
}

proptest! {
    #![proptest_config(arbitrary::config())]

    #[test]
    fn every_encoding_is_accepted(message in arbitrary::message(&everything(), 3)) {
        let shape = MessageShape::new(&everything());
        prop_assert_eq!(shape.validate(&message.encode_to_vec()), Ok(()));
    }

    #[test]
    fn damaged_encodings_are_judged_as_by_a_decoder(
        message in arbitrary::message(&everything(), 3),
        damages in vec(damage(), 1..4),
    ) {
        let mut bytes = message.encode_to_vec();
        for damage in &damages {
            apply(&mut bytes, damage);
        }
        compare(&everything(), &bytes)?;
    }

    #[test]
    fn groups_are_judged_as_by_a_decoder(
        message in arbitrary::message(&grouped(), 3),
        damages in vec(damage(), 0..3),
    ) {
        let mut bytes = message.encode_to_vec();
        for damage in &damages {
            apply(&mut bytes, damage);
        }
        compare(&grouped(), &bytes)?;
    }

    #[test]
    fn any_bytes_are_judged_as_by_a_decoder(bytes in vec(prop_oneof![0..4u8, any::<u8>()], 0..24)) {
        compare(&everything(), &bytes)?;
        compare(&grouped(), &bytes)?;
    }
}
