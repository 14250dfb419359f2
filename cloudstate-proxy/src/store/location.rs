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

    /// Reads `memory`, `file:DIRECTORY`, a URL such as `file:///var/lib/cart`, or a directory.
    fn from_str(text: &str) -> Result<Self, String> {
        const INSTEAD: &str = "write `memory`, a directory, or `file:DIRECTORY`";
        if text == "memory" {
            return Ok(Self::Memory);
        }
        let directory = match text.split_once("://") {
            // A URL has a host before the path, which may be empty.
            Some(("file", path)) if path.starts_with('/') => path,
            Some(("file", _)) => return Err(format!("`{text}` names a host; {INSTEAD}")),
            Some((scheme @ ("postgres" | "postgresql" | "nats"), _)) => {
                return Err(format!(
                    "a store at `{scheme}://` is planned and not there yet; {INSTEAD}"
                ));
            }
            Some((scheme, _)) => {
                return Err(format!("there is no store for `{scheme}://`; {INSTEAD}"));
            }
            None => text.strip_prefix("file:").unwrap_or(text),
        };
        if directory.is_empty() {
            return Err(format!("the directory is missing; {INSTEAD}"));
        }
        Ok(Self::Directory(directory.into()))
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
        for directory in ["/var/lib/x", "file:/var/lib/x", "file:///var/lib/x"] {
            assert_eq!(
                directory.parse(),
                Ok(StoreLocation::Directory("/var/lib/x".into()))
            );
        }
        for (bad, reason) in [
            ("", "missing"),
            ("file:", "missing"),
            ("file://host/x", "host"),
            ("postgres://host/db", "planned"),
            ("nats://host", "planned"),
            ("s3://bucket", "no store"),
        ] {
            let error = bad.parse::<StoreLocation>().unwrap_err();
            assert!(error.contains(reason), "{bad}: {error}");
            assert!(error.contains("write `memory`"), "{bad}: {error}");
        }
    }
}
