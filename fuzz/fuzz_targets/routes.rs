//! The target `routes`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudstate_fuzz::run("routes", data));
