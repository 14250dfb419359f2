//! The high-water mark: the position of the last acknowledged event, kept outside the database.
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

const MAGIC: [u8; 8] = *b"csmark01";
const SLOT: usize = 20;
/// Slots lie in different disk sectors.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marked {
    /// There is no mark. One whose bytes are all zero is none either: it was being made when the power failed.
    Absent,
    /// There is one, and it is damaged.
    Unreadable,
    /// The last acknowledged event.
    At(u64),
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
            Some(position) => Marked::At(position),
            None if blank => Marked::Absent,
            None => Marked::Unreadable,
        })
    }

    /// Records a position.
    pub(super) fn write(&mut self, position: u64) -> io::Result<()> {
        self.file
            .seek(SeekFrom::Start(SLOT_OFFSETS[self.next_slot]))?;
        self.file.write_all(&encode(position))?;
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }

    /// Brings the mark to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn encode(position: u64) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(&MAGIC);
    slot[8..16].copy_from_slice(&position.to_le_bytes());
    let crc = crc32fast::hash(&slot[..16]);
    slot[16..].copy_from_slice(&crc.to_le_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<u64> {
    let slot: &[u8; SLOT] = slot.try_into().ok()?;
    let position = u64::from_le_bytes(slot[8..16].try_into().ok()?);
    (encode(position) == *slot).then_some(position)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Mark, Marked};

    #[test]
    fn the_highest_readable_slot_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mark");
        assert_eq!(Mark::read(&path).unwrap(), Marked::Absent);
        let mut mark = Mark::open(&path).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::Absent);
        for position in [1, 7, 9] {
            mark.write(position).unwrap();
            assert_eq!(Mark::read(&path).unwrap(), Marked::At(position));
        }
        // The slot of 9 is torn: the one before it still says 7.
        let mut bytes = fs::read(&path).unwrap();
        bytes[10] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::At(7));
        bytes[4096] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::Unreadable);
        fs::write(&path, b"garbage").unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::Unreadable);
        fs::write(&path, [0; 4116]).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Marked::Absent);
    }
}
