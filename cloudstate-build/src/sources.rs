//! Where `.proto` files come from: include paths first, then the files that are built in.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    rc::Rc,
};

use cloudstate_protocol::protos;
use protox::{
    Error,
    file::{File, FileResolver, GoogleFileResolver, IncludeFileResolver},
};

/// Finds files by the name that an `import` has, and remembers which ones it read from disk.
#[derive(Clone)]
pub(crate) struct Sources {
    includes: Vec<PathBuf>,
    read: Rc<RefCell<BTreeMap<String, PathBuf>>>,
}

impl Sources {
    pub(crate) fn new(includes: Vec<PathBuf>) -> Self {
        Self {
            includes,
            read: Rc::default(),
        }
    }

    pub(crate) fn includes(&self) -> &[PathBuf] {
        &self.includes
    }

    /// Every file that was read from disk, also those that turned out to be broken.
    pub(crate) fn read(&self) -> Vec<PathBuf> {
        self.read.borrow().values().cloned().collect()
    }

    /// The path that people know a file by; its import name, if it is built in.
    pub(crate) fn path(&self, name: &str) -> String {
        self.read
            .borrow()
            .get(name)
            .map_or_else(|| name.to_owned(), |path| path.display().to_string())
    }

    /// The text of a file that was opened before.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.read.borrow().get(name) {
            Some(path) => fs::read_to_string(path).ok(),
            None => protos::find(name).map(str::to_owned),
        }
    }
}

impl FileResolver for Sources {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        self.includes
            .iter()
            .find_map(|include| IncludeFileResolver::new(include.clone()).resolve_path(path))
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        for include in &self.includes {
            let path = include.join(name);
            match File::open(name, &path) {
                Err(error) if error.is_file_not_found() => {}
                outcome => {
                    self.read.borrow_mut().insert(name.to_owned(), path);
                    return outcome;
                }
            }
        }
        match protos::find(name) {
            Some(text) => File::from_source(name, text),
            None => GoogleFileResolver::new().open_file(name),
        }
    }
}
