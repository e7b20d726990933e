//! What adding, changing and removing connections does to state and secrets.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use segue_platform::memory::{MemoryBucket, MemorySecrets};
use segue_platform::{Env, Secrets};
use segue_segment::Destination;
use segue_state::config::Account;
use segue_state::{Cancel, Connection, Export, Health, Open, Role, Run, RunId, SharedWith, State, keys};
use serde_json::{Value, json};

use super::connect::Desk;
use super::supply::CredentialsFrom;
use super::*;
use crate::apply::account::Accounts;
use crate::output::Output;
use crate::prompt::tests::Scripted;
use crate::stack::Stack;

pub(super) const CALLER: &str = "arn:aws:iam::1:user/op";

/// A destination whose accounts are named after the secrets that lead to them; it refuses those with `dead` in them.
struct Somebody;

#[async_trait]
impl Accounts for Somebody {
    async fn find(
        &self,
        _: Destination,
        secrets: Arc<dyn Secrets>,
        name: &str,
    ) -> Result<Option<Account>, Failure> {
        let text = secrets.get(name).await?.text.expose_secret().to_owned();
        let fields: Value = serde_json::from_str(&text).unwrap();
        let token =
            ["private_key", "refresh_token", "access_token", "api_key"].map(|name| fields[name].as_str());
        let token = token.into_iter().flatten().next().unwrap();
        if token.contains("dead") {
            return Err(Failure::new("the destination refuses the credentials").hint("nothing was saved"));
        }
        let id = if token.contains("other") { "acct-2" } else { "acct-1" };
        Ok(Some(Account { id: id.to_owned(), name: Some("Shop".to_owned()) }))
    }
}

/// A stack in memory.
pub(super) struct Bench {
    pub(super) stack: Stack,
    pub(super) bucket: Arc<MemoryBucket>,
    pub(super) state: State,
    pub(super) secrets: Arc<dyn Secrets>,
}

impl Bench {
    pub(super) fn new(outputs: &[(&str, &str)]) -> Self {
        let bucket = Arc::new(MemoryBucket::default());
        let state = State::new(bucket.clone());
        let secrets = Arc::new(MemorySecrets::default());
        Self { stack: Stack::of("segue", outputs), bucket, state, secrets }
    }

    /// With a connection to Klaviyo, or as `fields` say.
    pub(super) async fn with(outputs: &[(&str, &str)], fields: Value) -> Self {
        let bench = Self::new(outputs);
        bench.put("main", fields).await;
        bench
    }

    pub(super) async fn put(&self, id: &str, fields: Value) {
        let mut connection = json!({
            "id": id, "display_name": "Main", "destination": "klaviyo", "secret": format!("segue/x/{id}"),
            "account": {"id": "acct-1", "name": "Shop"},
            "consent": {"terms": 1, "agreed_by": CALLER, "agreed_at": "2026-11-22T16:00:00Z"},
        });
        for (name, value) in fields.as_object().unwrap() {
            connection[name] = value.clone();
        }
        self.state.put(&keys::connection(id), &connection).await.unwrap();
    }

    pub(super) async fn export(&self, id: &str, role: Role) -> Export {
        let export = json!({
            "id": id, "display_name": id, "connection": "main", "audience_id": "XyZ12", "segments": ["vip"],
            "fields": {"email": "email"},
        });
        let export: Export = serde_json::from_value(export).unwrap();
        self.state.put(&keys::export(role, id), &export).await.unwrap();
        export
    }

    /// A run of an export that is under way.
    pub(super) async fn run(&self, export: &Export) -> RunId {
        let at = "2026-11-22T16:00:00Z".parse().unwrap();
        let run = RunId::of(at, &[&export.id]);
        let trigger = json!({"kind": "upload", "at": at});
        let record = json!({
            "run": run, "trigger": trigger, "drops": [], "export": export, "destination": "klaviyo",
            "lane": "acct-1", "created_at": at,
        });
        let record: Run = serde_json::from_value(record).unwrap();
        self.state.put(&keys::run(&export.id, &run), &record).await.unwrap();
        self.state.put(&keys::open(&export.id, &run), &Open::new(at)).await.unwrap();
        run
    }

