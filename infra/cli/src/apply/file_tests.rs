//! What is said of files.

use segue_state::{ExistingContacts, PeopleWhoLeft, Role, SharedWith};

use super::*;

fn wrong(text: &str) -> String {
    File::parse("segue.yaml", text).unwrap_err().to_string()
}

#[test]
fn a_whole_file_is_read_with_its_defaults() {
    let file = File::parse(
        "segue.yaml",
        "
connections:
  - id: snapchat-main
    display_name: Snapchat main account
    destination: snapchat
    credentials: {env: SNAPCHAT_CREDENTIALS}
exports:
  - id: vip-to-snapchat
    display_name: VIP
    connection: snapchat-main
    audience_id: 5677923948298240
    segments: [vip]
    fields: {email: email}
    limits: {profiles: 2_000_000}
",
    );
    let file = file.unwrap();
    let (role, export) = (&file.exports[0].spec.role, file.exports[0].spec.export());
    let connection = &file.connections[0].spec;
    assert_eq!((connection.budget_share, connection.enabled), (100, true));
    assert_eq!(connection.shared_with, SharedWith::Administrators);
    assert_eq!((*role, export.audience_id.as_str()), (Role::Administrators, "5677923948298240"));
    assert_eq!((export.limits.profiles, export.limits.invalid_share), (Some(2_000_000), 0.2));
    assert!(export.triggers.upload && export.triggers.schedule && export.enabled);
}

#[test]
fn mailchimps_choices_are_read() {
    let text = "
exports:
  - id: vip
    display_name: VIP
    connection: main
    audience_id: a1b2c3
    segments: [vip]
    fields: {email: email}
    new_contacts: pending
    existing_contacts: update
    people_who_left: may_come_back
    tags: [from Segue]
";
    let file = File::parse("segue.yaml", text).unwrap();
    let export = file.exports[0].spec.export();
    assert_eq!(export.existing_contacts, Some(ExistingContacts::Update));
    assert_eq!(export.people_who_left, Some(PeopleWhoLeft::MayComeBack));
    assert_eq!(export.tags, ["from Segue"]);
    let wrong = wrong(&text.replace("may_come_back", "come_back"));
    assert!(wrong.contains("may_come_back"), "{wrong}");
}

#[test]
fn an_empty_file_configures_nothing() {
    for text in ["", "connections:\nexports: []\n"] {
        let file = File::parse("segue.yaml", text).unwrap();
        assert!(file.connections.is_empty() && file.exports.is_empty());
    }
}

#[test]
fn what_is_no_yaml_is_said_with_its_place() {
    insta::assert_snapshot!(wrong("connections:\n  - id: [x\n"), @"error: segue.yaml:2:9: unclosed bracket '['");
    insta::assert_snapshot!(wrong("connections: {}\n"), @"error: segue.yaml:1:14: a list is needed here");
}

