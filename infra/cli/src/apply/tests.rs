//! What saving does, and does not do twice.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use segue_platform::Env;
use segue_platform::Secrets;
use segue_platform::memory::{MemoryBucket, MemorySecrets};
use segue_segment::Destination;
use segue_state::config::Account;
use segue_state::{Connection, Consent, Health, Role, State, keys};

use super::account::Accounts;
use super::changes::{Change, changes};
use super::command::print;
use super::drift::refuse;
use super::file::File;
use super::plan::{Plan, Stores};
use super::save::{Agreed, Report};
use super::*;
use crate::Failure;
use crate::export::schedules::Schedules;
use crate::export::schedules::tests::MemorySchedules;
use crate::output::{Output, Screen};
use crate::stack::Stack;

pub(super) const FILE: &str = "
connections:
  - id: main
    display_name: Main
    destination: klaviyo
    shared_with: contributors
    credentials: {env: KEY}
exports:
  - id: vip
    display_name: VIP
    connection: main
    audience_id: XyZ12
    segments: [vip]
    fields: {email: email}
";

/// A destination whose accounts are the keys to them; it refuses `pk_dead`.
pub(super) struct Somebody;

#[async_trait]
impl Accounts for Somebody {
    async fn find(
        &self,
        _: Destination,
        secrets: Arc<dyn Secrets>,
        name: &str,
    ) -> Result<Option<Account>, Failure> {
        let text = secrets.get(name).await?.text;
        let fields: serde_json::Value = serde_json::from_str(text.expose_secret()).unwrap();
        match fields["private_key"].as_str().unwrap() {
            "pk_dead" => Err(Failure::new("Klaviyo refused the credentials")),
            key => Ok(Some(Account { id: key.replace("pk_", "account-"), name: None })),
        }
    }
}

pub(super) struct Desk {
    stack: Stack,
    pub(super) bucket: Arc<MemoryBucket>,
    pub(super) state: State,
    pub(super) secrets: Arc<dyn Secrets>,
    pub(super) schedules: Box<dyn Schedules>,
}

impl Desk {
    pub(super) fn new() -> Self {
        let bucket = Arc::new(MemoryBucket::default());
        let state = State::new(bucket.clone());
        let secrets = Arc::new(MemorySecrets::default());
        let schedules = Box::new(MemorySchedules::default());
        Self { stack: Stack::of("segue", &[]), bucket, state, secrets, schedules }
    }

