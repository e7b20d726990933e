//! What to do about a run, in one sentence for each state that a run can be in.

use segue_state::{Status, Summary};

use crate::stack::Stack;

/// What to do now.
#[must_use]
pub(crate) fn next(stack: &Stack, summary: &Summary) -> String {
    let Summary { export, run, status, counts, chunks, .. } = summary;
    let of_run = |command: &str| stack.command(&format!("run {command} {export} {run}"));
    let start = || stack.command(&format!("run start {export}"));
    match status {
        Status::Staging => format!("wait until its drop was read; watch it with: {}", of_run("watch")),
        Status::Delivering => {
            format!("wait: {}; or have no more of it sent: {}", of_run("watch"), of_run("cancel"))
        }
        Status::Completed if counts.rejected + counts.invalid > 0 => {
            format!("nothing has to be done; see which rows were refused with: {}", of_run("rejected"))
        }
        Status::Completed => "nothing has to be done".to_owned(),
        Status::Failed if *chunks == 0 => {
            format!("mend what the message says, then start a new run with: {}", start())
        }
        Status::Partial | Status::Failed => {
            format!(
                "mend what the message says, then send what failed once more with: {}; a changed export needs a new \
                 run: {}",
                of_run("retry"),
                start()
            )
        }
        Status::Cancelled => format!("nothing more of it is sent; start a new run with: {}", start()),
        Status::Superseded => {
            let list = stack.command(&format!("run list {export}"));
            format!("nothing has to be done: the newer drop's run took its place; see: {list}")
        }
        Status::Refused => {
            format!("nothing was sent; mend what the message says, then start a new run with: {}", start())
        }
    }
}

#[cfg(test)]
mod tests {
    use segue_state::summary;

    use super::super::tests::a_run;
    use super::*;

    #[test]
    fn every_state_has_one_sentence() {
        let stack = Stack::of("segue", &[]);
        let run = summary::staging(&a_run("20261122T163512Z-a"));
        let said = Status::ALL.map(|status| {
            let chunks = u32::from(status == Status::Partial);
            format!("{}: {}\n", status.name(), next(&stack, &Summary { status, chunks, ..run.clone() }))
        });
        insta::assert_snapshot!(said.concat(), @r"
        staging: wait until its drop was read; watch it with: segue run watch e 20261122T163512Z-a
        delivering: wait: segue run watch e 20261122T163512Z-a; or have no more of it sent: segue run cancel e 20261122T163512Z-a
        completed: nothing has to be done
        partial: mend what the message says, then send what failed once more with: segue run retry e 20261122T163512Z-a; a changed export needs a new run: segue run start e
        failed: mend what the message says, then start a new run with: segue run start e
        cancelled: nothing more of it is sent; start a new run with: segue run start e
        superseded: nothing has to be done: the newer drop's run took its place; see: segue run list e
        refused: nothing was sent; mend what the message says, then start a new run with: segue run start e
        ");
        let mut refused = Summary { status: Status::Completed, ..run };
        refused.counts.rejected = 1;
        assert!(next(&stack, &refused).ends_with("segue run rejected e 20261122T163512Z-a"));
    }
}
