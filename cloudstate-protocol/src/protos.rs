//! The texts of the protocol's and the front-end's `.proto` files, by import path.

/// Import path and text of every bundled file.
///
/// `google/protobuf/*.proto` is not among them: every protobuf compiler brings those itself.
pub const FILES: &[(&str, &str)] = &[
    (
        "cloudstate/action.proto",
        include_str!("../proto/cloudstate/action.proto"),
    ),
    (
        "cloudstate/crdt.proto",
        include_str!("../proto/cloudstate/crdt.proto"),
    ),
    (
        "cloudstate/entity.proto",
        include_str!("../proto/cloudstate/entity.proto"),
    ),
    (
        "cloudstate/entity_key.proto",
        include_str!("../proto/cloudstate/entity_key.proto"),
    ),
    (
        "cloudstate/event_sourced.proto",
        include_str!("../proto/cloudstate/event_sourced.proto"),
    ),
    (
        "cloudstate/eventing.proto",
        include_str!("../proto/cloudstate/eventing.proto"),
    ),
    (
        "cloudstate/legacy_entity_key.proto",
        include_str!("../proto/cloudstate/legacy_entity_key.proto"),
    ),
    (
        "cloudstate/value_entity.proto",
        include_str!("../proto/cloudstate/value_entity.proto"),
    ),
    (
        "google/api/annotations.proto",
        include_str!("../proto/google/api/annotations.proto"),
    ),
    (
        "google/api/http.proto",
        include_str!("../proto/google/api/http.proto"),
    ),
    (
        "google/api/httpbody.proto",
        include_str!("../proto/google/api/httpbody.proto"),
    ),
];

/// The text of the bundled file with this import path.
pub fn find(path: &str) -> Option<&'static str> {
    FILES
        .iter()
        .find(|(name, _)| *name == path)
        .map(|(_, text)| *text)
}
