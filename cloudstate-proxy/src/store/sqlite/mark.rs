//! The high-water mark: how much has been acknowledged, kept outside the database.
//!
//! It is written after each commit and before the commit is acknowledged, without a sync of its own: killing the process
//! does not lose what the kernel has, and after a power failure an older mark only notices less. Two slots are written
//! in turn, so that a torn write spoils at most one. Both are synced when the store is opened, before anything is
//! acknowledged: a mark without a readable slot is a damaged one.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

const MAGIC: [u8; 8] = *b"csmark02";
const SLOT: usize = 28;
/// Before there were values: no count of their changes.
const OLD_MAGIC: [u8; 8] = *b"csmark01";
const OLD_SLOT: usize = 20;
/// Slots lie in different disk sectors.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];

/// How much is stored, or was acknowledged. Both numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Extent {
    /// Position of the last event.
    pub(super) position: u64,
    /// How many changes of values there have been.
    pub(super) changes: u64,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marked {
    /// There is no mark. One whose bytes are all zero is none either: it was being made when the power failed.
    Absent,
    /// There is one, and it is damaged.
    Unreadable,
    /// What was acknowledged.
    At(Extent),
}

/// An open mark.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    next_slot: usize,
}

impl Mark {
    /// Opens the mark, or begins one.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Self { file, next_slot: 0 })
    }

    /// Reads a mark.
    pub(super) fn read(path: &Path) -> io::Result<Marked> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marked::Absent),
            Err(error) => return Err(error),
        };
        let (mut highest, mut blank) = (None, true);
        for offset in SLOT_OFFSETS {
            let mut slot = Vec::with_capacity(SLOT);
            file.seek(SeekFrom::Start(offset))?;
            Read::by_ref(&mut file)
                .take(SLOT as u64)
                .read_to_end(&mut slot)?;
            blank &= slot.iter().all(|byte| *byte == 0);
            highest = highest.max(decode(&slot));
        }
        Ok(match highest {
            Some(extent) => Marked::At(extent),
            None if blank => Marked::Absent,
            None => Marked::Unreadable,
        })
    }

    /// Records what is stored.
    pub(super) fn write(&mut self, extent: Extent) -> io::Result<()> {
        self.file
            .seek(SeekFrom::Start(SLOT_OFFSETS[self.next_slot]))?;
        self.file.write_all(&encode(extent))?;
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }

    /// Brings the mark to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

pub(super) fn encode(extent: Extent) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(&MAGIC);
    slot[8..16].copy_from_slice(&extent.position.to_le_bytes());
    slot[16..24].copy_from_slice(&extent.changes.to_le_bytes());
    let crc = crc32fast::hash(&slot[..24]);
    slot[24..].copy_from_slice(&crc.to_le_bytes());
    slot
}

pub(super) fn decode(slot: &[u8]) -> Option<Extent> {
    let number = |at: usize| Some(u64::from_le_bytes(slot.get(at..at + 8)?.try_into().ok()?));
    let position = number(8)?;
    if slot.starts_with(&OLD_MAGIC) {
        let crc = slot.get(16..OLD_SLOT)?;
        return (crc32fast::hash(&slot[..16]).to_le_bytes() == crc).then_some(Extent {
            position,
            changes: 0,
        });
    }
    let changes = number(16)?;
    let extent = Extent { position, changes };
    (encode(extent) == *slot).then_some(extent)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Extent, Mark, Marked};

    #[test]
    fn the_highest_readable_slot_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mark");
        assert_eq!(Mark::read(&path).unwrap(), Marked::Absent);
        let mut mark = Mark::open(&path).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::Absent);
        let extent = |position, changes| Extent { position, changes };
        for extent in [extent(1, 0), extent(7, 2), extent(7, 3)] {
            mark.write(extent).unwrap();
            assert_eq!(Mark::read(&path).unwrap(), Marked::At(extent));
        }
        // The newest slot is torn: there is the one before it.
        let mut bytes = fs::read(&path).unwrap();
        bytes[10] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::At(extent(7, 2)));
        bytes[4096] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::Unreadable);
        fs::write(&path, b"garbage").unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::Unreadable);
        fs::write(&path, [0; 4116]).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::Absent);
    }

    #[test]
    fn a_mark_of_the_time_before_values_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mark");
        let mut slot = [b"csmark01".as_slice(), &5_u64.to_le_bytes()].concat();
        let crc = crc32fast::hash(&slot);
        slot.extend(crc.to_le_bytes());
        // Alone, and with the other slot behind it.
        for length in [20, 4116] {
            slot.resize(length, 0);
            fs::write(&path, &slot).unwrap();
            let marked = Marked::At(Extent {
                position: 5,
                changes: 0,
            });
            assert_eq!(Mark::read(&path).unwrap(), marked);
        }
    }
}
