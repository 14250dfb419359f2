//! The Cloudstate protocol 0.2 on the wire: the `.proto` files, the types generated from them, and the `Any` convention.
//!
//! This crate knows no other crate of the workspace. User functions and proxies meet here and nowhere else.
//!
//! # Features
//!
//! - `types`: the messages, and [`Any`] with its codec.
//! - `grpc` (default): also the tonic clients and servers of the four protocol services and of discovery.
//! - none: only [`protos`], the texts of the `.proto` files, for build scripts.

pub mod protos;

#[cfg(feature = "types")]
pub mod any;
#[cfg(feature = "grpc")]
pub mod codec;
#[cfg(feature = "types")]
mod generated;
#[cfg(feature = "types")]
pub mod version;

#[cfg(feature = "types")]
pub use any::Any;
#[cfg(feature = "types")]
pub use bytestring::ByteString;
#[cfg(feature = "types")]
pub use generated::{cloudstate, google};

/// A serialized `google.protobuf.FileDescriptorSet` of every file in [`protos`] and of what they import.
///
/// Read it with a reader that keeps extensions (`prost_reflect::DescriptorPool::decode`); decoding it into
/// `prost_types` drops the custom options.
#[cfg(feature = "types")]
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptors.bin");
