//! Why a service does not start, or stops.

use std::{fmt, io};

use cloudstate_process::BadSetting;
use prost::DecodeError;

/// What [`run`](crate::run) and the methods of [`Cloudstate`](crate::Cloudstate) return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a service did not start, or stopped.
///
/// Returned from `main` it prints its text, causes included, and the process ends with exit code 1.
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Kind);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error(
        "nothing is registered: write `#[event_sourced_entity(..)]`, or the attribute of another kind, above a struct, and \
         `use my_entities as _;` in this program if it is in another crate"
    )]
    NoEntities,
    #[error(
        "two types on service {service}: {first} ({first_source}) and {second} ({second_source}); one service belongs to \
         one entity or action"
    )]
    SharedService {
        service: &'static str,
        first: &'static str,
        first_source: String,
        second: &'static str,
        second_source: String,
    },
    #[error(
        "two entities with persistence_id {persistence_id:?}: {first} ({first_source}) and {second} ({second_source}); \
         they would read each other's events, so give each its own"
    )]
    SharedPersistenceId {
        persistence_id: &'static str,
        first: &'static str,
        first_source: String,
        second: &'static str,
        second_source: String,
    },
    #[error("the descriptor set of service {service} ({entity}, {source_location}) cannot be read")]
    Descriptors {
        service: &'static str,
        entity: &'static str,
        source_location: String,
        source: DecodeError,
    },
    #[error(
        "service {service} ({entity}, {source_location}) is in a `.proto` file with the same import path as another \
         entity's, but other contents; rename one of the two files"
    )]
    ShadowedFile {
        service: &'static str,
        entity: &'static str,
        source_location: String,
    },
    #[error(transparent)]
    Setting(#[from] BadSetting),
    #[error("cannot listen on {host}:{port} (HOST, PORT)")]
    Bind {
        host: String,
        port: u16,
        source: io::Error,
    },
    #[error("the protocol server failed")]
    Serve(#[source] tonic::transport::Error),
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Start(cloudstate_proxy::StartError),
    #[cfg(feature = "embedded")]
    #[error("the store was not closed in good order")]
    Stop(#[source] cloudstate_proxy::store::StoreError),
}

impl Error {
    /// The setting that is to blame, if nothing was bound because of one.
    pub(crate) fn bad_setting(&self) -> Option<&BadSetting> {
        match &self.0 {
            Kind::Setting(setting) => Some(setting),
            #[cfg(feature = "embedded")]
            Kind::Start(cloudstate_proxy::StartError::Setting(setting)) => Some(setting),
            _ => None,
        }
    }
}

impl fmt::Debug for Error {
    /// The text and its causes in one line: this is what Rust prints when `main` returns an error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
