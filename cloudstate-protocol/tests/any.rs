//! The Cloudstate convention for `Any`, byte by byte.

#![cfg(feature = "types")]

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use cloudstate_protocol::{
    Any,
    any::{AnyError, Kind, Primitive},
    cloudstate::{Failure, MetadataEntry, Reply, metadata_entry},
};
use proptest::prelude::*;
use prost::Message;

fn any(type_url: &str, value: &[u8]) -> Any {
    Any {
        type_url: type_url.into(),
        value: Bytes::copy_from_slice(value),
    }
}

/// Written as these bytes, and read back from them.
fn assert_primitive<T: Primitive + PartialEq + std::fmt::Debug>(
    value: &T,
    type_url: &str,
    bytes: &[u8],
) {
    let packed = Any::primitive(value);
    assert_eq!(packed, any(type_url, bytes));
    assert_eq!(packed.kind(), Kind::Primitive);
    assert_eq!(&packed.to_primitive::<T>().expect(type_url), value);
}

#[test]
fn primitives_have_these_bytes() {
    assert_primitive(&String::from("a"), "p.cloudstate.io/string", b"\x0a\x01a");
    assert_primitive(&Bytes::from("ab"), "p.cloudstate.io/bytes", b"\x0a\x02ab");
    assert_primitive(&300_i32, "p.cloudstate.io/int32", b"\x08\xac\x02");
    assert_primitive(
        &-1_i32,
        "p.cloudstate.io/int32",
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    );
    assert_primitive(&1_i64, "p.cloudstate.io/int64", b"\x08\x01");
    assert_primitive(&1.0_f32, "p.cloudstate.io/float", b"\x0d\0\0\x80\x3f");
    assert_primitive(
        &1.0_f64,
        "p.cloudstate.io/double",
        b"\x09\0\0\0\0\0\0\xf0\x3f",
    );
    assert_primitive(&true, "p.cloudstate.io/bool", b"\x08\x01");
}

#[test]
fn the_default_primitive_has_no_bytes() {
    assert_primitive(&String::new(), "p.cloudstate.io/string", b"");
    assert_primitive(&Bytes::new(), "p.cloudstate.io/bytes", b"");
    assert_primitive(&0_i32, "p.cloudstate.io/int32", b"");
    assert_primitive(&0_i64, "p.cloudstate.io/int64", b"");
    assert_primitive(&0.0_f32, "p.cloudstate.io/float", b"");
    assert_primitive(&0.0_f64, "p.cloudstate.io/double", b"");
    assert_primitive(&false, "p.cloudstate.io/bool", b"");
}

#[test]
fn negative_zero_keeps_its_sign() {
    let read: f64 = Any::primitive(&-0.0_f64).to_primitive().unwrap();
    assert!(read.is_sign_negative());
}

#[test]
fn a_primitive_is_read_from_among_other_fields() {
    // Field 2, field 1 with another wire type, and then field 1 as a string.
    let value = b"\x12\x01x\x08\x05\x0a\x01a\x1d\0\0\0\0";
    let string = any("p.cloudstate.io/string", value);
    assert_eq!(string.to_primitive::<String>().unwrap(), "a");
    let int32 = any("p.cloudstate.io/int32", value);
    assert_eq!(int32.to_primitive::<i32>().unwrap(), 5);
    let missing = any("p.cloudstate.io/double", value);
    assert_eq!(missing.to_primitive::<f64>().unwrap(), 0.0);
}

#[test]
fn a_primitive_of_another_type_is_refused() {
    let error = Any::primitive(&1_i32).to_primitive::<i64>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the payload is `p.cloudstate.io/int32`, not `p.cloudstate.io/int64`"
    );
    let unknown = any("p.cloudstate.io/uint7", b"\x08\x01");
    assert!(matches!(
        unknown.to_primitive::<i32>(),
        Err(AnyError::Type { .. })
    ));
}

#[test]
fn broken_bytes_are_refused() {
    for value in [&b"\x0a\x05a"[..], b"\x0a\x02\xff\xfe", b"\x07", b"\x80"] {
        let broken = any("p.cloudstate.io/string", value).to_primitive::<String>();
        assert!(
            matches!(broken, Err(AnyError::Protobuf { .. })),
            "{value:?}"
        );
    }
    let broken = any("type.googleapis.com/cloudstate.Failure", b"\x0a").unpack::<Failure>();
    assert!(matches!(broken, Err(AnyError::Protobuf { .. })));
}

#[test]
fn a_message_is_known_by_the_name_after_the_first_slash() {
    let failure = Failure {
        command_id: 7,
        ..Default::default()
    };
    let value = failure.encode_to_vec();
    for (type_url, kind) in [
        ("type.googleapis.com/cloudstate.Failure", Kind::Protobuf),
        ("types.example.com/cloudstate.Failure", Kind::Other),
        ("/cloudstate.Failure", Kind::Other),
        ("cloudstate.Failure", Kind::Other),
    ] {
        let any = any(type_url, &value);
        assert_eq!(any.kind(), kind, "{type_url}");
        assert_eq!(any.unpack::<Failure>().unwrap(), failure, "{type_url}");
    }
    for type_url in [
        "type.googleapis.com/cloudstate.Reply",
        "type.googleapis.com/x/cloudstate.Failure",
        "type.googleapis.com/Failure",
        "json.cloudstate.io/cloudstate.Failure",
        "p.cloudstate.io/cloudstate.Failure",
        "",
    ] {
        let error = any(type_url, &value).unpack::<Failure>().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the payload is `{type_url}`, not `cloudstate.Failure`")
        );
    }
}

