//! What a test of a connection shows, clears and stores.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use segue_platform::memory::{MemoryBucket, MemorySecrets};
use segue_platform::{SecretError, SecretValue, Secrets};
use segue_segment::Destination;
use segue_state::{Connection, Export, Health, Role, State, keys};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::report::Report;
use super::test::test;
use super::*;
use crate::output::{Output, Screen};
use crate::stack::Stack;

pub(super) const KEY: &str = r#"{"private_key":"pk_hush"}"#;
pub(super) const API_KEY: &str = r#"{"api_key":"hush-us19"}"#;
pub(super) const TOKEN: &str = r#"{"access_token":"hush"}"#;
pub(super) const OAUTH: &str = r#"{"client_id":"c","client_secret":"hush","refresh_token":"hush-r"}"#;

/// A stack with one connection, and a destination that answers as it was told to.
pub(super) struct Desk {
    pub(super) server: MockServer,
    pub(super) stack: Stack,
    state: State,
    secrets: Arc<dyn Secrets>,
    destination: Destination,
}

impl Desk {
    pub(super) async fn new(destination: Destination, secret: &str) -> Self {
        let secrets = MemorySecrets::default();
        secrets.store(&format!("segue/{destination}/main"), &SecretString::from(secret)).await.unwrap();
        Self::with(destination, Arc::new(secrets), json!({})).await
    }

    /// With a connection that has these fields besides.
    pub(super) async fn with(destination: Destination, secrets: Arc<dyn Secrets>, fields: Value) -> Self {
        let server = MockServer::start().await;
        let (base, token) = (format!("{}/api", server.uri()), format!("{}/token", server.uri()));
        let stack = Stack::of(
            "segue",
            &[
                ("SnapchatBaseUrl", &base),
                ("SnapchatTokenUrl", &token),
                ("MailchimpBaseUrl", &base),
                ("MailchimpMetadataUrl", &token),
                ("KlaviyoBaseUrl", &server.uri()),
            ],
        );
        let state = State::new(Arc::new(MemoryBucket::default()));
        let mut connection = json!({
            "id": "main", "display_name": "Main", "destination": destination,
            "secret": format!("segue/{destination}/main"), "account": {"id": "acct-1", "name": "Shop"},
            "consent": {"terms": 1, "agreed_by": "arn:aws:iam::1:user/op", "agreed_at": "2026-11-22T16:00:00Z"},
        });
        for (name, value) in fields.as_object().unwrap() {
            connection[name] = value.clone();
        }
        state.put(&keys::connection("main"), &connection).await.unwrap();
        Self { server, stack, state, secrets, destination }
    }

    pub(super) async fn export(&self, id: &str, role: Role, fields: Value) {
        let mut export = json!({
            "id": id, "display_name": id, "connection": "main", "audience_id": "XyZ12", "segments": ["vip"],
            "fields": {"email": "email"},
        });
        for (name, value) in fields.as_object().unwrap() {
            export[name] = value.clone();
        }
        let export: Export = serde_json::from_value(export).unwrap();
        self.state.put(&keys::export(role, id), &export).await.unwrap();
    }

    pub(super) async fn answers(&self, to: &str, answer: ResponseTemplate) {
        Mock::given(path(to)).respond_with(answer).mount(&self.server).await;
    }

    /// The account look-up answers this.
    pub(super) async fn account(&self, answer: ResponseTemplate) {
        let to = match self.destination {
            Destination::Snapchat => "/api/me",
            Destination::Mailchimp => "/api/",
            Destination::Klaviyo => "/api/accounts",
        };
        self.answers(to, answer).await;
    }

    async fn test(&self) -> Report {
        test(&self.stack, &self.state, &self.secrets, "main").await.unwrap()
    }

    /// Everything that is printed.
    pub(super) async fn says(&self) -> String {
        let report = self.test().await;
        let said = printed(&report, Output::Text)
            + &report.verdict().err().map(|failure| failure.to_string()).unwrap_or_default();
        assert!(!format!("{said}{}", printed(&report, Output::Json)).contains("hush"), "{said}");
        said
    }

    /// What is wrong, and what to do.
    pub(super) async fn fails(&self) -> String {
        let said = self.says().await;
        let at = said.find("error:").unwrap_or_else(|| panic!("{said}"));
        said[at..].replace(&self.server.address().port().to_string(), "PORT")
    }
}

