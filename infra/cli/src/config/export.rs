//! `segue config export`: what a stack has, as a file that `segue apply` takes.

use std::path::{Path, PathBuf};

use segue_state::State;

use super::schema;
use crate::Failure;
use crate::apply::specs::{ConnectionSpec, Document, ExportSpec};
use crate::export::found::{all_read, connections, of_contributors};
use crate::export::schedules::Schedules;
use crate::export::standing::Standing;
use crate::output::Screen;
use crate::stack::Stack;

/// Write the connections and exports that the stack has as a file.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Write this file, and its schema beside it; standard output if not given.
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Overwrite a file that there is.
    #[arg(long, requires = "file")]
    pub force: bool,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(
    stack: &Stack,
    state: &State,
    schedules: &dyn Schedules,
    args: &Args,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let (document, unsaid) = document(state, schedules).await?;
    let Some(file) = &args.file else {
        screen.json(&document)?;
        return screen.document(text(stack, &document, &unsaid)?.trim_end());
    };
    if file.exists() && !args.force {
        return Err(Failure::usage(format!("{} exists", file.display()))
            .hint("choose another name, or overwrite it with --force"));
    }
    let beside = file.with_file_name(schema::NAME);
    write(file, &text(stack, &document, &unsaid)?)?;
    write(&beside, &schema::text()?)?;
    let (connections, exports) = (document.connections.iter().flatten(), document.exports.iter().flatten());
    let (connections, exports) = (connections.count(), exports.count());
    screen.json(&serde_json::json!({
        "file": file.display().to_string(), "schema": beside.display().to_string(),
        "connections": connections, "exports": exports, "left_out": unsaid.all().collect::<Vec<_>>(),
    }))?;
    screen.line(&format!(
        "wrote {connections} connections and {exports} exports to {}, and its schema to {}",
        file.display(),
        beside.display()
    ))?;
    unsaid.all().try_for_each(|unsaid| screen.line(&format!("left out: {unsaid}")))
}

/// What the file can't say.
#[derive(Debug, Default)]
struct Unsaid {
    /// Schedules that are not Segue's form.
    schedules: Vec<String>,
    /// What contributors wrote and can't be read.
    unread: Vec<String>,
}

impl Unsaid {
    fn all(&self) -> impl Iterator<Item = &String> {
        self.schedules.iter().chain(&self.unread)
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|error| Failure::new(format!("{} could not be written: {error}", path.display())))
}

/// Everything that a file could say of the stack, in the order of ids; and what it could not.
async fn document(state: &State, schedules: &dyn Schedules) -> Result<(Document, Unsaid), Failure> {
    let (mut exports, broken) = state.exports().await?;
    let (connections, unread) = connections(state).await?;
    let (theirs, broken): (Vec<_>, Vec<_>) = broken.into_iter().partition(of_contributors);
    // A file without them would look as if they did not exist. What contributors write stands in nobody's way.
    all_read(broken.into_iter().chain(unread).collect())?;
    exports.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
    let schedules = schedules.all().await?;
    let mut said = Vec::new();
    let mut unsaid = Unsaid { unread: theirs.iter().map(ToString::to_string).collect(), ..Unsaid::default() };
    for (role, export) in &exports {
        let standing = schedules.get(&export.id).and_then(|own| own.of_role(*role));
        if let Some(foreign @ Standing::Foreign(_)) = standing {
            unsaid.schedules.push(format!("the schedule of `{}`, which is {}", export.id, foreign.words()));
        }
        said.push(ExportSpec::of(*role, export, standing.and_then(Standing::timing)));
    }
    let connections = connections.iter().map(ConnectionSpec::of).collect();
    Ok((Document { connections: Some(connections), exports: Some(said) }, unsaid))
}

