//! What makes a well-behaved process of a Cloudstate program, be it a service or the proxy.
//!
//! A program says what it is ([`Program`]) and what can be set ([`clap::Args`], with parsers from [`value`]). Then
//! [`Program::begin`] gives it its settings, or the exit code to end with, and [`until_stopped`] runs it until it is told
//! to stop:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use cloudstate_process::{Program, until_stopped, value};
//!
//! #[derive(clap::Args)]
//! struct Settings {
//!     /// Port on which clients are served; 0 picks a free one.
//!     #[arg(long, env = "HTTP_PORT", default_value = "9000", value_parser = value::port)]
//!     http_port: u16,
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> ExitCode {
//!     let program = Program {
//!         name: "shop".into(),
//!         version: "1.2.3".into(),
//!         about: "Serves com.example.Shop.".into(),
//!         examples: vec![("shop --http-port 0".into(), "serve on a free port".into())],
//!     };
//!     let settings: Settings = match program.begin() {
//!         Ok(settings) => settings,
//!         Err(code) => return code.into(),
//!     };
//!     until_stopped(|signal| async move {
//!         println!("would serve on port {}", settings.http_port);
//!         signal.await;
//!     })
//!     .await;
//!     ExitCode::SUCCESS
//! }
//! ```
//!
//! stdout holds only what a person or a program waits for ([`announce`]); the log goes to stderr.

mod announcement;
mod command_line;
mod logging;
#[cfg(unix)]
mod open_files;
mod shutdown;
mod stopping;
pub mod value;

pub use announcement::announce;
pub use command_line::{BadSetting, NoSettings, Program};
pub use shutdown::{shutdown_signal, until_stopped};
pub use stopping::{Stopped, Stopping};

/// Exit code of a process that has a bad setting: `EX_CONFIG` of BSD's sysexits.
pub const BAD_SETTING: u8 = 78;
