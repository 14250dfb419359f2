//! Pages of events: bounded in bytes, and ended by damage.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use rusqlite::{Row, types::ValueRef};

use crate::store::{PAGE_BYTES, StoreError};

/// What can be read before the first damage; the damage itself if nothing can.
pub(super) fn up_to_damage<T>(
    items: impl Iterator<Item = Result<T, StoreError>>,
    end: Result<(), StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut readable = Vec::with_capacity(items.size_hint().0);
    for item in items {
        match item {
            Ok(item) => readable.push(item),
            Err(error) if readable.is_empty() => return Err(error),
            // Whoever reads on meets it at the beginning of the next page.
            Err(_) => return Ok(readable),
        }
    }
    match end {
        Err(error) if readable.is_empty() => Err(error),
        Ok(()) | Err(_) => Ok(readable),
    }
}

/// Rows whose payloads share one buffer.
#[derive(Default)]
pub(super) struct Page {
    rows: Vec<StoredRow>,
    payloads: BytesMut,
}

pub(super) struct StoredRow {
    pub(super) sequence: u64,
    pub(super) payload_type: i64,
    pub(super) payload: Range<usize>,
    pub(super) checksum: u32,
    pub(super) position: u64,
}

impl Page {
    pub(super) fn has_room(&self) -> bool {
        self.payloads.len() < PAGE_BYTES
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn last_sequence(&self) -> Option<u64> {
        self.rows.last().map(|row| row.sequence)
    }

    /// Columns: sequence, type, payload, checksum, position.
    pub(super) fn push(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let start = self.payloads.len();
        let ValueRef::Blob(payload) = row.get_ref(2)? else {
            return Err(rusqlite::Error::InvalidColumnType(
                2,
                "payload".into(),
                row.get_ref(2)?.data_type(),
            ));
        };
        self.payloads.extend_from_slice(payload);
        self.rows.push(StoredRow {
            sequence: row.get(0)?,
            payload_type: row.get(1)?,
            payload: start..self.payloads.len(),
            checksum: row.get(3)?,
            position: row.get(4)?,
        });
        Ok(())
    }

    pub(super) fn finish(self) -> (Vec<StoredRow>, Bytes) {
        (self.rows, self.payloads.freeze())
    }
}
