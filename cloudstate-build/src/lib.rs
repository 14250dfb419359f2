//! Compiles a service's `.proto` files from `build.rs`, in pure Rust: there is no `protoc` to install.
//!
//! ```no_run
//! // build.rs
//! fn main() -> Result<(), cloudstate_build::Error> {
//!     cloudstate_build::compile(&["proto/shoppingcart.proto"])
//! }
//! ```
//!
//! The crate then includes a package by its name, with
//! `mod pb { cloudstate::include_proto!("com.example.shoppingcart"); }`, and finds in `pb`
//!
//! - every message and enum of the package, as [prost](https://docs.rs/prost) has them: `pb::AddLineItem`. Fields of
//!   type `bytes` are `bytes::Bytes`, maps are `BTreeMap` (their encoding is the same every time), `google.protobuf.Any`
//!   is `cloudstate::Any` and `google.protobuf.Empty` is `()`;
//! - a type per service, such as `pb::ShoppingCart`, which implements `cloudstate::Service` and carries the descriptor
//!   set with every option in it;
//! - a type per rpc, which implements `cloudstate::Rpc`: `pb::rpc::shopping_cart::AddItem`, also reachable as
//!   `pb::ShoppingCart::AddItem` and, where no other service of the package has an rpc of that name, as
//!   `pb::rpc::AddItem`;
//! - its sub-packages as modules: `com.example.shoppingcart.persistence` is `pb::persistence`.
//!
//! The crate needs `cloudstate` and `prost` as dependencies, no others.
//!
//! # Imports
//!
//! `google/protobuf/*.proto`, `google/api/{annotations,http,httpbody}.proto` and `cloudstate/*.proto` are built in.
//! A file of the same name in an include path takes precedence.
//!
//! # Packages that refer to each other
//!
//! Modules nest as packages do. Where a package refers to one that it does not contain, include a package that
//! contains both, so that the paths between them hold. There is a file for every such package, even if no `.proto`
//! declares it: with `com.example.cart` and `com.example.money`, `include_proto!("com.example")` gives `pb::cart` and
//! `pb::money`. The root, and messages without a package, are `include_proto!("_")`.
//!
//! Compile all files in one call; a second call that generates the same package replaces the first one's output.

mod comments;
mod config;
mod conversions;
mod error;
mod messages;
mod names;
mod packages;
mod services;
mod sources;

use std::path::Path;

pub use config::Config;
pub use error::Error;

/// Compiles `files` with the default settings; short for `configure().compile(files)`.
///
/// Paths are relative to the package's directory. Imports are looked up in its `proto` directory, if there is one, and
/// in the directory of each file.
///
/// # Errors
/// A file is missing or is not valid; the error's text has file, line and column.
pub fn compile(files: &[impl AsRef<Path>]) -> Result<(), Error> {
    configure().compile(files)
}

/// Settings to change before [`Config::compile`].
pub fn configure() -> Config {
    Config::default()
}
