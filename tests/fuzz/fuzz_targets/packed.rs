//! What was compressed, and what unpacks to too much; what is checked stands in `shared/source/tests/replay/packed.rs`.
#![no_main]

#[path = "../../../shared/source/tests/replay/packed.rs"]
mod packed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| packed::packed(data));
