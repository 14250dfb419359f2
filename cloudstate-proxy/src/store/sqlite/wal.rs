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
    /// Where the last committed transaction ends; 0 where there is none.
    pub(super) committed: u64,
    /// The first frame of this log that does not count, and those behind it.
    pub(super) broken: Option<Broken>,
    /// Bytes of frames that count but belong to no committed transaction.
    pub(super) uncommitted: u64,
}

/// Frames that were written into this log and cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Offset of the first one.
    pub(super) offset: u64,
    /// Whether whole frames of this log follow it: more than the last write is affected.
    pub(super) more_follow: bool,
}

/// Looks at the log; a file that is not there is an empty log.
pub(super) fn scan(path: &Path) -> io::Result<Scan> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Scan::default()),
        Err(error) => return Err(error),
    };
    let len = file.metadata()?.len();
    let mut scan = Scan {
        len,
        ..Scan::default()
    };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER];
    if len == 0 {
        return Ok(scan);
    }
    let Some(log) = (if fill(&mut reader, &mut header)? {
        Log::new(&header)
    } else {
        None
    }) else {
        scan.broken = Some(Broken {
            offset: 0,
            more_follow: len > HEADER as u64,
        });
        return Ok(scan);
    };
    let mut sums = log.sums;
    let mut offset = HEADER as u64;
    let mut frame = vec![0; FRAME_HEADER + log.page_size];
    scan.committed = 0;
    loop {
        if !fill(&mut reader, &mut frame)? {
            // A part of a frame: torn, if it is of this log, or left over from an earlier, longer one.
            let rest = len - offset;
            if rest >= 16 && log.owns(&frame) || scan.broken.is_none() && rest > 0 && rest < 16 {
                scan.broken.get_or_insert(Broken {
                    offset,
                    more_follow: false,
                });
            }
            break;
        }
        let next = offset + frame.len() as u64;
        if !log.owns(&frame) {
            // An earlier use of the file; nothing of this log comes after it, unless this header itself is damaged.
            if scan.broken.is_none() && !log.continues_after(&mut reader, &mut frame)? {
                break;
            }
            scan.broken
                .get_or_insert(Broken {
                    offset,
                    more_follow: true,
                })
                .more_follow = true;
            break;
        }
        if let Some(broken) = &mut scan.broken {
            broken.more_follow = true;
            break;
        }
        sums = log.sum(sums, &frame[..8]);
        sums = log.sum(sums, &frame[FRAME_HEADER..]);
        if sums != (word(&frame, 16), word(&frame, 20)) {
            scan.broken = Some(Broken {
                offset,
                more_follow: false,
            });
        } else if word(&frame, 4) > 0 {
            scan.committed = next;
        }
        offset = next;
    }
    let counted = scan.broken.map_or(offset, |broken| broken.offset);
    scan.uncommitted = counted.saturating_sub(scan.committed.max(HEADER as u64));
    Ok(scan)
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

    fn owns(&self, frame: &[u8]) -> bool {
        frame[8..16] == self.salts
    }

    /// Whether any later frame is of this log.
    fn continues_after(&self, reader: &mut impl Read, frame: &mut [u8]) -> io::Result<bool> {
        while fill(reader, frame)? {
            if self.owns(frame) {
                return Ok(true);
            }
        }
        Ok(false)
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

/// Fills the buffer as far as there are bytes; says whether it is full.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(false),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
