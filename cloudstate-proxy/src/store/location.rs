//! Where a store is, as a setting says it.

use std::{fmt, path::PathBuf, str::FromStr};

/// Which engine, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// In memory: gone with the process.
    Memory,
    /// SQLite in a directory, which is made if it is not there.
    Directory(PathBuf),
}

impl FromStr for StoreLocation {
    type Err = String;

    /// Reads `memory`, `file:DIRECTORY` or a directory.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!(
                "`{scheme}://` is not supported by this release; write `memory`, a directory, or `file:DIRECTORY`"
            ));
        }
        match text.strip_prefix("file:").unwrap_or(text) {
            "" => Err(
                "the directory is missing; write `memory`, a directory, or `file:DIRECTORY`".into(),
            ),
            directory => Ok(Self::Directory(directory.into())),
        }
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Directory(directory) => directory.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StoreLocation;

    #[test]
    fn locations_are_read() {
        assert_eq!("memory".parse(), Ok(StoreLocation::Memory));
        assert_eq!(
            "./data".parse(),
            Ok(StoreLocation::Directory("./data".into()))
        );
        assert_eq!(
            "file:/var/lib/x".parse(),
            Ok(StoreLocation::Directory("/var/lib/x".into()))
        );
        for bad in ["", "file:", "postgres://host/db", "nats://host"] {
            assert!(bad.parse::<StoreLocation>().is_err(), "{bad}");
        }
    }
}