/// The file: always the same for the same configuration, so that two of them can be compared.
fn text(stack: &Stack, document: &Document, unsaid: &Unsaid) -> Result<String, Failure> {
    let taken =
        unsaid.schedules.iter().map(|left| format!("# Not in it, so applying it takes away: {left}.\n"));
    // What is wrong with somebody's document may have line breaks, which would end the comment.
    let unread =
        unsaid.unread.iter().map(|left| format!("# Not in it, and left as it is: {}.\n", one_line(left)));
    let unsaid = taken.chain(unread).collect::<Vec<_>>().concat();
    let body = serde_saphyr::to_string(document)
        .map_err(|error| Failure::new(format!("the file could not be written: {error}")))?;
    Ok(format!(
        "# yaml-language-server: $schema=./{schema}
# The connections and exports of the stack `{name}`, written by `segue config export`. What applying this file would
# change: {plan}
# Credentials are not in it: those that are stored are kept. Editors complete this file by the schema beside it, which
# `segue config schema` writes.
{unsaid}{body}",
        schema = schema::NAME,
        name = stack.name,
        plan = stack.command("plan -f FILE"),
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use segue_platform::memory::MemoryBucket;
    use segue_state::{Connection, Export, Role, keys};
    use serde_json::json;

    use super::*;
    use crate::apply::file::File;
    use crate::export::schedules::tests::MemorySchedules;
    use crate::export::timing::Timing;
    use crate::output::Output;

    async fn stack() -> (State, MemorySchedules) {
        let state = State::new(Arc::new(MemoryBucket::default()));
        let connection = json!({
            "id": "main", "display_name": "No: \"quotes\"", "destination": "mailchimp", "secret": "segue/mailchimp/main",
            "budget_share": 50, "consent": {"terms": 1, "agreed_by": "arn", "agreed_at": "2026-11-22T00:00:00Z"},
        });
        let connection: Connection = serde_json::from_value(connection).unwrap();
        state.create(&keys::connection("main"), &connection).await.unwrap();
        let plain = json!({
            "id": "plain", "display_name": "yes", "connection": "main", "audience_id": "5677923948298240",
            "segments": ["007", "null", " ü "], "fields": {"email": "1"}, "new_contacts": "pending",
            "source": {"header": false, "delimiter": "tab"}, "tags": ["#hash", "- dash", "a: b"],
        });
        let detached = json!({
            "id": "detached", "display_name": "1e3", "connection": "", "audience_id": "a1", "segments": ["vip"],
            "fields": {"email": "email"}, "enabled": false,
            "limits": {"profiles": 5, "warn_change_share": null, "invalid_share": 0.05},
        });
        for (role, export) in [(Role::Administrators, plain), (Role::Contributors, detached)] {
            let export: Export = serde_json::from_value(export).unwrap();
            state.create(&keys::export(role, &export.id), &export).await.unwrap();
        }
        let schedules = MemorySchedules::default();
        let timing = Timing::of("cron(0 6 * * ? *)", "Europe/Berlin", false).unwrap();
        schedules.put(Role::Administrators, "plain", &timing).await.unwrap();
        (state, schedules)
    }

    #[tokio::test]
    async fn the_file_says_all_of_it_and_nothing_secret() {
        let (state, schedules) = stack().await;
        let stack = Stack::of("two", &[]);
        let (document, unsaid) = document(&state, &schedules).await.unwrap();
        assert_eq!(unsaid.all().count(), 0);
        let text = text(&stack, &document, &unsaid).unwrap();
        insta::assert_snapshot!("file", text);
        // What is read back is what there is.
        let file = File::parse("segue.yaml", &text).unwrap();
        let read: Vec<ExportSpec> = file.exports.into_iter().map(|item| item.spec).collect();
        assert_eq!(Some(read), document.exports);
    }

    #[tokio::test]
    async fn a_schedule_that_no_file_can_say_is_named_beside_the_others() {
        let (state, schedules) = stack().await;
        let theirs = Standing::of("at(2026-12-24T08:00:00)", "UTC", true);
        schedules.write(Role::Contributors, "detached", theirs);
        let (document, unsaid) = document(&state, &schedules).await.unwrap();
        let text = text(&Stack::of("two", &[]), &document, &unsaid).unwrap();
        let comments: Vec<&str> = text.lines().filter(|line| line.contains("at(2026")).collect();
        insta::assert_snapshot!(comments.join("\n"), @"# Not in it, so applying it takes away: the schedule of `detached`, which is at(2026-12-24T08:00:00) in UTC, not Segue's form.");
        assert!(text.contains("cron: 0 6 * * ? *"), "the other schedule is there");
        File::parse("segue.yaml", &text).unwrap();
    }

    #[tokio::test]
    async fn what_a_contributor_broke_is_named_and_does_not_stand_in_the_way() {
        let (state, schedules) = stack().await;
        let (_, export) = state.export("plain").await.unwrap().unwrap();
        state.create(&keys::export(Role::Contributors, "plain"), &export).await.unwrap();
        let strange = "config/exports/contributors/x\nconnections: [].json";
        state.objects().put(strange, "{}".into()).await.unwrap();
        let (document, unsaid) = document(&state, &schedules).await.unwrap();
        let text = text(&Stack::of("two", &[]), &document, &unsaid).unwrap();
        let comments: Vec<&str> = text.lines().filter(|line| line.contains("left as it is")).collect();
        insta::assert_snapshot!(comments.join("\n"));
        File::parse("segue.yaml", &text).unwrap();
    }

    #[tokio::test]
    async fn what_an_administrator_broke_is_told_with_what_to_do() {
        let (state, schedules) = stack().await;
        for key in [keys::export(Role::Administrators, "torn"), keys::connection("torn")] {
            state.objects().put(&key, "{".into()).await.unwrap();
        }
        let failure = document(&state, &schedules).await.unwrap_err().to_string();
        for said in
            ["config/exports/administrators/torn.json", "config/connections/torn.json", "`segue apply`"]
        {
            assert!(failure.contains(said), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_file_that_there_is_is_overwritten_only_when_asked_to() {
        let (state, schedules) = stack().await;
        let folder = tempfile::tempdir().unwrap();
        let file = Some(folder.path().join("segue.yaml"));
        let mut out = Vec::new();
        let mut screen = Screen::new(Output::Text, &mut out);
        for (force, fine) in [(false, true), (false, false), (true, true)] {
            let args = Args { file: file.clone(), force };
            let done = run(&Stack::of("segue", &[]), &state, &schedules, &args, &mut screen).await;
            assert_eq!(done.is_ok(), fine);
        }
        assert!(std::fs::read_to_string(folder.path().join(schema::NAME)).unwrap().contains("\"Export\""));
        assert!(String::from_utf8(out).unwrap().starts_with("wrote 1 connections and 2 exports to "));
    }
}
