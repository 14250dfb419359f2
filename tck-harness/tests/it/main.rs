//! The harness against services that do right, and against services that do wrong.
#![expect(
    clippy::unwrap_used,
    reason = "a test's way to fail; clippy knows only the functions that carry #[test]"
)]

mod clients;
mod meddler;
mod metrics;
mod model_service;
mod other_languages;
mod own_services;
mod process;
mod program;
mod proxied;
mod rejections;
mod robustness;
mod verdicts;
mod wrong_front_end;

use std::path::Path;

/// The model services of this project.
fn tck_service() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tck-service"))
}
