//! What commands about exports change: in the state, the schedules and the runs; and what they say.

use std::sync::Arc;

use async_trait::async_trait;
use segue_platform::memory::MemoryBucket;
use segue_state::{Connection, Export, Open, RunId, Source, State, keys};
use serde_json::{Value, json};

use super::schedules::Schedules;
use super::schedules::tests::MemorySchedules;
use super::standing::Standing;
use super::surroundings::{Columns, Surroundings};
use super::*;
use crate::audience::{Audience, Audiences};
use crate::output::Output;
use crate::prompt::tests::Scripted;
use crate::stack::Stack;

/// A stack with connections to all destinations, and answers about what there is around it.
pub(super) struct World {
    pub(super) state: State,
    pub(super) schedules: MemorySchedules,
    stack: Stack,
    around: Around,
}

/// What fan-out and the destinations would answer.
pub(super) struct Around {
    pub(super) role: Role,
    pub(super) segments: Vec<String>,
    /// Whether the list of audiences is a part only.
    pub(super) cut: bool,
}

#[async_trait]
impl Surroundings for Around {
    async fn caller(&self) -> Result<String, Failure> {
        Ok("arn:aws:iam::1:user/op".into())
    }

    async fn role(&self) -> Result<Role, Failure> {
        Ok(self.role)
    }

    async fn segments(&self) -> Result<Vec<String>, Failure> {
        Ok(self.segments.clone())
    }

    async fn columns(&self, _: &str, source: &Source) -> Result<Columns, Failure> {
        let columns = ["id", "E-Mail", "first", "last"].map(Into::into).to_vec();
        match source.delimiter.as_deref() {
            None => Ok(Columns { columns, note: None }),
            Some("|") => Ok(Columns { columns: Vec::new(), note: Some("names are not shown".into()) }),
            Some(_) => Err(Failure::new("the header has one column only")),
        }
    }

    async fn audiences(&self, connection: &Connection) -> Result<Audiences, Failure> {
        if connection.id == "dead" {
            return Err(Failure::new("Klaviyo refused the credentials"));
        }
        let audience = |id: &str, name: &str, kind: &str| Audience {
            id: id.into(),
            name: name.into(),
            kind: Some(kind.into()),
            profiles: Some(5),
        };
        let cut = self.cut.then(|| "the ad account 7 is left out".to_owned());
        Ok(Audiences {
            account: serde_json::from_value(json!({"id": "acc"})).unwrap(),
            audiences: vec![audience("a1", "VIPs", "customer list"), audience("a2", "Visitors", "pixel")],
            complete: !self.cut,
            notes: cut.into_iter().collect(),
        })
    }
}

impl World {
    pub(super) async fn new() -> Self {
        let state = State::new(Arc::new(MemoryBucket::default()));
        for (id, destination, shared_with) in [
            ("dead", "klaviyo", "administrators"),
            ("klaviyo", "klaviyo", "contributors"),
            ("mailchimp", "mailchimp", "administrators"),
            ("snapchat", "snapchat", "administrators"),
        ] {
            let connection = json!({
                "id": id, "display_name": id.to_uppercase(), "destination": destination, "secret": "s",
                "shared_with": shared_with, "export_user": "Jo", "account": {"id": "acc"},
                "consent": {"terms": Connection::TERMS, "agreed_by": "arn", "agreed_at": "2026-11-22T00:00:00Z"},
            });
            let connection: Connection = serde_json::from_value(connection).unwrap();
            state.create(&keys::connection(id), &connection).await.unwrap();
        }
        let around =
            Around { role: Role::Administrators, segments: vec!["all".into(), "vip".into()], cut: false };
        Self { state, schedules: MemorySchedules::default(), stack: Stack::of("segue", &[]), around }
    }

    /// Where a part of the audiences only can be listed.
    pub(super) async fn cut() -> Self {
        let mut world = Self::new().await;
        world.around.cut = true;
        world
    }

    pub(super) async fn as_contributor() -> Self {
        let mut world = Self::new().await;
        world.around.role = Role::Contributors;
        world
    }

    /// With the export `vip` over Klaviyo, and two of its runs: one is over, the other under way.
    pub(super) async fn with_export() -> Self {
        let world = Self::new().await;
        let export = json!({
            "id": "vip", "display_name": "VIP", "connection": "klaviyo", "audience_id": "a1", "segments": ["vip"],
            "fields": {"email": "E-Mail"}, "limits": {"profiles": 7},
        });
        let export: Export = serde_json::from_value(export).unwrap();
        world.state.create(&keys::export(Role::Administrators, "vip"), &export).await.unwrap();
        let open = Open::new("2026-11-22T16:35:12Z".parse().unwrap());
        world.state.create(&keys::open("vip", &under_way()), &open).await.unwrap();
        world
    }

