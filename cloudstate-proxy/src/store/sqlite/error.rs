//! What SQLite's errors mean for a store.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use super::Damage;
use crate::store::{OpenError, StoreError};

/// Of an error while the store is opened.
pub(super) fn open_error(file: &Path, error: &Error) -> OpenError {
    let (file, reason) = (file.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotAJournal {
            file,
            detail: reason,
        },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged(Box::new(Damage {
            file,
            offset: None,
            detail: reason,
            missing: None,
            expendable: &[],
        })),
        _ => OpenError::Engine { file, reason },
    }
}

/// Of an error while the store is used.
pub(super) fn store_error(file: &Path, error: &Error) -> StoreError {
    match error.sqlite_error_code() {
        // The writer breaks no constraint, so that one that is broken shows rows that do not fit together.
        Some(
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation,
        ) => StoreError::Corrupt {
            file: file.to_owned(),
            detail: error.to_string(),
        },
        _ => StoreError::Unavailable {
            reason: format!("{}: {error}", file.display()),
        },
    }
}
