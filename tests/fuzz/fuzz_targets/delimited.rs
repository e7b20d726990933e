//! Delimited text; what is checked stands in `tests/replay/targets.rs`.
#![no_main]
#![allow(dead_code, reason = "the targets share a file")]

#[path = "../../tests/replay/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::delimited(data));
