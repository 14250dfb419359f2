//! Damage to the write-ahead log.

use std::fs;

use cloudstate_proxy::store::{Damage, OpenError, SqliteStore, Store};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    files::{self, Copy, DATABASE, LOG, MARK},
    history,
};

const HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

/// A store whose process was killed, and what was known before its last commit.
struct Killed {
    copy: Copy,
    last_position: u64,
    /// Before the last commit.
    mark_before: Vec<u8>,
    log_before: u64,
    position_before: u64,
    _original: (TempDir, SqliteStore),
}

async fn killed() -> Killed {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let position_before = history::write(&store, 1..=4).await;
    let mark_before = fs::read(directory.path().join(MARK)).unwrap();
    let log_before = directory.path().join(LOG).metadata().unwrap().len();
    store.append(history::append(3, 1)).await.unwrap();
    Killed {
        copy: Copy::of(directory.path()),
        last_position: store.last_position().await.unwrap(),
        mark_before,
        log_before,
        position_before,
        _original: (directory, store),
    }
}

/// The store is refused, and nothing has changed.
#[track_caller]
fn refused(copy: &Copy) -> Damage {
    let before = copy.bytes();
    let error = SqliteStore::open(copy.path()).unwrap_err();
    assert_eq!(
        copy.bytes().keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
    assert!(copy.bytes() == before, "a refused directory is as it was");
    match error {
        OpenError::Damaged(damage) => *damage,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_torn_last_record_is_dropped_with_a_word() {
    let killed = killed().await;
    let log = killed.copy.read(LOG);
    let cut = log.len() - 100;
    killed.copy.write(LOG, &log[..cut]);
    killed.copy.write(MARK, &killed.mark_before);

    let store = SqliteStore::open(killed.copy.path()).unwrap();
    let dropped = store.recovery().dropped.clone().unwrap();
    assert!(!store.recovery().unmarked);
    assert_eq!(dropped.file, killed.copy.file(LOG));
    assert_eq!(dropped.offset, killed.log_before);
    assert_eq!(dropped.bytes, cut as u64 - killed.log_before);
    assert_eq!(dropped.last_position, killed.position_before);
    assert_eq!(dropped.acknowledged, Some(killed.position_before));
    let text = dropped.to_string();
    for part in [
        format!(
            "{}: dropped {} bytes",
            dropped.file.display(),
            dropped.bytes
        ),
        format!("from offset {}", dropped.offset),
        "nothing acknowledged was in them".into(),
        format!("acknowledged event has position {}", killed.position_before),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert_eq!(store.last_position().await.unwrap(), killed.position_before);
    // It goes on as if the torn commit had never been begun.
    store.append(history::append(3, 1)).await.unwrap();
    let appends = history::appends(&store).await.unwrap();
    assert_eq!(appends, [(0, 4), (1, 4), (2, 4), (3, 1)].into());
    store.close().await.unwrap();
    let store = SqliteStore::open(killed.copy.path()).unwrap();
    assert_eq!(store.recovery(), &Default::default());
    assert_eq!(history::appends(&store).await.unwrap(), appends);
}

#[tokio::test]
async fn the_same_cut_is_damage_if_the_commit_was_acknowledged() {
    let killed = killed().await;
    let log = killed.copy.read(LOG);
    let torn_frame = log.len() - FRAME;
    let missing = killed.position_before + 1..=killed.last_position;
    for cut in [log.len() - 100, log.len() - FRAME + 3] {
        killed.copy.write(LOG, &log[..cut]);
        let damage = refused(&killed.copy);
        assert_eq!(damage.file, killed.copy.file(LOG));
        assert_eq!(damage.offset, Some(torn_frame as u64));
        assert_eq!(damage.missing, Some(missing.clone()));
        let text = damage.to_string();
        for part in [
            format!("{LOG} is damaged at offset {torn_frame}"),
            format!("positions {} to {}", missing.start(), missing.end()),
            "Nothing was changed".into(),
            format!("delete {MARK}"),
        ] {
            assert!(text.contains(&part), "{part}: {text}");
        }
    }
    // A whole frame less looks like a log that was never longer.
    killed.copy.write(LOG, &log[..killed.log_before as usize]);
    let damage = refused(&killed.copy);
    assert_eq!(damage.offset, Some(killed.log_before));
    assert_eq!(damage.missing, Some(missing));
    // As the message says.
    killed.copy.remove(MARK);
    let store = SqliteStore::open(killed.copy.path()).unwrap();
    assert!(store.recovery().unmarked);
    assert_eq!(store.recovery().dropped, None);
    history::appends(&store).await.unwrap();
}

#[tokio::test]
async fn any_changed_byte_is_noticed_or_does_not_matter() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    history::write(&store, 1..=4).await;
    // Begins the log anew, over what is in it.
    Connection::open(directory.path().join(DATABASE))
        .unwrap()
        .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
        .unwrap();
    let position_before = history::write(&store, 5..=5).await;
    let mark_before = fs::read(directory.path().join(MARK)).unwrap();
    let position = history::write(&store, 6..=6).await;
    let whole = history::appends(&store).await.unwrap();

    let mut copy = Copy::of(directory.path());
    let (log, mark) = (copy.read(LOG), copy.read(MARK));
    let in_header = (0..HEADER).step_by(5);
    let in_frames = (HEADER..log.len()).step_by(997);
    let in_frame_headers = (HEADER..log.len())
        .step_by(FRAME)
        .flat_map(|frame| [3, 7, 9, 14, 17, 22].map(|byte| frame + byte));
    let (mut opened, mut seen) = (0, 0);
    for byte in in_header.chain(in_frames).chain(in_frame_headers) {
        let mut damaged = log.clone();
        damaged[byte] ^= 0x20;
        copy.write(LOG, &damaged);
        let frame = match byte {
            ..HEADER => 0,
            _ => byte - (byte - HEADER) % FRAME,
        };
        seen += 1;
        match SqliteStore::open(copy.path()) {
            Ok(store) => {
                opened += 1;
                assert_eq!(
                    history::appends(&store).await.unwrap(),
                    whole,
                    "byte {byte}"
                );
                store.close().await.unwrap();
                copy = Copy::of(directory.path());
            }
            Err(_) => {
                let damage = refused(&copy);
                assert_eq!(damage.file, copy.file(LOG));
                let offset = damage.offset.unwrap();
                assert!(offset <= frame as u64, "byte {byte}: {damage}");
            }
        }
        if byte % 4 != 1 {
            continue;
        }
        // A mark that does not know the last commits, as after a power failure: all that it knows is there.
        copy.write(LOG, &damaged);
        copy.write(MARK, &mark_before);
        match SqliteStore::open(copy.path()) {
            Ok(store) => {
                assert!(store.last_position().await.unwrap() >= position_before);
                history::appends(&store).await.unwrap();
                store.close().await.unwrap();
                copy = Copy::of(directory.path());
            }
            Err(_) => {
                refused(&copy);
                copy.write(MARK, &mark);
            }
        }
    }
    assert!(opened > 0 && opened < seen, "{opened} of {seen}");
    assert!(position > position_before);
}

#[tokio::test]
async fn damage_before_later_commits_needs_no_mark_to_be_seen_but_its_absence_to_go_on() {
    let killed = killed().await;
    let mut log = killed.copy.read(LOG);
    // Half way, with a mark that was never written after the store was opened.
    let byte = HEADER + (log.len() / 2 - HEADER) / FRAME * FRAME + 300;
    log[byte] ^= 1;
    killed.copy.write(LOG, &log);
    let empty = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(empty.path()).unwrap());
    killed
        .copy
        .write(MARK, &fs::read(empty.path().join(MARK)).unwrap());
    let damage = refused(&killed.copy);
    assert_eq!(damage.missing, None);
    assert!(damage.offset.unwrap() as usize <= byte);

    killed.copy.remove(MARK);
    let store = SqliteStore::open(killed.copy.path()).unwrap();
    assert!(store.recovery().unmarked);
    let dropped = store.recovery().dropped.clone().unwrap();
    assert_eq!(dropped.acknowledged, None);
    assert_eq!(dropped.offset + dropped.bytes, log.len() as u64);
    let text = dropped.to_string();
    assert!(text.contains("is not known"), "{text}");
    let appends = history::appends(&store).await.unwrap();
    assert!(appends[&0] < 4, "{appends:?}");
}

#[tokio::test]
async fn parts_of_a_damaged_log_that_were_moved_already_are_not_mixed_with_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let operator = Connection::open(directory.path().join(DATABASE)).unwrap();
    let checkpoint = |mode| {
        operator
            .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
            .unwrap();
    };
    for entity in 0..3 {
        history::write_at_once(&store, entity, 1..=300).await;
    }
    checkpoint("RESTART");
    // These write to other pages than the last one, which has a snapshot.
    history::write_at_once(&store, 0, 301..=302).await;
    history::write_at_once(&store, 1, 301..=302).await;
    history::write_at_once(&store, 2, 301..=303).await;
    // Moves everything, and leaves the log as it is.
    checkpoint("PASSIVE");
    let copy = Copy::of(directory.path());
    files::flip(&copy.file(LOG), &history::text(2, 301, 1));
    refused(&copy);
    copy.remove(MARK);
    let damage = refused(&copy);
    assert_eq!(damage.file, copy.file(DATABASE));
    assert!(damage.detail.contains("not consistent"), "{damage}");
    assert!(damage.expendable.is_empty(), "{damage}");
    // Everything is in the database: without the log nothing is missing.
    copy.remove(LOG);
    let store = SqliteStore::open(copy.path()).unwrap();
    assert_eq!(
        history::appends(&store).await.unwrap(),
        [(0, 302), (1, 302), (2, 303)].into()
    );
}

#[tokio::test]
async fn a_missing_file_is_damage_until_the_mark_goes() {
    let killed = killed().await;
    let whole = killed.copy.bytes();
    let all = 1..=killed.last_position;
    for (gone, emptied, file, expendable) in [
        (Some(LOG), None, LOG, &[MARK][..]),
        (None, Some(LOG), LOG, &[MARK]),
        (Some(DATABASE), None, DATABASE, &[MARK, LOG]),
        (None, Some(DATABASE), DATABASE, &[MARK, LOG]),
    ] {
        for (name, bytes) in &whole {
            killed.copy.write(name, bytes);
        }
        if let Some(name) = gone {
            killed.copy.remove(name);
        }
        if let Some(name) = emptied {
            killed.copy.write(name, b"");
        }
        let damage = refused(&killed.copy);
        assert_eq!(damage.file, killed.copy.file(file), "{damage}");
        assert_eq!(damage.missing, Some(all.clone()), "{damage}");
        assert_eq!(damage.expendable, expendable, "{damage}");
        let text = damage.to_string();
        let advice = format!("delete {}", expendable.join(" and "));
        assert!(text.contains(&advice), "{text}");

        // A log without its database is not given up in silence either.
        if file == DATABASE {
            killed.copy.remove(MARK);
            assert_eq!(refused(&killed.copy).expendable, expendable);
            killed.copy.remove(LOG);
        } else {
            killed.copy.remove(MARK);
        }
        let store = SqliteStore::open(killed.copy.path()).unwrap();
        assert_eq!(store.last_position().await.unwrap(), 0);
        store.append(history::append(0, 1)).await.unwrap();
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_store_without_mark_opens_and_says_so() {
    let killed = killed().await;
    killed.copy.remove(MARK);
    let store = SqliteStore::open(killed.copy.path()).unwrap();
    assert!(store.recovery().unmarked);
    assert_eq!(store.recovery().dropped, None);
    assert_eq!(store.last_position().await.unwrap(), killed.last_position);
    store.close().await.unwrap();
    // There is a mark again.
    let store = SqliteStore::open(killed.copy.path()).unwrap();
    assert!(!store.recovery().unmarked);
}

#[tokio::test]
async fn a_mark_of_which_nothing_can_be_read_is_damage() {
    let killed = killed().await;
    let mut mark = killed.copy.read(MARK);
    // One of its two records is enough.
    mark[3] ^= 1;
    killed.copy.write(MARK, &mark);
    let store = SqliteStore::open(killed.copy.path()).unwrap();
    assert!(!store.recovery().unmarked);
    store.close().await.unwrap();
    for byte in [3, 4096 + 3] {
        mark = killed.copy.read(MARK);
        mark[byte] ^= 1;
        killed.copy.write(MARK, &mark);
    }
    let damage = refused(&killed.copy);
    assert_eq!(damage.file, killed.copy.file(MARK));
    assert_eq!(damage.expendable, [MARK]);
}
