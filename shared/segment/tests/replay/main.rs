//! Replays what the fuzz target `chunk` was fed with.

#[path = "../../../../tests/fuzz/replay.rs"]
mod replay;
mod target;

#[test]
fn chunk() {
    replay::replay("chunk", target::chunk);
}
