//! Benchmarks of this project, each beside its limit, measured in the same run.
//!
//! Nothing depends on this package. `README.md` says what each scenario compares and how to read its figures.
//!
//! The servers are processes of their own: the shopping cart as users run it, and [`echo`], which answers the same
//! contracts from nothing. The load comes from the benchmark's process. So the processor time of either side is known
//! apart.

pub mod closed_loop;
pub mod commits;
pub mod disk;
pub mod echo;
pub mod error;
pub mod figures;
pub mod http2;
pub mod http_json;
pub mod journal;
pub mod live;
pub mod load;
pub mod open_loop;
pub mod page;
pub mod plan;
pub mod plot;
pub mod process;
pub mod program;
pub mod protocol;
pub mod replicated;
pub mod report;
pub mod results;
pub mod scenario;
pub mod server;
pub mod streams;
pub mod workload;

pub use error::Error;

/// The shopping cart's messages, client and server, as tonic generates them.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
pub mod pb {
    tonic::include_proto!("grpc/com.example.shoppingcart");

    /// What a cart stores.
    pub mod persistence {
        tonic::include_proto!("grpc/com.example.shoppingcart.persistence");
    }
}

/// Texts: an action with an rpc of each shape.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
pub mod texts {
    tonic::include_proto!("grpc/com.example.texts");
}

/// Polls: replicated maps of counters.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
pub mod votes {
    tonic::include_proto!("grpc/com.example.votes");
}

/// Sets of tags: replicated sets.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
pub mod tags {
    tonic::include_proto!("grpc/com.example.tags");
}
