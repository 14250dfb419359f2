//! The protocol's definition, field by field, against what `proto/` compiles to: a slip in either shows.

#![cfg(feature = "types")]

use std::collections::BTreeMap;

use cloudstate_protocol::{FILE_DESCRIPTOR_SET, protos};
use prost_reflect::{
    Cardinality, DescriptorPool, ExtensionDescriptor, FieldDescriptor, FileDescriptor, Kind,
    MessageDescriptor, MethodDescriptor, Syntax,
};

/// Messages by package. A field is `number name type`, `*` marks a repeated one and `@` its oneof; names of types are
/// those of the package, unless they have a dot.
const MESSAGES: &[(&str, &[(&str, &str)])] = &[
    (
        "cloudstate",
        &[
            ("Metadata", "1 entries *MetadataEntry"),
            (
                "MetadataEntry",
                "1 key string, 2 string_value string @value, 3 bytes_value bytes @value",
            ),
            (
                "Reply",
                "1 payload google.protobuf.Any, 2 metadata Metadata",
            ),
            (
                "Forward",
                "1 service_name string, 2 command_name string, 3 payload google.protobuf.Any, 4 metadata Metadata",
            ),
            (
                "ClientAction",
                "1 reply Reply @action, 2 forward Forward @action, 3 failure Failure @action",
            ),
            (
                "SideEffect",
                "1 service_name string, 2 command_name string, 3 payload google.protobuf.Any, 4 synchronous bool, \
                 5 metadata Metadata",
            ),
            (
                "Command",
                "1 entity_id string, 2 id int64, 3 name string, 4 payload google.protobuf.Any, 5 streamed bool, \
                 6 metadata Metadata",
            ),
            ("StreamCancelled", "1 entity_id string, 2 id int64"),
            (
                "Failure",
                "1 command_id int64, 2 description string, 3 restart bool",
            ),
            (
                "EntitySpec",
                "1 proto bytes, 2 entities *Entity, 3 service_info ServiceInfo",
            ),
            (
                "ServiceInfo",
                "1 service_name string, 2 service_version string, 3 service_runtime string, \
                 4 support_library_name string, 5 support_library_version string, 6 protocol_major_version int32, \
                 7 protocol_minor_version int32",
            ),
            (
                "Entity",
                "1 entity_type string, 2 service_name string, 3 persistence_id string, \
                 4 passivation_strategy EntityPassivationStrategy",
            ),
            (
                "EntityPassivationStrategy",
                "1 timeout TimeoutPassivationStrategy @strategy",
            ),
            ("TimeoutPassivationStrategy", "1 timeout int64"),
            ("UserFunctionError", "1 message string"),
            (
                "ProxyInfo",
                "1 protocol_major_version int32, 2 protocol_minor_version int32, 3 proxy_name string, \
                 4 proxy_version string, 5 supported_entity_types *string",
            ),
            ("Eventing", "1 in EventSource, 2 out EventDestination"),
            (
                "EventSource",
                "1 consumer_group string, 2 topic string @source, 3 event_log string @source",
            ),
            ("EventDestination", "1 topic string @destination"),
        ],
    ),
    (
        "cloudstate.eventsourced",
        &[
            (
                "EventSourcedInit",
                "1 service_name string, 2 entity_id string, 3 snapshot EventSourcedSnapshot",
            ),
            (
                "EventSourcedSnapshot",
                "1 snapshot_sequence int64, 2 snapshot google.protobuf.Any",
            ),
            (
                "EventSourcedEvent",
                "1 sequence int64, 2 payload google.protobuf.Any",
            ),
            (
                "EventSourcedReply",
                "1 command_id int64, 2 client_action cloudstate.ClientAction, 3 side_effects *cloudstate.SideEffect, \
                 4 events *google.protobuf.Any, 5 snapshot google.protobuf.Any",
            ),
            (
                "EventSourcedStreamIn",
                "1 init EventSourcedInit @message, 2 event EventSourcedEvent @message, \
                 3 command cloudstate.Command @message",
            ),
            (
                "EventSourcedStreamOut",
                "1 reply EventSourcedReply @message, 2 failure cloudstate.Failure @message",
            ),
        ],
    ),
    (
        "cloudstate.valueentity",
        &[
            (
                "ValueEntityStreamIn",
                "1 init ValueEntityInit @message, 2 command cloudstate.Command @message",
            ),
            (
                "ValueEntityInit",
                "1 service_name string, 2 entity_id string, 3 state ValueEntityInitState",
            ),
            ("ValueEntityInitState", "1 value google.protobuf.Any"),
            (
                "ValueEntityStreamOut",
                "1 reply ValueEntityReply @message, 2 failure cloudstate.Failure @message",
            ),
            (
                "ValueEntityReply",
                "1 command_id int64, 2 client_action cloudstate.ClientAction, 3 side_effects *cloudstate.SideEffect, \
                 4 state_action ValueEntityAction",
            ),
            (
                "ValueEntityAction",
                "1 update ValueEntityUpdate @action, 2 delete ValueEntityDelete @action",
            ),
            ("ValueEntityUpdate", "1 value google.protobuf.Any"),
            ("ValueEntityDelete", ""),
        ],
    ),
    (
        "cloudstate.crdt",
        &[
            (
                "CrdtStreamIn",
                "1 init CrdtInit @message, 2 delta CrdtDelta @message, 3 delete CrdtDelete @message, \
                 4 command cloudstate.Command @message, 5 stream_cancelled cloudstate.StreamCancelled @message",
            ),
            (
                "CrdtStreamOut",
                "1 reply CrdtReply @message, 2 streamed_message CrdtStreamedMessage @message, \
                 3 stream_cancelled_response CrdtStreamCancelledResponse @message, 4 failure cloudstate.Failure @message",
            ),
            (
                "CrdtDelta",
                "1 gcounter GCounterDelta @delta, 2 pncounter PNCounterDelta @delta, 3 gset GSetDelta @delta, \
                 4 orset ORSetDelta @delta, 5 lwwregister LWWRegisterDelta @delta, 6 flag FlagDelta @delta, \
                 7 ormap ORMapDelta @delta, 8 vote VoteDelta @delta",
            ),
            ("GCounterDelta", "1 increment uint64"),
            ("PNCounterDelta", "1 change sint64"),
            ("GSetDelta", "1 added *google.protobuf.Any"),
            (
                "ORSetDelta",
                "1 cleared bool, 2 removed *google.protobuf.Any, 3 added *google.protobuf.Any",
            ),
            (
                "LWWRegisterDelta",
                "1 value google.protobuf.Any, 2 clock CrdtClock, 3 custom_clock_value int64",
            ),
            ("FlagDelta", "1 value bool"),
            (
                "ORMapDelta",
                "1 cleared bool, 2 removed *google.protobuf.Any, 3 updated *ORMapEntryDelta, 4 added *ORMapEntryDelta",
            ),
            (
                "ORMapEntryDelta",
                "1 key google.protobuf.Any, 2 delta CrdtDelta",
            ),
            (
                "VoteDelta",
                "1 self_vote bool, 2 votes_for int32, 3 total_voters int32",
            ),
            (
                "CrdtInit",
                "1 service_name string, 2 entity_id string, 3 delta CrdtDelta",
            ),
            ("CrdtDelete", ""),
            (
                "CrdtReply",
                "1 command_id int64, 2 client_action cloudstate.ClientAction, 4 side_effects *cloudstate.SideEffect, \
                 5 state_action CrdtStateAction, 6 streamed bool",
            ),
            (
                "CrdtStateAction",
                "1 update CrdtDelta @action, 2 delete CrdtDelete @action, 3 write_consistency CrdtWriteConsistency",
            ),
            (
                "CrdtStreamedMessage",
                "1 command_id int64, 2 client_action cloudstate.ClientAction, 3 side_effects *cloudstate.SideEffect, \
                 4 end_stream bool",
            ),
            (
                "CrdtStreamCancelledResponse",
                "1 command_id int64, 2 side_effects *cloudstate.SideEffect, 3 state_action CrdtStateAction",
            ),
        ],
    ),
    (
        "cloudstate.action",
        &[
            (
                "ActionCommand",
                "2 service_name string, 3 name string, 4 payload google.protobuf.Any, 5 metadata cloudstate.Metadata",
            ),
            (
                "ActionResponse",
                "1 failure cloudstate.Failure @response, 2 reply cloudstate.Reply @response, \
                 3 forward cloudstate.Forward @response, 4 side_effects *cloudstate.SideEffect",
            ),
        ],
    ),
    (
        "google.api",
        &[
            (
                "HttpRule",
                "1 selector string, 2 get string @pattern, 3 put string @pattern, 4 post string @pattern, \
                 5 delete string @pattern, 6 patch string @pattern, 7 body string, 8 custom CustomHttpPattern @pattern, \
                 11 additional_bindings *HttpRule, 12 response_body string",
            ),
            (
                "Http",
                "1 rules *HttpRule, 2 fully_decode_reserved_expansion bool",
            ),
            ("CustomHttpPattern", "1 kind string, 2 path string"),
            (
                "HttpBody",
                "1 content_type string, 2 data bytes, 3 extensions *google.protobuf.Any",
            ),
        ],
    ),
];