    pub(super) fn stores(&self) -> Stores<'_> {
        Stores { stack: "segue", state: &self.state, secrets: &self.secrets, schedules: &*self.schedules }
    }

    /// Applies a file; answers what is printed.
    pub(super) async fn apply(&self, text: &str, key: &str, agree: bool) -> String {
        let (report, agreement) = self.save(text, key, agree).await.unwrap();
        let mut out = Vec::new();
        print(&self.stack, &report, agreement.as_ref(), &mut Screen::new(Output::Text, &mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    pub(super) async fn save(
        &self,
        text: &str,
        key: &str,
        agree: bool,
    ) -> Result<(Report, Option<Consent>), Failure> {
        let plan = self.plan(text, key).await?;
        self.carry_out(plan, agree).await
    }

    /// Without agreement to anything, and with what is not named removed or not.
    pub(super) async fn save_of(&self, text: &str, key: &str, prune: bool) -> Result<Report, Failure> {
        let plan = self.plan_of(text, key, prune).await?;
        Ok(self.carry_out(plan, false).await?.0)
    }

    async fn carry_out(&self, plan: Plan, agree: bool) -> Result<(Report, Option<Consent>), Failure> {
        let agreement = (agree && plan.lacks_consent()).then(|| Consent {
            terms: Connection::TERMS,
            agreed_by: "arn:aws:iam::1:user/op".into(),
            agreed_at: "2026-11-22T16:00:00Z".parse().unwrap(),
        });
        let mut report = Report::default();
        let agreed = Agreed { consent: agreement.as_ref(), other_account: true };
        save::save(&Somebody, &self.stores(), plan, agreed, "arn:op", &mut report).await?;
        Ok((report, agreement))
    }

    /// What is saved of a plan, and what comes of the rest, if nothing was agreed to.
    pub(super) async fn saved(&self, plan: Plan) -> (Report, Result<(), Failure>) {
        let mut report = Report::default();
        let done =
            save::save(&Somebody, &self.stores(), plan, Agreed::default(), "arn:op", &mut report).await;
        (report, done)
    }

    pub(super) async fn plan(&self, text: &str, key: &str) -> Result<Plan, Failure> {
        self.plan_of(text, key, false).await
    }

    pub(super) async fn plan_of(&self, text: &str, key: &str, prune: bool) -> Result<Plan, Failure> {
        let credentials = serde_json::json!({"private_key": key}).to_string();
        self.plan_from(text, &credentials, prune).await
    }

    /// With these credentials in the environment.
    pub(super) async fn plan_with(&self, text: &str, credentials: &str) -> Result<Plan, Failure> {
        self.plan_from(text, credentials, false).await
    }

    async fn plan_from(&self, text: &str, credentials: &str, prune: bool) -> Result<Plan, Failure> {
        let file = File::parse("segue.yaml", text)?;
        let pairs = [("KEY", credentials)];
        let mut inputs = Inputs { env: Env::of(&pairs), stdin: &mut std::io::empty() };
        let prune = prune.then_some(Role::Administrators);
        plan::plan(&file, &self.stores(), &mut inputs, prune).await
    }

    /// With what the file does not name removed by a contributor.
    pub(super) async fn pruned_by_contributors(&self, text: &str) -> Result<Plan, Failure> {
        let file = File::parse("segue.yaml", text)?;
        let mut inputs = Inputs { env: Env::of(&[]), stdin: &mut std::io::empty() };
        plan::plan(&file, &self.stores(), &mut inputs, Some(Role::Contributors)).await
    }

    /// What `segue plan` finds.
    pub(super) async fn changes(&self, text: &str, prune: bool) -> Vec<Change> {
        let plan = self.plan_of(text, "pk_x", prune).await.unwrap();
        changes(&plan, &Somebody, &self.secrets, false).await.unwrap()
    }

    pub(super) async fn says(&self, text: &str, prune: bool) -> String {
        let mut out = Vec::new();
        let plan = self.plan_of(text, "pk_x", prune).await.unwrap();
        let changes = changes(&plan, &Somebody, &self.secrets, false).await.unwrap();
        super::changes::print(&changes, &plan.notes, &mut Screen::new(Output::Text, &mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    pub(super) async fn connection(&self) -> Connection {
        self.state.connection("main").await.unwrap().unwrap()
    }
}

pub(super) fn outcomes(printed: &str) -> Vec<&str> {
    let words = ["created", "changed", "unchanged"];
    printed
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .filter(|word| words.contains(word))
        .collect()
}

#[tokio::test]
async fn without_agreement_it_is_saved_and_says_what_is_to_be_agreed_to() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.apply(FILE, "pk_x", false).await, @r"
    connection  main  created
    export      vip   created

    Terms of a connection to Klaviyo, version 1
      1. Exports over this connection send data out of your AWS account to
         Klaviyo, which is Klaviyo, Inc.:
         e-mail addresses, and first and last names where an export maps them.
      2. This is personal data as a rule.
      3. You answer for it: that these people may be sent there, that they were
         told, and that you fulfil the privacy and security obligations that apply
         to you and to your account at Klaviyo. Segue checks none of this.
      4. What Klaviyo does with it is between you and Klaviyo.
         Its privacy policy: https://www.klaviyo.com/legal/privacy/privacy-notice
    Not agreed to for `main`, which can't be used until you do: segue apply -f FILE --agree

    saving an export runs nothing; run it now with: segue run start vip
    ");
    assert_eq!(desk.connection().await.consent, None);
    let stored = desk.secrets.get("segue/klaviyo/main").await.unwrap();
    assert!(stored.text.expose_secret().contains(r#""private_key":"pk_x""#));
    assert!(desk.state.export("vip").await.unwrap().is_some());
}

#[tokio::test]
async fn consent_is_given_once_and_kept() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", false).await;
    let agreed = desk.apply(FILE, "pk_x", true).await;
    assert_eq!(outcomes(&agreed), ["changed", "unchanged"]);
    assert!(
        agreed.contains("agreed to the terms of Klaviyo for `main` by arn:aws:iam::1:user/op"),
        "{agreed}"
    );
    for agree in [false, true] {
        let again = desk.apply(FILE, "pk_x", agree).await;
        assert_eq!(outcomes(&again), ["unchanged", "unchanged"]);
        assert!(!again.contains("Terms"), "{again}");
    }
    assert_eq!(desk.connection().await.consent.unwrap().terms, Connection::TERMS);
}

#[tokio::test]
async fn older_terms_ask_again() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    let found = desk.state.read::<Connection>(&keys::connection("main")).await.unwrap().unwrap();
    let mut old = found.body.clone();
    old.consent = old.consent.map(|consent| Consent { terms: Connection::TERMS - 1, ..consent });
    desk.state.replace(&keys::connection("main"), &old, &found.etag).await.unwrap();
    assert!(desk.apply(FILE, "pk_x", false).await.contains("Not agreed to"));
    assert_eq!(desk.connection().await.consent, None);
}

#[tokio::test]
async fn new_credentials_replace_the_old_ones_and_end_the_trouble_with_them() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    desk.state.set_health("main", Some("reconnect".into())).await.unwrap();
    assert_eq!(outcomes(&desk.apply(FILE, "pk_x", false).await), ["unchanged", "unchanged"]);
    assert!(desk.state.read::<Health>(&keys::health("main")).await.unwrap().is_some());
    assert_eq!(outcomes(&desk.apply(FILE, "pk_y", false).await), ["changed", "unchanged"]);
    assert!(desk.state.read::<Health>(&keys::health("main")).await.unwrap().is_none());
    let stored = desk.secrets.get("segue/klaviyo/main").await.unwrap();
    assert!(stored.text.expose_secret().contains("pk_y"));
}

#[tokio::test]
async fn a_connection_that_exists_keeps_its_credentials_and_its_account() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    let without = FILE.replace("    credentials: {env: KEY}\n", "    budget_share: 50\n");
    assert_eq!(outcomes(&desk.apply(&without, "", false).await), ["changed", "unchanged"]);
    let now = desk.connection().await;
    assert_eq!((now.budget_share, now.secret.as_str()), (50, "segue/klaviyo/main"));
    assert_eq!(now.account.unwrap().id, "account-x");
    assert!(now.consent.is_some());
}

#[tokio::test]
async fn refused_credentials_change_nothing() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    let failure = desk.save(FILE, "pk_dead", false).await.unwrap_err();
    assert_eq!(failure.to_string(), "error: connection `main`: Klaviyo refused the credentials\n");
    let stored = desk.secrets.get("segue/klaviyo/main").await.unwrap();
    assert!(stored.text.expose_secret().contains("pk_x"));
    assert_eq!(desk.connection().await.account.unwrap().id, "account-x");
}

#[tokio::test]
async fn an_export_moves_when_its_role_changes() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    let moved = FILE.replace("  - id: vip\n", "  - id: vip\n    role: contributors\n");
    assert_eq!(outcomes(&desk.apply(&moved, "pk_x", false).await), ["unchanged", "changed"]);
    let (role, _) = desk.state.export("vip").await.unwrap().unwrap();
    assert_eq!(role, Role::Contributors);
    let exports: Vec<_> =
        desk.bucket.keys().into_iter().filter(|key| key.starts_with("config/exports/")).collect();
    assert_eq!(exports, ["config/exports/contributors/vip.json"]);
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_not_overwritten() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    let plan = desk.plan(&FILE.replace("Main", "Other"), "pk_x").await.unwrap();
    let theirs = Connection { enabled: false, ..desk.connection().await };
    desk.state.put(&keys::connection("main"), &theirs).await.unwrap();
    let failure = desk.saved(plan).await.1.unwrap_err();
    assert!(failure.to_string().contains("changed by somebody else"), "{failure}");
    assert_eq!(desk.connection().await, theirs);
}

