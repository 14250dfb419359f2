//! What can go wrong with a benchmark.

use std::{io, path::PathBuf};

use tonic::Status;

use crate::server::Server;

/// Why a benchmark ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or process could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A program was not built.
    #[error("{0}; cargo says above why")]
    Build(String),
    /// A server did not start, or did not stop in order.
    #[error("{server} {happened}; its log {log} ends with:\n{tail}")]
    Server {
        /// Which server.
        server: String,
        /// What it did.
        happened: String,
        /// Where its stderr went.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// A server cannot be connected to.
    #[error("{server} cannot be connected to: {source}")]
    Connect {
        /// Which server.
        server: String,
        /// Why not.
        source: tonic::transport::Error,
    },
    /// A call failed. A figure over failing calls would mean nothing.
    #[error("a call to {server} failed: {status}")]
    Call {
        /// Which server.
        server: String,
        /// What it answered.
        status: Box<Status>,
    },
    /// A server answers something else than it should.
    #[error("{server} answered {got}, where {expected} was expected")]
    Answer {
        /// Which server.
        server: String,
        /// What came.
        got: String,
        /// What should have come.
        expected: String,
    },
    /// A server left calls unanswered.
    #[error(
        "{server} left calls unanswered for {seconds} s after the end of the measurement; is the machine overloaded?"
    )]
    Unanswered {
        /// Which server.
        server: String,
        /// How long the benchmark waited.
        seconds: u64,
    },
    /// A server that answers nothing.
    #[error("no call to {server} finished in {seconds} s; is the machine overloaded?")]
    NoCalls {
        /// Which server.
        server: String,
        /// How long it was waited for.
        seconds: f64,
    },
    /// A journal could not be written.
    #[error("the journal in {directory} could not be written: {reason}")]
    Journal {
        /// Where it should be.
        directory: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl Error {
    /// A call to `server` failed.
    pub fn call(server: &Server, status: Status) -> Self {
        Self::Call {
            server: server.name().to_owned(),
            status: Box::new(status),
        }
    }

    /// An error of the operating system, and what was attempted.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