#[test]
fn each_item_that_is_wrong_is_told_about() {
    let text = "
connections:
  - id: one
    display_name: One
    destination: facebook
  # The second one.
  - id: two
    display_name: Two
    destination: klaviyo
    budget: 50
exports:
  - id: three
    display_name: Three
    connection: one
    audience_id: a
    segments: vip
    fields: {email: email}
  - id: four
    display_name: Four
    connection: one
    audience_id: a
    segments: [vip]
    fields: {email: email}
    limits:
      invalid_share: a lot
  - display_name: Five
";
    insta::assert_snapshot!(wrong(text), @r"
    error: segue.yaml:5:18: `facebook` is none of what this may be: snapchat, mailchimp, klaviyo
    error: segue.yaml:10:5: there is no field `budget` here; did you mean `budget_share`?
    error: segue.yaml:16:15: a list is needed here
    error: segue.yaml:25:22: a number is needed here
    error: segue.yaml:26:5: missing field `audience_id`
    error: segue.yaml:26:5: missing field `connection`
    error: segue.yaml:26:5: missing field `fields`
    error: segue.yaml:26:5: missing field `id`
    error: segue.yaml:26:5: missing field `segments`
    ");
}

/// However the file is written: what is wrong with it, and where, is the same.
#[test]
fn all_mistakes_of_a_file_in_flow_style_are_told() {
    let text = r#"{
  "connections": [
    {"id": "one", "display_name": "One", "destination": "facebook", "budget": 50},
    {"id": "two", "display_name": ["Two"], "destination": "klaviyo", "budget_share": 300}
  ],
  "exports": [
    {"id": "three", "connection": "one", "audience_id": 12, "segments": "vip", "fields": {"email": "email"},
     "limits": {"invalid_share": "a lot", "profiles": -1}},
    {"id": "four", "display_name": "Four", "connection": "one", "segments": ["vip"], "fields": {},
     "triggers": {"upload": "perhaps"}, "schedule": {"cron": {}}}
  ],
  "export": []
}"#;
    insta::assert_snapshot!(wrong(text), @r"
    error: segue.yaml:3:57: `facebook` is none of what this may be: snapchat, mailchimp, klaviyo
    error: segue.yaml:3:69: there is no field `budget` here; did you mean `budget_share`?
    error: segue.yaml:4:35: text is needed here
    error: segue.yaml:4:86: a whole number is needed here
    error: segue.yaml:7:5: missing field `display_name`
    error: segue.yaml:7:73: a list is needed here
    error: segue.yaml:8:34: a number is needed here
    error: segue.yaml:8:55: a whole number is needed here
    error: segue.yaml:9:5: missing field `audience_id`
    error: segue.yaml:9:96: missing field `email`
    error: segue.yaml:10:29: true or false is needed here
    error: segue.yaml:10:62: text is needed here
    error: segue.yaml:12:3: there is no field `export` here; did you mean `exports`?
    ");
    // What is told of one thing hides nothing else of its line, and no credentials are repeated.
    let text = r#"{"connections": [{"id": "a", "destination": "klavio", "credentials": {"env": "K"}, "api_key": "verysecret"},
      {"id": "b", "display_name": "B", "destination": {"name": "klaviyo"}, "credentials": "verysecret", "enabled": "true"}]}"#;
    insta::assert_snapshot!(wrong(text), @r"
    error: segue.yaml:1:18: missing field `display_name`
    error: segue.yaml:1:45: `klavio` is none of what this may be: snapchat, mailchimp, klaviyo
    error: segue.yaml:1:95: `connections[0].api_key`: credentials don't belong in a file, which is copied, mailed and committed; put them into an environment variable and name it with `credentials: {env: NAME}`
    error: segue.yaml:2:55: one of these is needed here: snapchat, mailchimp, klaviyo
    error: segue.yaml:2:91: `credentials`: name one of `env`, `stdin` and `secret`, and nothing else
    ");
    // What only YAML writes like this is right, and is not among what is told.
    let text = r#"{"exports": [{"id": 7, "segments": [2026], "limits": {"profiles": 2_000_000, "min_profiles": 0x10}}]}"#;
    insta::assert_snapshot!(wrong(text), @r"
    error: segue.yaml:1:14: missing field `audience_id`
    error: segue.yaml:1:14: missing field `connection`
    error: segue.yaml:1:14: missing field `display_name`
    error: segue.yaml:1:14: missing field `fields`
    ");
}

#[test]
fn items_that_share_parts_by_anchors_are_told_about_once() {
    let text = "
exports:
  - {id: one, display_name: One, connection: c, audience_id: a, segments: &all [vip], fields: {email: email}}
  - id: two
    display_name: Two
    connection: c
    audience_id: a
    segments: *all
    fields: {mail: email}
";
    insta::assert_snapshot!(wrong(text), @"error: segue.yaml:9:14: there is no field `mail` here; did you mean `email`?");
}

#[test]
fn credentials_in_the_file_are_refused_and_never_repeated() {
    let text = "
connections:
  - id: one
    display_name: One
    destination: klaviyo
    credentials:
      private_key: pk_verysecret
  - id: two
    display_name: Two
    destination: mailchimp
    api_key: verysecret-us19
  - id: three
    display_name: Three
    destination: mailchimp
    credentials: verysecret-us19
  - id: four
    display_name: Four
    destination: mailchimp
    credentials:
      value: verysecret-us19
  - id: five
    display_name: Five
    destination: mailchimp
    credentials:
      stdin: verysecret
";
    let said = wrong(text);
    assert!(!said.contains("verysecret"), "{said}");
    insta::assert_snapshot!(said, @r"
    error: segue.yaml:7:20: `connections[0].credentials.private_key`: credentials don't belong in a file, which is copied, mailed and committed; put them into an environment variable and name it with `credentials: {env: NAME}`
    error: segue.yaml:11:14: `connections[1].api_key`: credentials don't belong in a file, which is copied, mailed and committed; put them into an environment variable and name it with `credentials: {env: NAME}`
    error: segue.yaml:15:18: `credentials`: name one of `env`, `stdin` and `secret`, and nothing else
    error: segue.yaml:20:7: `credentials`: name one of `env`, `stdin` and `secret`, and nothing else
    error: segue.yaml:25:14: `credentials`: name one of `env`, `stdin` and `secret`, and nothing else
    ");
}
