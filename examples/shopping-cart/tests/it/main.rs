//! The shopping cart from outside: real processes, real clients, real files, and what happens when they break.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod bad_input;
mod bad_settings;
mod bad_store;
mod browser;
mod crash;
mod damaged_journal;
mod health;
mod logs;
mod readme;
mod support;
mod tls;
mod tour;
mod two_processes;
