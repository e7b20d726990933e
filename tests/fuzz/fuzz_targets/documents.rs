//! Configuration and messages; what is checked stands in `shared/state/tests/replay/target.rs`.
#![no_main]

#[path = "../../../shared/state/tests/replay/target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::documents(data));
