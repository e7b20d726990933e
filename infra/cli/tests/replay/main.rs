//! Replays what the fuzz target `apply` was fed with.

#[path = "../../../../tests/fuzz/replay.rs"]
mod replay;
mod target;

#[test]
fn apply() {
    replay::replay("apply", target::apply);
}