const ENUMS: &[(&str, &str)] = &[
    (
        "cloudstate.crdt.CrdtWriteConsistency",
        "LOCAL=0 MAJORITY=1 ALL=2",
    ),
    (
        "cloudstate.crdt.CrdtClock",
        "DEFAULT=0 REVERSE=1 CUSTOM=2 CUSTOM_AUTO_INCREMENT=3",
    ),
];

/// The path of each method as gRPC has it, and what goes in and comes out.
const METHODS: &[(&str, &str)] = &[
    (
        "/cloudstate.EntityDiscovery/discover",
        "cloudstate.ProxyInfo -> cloudstate.EntitySpec",
    ),
    (
        "/cloudstate.EntityDiscovery/reportError",
        "cloudstate.UserFunctionError -> google.protobuf.Empty",
    ),
    (
        "/cloudstate.eventsourced.EventSourced/handle",
        "stream cloudstate.eventsourced.EventSourcedStreamIn -> stream cloudstate.eventsourced.EventSourcedStreamOut",
    ),
    (
        "/cloudstate.valueentity.ValueEntity/handle",
        "stream cloudstate.valueentity.ValueEntityStreamIn -> stream cloudstate.valueentity.ValueEntityStreamOut",
    ),
    (
        "/cloudstate.crdt.Crdt/handle",
        "stream cloudstate.crdt.CrdtStreamIn -> stream cloudstate.crdt.CrdtStreamOut",
    ),
    (
        "/cloudstate.action.ActionProtocol/handleUnary",
        "cloudstate.action.ActionCommand -> cloudstate.action.ActionResponse",
    ),
    (
        "/cloudstate.action.ActionProtocol/handleStreamedIn",
        "stream cloudstate.action.ActionCommand -> cloudstate.action.ActionResponse",
    ),
    (
        "/cloudstate.action.ActionProtocol/handleStreamedOut",
        "cloudstate.action.ActionCommand -> stream cloudstate.action.ActionResponse",
    ),
    (
        "/cloudstate.action.ActionProtocol/handleStreamed",
        "stream cloudstate.action.ActionCommand -> stream cloudstate.action.ActionResponse",
    ),
];

