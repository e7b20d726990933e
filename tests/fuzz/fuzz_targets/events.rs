//! What fan-out is invoked with, and manifests; what is checked stands in `functions/fan-out/tests/replay/target.rs`.
#![no_main]

#[path = "../../../functions/fan-out/tests/replay/target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::events(data));