    /// Whether the export's own schedule is on.
    async fn enabled(&self, export: &str) -> bool {
        let own = self.schedules.get(export).await.unwrap().unwrap();
        own.of_role(Role::Administrators).unwrap().timing().unwrap().enabled
    }

    pub(super) async fn says(
        &self,
        words: &[&str],
        prompt: &mut Scripted,
        output: Output,
    ) -> Result<String, Failure> {
        let (said, outcome) = self.told(words, prompt, output).await;
        outcome.map(|()| said)
    }

    /// What is said, however it ends.
    pub(super) async fn told(
        &self,
        words: &[&str],
        prompt: &mut Scripted,
        output: Output,
    ) -> (String, Result<(), Failure>) {
        let mut out = Vec::new();
        let mut desk = Desk {
            stack: &self.stack,
            state: &self.state,
            schedules: &self.schedules,
            around: &self.around,
            prompt,
        };
        let outcome = match command(words) {
            Ok(command) => at(&mut desk, command, &mut Screen::new(output, &mut out)).await,
            Err(failure) => Err(failure),
        };
        (String::from_utf8(out).unwrap(), outcome)
    }

    /// What a script is told.
    pub(super) async fn run(&self, words: &[&str]) -> Result<String, Failure> {
        self.says(words, &mut Scripted::default(), Output::Text).await
    }

    pub(super) async fn json(&self, words: &[&str]) -> Value {
        let out = self.says(words, &mut Scripted::default(), Output::Json).await.unwrap();
        serde_json::from_str(&out).unwrap()
    }

    pub(super) async fn export(&self, id: &str) -> Option<Export> {
        self.state.export(id).await.unwrap().map(|(_, export)| export)
    }

    async fn cancelled(&self) -> Option<String> {
        self.state.cancel("vip", &under_way()).await.unwrap().and_then(|cancel| cancel.reason)
    }
}

fn under_way() -> RunId {
    RunId::parse("20261122T163512Z-a").unwrap()
}

