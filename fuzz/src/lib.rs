//! What reads bytes that others wrote, fed with bytes that nobody would write.
//!
//! A target is a function of some bytes that panics if what it tests is wrong. Not to panic is the least: whatever is
//! accepted has to be what a second, plainer reader makes of it, or come back as it was. libFuzzer drives the targets for as
//! long as one likes (`README.md`); the tests replay the corpus and what becomes of it by seeded mutation.

mod crdt;
mod framing;
mod journal;
mod json;
pub mod mutation;
mod protocol;
mod recovery;
mod routes;
mod schema;
mod wire;

/// A function that panics if the bytes lead to something wrong.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus and of its program.
pub const TARGETS: [(&str, Target); 10] = [
    ("json", json::target),
    ("routes", routes::requests),
    ("templates", routes::templates),
    ("wire", wire::target),
    ("framing", framing::target),
    ("protocol", protocol::target),
    ("crdt_stored", crdt::stored),
    ("crdt_deltas", crdt::deltas),
    ("recovery", recovery::target),
    ("journal", journal::target),
];

/// Runs the target of this name.
///
/// # Panics
/// There is none, or what it tests is wrong.
pub fn run(name: &str, data: &[u8]) {
    match TARGETS.iter().find(|(target, _)| *target == name) {
        Some((_, target)) => target(data),
        None => panic!("no target is named {name}"),
    }
}