const EXTENSIONS: &[(&str, &str)] = &[
    (
        "cloudstate.entity_key",
        "1080 of google.protobuf.FieldOptions: bool",
    ),
    (
        "cloudstate.legacy_entity_key",
        "50002 of google.protobuf.FieldOptions: bool",
    ),
    (
        "cloudstate.eventing",
        "1081 of google.protobuf.MethodOptions: cloudstate.Eventing",
    ),
    (
        "google.api.http",
        "72295728 of google.protobuf.MethodOptions: google.api.HttpRule",
    ),
];

/// Package and `java_package` of each file that the protocol defines.
const FILES: &[(&str, &str, &str)] = &[
    (
        "cloudstate/entity.proto",
        "cloudstate",
        "io.cloudstate.protocol",
    ),
    (
        "cloudstate/event_sourced.proto",
        "cloudstate.eventsourced",
        "io.cloudstate.protocol",
    ),
    (
        "cloudstate/value_entity.proto",
        "cloudstate.valueentity",
        "io.cloudstate.protocol",
    ),
    (
        "cloudstate/crdt.proto",
        "cloudstate.crdt",
        "io.cloudstate.protocol",
    ),
    (
        "cloudstate/action.proto",
        "cloudstate.action",
        "io.cloudstate.protocol",
    ),
    ("cloudstate/entity_key.proto", "cloudstate", "io.cloudstate"),
    (
        "cloudstate/legacy_entity_key.proto",
        "cloudstate",
        "io.cloudstate",
    ),
    ("cloudstate/eventing.proto", "cloudstate", "io.cloudstate"),
    (
        "google/api/annotations.proto",
        "google.api",
        "com.google.api",
    ),
    ("google/api/http.proto", "google.api", "com.google.api"),
    ("google/api/httpbody.proto", "google.api", "com.google.api"),
];

fn pool() -> DescriptorPool {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the committed descriptors are valid")
}

/// The files that are ours to define; imports of `google/protobuf` are not.
fn files(pool: &DescriptorPool) -> impl Iterator<Item = FileDescriptor> + '_ {
    pool.files()
        .filter(|file| protos::find(file.name()).is_some())
}

/// Compares name by name, so that a failure shows the one that differs.
fn assert_same(actual: &BTreeMap<String, String>, expected: &BTreeMap<String, String>) {
    for (name, expected) in expected {
        assert_eq!(actual.get(name), Some(expected), "{name}");
    }
    let unknown: Vec<&String> = actual
        .keys()
        .filter(|name| !expected.contains_key(*name))
        .collect();
    assert!(unknown.is_empty(), "not in the protocol: {unknown:?}");
}

