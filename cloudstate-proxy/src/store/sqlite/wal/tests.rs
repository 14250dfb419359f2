//! Logs made byte by byte, and what SQLite itself makes of them.

use std::{fs, path::PathBuf};

use rusqlite::{Connection, config::DbConfig};
use tempfile::TempDir;

use super::{Broken, FRAME_HEADER, HEADER, Log, MAGIC, Scan, read, scan};

const PAGE: usize = 512;
const FRAME: usize = FRAME_HEADER + PAGE;

/// A log under construction, with the checksums that belong to it.
struct Synthetic {
    bytes: Vec<u8>,
    log: Log,
    sums: (u32, u32),
}

impl Synthetic {
    fn new(big_endian: bool, salts: [u8; 8]) -> Self {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&(MAGIC | u32::from(big_endian)).to_be_bytes());
        header[4..8].copy_from_slice(&3_007_000u32.to_be_bytes());
        header[8..12].copy_from_slice(&(PAGE as u32).to_be_bytes());
        header[16..24].copy_from_slice(&salts);
        let mut log = Log {
            page_size: PAGE,
            salts,
            sums: (0, 0),
            big_endian,
        };
        let sums = log.sum((0, 0), &header[..24]);
        header[24..28].copy_from_slice(&sums.0.to_be_bytes());
        header[28..].copy_from_slice(&sums.1.to_be_bytes());
        log.sums = sums;
        Self {
            bytes: header.to_vec(),
            log,
            sums,
        }
    }

    /// Adds a frame for page `page`; one that commits names the size of the database.
    fn frame(&mut self, page: u32, commits: u32, content: &[u8; PAGE]) -> &mut Self {
        let mut frame = [page.to_be_bytes(), commits.to_be_bytes()].concat();
        frame.extend(self.log.salts);
        frame.extend([0; 8]);
        frame.extend(content);
        self.sums = self.log.sum_frame(self.sums, &frame);
        frame[16..20].copy_from_slice(&self.sums.0.to_be_bytes());
        frame[20..24].copy_from_slice(&self.sums.1.to_be_bytes());
        self.bytes.extend(frame);
        self
    }

    /// Commits of the given numbers of frames.
    fn commits(mut self, sizes: &[usize]) -> Self {
        for (index, &size) in sizes.iter().enumerate() {
            for number in 1..=size {
                let commits = if number == size { 9 } else { 0 };
                self.frame(
                    number as u32,
                    commits,
                    &[index as u8 * 16 + number as u8; PAGE],
                );
            }
        }
        self
    }
}

fn scanned(mut bytes: &[u8]) -> Scan {
    let len = bytes.len() as u64;
    read(&mut bytes, len).unwrap()
}

fn at(frames: usize) -> u64 {
    (HEADER + frames * FRAME) as u64
}

#[test]
fn a_whole_log_is_used_to_its_end_in_either_byte_order() {
    for big_endian in [false, true] {
        let log = Synthetic::new(big_endian, *b"saltsalt").commits(&[2, 1, 3]);
        let expected = Scan {
            len: at(6),
            committed: at(6),
            has_commit: true,
            unused: 0,
            broken: None,
        };
        assert_eq!(scanned(&log.bytes), expected);
    }
}

#[test]
fn nothing_and_a_header_alone_are_whole() {
    assert_eq!(scanned(b""), Scan::default());
    let missing = tempfile::tempdir().unwrap();
    assert_eq!(scan(&missing.path().join("log")).unwrap(), Scan::default());
    let header = scanned(&Synthetic::new(false, *b"saltsalt").bytes);
    assert_eq!(
        (header.committed, header.has_commit, header.broken),
        (at(0), false, None)
    );
}

#[test]
fn a_damaged_or_partial_header_breaks_everything() {
    let log = Synthetic::new(true, *b"saltsalt").commits(&[1]);
    for byte in (0..HEADER).filter(|byte| !(4..8).contains(byte)) {
        let mut bytes = log.bytes.clone();
        bytes[byte] ^= 0x40;
        let found = scanned(&bytes);
        assert_eq!(
            found.broken.map(|broken| broken.offset),
            Some(0),
            "byte {byte}"
        );
        assert_eq!(
            (found.committed, found.has_commit, found.unused),
            (0, false, at(1))
        );
    }
    let partial = scanned(&log.bytes[..HEADER - 1]);
    assert_eq!(partial.broken.map(|broken| broken.offset), Some(0));
    assert_eq!(partial.unused, HEADER as u64 - 1);
}

#[test]
fn a_cut_ends_the_log_at_the_commit_before_it() {
    let log = Synthetic::new(false, *b"saltsalt").commits(&[2, 3]);
    for len in HEADER..log.bytes.len() {
        let found = scanned(&log.bytes[..len]);
        let committed = if (len as u64) < at(2) { at(0) } else { at(2) };
        assert_eq!(found.committed, committed, "{len} bytes");
        assert_eq!(found.unused, len as u64 - committed, "{len} bytes");
        let partial = (len - HEADER) % FRAME;
        let broken = (partial > 0).then_some(Broken {
            offset: (len - partial) as u64,
            synced: false,
        });
        assert_eq!(found.broken, broken, "{len} bytes");
    }
}

#[test]
fn what_an_earlier_log_left_behind_is_not_broken() {
    let earlier = Synthetic::new(false, *b"earlier!").commits(&[2, 2, 2]);
    let mut bytes = Synthetic::new(false, *b"saltsalt").commits(&[1, 1]).bytes;
    bytes.extend(&earlier.bytes[bytes.len()..]);
    for len in [bytes.len(), bytes.len() - 100, bytes.len() - FRAME + 3] {
        let found = scanned(&bytes[..len]);
        assert_eq!(
            (found.committed, found.unused, found.broken),
            (at(2), 0, None),
            "{len} bytes"
        );
    }
}

