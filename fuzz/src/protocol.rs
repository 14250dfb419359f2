//! Messages of the Cloudstate protocol: what is decoded is encoded as it was meant, by our `Any` as by everybody's.

use std::{fmt::Debug, sync::LazyLock};

use bytes::Bytes;
use cloudstate_protocol::{
    Any, FILE_DESCRIPTOR_SET,
    cloudstate::{
        EntitySpec,
        action::{ActionCommand, ActionResponse},
        crdt::{CrdtStreamIn, CrdtStreamOut},
        eventsourced::{EventSourcedStreamIn, EventSourcedStreamOut},
        valueentity::{ValueEntityStreamIn, ValueEntityStreamOut},
    },
};
use cloudstate_proxy::wire::MessageShape;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

/// A message's name, and the check of its typed decoder.
type Checked = (&'static str, fn(&Bytes) -> bool);

const MESSAGES: [Checked; 10] = [
    (
        "cloudstate.eventsourced.EventSourcedStreamIn",
        round_trip::<EventSourcedStreamIn>,
    ),
    (
        "cloudstate.eventsourced.EventSourcedStreamOut",
        round_trip::<EventSourcedStreamOut>,
    ),
    (
        "cloudstate.valueentity.ValueEntityStreamIn",
        round_trip::<ValueEntityStreamIn>,
    ),
    (
        "cloudstate.valueentity.ValueEntityStreamOut",
        round_trip::<ValueEntityStreamOut>,
    ),
    ("cloudstate.crdt.CrdtStreamIn", round_trip::<CrdtStreamIn>),
    ("cloudstate.crdt.CrdtStreamOut", round_trip::<CrdtStreamOut>),
    (
        "cloudstate.action.ActionCommand",
        round_trip::<ActionCommand>,
    ),
    (
        "cloudstate.action.ActionResponse",
        round_trip::<ActionResponse>,
    ),
    ("cloudstate.EntitySpec", round_trip::<EntitySpec>),
    ("google.protobuf.Any", round_trip::<Any>),
];

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap());

/// The first byte chooses the message, the rest is the message.
pub(crate) fn target(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let (name, check) = MESSAGES[usize::from(choice) % MESSAGES.len()];
    let bytes = Bytes::copy_from_slice(bytes);
    let is_typed = check(&bytes);
    let descriptor = POOL.get_message_by_name(name).unwrap();
    let is_valid = MessageShape::new(&descriptor).validate(&bytes).is_ok();
    let is_dynamic = DynamicMessage::decode(descriptor, bytes.clone()).is_ok();
    assert_eq!((is_typed, is_valid), (is_dynamic, is_dynamic), "{name}");
    if name == "google.protobuf.Any" {
        any(&bytes);
    }
}

/// Whether it is a message. If so it comes back as it is.
fn round_trip<M: Message + Default + PartialEq + Debug>(bytes: &Bytes) -> bool {
    let Ok(message) = M::decode(bytes.clone()) else {
        return false;
    };
    let encoded = message.encode_to_vec();
    assert_eq!(encoded.len(), message.encoded_len());
    let again = M::decode(&encoded[..]).expect("what was encoded");
    assert!(again == message, "{message:?} is {again:?}");
    true
}

/// Our own `Any` is everybody's, whatever it holds.
fn any(bytes: &Bytes) {
    let (ours, others) = (
        Any::decode(bytes.clone()),
        prost_types::Any::decode(&bytes[..]),
    );
    let (Ok(ours), Ok(others)) = (ours, others) else {
        return;
    };
    assert_eq!(ours.encode_to_vec(), others.encode_to_vec());
    let _ = ours.kind();
    if let Ok(text) = ours.to_primitive::<String>() {
        assert_eq!(
            Any::primitive(&text).to_primitive::<String>().unwrap(),
            text
        );
    }
    let _ = ours.to_primitive::<i64>();
    let _ = ours.to_primitive::<f64>();
    let _ = ours.to_primitive::<bool>();
    let _ = ours.from_json::<String>();
}
