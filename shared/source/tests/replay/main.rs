//! Replays what the reader's fuzz targets were fed with.

mod packed;
#[path = "../../../../tests/fuzz/replay.rs"]
mod replay;
mod targets;

use replay::replay;

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

#[test]
fn packed() {
    replay("packed", packed::packed);
}
