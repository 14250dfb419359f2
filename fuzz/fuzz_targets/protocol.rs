//! The target `protocol`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cloudstate_fuzz::run("protocol", data));
