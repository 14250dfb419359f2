//! The write-ahead log and the mark, which say after a crash what there was.

use cloudstate_proxy::fuzzing::{mark_encoded, mark_position, wal_scan};

const HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;
const PAGE: usize = 512;

/// The first byte chooses: bytes as they are, a log that is made of the rest and then damaged, or a slot of the mark.
pub(crate) fn target(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    match choice % 3 {
        0 => consistent(rest),
        1 => made(rest),
        _ => slot(rest),
    }
}

/// Whatever is there, the numbers fit together, and what is said to be committed is committed without the rest.
fn consistent(log: &[u8]) {
    let scan = wal_scan(log);
    assert_eq!(scan.len, log.len() as u64);
    assert!(scan.committed <= scan.len, "{scan:?}");
    assert!(scan.unused <= scan.len - scan.committed, "{scan:?}");
    if let Some(offset) = scan.broken {
        assert!((scan.committed..scan.len).contains(&offset), "{scan:?}");
    }
    let whole = wal_scan(&log[..scan.committed as usize]);
    assert_eq!(whole.committed, scan.committed);
    assert_eq!(whole.has_commit, scan.has_commit);
    assert_eq!((whole.unused, whole.broken), (0, None), "{whole:?}");
}

/// Frames, a byte each whose lowest bit says whether it commits, then what is damaged: an offset in two bytes and a byte
/// to change it by, up to three times.
fn made(script: &[u8]) {
    let Some((&count, script)) = script.split_first() else {
        return;
    };
    let count = usize::from(count % 16).min(script.len());
    let (frames, damage) = script.split_at(count);
    let (mut log, ends) = log(frames);
    consistent(&log);
    let scan = wal_scan(&log);
    let last = ends.last().copied().unwrap_or(HEADER);
    assert_eq!(
        (scan.committed, scan.has_commit),
        (last as u64, !ends.is_empty())
    );

    let mut first_damage = log.len();
    for change in damage.chunks_exact(3).take(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % log.len();
        // Of the header's bytes 4 to 16 only the checksum speaks, and of the frame's all.
        if change[2] != 0 {
            log[at] ^= change[2];
            first_damage = first_damage.min(at);
        }
    }
    if first_damage == log.len() {
        return;
    }
    consistent(&log);
    let scan = wal_scan(&log);
    let intact = ends.iter().rev().find(|&&end| end <= first_damage);
    let expected = intact
        .copied()
        .unwrap_or(if first_damage < HEADER { 0 } else { HEADER });
    // Damage may undo itself, or hit a byte of a frame that nothing depends on; it never makes more of what there was.
    assert!(scan.committed <= last as u64, "{scan:?}");
    assert!(scan.committed >= expected as u64, "{scan:?}, {expected}");
}

/// A log as SQLite writes it, and where its commits end.
fn log(frames: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut log = Vec::with_capacity(HEADER + frames.len() * FRAME);
    for word in [0x377f_0682_u32, 3_007_000, PAGE as u32, 0, 11, 12] {
        log.extend(word.to_be_bytes());
    }
    let mut sums = sum((0, 0), &log);
    log.extend(sums.0.to_be_bytes());
    log.extend(sums.1.to_be_bytes());
    let mut ends = Vec::new();
    for (number, &kind) in frames.iter().enumerate() {
        let commits = kind & 1 == 1;
        let mut head = Vec::new();
        head.extend((u32::from(kind >> 1) + 1).to_be_bytes());
        head.extend(if commits { number as u32 + 1 } else { 0 }.to_be_bytes());
        let page = [kind; PAGE];
        sums = sum(sum(sums, &head), &page);
        log.extend(head);
        log.extend([11_u32, 12, sums.0, sums.1].map(u32::to_be_bytes).concat());
        log.extend(page);
        if commits {
            ends.push(log.len());
        }
    }
    (log, ends)
}

/// The magic number says that words are little-endian.
fn sum((mut one, mut two): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let (first, second) = pair.split_at(4);
        one = one
            .wrapping_add(u32::from_le_bytes(first.try_into().unwrap()))
            .wrapping_add(two);
        two = two
            .wrapping_add(u32::from_le_bytes(second.try_into().unwrap()))
            .wrapping_add(one);
    }
    (one, two)
}

/// What a slot says is what was written into it, and a slot with one other byte says nothing.
fn slot(bytes: &[u8]) {
    let _ = mark_position(bytes);
    let Some((number, rest)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let position = u64::from_be_bytes(*number);
    let mut slot = mark_encoded(position);
    assert_eq!(mark_position(&slot), Some(position));
    if let [at, change, ..] = rest
        && *change != 0
    {
        let at = usize::from(*at) % slot.len();
        slot[at] ^= change;
        assert_eq!(mark_position(&slot), None, "byte {at}");
    }
}