fn printed(report: &Report, output: Output) -> String {
    let mut out = Vec::new();
    report.print(&mut Screen::new(output, &mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

pub(super) fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn klaviyo(account: &str) -> ResponseTemplate {
    let contact = json!({"contact_information": {"organization_name": "Shop"}});
    ok(json!({"data": [{"type": "account", "id": account, "attributes": contact}]}))
}

#[tokio::test]
async fn a_connection_that_works_is_shown_with_everything_that_is_known() {
    let desk = Desk::new(Destination::Klaviyo, KEY).await;
    desk.account(klaviyo("acct-1")).await;
    desk.export("off", Role::Administrators, json!({"enabled": false})).await;
    desk.export("theirs", Role::Contributors, json!({})).await;
    desk.export("vip", Role::Administrators, json!({})).await;
    desk.export("other", Role::Administrators, json!({"connection": "another"})).await;
    insta::assert_snapshot!(desk.says().await, @r"
    connection   main: Main, Klaviyo
    secret       segue/klaviyo/main
    account      Shop (acct-1)
    enabled      yes
    consent      terms 1, by arn:aws:iam::1:user/op, 2026-11-22T16:00:00Z
    shared with  administrators
    export       off, audience XyZ12; may not run: it is paused
    export       vip, audience XyZ12
    export       theirs, audience XyZ12; may not run: it is a contributor's, and the connection is the administrators'

    the connection `main` works
    ");
    let json: Value = serde_json::from_str(&printed(&desk.test().await, Output::Json)).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
    {
      "account": {
        "id": "acct-1",
        "name": "Shop"
      },
      "connection": "main",
      "consent": {
        "agreed_at": "2026-11-22T16:00:00Z",
        "agreed_by": "arn:aws:iam::1:user/op",
        "terms": 1
      },
      "destination": "klaviyo",
      "display_name": "Main",
      "enabled": true,
      "exports": [
        {
          "audience": "not_looked_up",
          "audience_id": "XyZ12",
          "export": "off",
          "halted": "it is paused",
          "role": "administrators"
        },
        {
          "audience": "told_by_push",
          "audience_id": "XyZ12",
          "export": "vip",
          "halted": null,
          "role": "administrators"
        },
        {
          "audience": "told_by_push",
          "audience_id": "XyZ12",
          "export": "theirs",
          "halted": "it is a contributor's, and the connection is the administrators'",
          "role": "contributors"
        }
      ],
      "health": null,
      "made_for": {
        "id": "acct-1",
        "name": "Shop"
      },
      "notes": [],
      "problems": [],
      "secret": "segue/klaviyo/main",
      "shared_with": "administrators",
      "works": true
    }
    "#);
}

#[tokio::test]
async fn a_connection_that_nothing_may_use_works_and_says_so() {
    let secrets: Arc<dyn Secrets> = Arc::new(MemorySecrets::default());
    secrets.store("segue/klaviyo/main", &SecretString::from(KEY)).await.unwrap();
    let fields = json!({"enabled": false, "consent": null, "account": null, "shared_with": "contributors"});
    let desk = Desk::with(Destination::Klaviyo, secrets, fields).await;
    desk.account(klaviyo("acct-1")).await;
    desk.export("vip", Role::Contributors, json!({})).await;
    insta::assert_snapshot!(desk.says().await, @r"
    connection   main: Main, Klaviyo
    secret       segue/klaviyo/main
    account      Shop (acct-1)
    enabled      no: nothing may use it until it is enabled
    consent      none, so nothing may use it; `segue connection edit main --agree`
    shared with  administrators and contributors
    export       vip, audience XyZ12; may not run: the connection is disabled
    note: the connection does not say which account it was made for; `segue connection connect main` notes it

    the connection `main` works, and nothing may use it: see `enabled` and `consent`
    ");
}

#[tokio::test]
async fn what_a_run_noted_is_cleared_by_a_test_that_succeeds_and_by_no_other() {
    let desk = Desk::new(Destination::Klaviyo, KEY).await;
    let message = "the destination refused the credentials; reconnect this account".to_owned();
    let since = "2026-11-22T16:35:12Z".parse().unwrap();
    desk.state.put(&keys::health("main"), &Health { message, since }).await.unwrap();
    desk.account(ResponseTemplate::new(401).set_body_string("no")).await;
    insta::assert_snapshot!(desk.says().await, @r"
    connection   main: Main, Klaviyo
    secret       segue/klaviyo/main
    account      could not be looked up
    made for     Shop (acct-1)
    enabled      yes
    consent      terms 1, by arn:aws:iam::1:user/op, 2026-11-22T16:00:00Z
    shared with  administrators
    health       since 2026-11-22T16:35:12Z: the destination refused the credentials; reconnect this account
    error: connection `main`: Klaviyo refuses the private key (HTTP 401): it was deleted, or is incomplete
    hint: reconnect this account: get new credentials at Klaviyo, then segue connection connect main
    ");
    assert!(desk.state.read::<Health>(&keys::health("main")).await.unwrap().is_some());
    desk.server.reset().await;
    desk.account(klaviyo("acct-1")).await;
    let said = desk.says().await;
    assert!(said.contains("since 2026-11-22T16:35:12Z: the destination refused the credentials"), "{said}");
    assert!(said.contains("cleared, since the account is all right again"), "{said}");
    assert!(desk.state.read::<Health>(&keys::health("main")).await.unwrap().is_none());
}

#[tokio::test]
async fn another_account_is_told_and_changes_nothing() {
    let desk = Desk::new(Destination::Klaviyo, KEY).await;
    desk.state.set_health("main", Some("reconnect".into())).await.unwrap();
    desk.account(klaviyo("acct-2")).await;
    insta::assert_snapshot!(desk.fails().await, @r"
    error: connection `main`: these credentials belong to another account: Shop (acct-2); the connection was made for Shop (acct-1)
    hint: hand in the credentials of the right account: segue connection connect main; if the other one is meant, with --other-account, which stops runs under way
    ");
    assert!(desk.state.read::<Health>(&keys::health("main")).await.unwrap().is_some());
    let kept: Connection = desk.state.connection("main").await.unwrap().unwrap();
    assert_eq!(kept.account.unwrap().id, "acct-1");
}

#[tokio::test]
async fn a_name_that_is_unknown_is_answered_with_those_that_are_known() {
    let desk = Desk::new(Destination::Klaviyo, KEY).await;
    let unknown = test(&desk.stack, &desk.state, &desk.secrets, "mian").await.unwrap_err();
    insta::assert_snapshot!(unknown.to_string(), @r"
    error: there is no connection `mian`
    hint: did you mean `main`?
    ");
    desk.state.objects().delete(&keys::connection("main")).await.unwrap();
    let none = test(&desk.stack, &desk.state, &desk.secrets, "main").await.unwrap_err();
    insta::assert_snapshot!(none.to_string(), @r"
    error: there is no connection `main`
    hint: there are no connections yet: add one with `segue connection add`
    ");
    assert_eq!(none.status(), 1);
    for text in ["", "../x", "a/b", "E"] {
        assert!(connection_id(text).is_err(), "{text}");
    }
}

/// Secrets that can be read only.
struct ReadOnly(MemorySecrets);

#[async_trait]
impl Secrets for ReadOnly {
    async fn get(&self, name: &str) -> Result<SecretValue, SecretError> {
        self.0.get(name).await
    }

    async fn refresh(&self, name: &str, _: &SecretString, _: &str) -> Result<(), SecretError> {
        Err(SecretError::Denied(name.to_owned()))
    }

    async fn store(&self, name: &str, _: &SecretString) -> Result<(), SecretError> {
        Err(SecretError::Denied(name.to_owned()))
    }
}

#[tokio::test]
async fn a_new_refresh_token_is_stored_and_one_that_can_not_be_is_told() {
    let rotated = json!({"access_token": "hush", "expires_in": 1800, "refresh_token": "hush-2"});
    let desk = Desk::new(Destination::Snapchat, OAUTH).await;
    desk.answers("/token", ok(rotated.clone())).await;
    Mock::given(method("GET"))
        .and(path("/api/me"))
        .and(header("authorization", "Bearer hush"))
        .respond_with(ok(json!({"me": {"id": "acct-1", "display_name": "Jo"}})))
        .mount(&desk.server)
        .await;
    assert!(desk.says().await.contains("works"));
    let stored = desk.secrets.get("segue/snapchat/main").await.unwrap();
    assert!(stored.text.expose_secret().contains("hush-2"));

    let secrets = MemorySecrets::default();
    secrets.store("segue/snapchat/main", &SecretString::from(OAUTH)).await.unwrap();
    let other = Desk { secrets: Arc::new(ReadOnly(secrets)), ..desk };
    let said = other.says().await;
    assert!(said.contains("note: Snapchat gave a new refresh token, and it could not be stored"), "{said}");
    assert!(said.contains("works"), "{said}");
}

#[tokio::test]
async fn a_token_that_a_killed_function_left_behind_is_found_and_made_the_current_one() {
    let secrets = Arc::new(MemorySecrets::default());
    secrets.store("segue/snapchat/main", &SecretString::from(OAUTH)).await.unwrap();
    secrets.stage("segue/snapchat/main", &SecretString::from(OAUTH.replace("hush-r", "hush-2")));
    let desk = Desk::with(Destination::Snapchat, secrets, json!({})).await;
    let denial = json!({"error": "invalid_grant"});
    Mock::given(path("/token"))
        .and(body_string_contains("refresh_token=hush-r&"))
        .respond_with(ResponseTemplate::new(400).set_body_json(denial))
        .mount(&desk.server)
        .await;
    desk.answers("/token", ok(json!({"access_token": "hush", "expires_in": 1800}))).await;
    desk.account(ok(json!({"me": {"id": "acct-1"}}))).await;
    assert!(desk.says().await.contains("works"));
    let stored = desk.secrets.get("segue/snapchat/main").await.unwrap();
    assert!(stored.text.expose_secret().contains("hush-2"));
}
