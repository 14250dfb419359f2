//! Connections of a Cloudstate program: those it accepts ([`Acceptor`]) and those it dials ([`Connector`]), in plaintext or
//! by TLS.
//!
//! Certificates, keys and certificate authorities are PEM files, named by settings ([`ServerFiles`], [`ClientFiles`]). They
//! are checked before anything is bound, and read again when they change or the process gets SIGHUP; connections that are
//! open go on. What is reached from other machines without TLS is a question of [`Plaintext`].
//!
//! Without the feature `tls` everything is plaintext, and files that are set are refused.

mod acceptor;
mod connector;
mod exposure;
mod files;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "without_tls.rs"]
mod tls;

pub use acceptor::Acceptor;
pub use connector::Connector;
pub use exposure::{Listening, Plaintext};
pub use files::{ClientAuth, ClientFiles, FileSetting, ServerFiles};
pub use stream::Stream;
