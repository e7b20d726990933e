//! Chunks; what is checked stands in `shared/segment/tests/replay/target.rs`.
#![no_main]

#[path = "../../../shared/segment/tests/replay/target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::chunk(data));
