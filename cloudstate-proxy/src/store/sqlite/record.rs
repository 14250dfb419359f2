//! Checksums of stored rows: SQLite does not notice a changed byte in its database file.

use crc32fast::Hasher;

/// Over everything that makes a row what it is, so that a row in the wrong place is noticed as well.
pub(super) fn checksum(entity: i64, sequence: u64, payload_type: i64, payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&entity.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    hasher.update(&payload_type.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}
