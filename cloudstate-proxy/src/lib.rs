//! The Cloudstate proxy: serves user functions written in any language over gRPC and HTTP/JSON.

pub mod transcoding;
pub mod wire;
