//! What a person reads when the proxy is up.

use std::{fmt::Write, net::SocketAddr};

use crate::catalog::Catalog;

/// What is served, where, from which store.
pub(crate) fn text(catalog: &Catalog, name: &str, address: SocketAddr, store: &str) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{name} {address} {store} {}", catalog.services.len());
    text
}
