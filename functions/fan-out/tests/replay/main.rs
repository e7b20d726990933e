//! Replays what the fuzz target `events` was fed with.

#[path = "../../../../tests/fuzz/replay.rs"]
mod replay;
mod target;

#[test]
fn events() {
    replay::replay("events", target::events);
}
