//! The target `crdt_stored`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudstate_fuzz::run("crdt_stored", data));
