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
            missing_changes: 0,
            expendable: &[],
        })),
        _ => OpenError::Engine { file, reason },
    }
}

/// Of an error while the store is used.
pub(super) fn store_error(file: &Path, error: &Error) -> StoreError {
    if is_damage(error) {
        StoreError::Corrupt {
            file: file.to_owned(),
            detail: error.to_string(),
        }
    } else {
        StoreError::Unavailable {
            reason: format!("{}: {error}", file.display()),
        }
    }
}

/// Whether what is stored is not what was written.
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        // The writer breaks no constraint: rows do not fit together.
        Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation
        ),
        // What it wrote has other types, or what it asks for is not in the schema any more.
        Error::SqlInputError { .. }
        | Error::InvalidColumnType(..)
        | Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..) => true,
        _ => false,
    }
}
