//! Reads a write-ahead log without SQLite, to see what SQLite will make of it.
//!
//! Format: "WAL File Format" in SQLite's documentation. A header of 32 bytes, then frames of a 24-byte header and a page.
//! A frame counts if it has the header's two salts and its checksum continues that of the frame before. SQLite uses
//! the frames up to the last one that commits a transaction, before the first that does not count.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC: u32 = 0x377f_0682;

/// What is in a write-ahead log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// The file's size in bytes.
    pub(super) len: u64,
    /// Where the last usable commit ends, or the header where there is none.
    pub(super) committed: u64,
    /// Whether there is a usable commit at all.
    pub(super) has_commit: bool,
    /// Bytes behind `committed` that were written into this log. What an earlier, longer log has left there is not
    /// counted.
    pub(super) unused: u64,
    /// The first frame that was written into this log and does not count.
    pub(super) broken: Option<Broken>,
}

/// Frames that were written into this log and cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Offset of the first one.
    pub(super) offset: u64,
    /// Whether there is a whole commit among them that more was written after.
    ///
    /// Each commit is synced before the next is written. The last one may be torn in any way when the power fails;
    /// one before it can only have been damaged afterwards.
    pub(super) synced: bool,
}

/// Looks at the log; a file that is not there is an empty log.
pub(super) fn scan(path: &Path) -> io::Result<Scan> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Scan::default()),
        Err(error) => return Err(error),
    };
    let len = file.metadata()?.len();
    read(&mut BufReader::with_capacity(1 << 20, file), len)
}

pub(super) fn read(reader: &mut impl Read, len: u64) -> io::Result<Scan> {
    let mut header = [0; HEADER];
    let log = match fill(reader, &mut header)? {
        0 => return Ok(Scan::default()),
        HEADER => Log::new(&header),
        _ => None,
    };
    match log {
        Some(log) => log.scan(reader, len),
        None => Ok(Scan {
            len,
            unused: len,
            broken: Some(Broken {
                offset: 0,
                synced: false,
            }),
            ..Scan::default()
        }),
    }
}

struct Log {
    page_size: usize,
    salts: [u8; 8],
    sums: (u32, u32),
    big_endian: bool,
}

impl Log {
    /// `None` if SQLite would not accept the header either.
    fn new(header: &[u8; HEADER]) -> Option<Self> {
        let magic = word(header, 0);
        if magic & !1 != MAGIC {
            return None;
        }
        let mut log = Self {
            page_size: word(header, 8) as usize,
            salts: header[16..24].try_into().ok()?,
            sums: (0, 0),
            big_endian: magic & 1 == 1,
        };
        log.sums = log.sum((0, 0), &header[..24]);
        let valid = log.sums == (word(header, 24), word(header, 28))
            && log.page_size.is_power_of_two()
            && (512..=65536).contains(&log.page_size);
        valid.then_some(log)
    }

    /// Reads all frames behind the header.
    fn scan(&self, reader: &mut impl Read, len: u64) -> io::Result<Scan> {
        let mut scan = Scan {
            len,
            committed: HEADER as u64,
            ..Scan::default()
        };
        let mut frame = vec![0; FRAME_HEADER + self.page_size];
        let mut sums = self.sums;
        let mut offset = scan.committed;
        // Where frames of this log end, and where the first one is that does not count.
        let (mut end, mut stop) = (offset, None);
        let (mut committed_before, mut synced) = (false, false);
        loop {
            let filled = fill(reader, &mut frame)?;
            let owned = filled >= 16 && frame[8..16] == self.salts;
            if filled < frame.len() {
                // Too little to see whose it is counts as this log's, if nothing of an earlier one is before it.
                if owned || filled > 0 && filled < 16 && stop.is_none() {
                    end = offset + filled as u64;
                    stop.get_or_insert(offset);
                }
                break;
            }
            let next = offset + filled as u64;
            let expected = (word(&frame, 16), word(&frame, 20));
            let follows = owned && word(&frame, 0) > 0 && self.sum_frame(sums, &frame) == expected;
            let commits = word(&frame, 4) > 0;
            if owned {
                end = next;
            }
            if !follows {
                stop.get_or_insert(offset);
            } else if stop.is_some() {
                synced |= committed_before;
            } else if commits {
                scan.committed = next;
                scan.has_commit = true;
            }
            // A frame that does not count is taken at its word: if the next one continues its checksum, it was there.
            sums = expected;
            committed_before = commits;
            offset = next;
        }
        scan.unused = end.saturating_sub(scan.committed);
        scan.broken = stop
            .filter(|&offset| offset < end)
            .map(|offset| Broken { offset, synced });
        Ok(scan)
    }

    fn sum_frame(&self, sums: (u32, u32), frame: &[u8]) -> (u32, u32) {
        self.sum(self.sum(sums, &frame[..8]), &frame[FRAME_HEADER..])
    }

    fn sum(&self, (mut one, mut two): (u32, u32), bytes: &[u8]) -> (u32, u32) {
        let read = |bytes: &[u8]| {
            let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
            if self.big_endian {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            }
        };
        for pair in bytes.chunks_exact(8) {
            one = one.wrapping_add(read(&pair[..4])).wrapping_add(two);
            two = two.wrapping_add(read(&pair[4..])).wrapping_add(one);
        }
        (one, two)
    }
}

/// Numbers outside the checksummed data are always big-endian.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Fills the buffer as far as there are bytes; gives their number.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
