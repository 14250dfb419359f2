//! The SQLite journal and everything that can happen to its files: torn writes, changed bytes, missing files, other
//! processes, a full disk, a kill at any moment.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "store_damage/child.rs"]
mod child;
#[path = "store_damage/crash.rs"]
mod crash;
#[path = "store_damage/database.rs"]
mod database;
#[path = "store_damage/directory.rs"]
mod directory;
#[path = "store_damage/files.rs"]
mod files;
#[path = "store_damage/full_disk.rs"]
mod full_disk;
#[path = "store_damage/history.rs"]
mod history;
#[path = "store_damage/index.rs"]
mod index;
#[path = "store_damage/log.rs"]
mod log;
#[path = "store_damage/pages.rs"]
mod pages;
#[path = "store_damage/values.rs"]
mod values;
