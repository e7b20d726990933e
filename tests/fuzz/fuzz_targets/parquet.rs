//! Parquet; what is checked stands in `tests/parquet/target.rs`.
#![no_main]

#[path = "../../tests/parquet/target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::parquet(data));
