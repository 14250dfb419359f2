//! One process per directory.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::Path,
};

use super::sync_directory;
use crate::store::OpenError;

/// Holds the directory until it is dropped, or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Makes the directory if it is not there, and takes it.
    pub(super) fn acquire(directory: &Path) -> Result<Self, OpenError> {
        let io = |path: &Path, doing| {
            let path = path.to_owned();
            move |source| OpenError::Io {
                path,
                doing,
                source,
            }
        };
        make(directory).map_err(io(directory, "make the directory"))?;
        let path = directory.join("lock");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io(&path, "open for writing"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let owner = file
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| text.trim().parse().ok());
                return Err(OpenError::InUse {
                    directory: directory.to_owned(),
                    owner,
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(&path, "lock")(source)),
        }
        file.set_len(0).map_err(io(&path, "write"))?;
        writeln!(file, "{}", std::process::id()).map_err(io(&path, "write"))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is being started has it too, until it runs its own program.
        let _ = self.file.unlock();
    }
}

/// Makes a directory and those above it, such that they are still there after a power failure.
fn make(directory: &Path) -> io::Result<()> {
    let new: Vec<&Path> = directory
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .collect();
    fs::create_dir_all(directory)?;
    for parent in new.iter().filter_map(|path| path.parent()) {
        sync_directory(parent)?;
    }
    Ok(())
}