#[test]
fn json_is_the_text_in_field_1() {
    let map = BTreeMap::from([("b", 1), ("a", 2)]);
    let json = Any::json("com.example.Counts", &map).unwrap();
    assert_eq!(
        json,
        any(
            "json.cloudstate.io/com.example.Counts",
            b"\x0a\x0d{\"a\":2,\"b\":1}"
        )
    );
    assert_eq!(json.kind(), Kind::Json);
    let read: BTreeMap<String, i32> = json.from_json().unwrap();
    assert_eq!(read["a"], 2);
}

#[test]
fn json_of_another_form_is_refused() {
    let json = Any::json("t", &"text").unwrap();
    assert!(matches!(
        json.from_json::<i32>(),
        Err(AnyError::Json { .. })
    ));
    let empty = any("json.cloudstate.io/t", b"");
    assert!(matches!(
        empty.from_json::<i32>(),
        Err(AnyError::Json { .. })
    ));
    let string = Any::primitive(&String::from("1"));
    assert!(matches!(
        string.from_json::<i32>(),
        Err(AnyError::Type { .. })
    ));
    let unwritable = BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(
        Any::json("t", &unwritable),
        Err(AnyError::Json { .. })
    ));
}

#[test]
fn a_decoded_payload_points_into_the_buffer_it_came_from() {
    let entry = MetadataEntry {
        key: "k".into(),
        value: Some(metadata_entry::Value::BytesValue("binary".into())),
    };
    let reply = Reply {
        payload: Some(Any::pack(&entry)),
        metadata: None,
    };
    let frame: Bytes = reply.encode_to_vec().into();
    let within = |part: &[u8]| {
        let (frame, part) = (frame.as_ptr_range(), part.as_ptr_range());
        frame.start <= part.start && part.end <= frame.end
    };
    let payload = Reply::decode(frame.clone()).unwrap().payload.unwrap();
    assert!(within(&payload.value) && within(payload.type_url.as_bytes()));

    let read: MetadataEntry = payload.unpack().unwrap();
    let Some(metadata_entry::Value::BytesValue(bytes)) = read.value else {
        panic!("not bytes");
    };
    assert!(within(&bytes));

    let outer: Bytes = Any::primitive(&Bytes::from("binary"))
        .encode_to_vec()
        .into();
    let bytes: Bytes = Any::decode(outer.clone()).unwrap().to_primitive().unwrap();
    assert!(outer.as_ptr_range().contains(&bytes.as_ptr()));
}

#[test]
fn a_type_url_that_is_not_utf8_is_refused() {
    assert!(Any::decode(&b"\x0a\x01\xff"[..]).is_err());
}

proptest! {
    #[test]
    fn primitives_come_back(
        string: String, bytes: Vec<u8>, int32: i32, int64: i64, float: f32, double: f64, boolean: bool,
    ) {
        prop_assert_eq!(&Any::primitive(&string).to_primitive::<String>().unwrap(), &string);
        let bytes = Bytes::from(bytes);
        prop_assert_eq!(&Any::primitive(&bytes).to_primitive::<Bytes>().unwrap(), &bytes);
        prop_assert_eq!(Any::primitive(&int32).to_primitive::<i32>().unwrap(), int32);
        prop_assert_eq!(Any::primitive(&int64).to_primitive::<i64>().unwrap(), int64);
        let read: f32 = Any::primitive(&float).to_primitive().unwrap();
        prop_assert_eq!(read.to_bits(), float.to_bits());
        let read: f64 = Any::primitive(&double).to_primitive().unwrap();
        prop_assert_eq!(read.to_bits(), double.to_bits());
        prop_assert_eq!(Any::primitive(&boolean).to_primitive::<bool>().unwrap(), boolean);
    }

    #[test]
    fn json_comes_back(value: BTreeMap<String, Vec<i64>>) {
        let json = Any::json("t", &value).unwrap();
        prop_assert_eq!(json.from_json::<BTreeMap<String, Vec<i64>>>().unwrap(), value);
    }

    #[test]
    fn messages_come_back(command_id: i64, description: String, restart: bool) {
        let failure = Failure { command_id, description, restart };
        prop_assert_eq!(Any::pack(&failure).unpack::<Failure>().unwrap(), failure);
    }

    #[test]
    fn encodes_as_prost_does_and_reads_what_prost_wrote(type_url: String, value: Vec<u8>) {
        let theirs = prost_types::Any { type_url: type_url.clone(), value: value.clone() };
        let ours = any(&type_url, &value);
        let encoded = ours.encode_to_vec();
        prop_assert_eq!(&encoded, &theirs.encode_to_vec());
        prop_assert_eq!(ours.encoded_len(), encoded.len());
        prop_assert_eq!(&Any::decode(encoded.as_slice()).unwrap(), &ours);
        // From a buffer in two pieces, and with a field that `Any` does not have.
        let mut more = BytesMut::from(encoded.as_slice());
        more.put_slice(b"\x1a\x01x");
        let (head, tail) = more.split_at(more.len() / 2);
        let pieces = bytes::Buf::chain(head, tail);
        prop_assert_eq!(Any::decode(pieces).unwrap(), ours);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = Any::decode(bytes.as_slice());
        let value = Any { type_url: "p.cloudstate.io/string".into(), value: bytes.into() };
        let _ = value.to_primitive::<String>();
        let _ = value.unpack::<Failure>();
    }
}