fn table(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    rows.iter()
        .map(|&(name, text)| (name.to_owned(), text.to_owned()))
        .collect()
}

#[test]
fn every_field_is_as_the_protocol_has_it() {
    let expected = MESSAGES
        .iter()
        .flat_map(|(package, messages)| {
            messages
                .iter()
                .map(move |(name, fields)| (format!("{package}.{name}"), (*fields).to_owned()))
        })
        .collect();
    let pool = pool();
    let actual = files(&pool)
        .flat_map(|file| file.messages().collect::<Vec<_>>())
        .map(|message| (message.full_name().to_owned(), fields(&message)))
        .collect();
    assert_same(&actual, &expected);
}

fn fields(message: &MessageDescriptor) -> String {
    assert_eq!(message.child_messages().len(), 0, "{}", message.full_name());
    assert_eq!(message.child_enums().len(), 0, "{}", message.full_name());
    let mut fields: Vec<FieldDescriptor> = message.fields().collect();
    fields.sort_by_key(FieldDescriptor::number);
    let fields: Vec<String> = fields
        .iter()
        .map(|field| {
            assert!(
                !field.field_descriptor_proto().proto3_optional(),
                "{field:?}"
            );
            let repeated = match field.cardinality() {
                Cardinality::Repeated => "*",
                Cardinality::Optional => "",
                Cardinality::Required => "required ",
            };
            let oneof = field
                .containing_oneof()
                .map_or_else(String::new, |oneof| format!(" @{}", oneof.name()));
            format!(
                "{} {} {repeated}{}{oneof}",
                field.number(),
                field.name(),
                type_name(&field.kind(), message.package_name())
            )
        })
        .collect();
    fields.join(", ")
}

/// A scalar's keyword or the type's full name, without the package it is used in.
fn type_name(kind: &Kind, package: &str) -> String {
    let full_name = match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(item) => item.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    };
    match full_name.strip_prefix(&format!("{package}.")) {
        Some(name) if !name.contains('.') => name.to_owned(),
        _ => full_name,
    }
}

#[test]
fn every_enum_value_is_as_the_protocol_has_it() {
    let pool = pool();
    let actual = files(&pool)
        .flat_map(|file| file.enums().collect::<Vec<_>>())
        .map(|item| {
            let values: Vec<String> = item
                .values()
                .map(|value| format!("{}={}", value.name(), value.number()))
                .collect();
            (item.full_name().to_owned(), values.join(" "))
        })
        .collect();
    assert_same(&actual, &table(ENUMS));
}

#[test]
fn every_method_has_its_path_and_shape() {
    let pool = pool();
    let actual = files(&pool)
        .flat_map(|file| file.services().collect::<Vec<_>>())
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            (path, shape(&method))
        })
        .collect();
    assert_same(&actual, &table(METHODS));
}

fn shape(method: &MethodDescriptor) -> String {
    let stream = |yes| if yes { "stream " } else { "" };
    format!(
        "{}{} -> {}{}",
        stream(method.is_client_streaming()),
        method.input().full_name(),
        stream(method.is_server_streaming()),
        method.output().full_name()
    )
}

#[test]
fn every_option_has_its_number_and_type() {
    let pool = pool();
    let actual = files(&pool)
        .flat_map(|file| file.extensions().collect::<Vec<_>>())
        .map(|extension| (extension.full_name().to_owned(), option(&extension)))
        .collect();
    assert_same(&actual, &table(EXTENSIONS));
}

fn option(extension: &ExtensionDescriptor) -> String {
    assert_eq!(extension.cardinality(), Cardinality::Optional);
    format!(
        "{} of {}: {}",
        extension.number(),
        extension.containing_message().full_name(),
        type_name(&extension.kind(), "")
    )
}

#[test]
fn every_file_has_its_package_and_java_package() {
    let pool = pool();
    let mut actual = Vec::new();
    for file in files(&pool) {
        assert_eq!(file.syntax(), Syntax::Proto3, "{}", file.name());
        let proto = file.file_descriptor_proto();
        let java_package = proto.options.as_ref().map(|o| o.java_package().to_owned());
        actual.push((
            file.name().to_owned(),
            file.package_name().to_owned(),
            java_package.unwrap_or_default(),
        ));
    }
    actual.sort();
    let mut expected: Vec<(String, String, String)> = FILES
        .iter()
        .map(|&(file, package, java)| (file.to_owned(), package.to_owned(), java.to_owned()))
        .collect();
    expected.sort();
    assert_eq!(actual, expected);
}
