//! Checksums of stored rows: SQLite does not notice a changed byte in its database file.

use crc32fast::Hasher;

use crate::store::EntityKey;

/// Over everything that makes a row what it is, names instead of the numbers that stand for them: a row in the wrong
/// place is noticed as well, and a changed name.
pub(super) fn checksum(entity: &EntityKey, sequence: u64, type_url: &str, payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    // With its length before each, so that no two rows have the same bytes.
    for part in [
        entity.persistence_id.as_bytes(),
        entity.entity_id.as_bytes(),
        type_url.as_bytes(),
        payload,
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize()
}

/// Of a row that is a number.
pub(super) fn checksum_of_number(number: u64) -> u32 {
    crc32fast::hash(&number.to_le_bytes())
}
