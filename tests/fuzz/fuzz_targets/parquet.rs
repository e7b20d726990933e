//! Parquet; what is checked stands in `shared/source/tests/parquet/target.rs`.
#![no_main]

#[path = "../../../shared/source/tests/parquet/target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::parquet(data));
