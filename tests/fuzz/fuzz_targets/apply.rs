//! The file of `segue apply`; what is checked stands in `infra/cli/tests/replay/target.rs`.
#![no_main]

#[path = "../../../infra/cli/tests/replay/target.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::apply(data));
