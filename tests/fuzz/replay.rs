//! Replays what a fuzz target was fed with, on any toolchain. The tests of the crates include it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing file is named")]

use std::path::Path;

/// Hands everything in the corpus `name` to `target`.
pub(crate) fn replay(name: &str, target: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder = root.join("tests/fuzz/corpus").join(name);
    let mut files = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        target(&std::fs::read(&path).unwrap());
        files += 1;
    }
    assert!(files > 0, "{} has files", folder.display());
}
