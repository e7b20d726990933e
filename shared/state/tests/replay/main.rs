//! Replays what the fuzz target `documents` was fed with.

#[path = "../../../../tests/fuzz/replay.rs"]
mod replay;
mod target;

#[test]
fn documents() {
    replay::replay("documents", target::documents);
}
