//! Adding exports: what is asked, checked and saved.

use segue_state::{NewContacts, Role};

use super::super::tests::World;
use crate::output::Output;
use crate::prompt::tests::Scripted;

#[tokio::test]
async fn options_alone_make_an_export_and_run_nothing() {
    let world = World::new().await;
    let words = [
        "add",
        "vip",
        "--connection",
        "klaviyo",
        "--audience",
        "a1",
        "--segment",
        "vip",
        "--email",
        "e-mail",
    ];
    insta::assert_snapshot!(world.run(&words).await.unwrap(), @r"
    made the export `vip`, which administrators may change
    it is started by a drop of vip, the stack's refresh and `segue run start`
    saving an export doesn't run it; run it now with: segue run start vip
    ");
    let export = world.export("vip").await.unwrap();
    assert_eq!((export.connection.as_str(), export.audience_id.as_str()), ("klaviyo", "a1"));
    assert!(export.enabled && export.display_name == "vip");
    assert!(world.state.open_runs().await.unwrap().is_empty());
    let again = world.run(&words).await.unwrap_err().to_string();
    assert!(again.contains("there is an export `vip` already"), "{again}");
}

#[tokio::test]
async fn everything_that_is_missing_is_said_at_once_where_nobody_can_be_asked() {
    let world = World::new().await;
    let failure = world.run(&["add"]).await.unwrap_err();
    assert_eq!(failure.status(), 2);
    insta::assert_snapshot!(failure.to_string(), @r"
    error: --connection is needed: there is no terminal to ask on
    error: --audience is needed: there is no terminal to ask on
    error: --segment is needed: there is no terminal to ask on
    error: --email is needed: there is no terminal to ask on
    hint: see --help of this command
    ");
}

#[tokio::test]
async fn what_no_option_says_is_offered() {
    let world = World::new().await;
    let answers =
        ["MAILCHIMP (mailchimp, Mailchimp)", "VIPs (a1, 5 people)", "vip, all", "E-Mail", "first", "none"];
    let answers =
        [&answers[..], &["subscribed: they get mail at once: you have their permission", "", "Best"]]
            .concat();
    let mut somebody = Scripted::answering(&answers);
    world.says(&["add"], &mut somebody, Output::Text).await.unwrap();
    assert!(somebody.is_done());
    insta::assert_snapshot!(somebody.heard.join("\n"), @r"
    Connection
    Audience
    Segments that were dropped: all, vip
    Segments, with commas between them
    Column with the e-mail address
    Column with the first name
    Column with the last name
    People who are new to the audience become
    Id of the export
    Its name for people
    ");
    let export = world.export("vip-all-to-mailchimp").await.unwrap();
    assert_eq!((export.display_name.as_str(), export.segments.concat().as_str()), ("Best", "vipall"));
    assert_eq!(
        (export.fields.email.as_str(), export.fields.first_name.as_deref()),
        ("E-Mail", Some("first"))
    );
    assert_eq!((export.fields.last_name, export.new_contacts), (None, Some(NewContacts::Subscribed)));
}

#[tokio::test]
async fn what_the_account_or_the_drop_does_not_have_is_refused() {
    let world = World::new().await;
    let tried = async |connection: &str, audience: &str, more: &[&str]| {
        let words = ["add", "x", "--connection", connection, "--audience", audience, "--segment", "vip"];
        world.run(&[&words, more].concat()).await.unwrap_err().to_string()
    };
    let said = [
        tried("klaviyo", "a9", &["--email", "E-Mail"]).await,
        tried("snapchat", "a2", &["--email", "E-Mail"]).await,
        tried("dead", "a1", &["--email", "E-Mail"]).await,
        tried("none", "a1", &["--email", "E-Mail"]).await,
        tried("klaviyo", "a1", &["--email", "mail", "--column", "age"]).await,
        tried("mailchimp", "a1", &["--email", "E-Mail"]).await,
        tried("snapchat", "a1", &["--email", "E-Mail", "--first-name", "first"]).await,
    ];
    insta::assert_snapshot!("add_refused", said.join("\n"));
    assert!(world.export("x").await.is_none());
    // A destination that does not answer stands in nobody's way who knows the id.
    let unchecked =
        ["add", "x", "--connection", "dead", "--audience", "a9", "--segment", "new", "--email", "mail"];
    world.run(&[&unchecked[..], &["--unchecked"]].concat()).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_listed_is_warned_of_and_not_refused() {
    let world = World::cut().await;
    let words = ["add", "x", "--connection", "klaviyo", "--audience", "a9", "--segment", "vip"];
    let hidden = ["--email", "Kundenmail", "--delimiter", "|", "--display-name", "X"];
    let mut somebody = Scripted::answering(&[]);
    world.says(&[&words[..], &hidden].concat(), &mut somebody, Output::Text).await.unwrap();
    insta::assert_snapshot!(somebody.heard.join("\n"), @r"
    note: the ad account 7 is left out
    The audience `a9` is not among those that could be listed: it is not checked.
    note: names are not shown
    The column `Kundenmail` is not among those that are shown: it is not checked.
    ");
    let export = world.export("x").await.unwrap();
    assert_eq!((export.audience_id.as_str(), export.fields.email.as_str()), ("a9", "Kundenmail"));
}

#[tokio::test]
async fn contributors_use_what_is_shared_with_them_and_are_told_whom_to_ask() {
    let world = World::as_contributor().await;
    let words = ["--audience", "a1", "--segment", "vip", "--email", "E-Mail"];
    let add = |more: &[&'static str]| [&["add"], more, &words[..]].concat();
    world.run(&add(&["mine", "--connection", "klaviyo"])).await.unwrap();
    let (role, _) = world.state.export("mine").await.unwrap().unwrap();
    assert_eq!(role, Role::Contributors);
    let mut somebody = Scripted::answering(&[]);
    let said = [
        world.run(&add(&["x", "--connection", "snapchat"])).await.unwrap_err().to_string(),
        world
            .says(&["add", "--destination", "snapchat"], &mut somebody, Output::Text)
            .await
            .unwrap_err()
            .to_string(),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    error: the connection `snapchat` is not shared with contributors
    hint: ask an administrator of this stack to share one with contributors: `dead`, for which Jo answers; `mailchimp`, for which Jo answers; `snapchat`, for which Jo answers

    error: there is no connection to Snapchat that you may use
    hint: ask an administrator of this stack to share one with contributors: `snapchat`, for which Jo answers
    ");
}