/// As clap reads it.
fn command(words: &[&str]) -> Result<Command, Failure> {
    use clap::Parser;
    let words = ["segue", "export"].iter().chain(words);
    match crate::Cli::try_parse_from(words) {
        Ok(crate::Cli { command: crate::cli::Command::Export(command), .. }) => Ok(command),
        Ok(_) => panic!("another command"),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

fn wrong(said: Result<String, Failure>) -> String {
    said.unwrap_err().to_string()
}

#[tokio::test]
async fn a_list_tells_what_may_run_and_who_may_change_it() {
    let world = World::new().await;
    assert_eq!(
        world.run(&["list"]).await.unwrap(),
        "there are no exports yet; make one with: segue export add\n"
    );
    let world = World::with_export().await;
    world.run(&["duplicate", "vip", "copy", "--role", "contributors"]).await.unwrap();
    world.run(&["duplicate", "vip", "loose"]).await.unwrap();
    world.run(&["detach", "loose", "--force"]).await.unwrap();
    world.run(&["schedule", "set", "vip", "--rate", "6 hours"]).await.unwrap();
    insta::assert_snapshot!("list", world.run(&["list"]).await.unwrap());
    let klaviyo = world.json(&["list", "--connection", "klaviyo", "--role", "administrators"]).await;
    assert_eq!(klaviyo.as_array().unwrap().len(), 1);
    assert_eq!((&klaviyo[0]["id"], &klaviyo[0]["status"]), (&json!("vip"), &json!("active")));
    assert_eq!(klaviyo[0]["schedule"], json!({"rate": "6 hours"}));
    assert_eq!(world.run(&["list", "--destination", "snapchat"]).await.unwrap(), "there are none of these\n");
}

#[tokio::test]
async fn one_is_shown_whole() {
    let world = World::with_export().await;
    insta::assert_snapshot!("show", world.run(&["show", "vip"]).await.unwrap());
    insta::assert_snapshot!(wrong(world.run(&["show", "vpi"]).await), @r"
    error: there is no export `vpi`
    hint: the exports are vip
    ");
}

#[tokio::test]
async fn an_edit_changes_what_is_named_and_nothing_else() {
    let world = World::with_export().await;
    let said = world.run(&["edit", "vip", "--min-profiles", "2", "--first-name", "first"]).await.unwrap();
    insta::assert_snapshot!(said, @r"
    fields.first_name: none -> first
    limits.min_profiles: none -> 2
    changed the export `vip`, which administrators may change
    it is started by a drop of vip, the stack's refresh and `segue run start`
    saving an export doesn't run it; run it now with: segue run start vip
    ");
    let now = world.export("vip").await.unwrap();
    assert_eq!((now.limits.profiles, now.limits.min_profiles), (Some(7), Some(2)));
    assert_eq!(now.fields.first_name.as_deref(), Some("first"));
    let said = world
        .run(&["edit", "vip", "--unset", "limits.profiles", "--unset", "fields.first_name"])
        .await
        .unwrap();
    assert!(
        said.starts_with("fields.first_name: first -> none\nlimits.profiles: 7 -> none\nchanged"),
        "{said}"
    );
    let now = world.export("vip").await.unwrap();
    assert_eq!((now.limits.profiles, now.fields.first_name), (None, None));
    let said = world.run(&["edit", "vip", "--min-profiles", "2"]).await.unwrap();
    assert!(said.contains("was like that already"), "{said}");
}

#[tokio::test]
async fn an_edit_that_can_not_be_is_refused_with_all_that_is_wrong() {
    let world = World::with_export().await;
    let before = world.export("vip").await;
    let all = [
        wrong(world.run(&["edit", "vip"]).await),
        wrong(world.run(&["edit", "vip", "--min-profiles", "9", "--new-contacts", "pending"]).await),
        wrong(world.run(&["edit", "vip", "--audience", "a9"]).await),
        wrong(world.run(&["edit", "vip", "--email", "mail"]).await),
        wrong(world.run(&["edit", "vip", "--delimiter", ";"]).await),
    ];
    insta::assert_snapshot!("edit_refused", all.join("\n"));
    assert_eq!(world.export("vip").await, before);
    world.run(&["edit", "vip", "--audience", "a9", "--email", "mail", "--unchecked"]).await.unwrap();
}

#[tokio::test]
async fn a_copy_is_paused_and_has_no_schedule() {
    let world = World::with_export().await;
    world.run(&["schedule", "set", "vip", "--rate", "1 day"]).await.unwrap();
    insta::assert_snapshot!(world.run(&["duplicate", "vip", "all", "--segment", "all"]).await.unwrap(), @r"
    made the export `all`, which administrators may change
    it can't run: the export `all` is paused; let it run again with `segue export resume all`, and start a new run
    ");
    let copy = world.export("all").await.unwrap();
    assert_eq!(
        (copy.segments.concat().as_str(), copy.enabled, copy.limits.profiles),
        ("all", false, Some(7))
    );
    assert_eq!(world.schedules.get("all").await.unwrap(), None);
    insta::assert_snapshot!(wrong(world.run(&["duplicate", "vip", "all"]).await), @r"
    error: there is an export `all` already
    hint: choose another id, or change that one with `segue export edit`
    ");
}

#[tokio::test]
async fn pausing_tells_what_stops_and_resuming_starts_nothing() {
    let world = World::with_export().await;
    let said = [
        world.run(&["pause", "vip"]).await.unwrap(),
        world.run(&["pause", "vip"]).await.unwrap(),
        world.run(&["resume", "vip"]).await.unwrap(),
        wrong(world.run(&["pause", "vip", "none", "nor-this"]).await),
    ];
    insta::assert_snapshot!("pause", said.join("\n"));
    assert!(world.export("vip").await.unwrap().enabled);
    assert_eq!(world.cancelled().await, None);
}

#[tokio::test]
async fn detaching_keeps_the_configuration_and_cancels_what_is_under_way() {
    let world = World::with_export().await;
    let asked = wrong(world.run(&["detach", "vip"]).await);
    insta::assert_snapshot!(asked, @r"
    error: there is no terminal to ask on: Detach `vip` and cancel what is under way?
    hint: say --force to do it; nothing was changed
    ");
    let mut unsure = Scripted::answering(&["no"]);
    wrong(world.says(&["detach", "vip"], &mut unsure, Output::Text).await);
    assert!(!world.export("vip").await.unwrap().is_detached() && world.cancelled().await.is_none());
    insta::assert_snapshot!(world.run(&["detach", "vip", "--force"]).await.unwrap(), @r"
    `vip` has no connection now, and can't run; this undoes it: segue export attach vip klaviyo
      the run 20261122T163512Z-a is cancelled: nothing that it has not sent yet is sent
    ");
    let now = world.export("vip").await.unwrap();
    assert!(now.is_detached() && now.enabled && now.limits.profiles == Some(7));
    assert_eq!(world.cancelled().await.unwrap(), "the export was detached from its connection");
    // What another destination asks for, it has to be given.
    insta::assert_snapshot!(wrong(world.run(&["attach", "vip", "mailchimp"]).await), @r"
    error: export `vip`: `new_contacts`: say how new people are added: subscribed, pending, transactional or unsubscribed
    hint: nothing was saved; see --new-contacts
    ");
    world.run(&["attach", "vip", "mailchimp", "--new-contacts", "pending"]).await.unwrap();
    assert_eq!(world.export("vip").await.unwrap().connection, "mailchimp");
    assert!(
        wrong(world.run(&["attach", "vip", "nowhere"]).await).contains("there is no connection `nowhere`")
    );
}

#[tokio::test]
async fn removing_takes_the_schedule_along_and_cancels_what_is_under_way() {
    let world = World::with_export().await;
    world.run(&["schedule", "set", "vip", "--rate", "1 day"]).await.unwrap();
    assert!(wrong(world.run(&["remove", "vip"]).await).contains("--force"));
    let mut sure = Scripted::answering(&["yes"]);
    insta::assert_snapshot!(world.says(&["remove", "vip"], &mut sure, Output::Text).await.unwrap(), @r"
    removed the export `vip`
      the run 20261122T163512Z-a is cancelled: nothing that it has not sent yet is sent
    records of runs stay, and so do people who are at the destination; chunks expire within seven days
    ");
    assert!(world.export("vip").await.is_none() && world.schedules.all().await.unwrap().is_empty());
    assert_eq!(world.cancelled().await.unwrap(), "the export was removed");
}

#[tokio::test]
async fn several_schedules_are_changed_at_once_or_none_is() {
    let world = World::with_export().await;
    world.run(&["duplicate", "vip", "copy", "--role", "contributors"]).await.unwrap();
    let set = |more: &[&'static str]| [&["schedule", "set", "vip", "copy"], more].concat();
    let all = [
        wrong(world.run(&["schedule", "set", "vip", "none", "--rate", "1 day"]).await),
        wrong(world.run(&set(&["--cron", "0 6 * * *"])).await),
        wrong(world.run(&["schedule", "on", "vip"]).await),
    ];
    assert!(world.schedules.all().await.unwrap().is_empty());
    let done = [
        world.run(&set(&["--cron", "0 6 ? * MON-FRI *", "--time-zone", "Europe/Berlin"])).await.unwrap(),
        world.run(&["schedule", "off", "vip"]).await.unwrap(),
        world.run(&["schedule", "show"]).await.unwrap(),
    ];
    insta::assert_snapshot!("schedule", all.into_iter().chain(done).collect::<Vec<_>>().join("\n"));
    assert_eq!(world.schedules.get("copy").await.unwrap().unwrap().groups(), [Role::Contributors]);
    assert!(!world.enabled("vip").await);
    world.run(&["schedule", "on", "vip"]).await.unwrap();
    assert!(world.enabled("vip").await);
    world.run(&["schedule", "remove", "vip", "copy"]).await.unwrap();
    assert_eq!(world.run(&["schedule", "show"]).await.unwrap(), "no export has a schedule of its own\n");
    assert_eq!(world.json(&["schedule", "show", "vip"]).await, json!([{"export": "vip", "schedule": null}]));
}

#[tokio::test]
async fn a_schedule_that_somebody_else_wrote_is_shown_as_it_stands_and_stops_nothing() {
    let world = World::with_export().await;
    world.run(&["duplicate", "vip", "copy"]).await.unwrap();
    let theirs = Standing::of("at(2026-12-24T08:00:00)", "Europe/Berlin", true);
    world.schedules.write(Role::Administrators, "vip", theirs);
    let words = "at(2026-12-24T08:00:00) in Europe/Berlin, not Segue's form";
    let listed = world.run(&["list"]).await.unwrap();
    assert!(listed.contains(words) && listed.contains("copy"), "{listed}");
    assert!(world.run(&["show", "vip"]).await.unwrap().contains(words));
    assert!(world.run(&["schedule", "show"]).await.unwrap().contains(words));
    assert_eq!(
        world.json(&["schedule", "show", "vip"]).await,
        json!([{"export": "vip", "schedule": {
            "expression": "at(2026-12-24T08:00:00)", "time_zone": "Europe/Berlin",
        }}])
    );
    insta::assert_snapshot!(wrong(world.run(&["schedule", "off", "vip"]).await), @r"
    error: the schedule of `vip` is at(2026-12-24T08:00:00) in Europe/Berlin, not Segue's form: it can't be switched without being written anew
    hint: nothing was changed; give it one with `segue export schedule set`
    ");
    world.run(&["schedule", "set", "vip", "--rate", "1 day"]).await.unwrap();
    assert!(world.run(&["schedule", "show"]).await.unwrap().contains("every day"));
}
