//! What is found out before anything is written.

use std::sync::Arc;

use segue_platform::Env;
use segue_platform::memory::{MemoryBucket, MemorySecrets};

use super::*;
use crate::export::schedules::tests::MemorySchedules;

async fn planned(text: &str, state: &State) -> Result<Plan, Failure> {
    let file = File::read("segue.yaml", text);
    let mut stdin = &br#"{"private_key":"pk_x"}"#[..];
    let mut inputs = Inputs { env: Env::of(&[("KEY", r#"{"private_key":"pk_x"}"#)]), stdin: &mut stdin };
    let secrets: Arc<dyn Secrets> = Arc::new(MemorySecrets::default());
    let schedules = MemorySchedules::default();
    let stores = Stores { stack: "segue", state, secrets: &secrets, schedules: &schedules };
    plan(&file, &stores, &mut inputs, None).await
}

fn state() -> State {
    State::new(Arc::new(MemoryBucket::default()))
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let text = "
connections:
  - id: One
    display_name: ''
    destination: klaviyo
    budget_share: 0
    credentials: {env: NOT_SET}
  - id: two
    display_name: Two
    destination: klaviyo
  - id: three
    display_name: Three
    destination: klaviyo
    credentials: {stdin: true}
  - id: four
    display_name: Four
    destination: klaviyo
    credentials: {stdin: true}
  - id: four
    display_name: Four again
    destination: klaviyo
    credentials: {env: KEY, secret: segue/klaviyo/four}
exports:
  - id: nowhere
    display_name: Nowhere
    connection: five
    audience_id: list
    segments: [vip]
    fields: {email: email}
  - id: shared
    role: contributors
    display_name: Shared
    connection: three
    audience_id: not/an/id
    segments: [vip]
    fields: {email: email}
    new_contacts: pending
    limits:
      profiles: 0
    source: {encoding: ebcdic}
";
    insta::assert_snapshot!(planned(text, &state()).await.unwrap_err().to_string(), @r"
    error: segue.yaml:3:9: connection `One`: `id`: use 1 to 63 lower-case letters, digits and hyphens, no hyphen at either end
    error: segue.yaml:4:19: connection `One`: `display_name`: use 1 to 256 characters
    error: segue.yaml:6:19: connection `One`: `budget_share`: use a whole number of percent from 1 to 100
    error: segue.yaml:7:18: connection `One`: credentials: the environment variable `NOT_SET` is not set
    error: segue.yaml:8:5: connection `two`: credentials: name its `credentials`; only a connection that exists already may leave them out
    error: segue.yaml:18:18: connection `four`: credentials: only one connection can have its credentials from standard input
    error: segue.yaml:19:9: connection `four`: `id`: it stands in the file twice; ids are unique, exports' across roles
    error: segue.yaml:22:18: connection `four`: credentials: name exactly one of `env`, `stdin: true` and `secret`
    error: segue.yaml:26:17: export `nowhere`: `connection`: `five` is neither in the file nor in the stack
    error: segue.yaml:33:17: export `shared`: `connection`: `three` is not shared with contributors
    error: segue.yaml:34:18: export `shared`: `audience_id`: use the id that the destination shows, letters and digits
    error: segue.yaml:37:19: export `shared`: `new_contacts`: only Mailchimp has it; leave it out
    error: segue.yaml:39:17: export `shared`: `limits.profiles`: use at least 1
    error: segue.yaml:40:24: export `shared`: `source.encoding`: `ebcdic` is no encoding; use a label of the WHATWG, such as utf-8, utf-16le, windows-1252, shift_jis
    hint: nothing was saved
    ");
}

#[tokio::test]
async fn an_export_may_use_a_connection_that_only_the_stack_has() {
    let text = "
exports:
  - id: vip
    display_name: VIP
    connection: stored
    audience_id: list
    segments: [vip]
    fields: {email: email}
";
    let state = state();
    assert!(planned(text, &state).await.is_err());
    let stored =
        serde_json::json!({"id": "stored", "display_name": "S", "destination": "klaviyo", "secret": "x"});
    let stored: Connection = serde_json::from_value(stored).unwrap();
    state.create(&keys::connection("stored"), &stored).await.unwrap();
    assert_eq!(planned(text, &state).await.unwrap().exports.len(), 1);
}

#[tokio::test]
async fn a_connection_never_leads_elsewhere() {
    let state = state();
    let stored =
        serde_json::json!({"id": "one", "display_name": "S", "destination": "mailchimp", "secret": "x"});
    let stored: Connection = serde_json::from_value(stored).unwrap();
    state.create(&keys::connection("one"), &stored).await.unwrap();
    let text = "connections: [{id: one, display_name: One, destination: klaviyo, credentials: {env: KEY}}]";
    insta::assert_snapshot!(planned(text, &state).await.unwrap_err().to_string(), @r"
    error: segue.yaml:1:57: connection `one`: `destination`: it can't be changed; make a new connection
    hint: nothing was saved
    ");
}

#[tokio::test]
async fn mistakes_of_form_and_of_content_are_said_together() {
    let text = "
connections:
  - id: main
    display_name: Main
    destination: klaviyo
    credentials: {env: NOT_SET}
    budget_share: a lot
    colour: red
exports:
  - id: one
    display_name: One
    connection: main
    audience_id: list
    segments: [a/b]
    fields: {email: email}
    schedule: {rate: 5 weeks}
  - id: two
    segments: vip
    limits: {profiles: many}
  - id: three
    display_name: Three
    audience_id: list
    segments: [vip]
    fields: {email: email}
";
    insta::assert_snapshot!("form_and_content", planned(text, &state()).await.unwrap_err().to_string());
}
