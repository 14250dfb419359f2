//! The target `crdt_deltas`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudstate_fuzz::run("crdt_deltas", data));
