//! What a method is told about an event beside the event, in the words of CloudEvents.

use cloudstate_protocol::cloudstate::Metadata;

use crate::{call::text_entry as text, store::JournalEntry};

/// The type of a payload is in `ce-type`, so that this says only how it is packed.
const CONTENT_TYPE: &str = "application/vnd.cloudstate.protobuf.any";

/// The attributes of an event of the journal.
pub(super) fn metadata(entry: &JournalEntry) -> Metadata {
    Metadata {
        entries: vec![
            text("ce-id", &entry.position.to_string()),
            text("ce-source", &entry.entity.persistence_id),
            text("ce-specversion", "1.0"),
            text("ce-type", &entry.payload.type_url),
            text("ce-subject", &entry.entity.entity_id),
            text("Content-Type", CONTENT_TYPE),
        ],
    }
}
