//! `segue segment list`: the segments that have a drop, and which exports send them.

use fan_out::offers::Offer;
use segue_state::{Export, Role};
use serde::Serialize;

use crate::export::found::told;
use crate::output::{Screen, table};
use crate::prompt::Prompt;
use crate::stack::Stack;
use crate::{App, Failure, ask};

/// List the segments that have a drop, with the latest one of each.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  segue segment list --output json")]
pub struct Args;

/// A segment.
#[derive(Debug, Serialize)]
struct Segment {
    #[serde(flatten)]
    offer: Offer,
    /// The exports that send it.
    exports: Vec<String>,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &App, prompt: &mut dyn Prompt, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let segments = ask::segments(app).await?;
    let (exports, broken) = app.state.exports().await?;
    print(&app.stack, &with_exports(segments, &exports), screen)?;
    // Who sends a segment is not known wholly then.
    told(broken, prompt)
}

fn with_exports(offers: Vec<Offer>, exports: &[(Role, Export)]) -> Vec<Segment> {
    let of = |segment: &String| {
        let senders = exports.iter().filter(|(_, export)| export.segments.contains(segment));
        senders.map(|(_, export)| export.id.clone()).collect()
    };
    offers.into_iter().map(|offer| Segment { exports: of(&offer.segment), offer }).collect()
}

fn print(stack: &Stack, segments: &[Segment], screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(&segments)?;
    if segments.is_empty() {
        let put = stack.command("segment put SEGMENT FILE");
        return screen.line(&format!("no segment has a drop yet; drop a file with: {put}"));
    }
    let rows = segments.iter().map(|Segment { offer: Offer { segment, drop, at, size }, exports }| {
        let exports = if exports.is_empty() { "none".to_owned() } else { exports.join(", ") };
        vec![segment.clone(), drop.clone(), format!("{at:.0}"), size.to_string(), exports]
    });
    screen.line(&table(&["segment", "latest drop", "put at", "bytes", "sent by"], 3..4, rows.collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::Output;

    fn said(output: Output, segments: &[Segment]) -> String {
        let mut bytes = Vec::new();
        print(&Stack::of("segue", &[]), segments, &mut Screen::new(output, &mut bytes)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn offer(segment: &str) -> Offer {
        let at = "2026-11-22T16:35:12.5Z".parse().unwrap();
        Offer { segment: segment.to_owned(), drop: format!("segments/{segment}/a.csv"), at, size: 1234 }
    }

    #[test]
    fn each_segment_is_told_with_the_exports_that_send_it() {
        let export: Export = serde_json::from_value(crate::run::tests::config("e", true).1).unwrap();
        let exports = [(Role::Administrators, export)];
        let segments = with_exports(vec![offer("news"), offer("vip")], &exports);
        insta::assert_snapshot!(said(Output::Text, &segments), @r"
        segment  latest drop          put at                bytes  sent by
        news     segments/news/a.csv  2026-11-22T16:35:12Z   1234  none
        vip      segments/vip/a.csv   2026-11-22T16:35:12Z   1234  e
        ");
        let for_scripts: serde_json::Value =
            serde_json::from_str(&said(Output::Json, &segments[1..])).unwrap();
        let (at, drop) = ("2026-11-22T16:35:12.5Z", "segments/vip/a.csv");
        let whole = json!([{"segment": "vip", "drop": drop, "at": at, "size": 1234, "exports": ["e"]}]);
        assert_eq!(for_scripts, whole);
        insta::assert_snapshot!(said(Output::Text, &[]), @"no segment has a drop yet; drop a file with: segue segment put SEGMENT FILE");
    }
}
