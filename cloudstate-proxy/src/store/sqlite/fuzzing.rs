//! The files that recovery looks at, for fuzzing.

use super::{
    mark::{self, Extent},
    wal,
};

/// What is in a write-ahead log; see `wal::Scan`.
#[derive(Clone, Copy, Debug)]
pub struct WalScan {
    /// The log's size.
    pub len: u64,
    /// Where the last usable commit ends.
    pub committed: u64,
    /// Whether there is one.
    pub has_commit: bool,
    /// Bytes of this log behind it.
    pub unused: u64,
    /// Where the first frame is that does not count.
    pub broken: Option<u64>,
}

/// Reads a log.
pub fn wal_scan(mut log: &[u8]) -> WalScan {
    let len = log.len() as u64;
    // Memory can always be read.
    let scan = wal::read(&mut log, len).unwrap_or_default();
    WalScan {
        len: scan.len,
        committed: scan.committed,
        has_commit: scan.has_commit,
        unused: scan.unused,
        broken: scan.broken.map(|broken| broken.offset),
    }
}

/// A slot of the mark, for this position and as many changes.
pub fn mark_encoded(position: u64) -> Vec<u8> {
    let changes = position;
    mark::encode(Extent { position, changes }).to_vec()
}

/// The position that a slot of the mark holds.
pub fn mark_position(slot: &[u8]) -> Option<u64> {
    mark::decode(slot).map(|extent| extent.position)
}
