//! What fuzzing needs of the inside. It is for the targets in `fuzz/`, and may change with what they test.

pub use crate::frontend::fuzzing::{grpc_messages, grpc_timeout};
pub use crate::store::fuzzing::{WalScan, mark_encoded, mark_position, wal_scan};
