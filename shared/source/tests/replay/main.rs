//! Replays what the fuzz targets of `fuzz/` were fed with, on any toolchain.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failing file is named")]

mod targets;

use std::path::Path;

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        target(&std::fs::read(&path).unwrap());
        files += 1;
    }
    assert!(files > 0, "{} has files", folder.display());
}

#[test]
fn delimited() {
    replay("delimited", targets::delimited);
}

#[test]
fn json() {
    replay("json", targets::json);
}

#[test]
fn file() {
    replay("file", targets::file);
}
