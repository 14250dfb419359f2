//! The files of a store, outside of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

pub(crate) const DATABASE: &str = "journal.db";
pub(crate) const LOG: &str = "journal.db-wal";
pub(crate) const MARK: &str = "journal.mark";

/// A directory with copies of a store's files.
pub(crate) struct Copy(TempDir);

impl Copy {
    /// The files as they are at the moment, as a killed process would leave them if nothing writes meanwhile.
    ///
    /// If something does: the mark comes first, because it must not be newer than the rest. Then the database, then
    /// the log: pages that a checkpoint moves meanwhile are torn in the copy of the database, but they are in the log,
    /// which only grows; the other way round the database would have pages that are newer than the log. If the log
    /// was begun anew in between, pages are in neither copy; [`generation`] tells.
    pub(crate) fn of(directory: &Path) -> Self {
        let copy = tempfile::tempdir().unwrap();
        for name in [MARK, DATABASE, LOG] {
            let from = directory.join(name);
            if from.exists() {
                fs::copy(from, copy.path().join(name)).unwrap();
            }
        }
        Self(copy)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.file(name);
        // A new file: some file systems sync one that is truncated.
        let _ = fs::remove_file(&path);
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).unwrap();
    }

    /// Every file and its bytes. `lock` is left out: it is made by whoever tries.
    pub(crate) fn bytes(&self) -> BTreeMap<String, Vec<u8>> {
        fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "lock")
            .map(|name| (name.clone(), self.read(&name)))
            .collect()
    }
}

/// Changes every occurrence of `text` in a file.
pub(crate) fn flip(path: &Path, text: &str) {
    let mut bytes = fs::read(path).unwrap();
    let mut found = 0;
    for at in 0..bytes.len() - text.len() {
        if bytes[at..].starts_with(text.as_bytes()) {
            bytes[at + text.len() / 2] ^= 1;
            found += 1;
        }
    }
    assert!(found > 0, "{text} is not in {}", path.display());
    fs::write(path, bytes).unwrap();
}

/// Which use of the log this is: its salts, and nothing where there is no log.
pub(crate) fn generation(directory: &Path) -> Vec<u8> {
    let bytes = fs::read(directory.join(LOG)).unwrap_or_default();
    bytes.get(16..24).unwrap_or_default().to_vec()
}