#[test]
fn what_a_rolled_back_transaction_left_behind_is_unused_but_was_never_synced() {
    let rolled_back = Synthetic::new(false, *b"saltsalt").commits(&[2, 5]);
    let mut bytes = Synthetic::new(false, *b"saltsalt").commits(&[2]).bytes;
    // The next transaction is shorter and overwrites only the beginning.
    let mut next = Synthetic::new(false, *b"saltsalt").commits(&[2]);
    next.frame(7, 9, &[7; PAGE]);
    bytes.extend(&next.bytes[bytes.len()..]);
    bytes.extend(&rolled_back.bytes[bytes.len()..]);
    let found = scanned(&bytes);
    assert_eq!((found.committed, found.unused), (at(3), at(7) - at(3)));
    assert_eq!(
        found.broken,
        Some(Broken {
            offset: at(3),
            synced: false
        })
    );
}

#[test]
fn damage_before_a_later_commit_is_told_from_a_torn_last_one() {
    let log = Synthetic::new(false, *b"saltsalt").commits(&[2, 2, 3]);
    for byte in HEADER..log.bytes.len() {
        let mut bytes = log.bytes.clone();
        bytes[byte] ^= 1;
        let frame = (byte - HEADER) / FRAME;
        let found = scanned(&bytes);
        let committed = [0, 0, 2, 2, 4, 4, 4][frame];
        assert_eq!(found.committed, at(committed), "byte {byte}");
        // A damaged salt in the last frame makes it look like an earlier log's.
        let salts = (8..16).contains(&((byte - HEADER) % FRAME));
        let Some(broken) = found.broken else {
            assert!(salts && frame == 6, "byte {byte}");
            continue;
        };
        assert_eq!(broken.offset, at(frame), "byte {byte}");
        let synced = match (frame, (byte - HEADER) % FRAME) {
            // The commit's own checksum is damaged, so that nothing proves it; the one after it is the last.
            (3, 16..24) => false,
            (..=3, _) => true,
            // It pretends to commit, which only damage does.
            (4 | 5, 4..8) => true,
            (4.., _) => false,
        };
        assert_eq!(broken.synced, synced, "byte {byte}");
    }
}

/// A database whose log holds commits of several sizes, as a killed process leaves it.
fn written_by_sqlite(big_endian: bool) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA page_size = 512; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
             PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE t (number INTEGER PRIMARY KEY, filler BLOB);",
        )
        .unwrap();
    // A long log that is checkpointed first, so that the later one is followed by leftovers.
    for round in [40, 12] {
        for number in 0..round {
            connection
                .execute(
                    "INSERT INTO t (filler) VALUES (zeroblob(?1))",
                    [number % 5 * 400],
                )
                .unwrap();
        }
        if round == 40 {
            connection
                .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
                .unwrap();
        }
    }
    let copy = tempfile::tempdir().unwrap();
    let target = copy.path().join("some.db");
    fs::copy(&path, &target).unwrap();
    let mut bytes = fs::read(path.with_extension("db-wal")).unwrap();
    if big_endian {
        bytes = with_big_endian_checksums(&bytes);
    }
    fs::write(target.with_extension("db-wal"), bytes).unwrap();
    (copy, target)
}

/// The same frames, as a machine of the other byte order would have written them.
fn with_big_endian_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut log = Synthetic::new(true, bytes[16..24].try_into().unwrap());
    for frame in bytes[HEADER..].chunks_exact(FRAME) {
        if frame[8..16] == log.log.salts {
            let word = |at| super::word(frame, at);
            log.frame(word(0), word(4), frame[FRAME_HEADER..].try_into().unwrap());
        }
    }
    let rest = &bytes[log.bytes.len()..];
    [&log.bytes, rest].concat()
}

/// How many rows SQLite finds with this log.
fn rows(database: &PathBuf, log: &[u8]) -> rusqlite::Result<usize> {
    let path = database.with_extension("db-wal");
    // A new file: some file systems sync one that is truncated.
    fs::remove_file(&path).unwrap();
    fs::write(&path, log).unwrap();
    let connection = Connection::open(database)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
}

#[test]
fn sqlite_uses_the_log_as_far_as_the_scan_says() {
    for big_endian in [false, true] {
        let (directory, database) = written_by_sqlite(big_endian);
        let bytes = fs::read(database.with_extension("db-wal")).unwrap();
        let whole = scanned(&bytes);
        assert!(whole.broken.is_none() && whole.unused == 0, "{whole:?}");
        assert!(whole.committed < whole.len, "there are leftovers");
        // The rows that SQLite finds when the log is cut exactly at a commit.
        let mut rows_at = std::collections::BTreeMap::new();
        for frames in 0..=(bytes.len() - HEADER) / FRAME {
            let cut = &bytes[..at(frames) as usize];
            let found = scanned(cut);
            let rows = rows(&database, cut).unwrap();
            let known = *rows_at.entry(found.committed).or_insert(rows);
            assert_eq!(known, rows, "{frames} frames");
        }
        assert_eq!(rows_at.len(), 13, "the header and twelve commits");
        assert_eq!(rows_at[&whole.committed], 52);
        for byte in (0..bytes.len()).step_by(499) {
            let mut damaged = bytes.clone();
            damaged[byte] ^= 0x10;
            let found = scanned(&damaged);
            let expected = if found.has_commit {
                rows_at[&found.committed]
            } else {
                40
            };
            assert_eq!(
                rows(&database, &damaged).unwrap(),
                expected,
                "byte {byte}: {found:?}"
            );
        }
        drop(directory);
    }
}