#[tokio::test]
async fn credentials_are_not_stored_for_a_connection_that_somebody_else_changed_meanwhile() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    let plan = desk.plan(FILE, "pk_y").await.unwrap();
    let theirs = Connection { enabled: false, ..desk.connection().await };
    desk.state.put(&keys::connection("main"), &theirs).await.unwrap();
    desk.saved(plan).await.1.unwrap_err();
    let stored = desk.secrets.get("segue/klaviyo/main").await.unwrap();
    assert!(stored.text.expose_secret().contains("pk_x"), "whose account it is was not recorded");
}

#[tokio::test]
async fn a_plan_shows_every_field_that_changes_and_saves_nothing() {
    let desk = Desk::new();
    insta::assert_snapshot!("plan_of_a_new_file", desk.says(FILE, false).await);
    assert_eq!(desk.bucket.keys(), [""; 0]);
    desk.apply(FILE, "pk_x", true).await;
    assert_eq!(desk.says(FILE, false).await, "0 to make, 0 to change, 0 to remove, 2 unchanged\n");
    let other = FILE
        .replace("    shared_with: contributors\n", "    budget_share: 50\n")
        .replace("segments: [vip]", "segments: [vip, all]")
        + "    limits: {profiles: 5}\n    schedule: {rate: 1 hours}\n";
    insta::assert_snapshot!("plan_of_changes", desk.says(&other, false).await);
    assert!(desk.schedules.all().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_schedule_of_its_own_comes_moves_and_goes_with_the_file() {
    let desk = Desk::new();
    let timed = format!("{FILE}    schedule: {{cron: 0 6 * * ? *, time_zone: Europe/Berlin}}\n");
    let printed = desk.apply(&timed, "pk_x", true).await;
    assert_eq!(outcomes(&printed), ["created", "created"]);
    let kept = desk.schedules.get("vip").await.unwrap().unwrap();
    assert_eq!(kept.groups(), [Role::Administrators]);
    let words = kept.of_role(Role::Administrators).unwrap().words();
    assert_eq!(words, "cron 0 6 * * ? * in Europe/Berlin");
    assert_eq!(outcomes(&desk.apply(&timed, "pk_x", false).await), ["unchanged", "unchanged"]);
    let moved = timed.replace("  - id: vip\n", "  - id: vip\n    role: contributors\n");
    assert_eq!(outcomes(&desk.apply(&moved, "pk_x", false).await), ["unchanged", "changed"]);
    assert_eq!(desk.schedules.get("vip").await.unwrap().unwrap().groups(), [Role::Contributors]);
    let untimed = FILE.replace("  - id: vip\n", "  - id: vip\n    role: contributors\n");
    assert_eq!(outcomes(&desk.apply(&untimed, "pk_x", false).await), ["unchanged", "changed"]);
    assert!(desk.schedules.get("vip").await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_changed_by_hand_is_told_and_refused_when_asked_to() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    let theirs = Connection { budget_share: 7, ..desk.connection().await };
    desk.state.put(&keys::connection("main"), &theirs).await.unwrap();
    desk.state.objects().delete(&keys::export(Role::Administrators, "vip")).await.unwrap();
    let changes = desk.changes(FILE, false).await;
    let refused = refuse(&changes).unwrap_err().to_string();
    let at = refused.find(" at 2").unwrap();
    let refused = refused.replace(&refused[at..at + 24], " at TIME");
    insta::assert_snapshot!("drift_refused", refused);
    // The file wins if nobody asks.
    assert_eq!(outcomes(&desk.apply(FILE, "pk_x", false).await), ["changed", "created"]);
    refuse(&desk.changes(FILE, false).await).unwrap();
    // Neither consent nor credentials are what a file says.
    desk.apply(FILE, "pk_y", true).await;
    refuse(&desk.changes(&FILE.replace("Main", "Other"), false).await).unwrap();
}

#[tokio::test]
async fn what_the_file_does_not_name_goes_only_when_asked_to() {
    let desk = Desk::new();
    desk.apply(FILE, "pk_x", true).await;
    let timed = format!("{FILE}    schedule: {{rate: 1 hour}}\n")
        .replace("id: vip", "id: old")
        .replace("main", "gone");
    desk.apply(&timed, "pk_x", true).await;
    let run = crate::run::Which::parse("20261122T163512Z-a").unwrap();
    let crate::run::Which::This(run) = run else { panic!() };
    let open = segue_state::Open::new("2026-11-22T16:35:12Z".parse().unwrap());
    desk.state.create(&keys::open("old", &run), &open).await.unwrap();
    assert_eq!(desk.says(FILE, false).await, "0 to make, 0 to change, 0 to remove, 2 unchanged\n");
    insta::assert_snapshot!("plan_with_prune", desk.says(FILE, true).await);
    let plan = desk.plan_of(FILE, "pk_x", true).await.unwrap();
    let (report, done) = desk.saved(plan).await;
    done.unwrap();
    let mut out = Vec::new();
    print(&desk.stack, &report, None, &mut Screen::new(Output::Text, &mut out)).unwrap();
    let printed = String::from_utf8(out).unwrap();
    assert!(printed.contains("removed") && printed.contains("--secret-id segue/klaviyo/gone"), "{printed}");
    assert!(desk.state.export("old").await.unwrap().is_none());
    assert!(desk.state.connection("gone").await.unwrap().is_none());
    assert!(desk.schedules.all().await.unwrap().is_empty());
    let cancel = desk.state.cancel("old", &run).await.unwrap().unwrap();
    assert_eq!((cancel.by.as_str(), cancel.reason.as_deref()), ("arn:op", Some("the export was removed")));
    assert!(desk.secrets.get("segue/klaviyo/gone").await.is_ok());
    // An export of the file can't stay over a connection that is to go.
    let over = FILE.replace("connection: main", "connection: other");
    let refused = desk.plan_of(&over, "pk_x", true).await.unwrap_err().to_string();
    assert!(refused.contains("`other` is not in the file, and what is not in it is to go"), "{refused}");
}

#[tokio::test]
async fn a_detached_export_is_written_as_one() {
    let desk = Desk::new();
    let detached = FILE.replace("    connection: main\n", "    connection: null\n");
    desk.apply(&detached, "pk_x", true).await;
    assert!(desk.state.export("vip").await.unwrap().unwrap().1.is_detached());
    assert_eq!(outcomes(&desk.apply(&detached, "pk_x", false).await), ["unchanged", "unchanged"]);
}
