//! `segue run start --dry-run`: what runs would do now, as fan-out tells it.

use fan_out::invocation::Request;
use fan_out::preview::Preview;
use fan_out::selection::Selection;
use segue_state::{Source, State};
use serde::Deserialize;

use crate::output::{Screen, table};
use crate::{App, Failure, ask};

/// Asks fan-out, and tells.
///
/// # Errors
/// [`Failure`], also if one of the exports would not run.
pub(super) async fn run(
    app: &App,
    exports: Vec<String>,
    Selection { segment, drop }: Selection,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let mut previews: Vec<Preview> = Vec::new();
    for exports in passes(&app.state, exports).await? {
        let request = Request::Preview { exports, segment: segment.clone(), drop: drop.clone() };
        let request = serde_json::to_value(request).map_err(|error| Failure::new(error.to_string()))?;
        let Answer { exports } =
            serde_json::from_value(ask::fan_out(app, &request).await?).map_err(|error| {
                Failure::new(format!("fan-out's answer is not understood: {error}"))
                    .hint("is the stack as new as this `segue`?")
            })?;
        previews.extend(exports);
    }
    previews.sort_by(|one, other| one.export.cmp(&other.export));
    print(&previews, screen)
}

/// What an export reads: its segments, and what it says of their files.
type Reads = (Vec<String>, Source);

/// Those that read the same files in the same way, together: each reading gets the time that a run's would.
async fn passes(state: &State, exports: Vec<String>) -> Result<Vec<Vec<String>>, Failure> {
    let mut passes: Vec<(Reads, Vec<String>)> = Vec::new();
    for name in exports {
        let what = match state.export(&name).await? {
            Some((_, export)) => (export.segments, export.source),
            None => Default::default(),
        };
        match passes.iter_mut().find(|(of, _)| *of == what) {
            Some((_, names)) => names.push(name),
            None => passes.push((what, vec![name])),
        }
    }
    Ok(passes.into_iter().map(|(_, names)| names).collect())
}

#[derive(Deserialize)]
struct Answer {
    exports: Vec<Preview>,
}

fn print(previews: &[Preview], screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(&previews)?;
    let header =
        ["export", "audience", "read", "invalid", "duplicate", "to send", "chunks", "calls", "message"];
    let rows = previews.iter().map(|preview| {
        let counts = &preview.counts;
        let to_send = if preview.would_run { counts.pending } else { 0 };
        let mut row = vec![preview.export.clone(), preview.audience_id.clone()];
        let numbers =
            [counts.read, counts.invalid, counts.duplicate, to_send, preview.chunks.into(), preview.calls];
        row.extend(numbers.iter().map(u64::to_string));
        row.push(preview.message.clone());
        row
    });
    screen.line(&table(&header, 2..8, rows.collect()))?;
    for preview in previews {
        for warning in &preview.warnings {
            screen.line(&format!("warning: {}: {warning}", preview.export))?;
        }
    }
    screen.line("this was a dry run: nothing was sent, and nothing of it is kept")?;
    let stopped = previews.iter().filter(|preview| !preview.would_run);
    let stopped = stopped
        .map(|preview| Failure::new(format!("`{}` would not run: {}", preview.export, preview.message)));
    Failure::together(stopped.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use segue_platform::memory::MemoryBucket;
    use segue_segment::Counts;
    use segue_state::{Export, Role, keys};

    use super::*;
    use crate::output::Output;

    fn preview(export: &str, would_run: bool, message: &str) -> Preview {
        let counts = Counts { read: 30, invalid: 6, duplicate: 4, pending: 20, ..Counts::default() };
        let mut preview: Preview = serde_json::from_value(serde_json::json!({
            "export": export, "destination": "klaviyo", "connection": "c", "audience_id": "A1",
            "segments": ["vip"], "parts": ["segments/vip/a.csv"], "invalid_by_reason": {"empty": 6},
            "read": 0, "invalid": 0, "duplicate": 0, "unchanged": 0, "accepted": 0, "rejected": 0, "unknown": 0,
            "failed": 0, "cancelled": 0, "pending": 0, "chunks": 1, "calls": 1, "would_run": would_run,
            "message": message,
        }))
        .unwrap();
        preview.counts = counts;
        preview
    }

    #[tokio::test]
    async fn exports_that_read_the_same_are_asked_for_together_and_others_by_themselves() {
        let state = State::new(Arc::new(MemoryBucket::default()));
        for (id, segment, source) in
            [("a", "vip", "{}"), ("b", "new", "{}"), ("c", "vip", "{}"), ("d", "vip", r#"{"header":false}"#)]
        {
            let export: Export = serde_json::from_value(serde_json::json!({
                "id": id, "display_name": "E", "connection": "c", "audience_id": "a", "segments": [segment],
                "fields": {"email": "email"}, "source": serde_json::from_str::<serde_json::Value>(source).unwrap(),
            }))
            .unwrap();
            state.create(&keys::export(Role::Administrators, id), &export).await.unwrap();
        }
        let names = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(passes(&state, names).await.unwrap(), [vec!["a", "c"], vec!["b"], vec!["d"]]);
    }

    #[test]
    fn it_tells_what_would_be_sent_and_fails_if_something_would_not_run() {
        let mut fine = preview("e", true, "20 profiles would go to Klaviyo");
        fine.warnings.push("the drops have 20 profiles, 60.0 % fewer".into());
        let mut bytes = Vec::new();
        let mut screen = Screen::new(Output::Text, &mut bytes);
        print(std::slice::from_ref(&fine), &mut screen).unwrap();
        let stopped =
            print(&[fine, preview("f", false, "6 of 30 rows are invalid")], &mut screen).unwrap_err();
        insta::assert_snapshot!(format!("{}{stopped}", String::from_utf8(bytes).unwrap()), @r"
        export  audience  read  invalid  duplicate  to send  chunks  calls  message
        e       A1          30        6          4       20       1      1  20 profiles would go to Klaviyo
        warning: e: the drops have 20 profiles, 60.0 % fewer
        this was a dry run: nothing was sent, and nothing of it is kept
        export  audience  read  invalid  duplicate  to send  chunks  calls  message
        e       A1          30        6          4       20       1      1  20 profiles would go to Klaviyo
        f       A1          30        6          4        0       1      1  6 of 30 rows are invalid
        warning: e: the drops have 20 profiles, 60.0 % fewer
        this was a dry run: nothing was sent, and nothing of it is kept
        error: `f` would not run: 6 of 30 rows are invalid
        ");
    }
}