    pub(super) fn desk(&self) -> Desk<'_> {
        Desk { stack: &self.stack, state: &self.state, secrets: &self.secrets, accounts: &Somebody }
    }

    pub(super) async fn connection(&self) -> Connection {
        self.state.connection("main").await.unwrap().unwrap()
    }

    pub(super) async fn stored(&self, name: &str) -> String {
        self.secrets.get(name).await.unwrap().text.expose_secret().to_owned()
    }

    async fn add(&self, args: add::Args, key: &str, prompt: &mut Scripted) -> Result<add::Added, Failure> {
        let pairs = [("KEY", key)];
        let mut inputs = Inputs { env: Env::of(&pairs), stdin: &mut std::io::empty() };
        add::add(&self.desk(), &args, CALLER, &mut inputs, prompt).await
    }

    async fn remove(&self, force: bool, prompt: &mut Scripted) -> Result<remove::Removed, Failure> {
        let args = remove::Args { connection: "main".to_owned(), force };
        remove::remove(&self.state, &args, CALLER, prompt).await
    }
}

/// As somebody says it in a script.
pub(super) fn said(destination: Destination) -> add::Args {
    add::Args {
        connection: "main".to_owned(),
        destination: Some(destination),
        display_name: Some("Main".to_owned()),
        shared_with: None,
        export_user: None,
        budget_share: 100,
        agree: true,
        from: CredentialsFrom { credentials_env: Some("KEY".to_owned()), credentials_stdin: false },
        sign_in: connect::SignIn::default(),
    }
}

