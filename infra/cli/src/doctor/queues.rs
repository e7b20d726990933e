//! The stack's queues: what waits, and what was put aside.

use aws_sdk_sts::error::ProvideErrorMetadata;

use segue_state::Role;

use super::finding::Finding;
use crate::{App, Failure, ask};

/// Queues with work, and what they are called for people.
const WORK: [(&str, &str); 4] = [
    ("SnapchatQueueUrl", "Snapchat's chunks"),
    ("MailchimpQueueUrl", "Mailchimp's chunks"),
    ("KlaviyoQueueUrl", "Klaviyo's chunks"),
    ("KlaviyoTimerQueueUrl", "Klaviyo's follow-ups"),
];

/// Queues that should be empty, what is in them, and the log group that says why.
const ASIDE: [(&str, &str, &str); 5] = [
    ("SnapchatDeadLetterQueueUrl", "for Snapchat", "SnapchatLogGroup"),
    ("MailchimpDeadLetterQueueUrl", "for Mailchimp", "MailchimpLogGroup"),
    ("KlaviyoDeadLetterQueueUrl", "for Klaviyo", "KlaviyoLogGroup"),
    ("KlaviyoTimerDeadLetterQueueUrl", "of Klaviyo's follow-ups", "KlaviyoLogGroup"),
    ("OnFailureQueueUrl", "that fan-out could not handle", "FanOutLogGroup"),
];

/// What is in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Depth {
    waiting: u64,
    in_work: u64,
    later: u64,
}

/// Looks at them.
pub(super) async fn look(app: &App) -> Vec<Finding> {
    let mut found = Vec::new();
    for (output, name) in WORK {
        found.push(match depth(app, output).await {
            Ok(Some(depth)) => work(name, depth),
            Ok(None) => {
                return vec![denied(app).await];
            }
            Err(failure) => Finding::failed("queues", &failure),
        });
    }
    for (output, name, log) in ASIDE {
        found.push(match depth(app, output).await {
            Ok(Some(depth)) => aside(name, app.stack.offered(log).unwrap_or(log), depth),
            Ok(None) => Finding::note("dead letters", format!("not looked at, {name}: you may not")),
            Err(failure) => Finding::failed("dead letters", &failure),
        });
    }
    found
}

/// Contributors may not know. An administrator who may not either has one of the two policies only.
async fn denied(app: &App) -> Finding {
    match ask::role(app).await {
        Ok(Role::Administrators) => Finding::problem(
            "queues",
            "AWS denies you to look at them, as administrators have to for cancelling and retrying runs",
            "have the policy of the stack's output AdministratorsRunsPolicyArn attached to your AWS identity as well",
        ),
        Ok(Role::Contributors) => Finding::note("queues", "not looked at: you may not; administrators may"),
        Err(failure) => Finding::failed("rights", &failure),
    }
}

/// What is in a queue; `None` if this identity may not know.
async fn depth(app: &App, output: &str) -> Result<Option<Depth>, Failure> {
    let url = app.stack.output(output)?;
    let answer =
        app.aws.sqs().get_queue_attributes().queue_url(url).attribute_names("All".into()).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.code().is_some_and(|code| code.contains("AccessDenied")) => return Ok(None),
        Err(error) => {
            return Err(Failure::aws(&format!("looking at the queue {output}"), error.code(), &error));
        }
    };
    let of = |name: &str| {
        let found = answer.attributes().and_then(|all| all.iter().find(|(key, _)| key.as_str() == name));
        found.and_then(|(_, text)| text.parse().ok()).unwrap_or_default()
    };
    Ok(Some(Depth {
        waiting: of("ApproximateNumberOfMessages"),
        in_work: of("ApproximateNumberOfMessagesNotVisible"),
        later: of("ApproximateNumberOfMessagesDelayed"),
    }))
}

fn work(name: &str, Depth { waiting, in_work, later }: Depth) -> Finding {
    if waiting + in_work + later == 0 {
        return Finding::fine("queues", format!("{name}: empty"));
    }
    let later = if later > 0 { format!(", {later} for later") } else { String::new() };
    Finding::note("queues", format!("{name}: {waiting} waiting, {in_work} in work{later}"))
}

fn aside(name: &str, log: &str, Depth { waiting, in_work, later }: Depth) -> Finding {
    match waiting + in_work + later {
        0 => Finding::fine("dead letters", format!("none {name}")),
        count => Finding::problem(
            "dead letters",
            format!("{count} {name}"),
            format!(
                "they are evidence, don't move them back: see why in {log}, retry with `segue run retry`, then delete them"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn what_waits_is_no_problem_and_what_was_put_aside_is() {
        let some = Depth { waiting: 3, in_work: 1, later: 0 };
        let none = Depth { waiting: 0, in_work: 0, later: 0 };
        assert_eq!(work("q", some), Finding::note("queues", "q: 3 waiting, 1 in work"));
        assert_eq!(work("q", none).level, Level::Ok);
        assert_eq!(
            (aside("q", "log", some).level, aside("q", "log", none).level),
            (Level::Problem, Level::Ok)
        );
    }
}
