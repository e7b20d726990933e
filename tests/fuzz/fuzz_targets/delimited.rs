//! Delimited text; what is checked stands in `shared/source/tests/replay/targets.rs`.
#![no_main]
#![allow(dead_code, reason = "the targets share a file")]

#[path = "../../../shared/source/tests/replay/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::delimited(data));