#[tokio::test]
async fn a_connection_is_added_with_consent_credentials_and_its_account() {
    let bench = Bench::new(&[]);
    let mut nobody = Scripted::default();
    let added = bench.add(said(Destination::Klaviyo), "pk_hush", &mut nobody).await.unwrap();
    let saved = bench.connection().await;
    assert_eq!((&saved, added.to_sign_in), (&added.connection, false));
    let consent = saved.consent.unwrap();
    assert_eq!((consent.terms, consent.agreed_by.as_str()), (Connection::TERMS, CALLER));
    assert_eq!((saved.account.unwrap().id.as_str(), saved.export_user.as_deref()), ("acct-1", Some(CALLER)));
    assert_eq!((saved.shared_with, saved.enabled), (SharedWith::Administrators, true));
    assert!(bench.stored("segue/klaviyo/main").await.contains("pk_hush"));
    let heard = nobody.heard.concat();
    assert!(heard.contains("https://www.klaviyo.com/legal/privacy") && !heard.contains("hush"), "{heard}");

    let again = bench.add(said(Destination::Klaviyo), "pk_hush", &mut nobody).await.unwrap_err();
    insta::assert_snapshot!(again.to_string(), @r"
    error: there is a connection `main` already
    hint: change it with `segue connection edit main`, sign in again with `segue connection connect main`
    ");
}

#[tokio::test]
async fn credentials_that_are_refused_and_options_that_are_wrong_save_nothing() {
    let bench = Bench::new(&[]);
    let no_destination = add::Args { destination: None, ..said(Destination::Klaviyo) };
    let no_name = add::Args { display_name: Some(String::new()), ..said(Destination::Klaviyo) };
    for (args, key, status) in [
        (said(Destination::Klaviyo), "pk_dead", 1),
        (said(Destination::Klaviyo), "hush", 2),
        (no_destination, "pk_hush", 2),
        (no_name, "pk_hush", 2),
    ] {
        let failure = bench.add(args, key, &mut Scripted::default()).await.unwrap_err();
        assert_eq!((failure.status(), failure.to_string().contains("hush")), (status, false), "{failure}");
        assert!(bench.bucket.keys().is_empty());
        assert!(bench.secrets.get("segue/klaviyo/main").await.is_err());
    }
}

#[tokio::test]
async fn without_agreement_and_credentials_it_is_added_and_can_not_be_used() {
    let bench = Bench::new(&[]);
    let args = add::Args { agree: false, from: CredentialsFrom::default(), ..said(Destination::Mailchimp) };
    let added = bench.add(args, "", &mut Scripted::default()).await.unwrap();
    assert!(added.to_sign_in);
    let saved = bench.connection().await;
    assert_eq!((saved.consent, saved.account), (None, None));

    let bench = Bench::new(&[]);
    let app = r#"{"client_id":"1","client_secret":"hush"}"#;
    let added = bench.add(said(Destination::Snapchat), app, &mut Scripted::default()).await.unwrap();
    assert!(added.to_sign_in);
    assert_eq!(bench.stored("segue/snapchat/main").await, app);
}

#[tokio::test]
async fn a_person_is_asked_for_everything_that_no_option_says() {
    let bench = Bench::new(&[]);
    let args = add::Args {
        destination: None,
        display_name: None,
        agree: false,
        from: CredentialsFrom::default(),
        ..said(Destination::Klaviyo)
    };
    let answers =
        ["Klaviyo", "", "administrators and contributors", "jo@example.com", "yes", "yes", "pk_hush"];
    let mut person = Scripted::answering(&answers);
    bench.add(args, "", &mut person).await.unwrap();
    assert!(person.is_done());
    let saved = bench.connection().await;
    assert_eq!((saved.display_name.as_str(), saved.shared_with), ("main", SharedWith::Contributors));
    assert_eq!(saved.export_user.as_deref(), Some("jo@example.com"));
    assert!(saved.consent.is_some() && saved.account.is_some());
    assert!(bench.stored("segue/klaviyo/main").await.contains("pk_hush"));
}

fn edited() -> edit::Args {
    edit::Args {
        connection: "main".to_owned(),
        display_name: None,
        shared_with: None,
        export_user: None,
        budget_share: None,
        agree: false,
    }
}

#[tokio::test]
async fn only_what_is_named_changes() {
    let bench = Bench::with(&[], json!({"shared_with": "contributors", "consent": null})).await;
    bench.export("theirs", Role::Contributors).await;
    bench.export("ours", Role::Administrators).await;
    let mut nobody = Scripted::default();
    let before = bench.connection().await;
    let args = edit::Args { budget_share: Some(50), agree: true, ..edited() };
    let changed = edit::edit(&bench.state, &args, CALLER, &mut nobody).await.unwrap();
    assert_eq!((changed.changed, changed.shut_out.len()), (true, 0));
    let now = bench.connection().await;
    let consent = now.consent.clone().unwrap();
    assert_eq!((now.budget_share, consent.agreed_by.as_str()), (50, CALLER));
    assert_eq!(Connection { budget_share: 100, consent: None, ..now }, before);

    let args = edit::Args { shared_with: Some(SharedWith::Administrators), agree: true, ..edited() };
    let changed = edit::edit(&bench.state, &args, CALLER, &mut nobody).await.unwrap();
    assert_eq!(changed.shut_out, ["theirs"]);
    assert_eq!(bench.connection().await.consent, Some(consent));
    assert!(!edit::edit(&bench.state, &args, CALLER, &mut nobody).await.unwrap().changed);
    let nothing = edit::edit(&bench.state, &edited(), CALLER, &mut nobody).await.unwrap_err();
    assert_eq!(nothing.status(), 2);
    let mut person = Scripted::answering(&["New", "administrators", "", "40 %"]);
    edit::edit(&bench.state, &edited(), CALLER, &mut person).await.unwrap();
    let now = bench.connection().await;
    assert_eq!((now.display_name.as_str(), now.budget_share), ("New", 40));
}

#[tokio::test]
async fn switching_it_off_and_on_changes_nothing_else() {
    let bench = Bench::with(&[], json!({})).await;
    let before = bench.connection().await;
    assert!(edit::switch(&bench.state, "main", false).await.unwrap().changed);
    assert!(!bench.connection().await.enabled);
    assert!(!edit::switch(&bench.state, "main", false).await.unwrap().changed);
    assert!(edit::switch(&bench.state, "main", true).await.unwrap().changed);
    assert_eq!(bench.connection().await, before);
    let unknown = edit::switch(&bench.state, "mian", true).await.unwrap_err();
    assert!(unknown.to_string().contains("did you mean `main`?"), "{unknown}");
}

#[tokio::test]
async fn removing_detaches_exports_cancels_runs_and_says_what_stays() {
    let bench = Bench::with(&[("StateBucket", "state")], json!({})).await;
    bench.put("other", json!({})).await;
    let ours = bench.export("ours", Role::Administrators).await;
    bench.export("theirs", Role::Contributors).await;
    let run = bench.run(&ours).await;
    let elsewhere = Export { id: "else".into(), connection: "other".into(), ..ours.clone() };
    bench.state.put(&keys::export(Role::Administrators, "else"), &elsewhere).await.unwrap();
    let spared = bench.run(&elsewhere).await;
    bench.state.set_health("main", Some("reconnect".into())).await.unwrap();
    bench.state.objects().put(&keys::chunk("ours", &run, "a", 0), "x".into()).await.unwrap();

    let unasked = bench.remove(false, &mut Scripted::default()).await.unwrap_err();
    assert_eq!(unasked.status(), 2);
    insta::assert_snapshot!(unasked.to_string(), @r"
    error: removing `main` needs a yes: the exports ours, theirs use it and will be detached; 1 run under way will be cancelled
    hint: there is no terminal to ask on: say --force
    ");
    let refused = bench.remove(false, &mut Scripted::answering(&["no"])).await.unwrap_err();
    assert_eq!((refused.status(), bench.connection().await.enabled), (1, true));

    let removed = bench.remove(true, &mut Scripted::default()).await.unwrap();
    assert!(bench.state.connection("main").await.unwrap().is_none());
    assert!(bench.state.read::<Health>(&keys::health("main")).await.unwrap().is_none());
    for id in ["ours", "theirs"] {
        let (_, export) = bench.state.export(id).await.unwrap().unwrap();
        assert!(export.is_detached() && export.audience_id == "XyZ12", "{id}");
    }
    let cancel: Cancel = bench.state.cancel("ours", &run).await.unwrap().unwrap();
    assert_eq!(
        (cancel.by.as_str(), cancel.reason.as_deref()),
        (CALLER, Some("the connection `main` was removed"))
    );
    assert!(bench.state.cancel("else", &spared).await.unwrap().is_none());
    let (_, untouched) = bench.state.export("else").await.unwrap().unwrap();
    assert_eq!(untouched, elsewhere);

    let mut out = Vec::new();
    removed.print(&bench.stack, &mut Screen::new(Output::Text, &mut out)).unwrap();
    let said = String::from_utf8(out).unwrap().replace(&run.to_string(), "RUN");
    insta::assert_snapshot!(said, @r"
    removed the connection `main`: nothing is sent over it any more
    detached the export ours, which keeps its configuration; attach it with: segue export attach ours CONNECTION
    detached the export theirs, which keeps its configuration; attach it with: segue export attach theirs CONNECTION
    cancelled the run ours RUN

    what stays, and how to be rid of it:
    - the credentials, in the secret `segue/x/main`: aws secretsmanager delete-secret --secret-id segue/x/main; revoke them at Klaviyo as well
    - 1 staged chunk with profiles, encrypted, gone within 7 days by itself; at once:
        aws s3 rm --recursive s3://state/chunks/ours/
    - the people whom ours sent to Klaviyo, in its audience XyZ12: remove them there
    - the people whom theirs sent to Klaviyo, in its audience XyZ12: remove them there
    - the history of runs, which holds no personal data
    ");
}

#[tokio::test]
async fn connections_are_listed_with_what_is_to_be_done() {
    let bench = Bench::with(&[], json!({})).await;
    bench.export("vip", Role::Administrators).await;
    bench
        .put("new", json!({"account": null, "destination": "snapchat", "shared_with": "contributors"}))
        .await;
    bench.put("off", json!({"enabled": false, "destination": "mailchimp"})).await;
    bench.put("old", json!({"consent": null})).await;
    bench.put("sick", json!({})).await;
    bench.state.set_health("sick", Some("reconnect this account".into())).await.unwrap();
    bench.bucket_object("config/connections/odd.json", "{").await;
    let printed = async |output, only| {
        let mut out = Vec::new();
        overview::list(&bench.stack, &bench.state, only, &mut Screen::new(output, &mut out)).await.unwrap();
        String::from_utf8(out).unwrap()
    };
    let text = printed(Output::Text, None).await;
    insta::assert_snapshot!(text, @r"
    name  display name  destination  account  shared with       exports  status
    main  Main          Klaviyo      Shop     administrators          1  ready
    new   Main          Snapchat     -        contributors too        0  not connected
    off   Main          Mailchimp    Shop     administrators          0  disabled
    old   Main          Klaviyo      Shop     administrators          0  no consent
    sick  Main          Klaviyo      Shop     administrators          0  reconnect
    new: not connected; sign in with: segue connection connect new
    off: disabled; let it be used again with: segue connection enable off
    old: no consent; agree to its terms with: segue connection edit old --agree
    sick: reconnect; sign in with: segue connection connect sick
    note: a connection could not be read: config/connections/odd.json is malformed: EOF while parsing an object at line 1 column 1
    ");
    let json: Value =
        serde_json::from_str(&printed(Output::Json, Some(Destination::Snapchat)).await).unwrap();
    assert_eq!(
        (&json[0]["id"], &json[0]["status"], json.as_array().unwrap().len()),
        (&json!("new"), &json!("not_connected"), 1)
    );

    let mut out = Vec::new();
    overview::show(&bench.stack, &bench.state, "main", &mut Screen::new(Output::Text, &mut out))
        .await
        .unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
    connection   main: Main, Klaviyo
    secret       segue/x/main
    account      Shop (acct-1)
    export user  nobody is named
    budget       100 % of the account's rate limits
    enabled      yes
    consent      terms 1, by arn:aws:iam::1:user/op, 2026-11-22T16:00:00Z
    shared with  administrators
    export       vip, audience XyZ12
    status       ready
    ");
}

impl Bench {
    async fn bucket_object(&self, key: &str, text: &'static str) {
        self.state.objects().put(key, text.into()).await.unwrap();
    }
}
