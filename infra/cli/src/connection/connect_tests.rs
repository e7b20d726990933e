//! Signing in: through the browser, by pasting, with keys; and what is refused.

use segue_platform::Env;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;
use wiremock::matchers::{body_string_contains, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::connect::{Args, SignIn, connect};
use super::managing_tests::{Bench, CALLER, said};
use super::oauth::Redirect;
use super::prerequisites;
use super::supply::CredentialsFrom;
use super::*;
use crate::audience::Audiences;
use crate::output::Output;
use crate::prompt::Prompt;
use crate::prompt::tests::Scripted;

const APP: &str = r#"{"client_id":"app","client_secret":"hush"}"#;

/// A browser in which somebody allows everything at once.
#[derive(Default)]
struct Browser {
    heard: String,
}

impl Prompt for Browser {
    fn is_terminal(&self) -> bool {
        false
    }

    fn say(&mut self, text: &str) {
        self.heard.push_str(text);
        let Some(address) = text.lines().find_map(|line| Url::parse(line.trim()).ok()) else { return };
        let back = allowed(&address, "good");
        tokio::spawn(async move {
            let host = ("127.0.0.1", back.port().unwrap());
            let mut stream = TcpStream::connect(host).await.unwrap();
            let target = &back[url::Position::BeforePath..];
            stream.write_all(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
    }

    fn text(&mut self, question: &str, _: Option<&str>) -> Result<String, Failure> {
        Err(Failure::new(question))
    }

    fn choose(&mut self, question: &str, _: &[&str], _: usize) -> Result<usize, Failure> {
        Err(Failure::new(question))
    }

    fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        Err(Failure::new(question))
    }

    fn secret(&mut self, question: &str) -> Result<secrecy::SecretString, Failure> {
        Err(Failure::new(question))
    }
}

/// Where a vendor sends the browser that asked for `address`.
fn allowed(address: &Url, code: &str) -> Url {
    let field = |name: &str| address.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let mut back: Url = field("redirect_uri").parse().unwrap();
    back.query_pairs_mut().append_pair("code", code).append_pair("state", &field("state"));
    back
}

/// A token endpoint that takes the code `good`.
async fn vendor(endpoint: &str, token: Value) -> MockServer {
    let server = MockServer::start().await;
    let good = body_string_contains("code=good&code_verifier=");
    let answer = ResponseTemplate::new(200).set_body_json(token);
    Mock::given(path(endpoint)).and(good).respond_with(answer).mount(&server).await;
    let denied = ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}));
    Mock::given(path(endpoint)).respond_with(denied).with_priority(9).mount(&server).await;
    server
}

async fn snapchat(server: &MockServer) -> Bench {
    let token = format!("{}/login/oauth2/access_token", server.uri());
    let fields = json!({"destination": "snapchat", "secret": "segue/snapchat/main"});
    Bench::with(&[("SnapchatTokenUrl", &token)], fields).await
}

fn args(redirect: &str) -> Args {
    Args {
        connection: "main".to_owned(),
        from: CredentialsFrom::default(),
        sign_in: SignIn { redirect_uri: Redirect::parse(redirect).unwrap(), ..SignIn::default() },
        other_account: false,
    }
}

async fn run(
    bench: &Bench,
    args: &Args,
    env: &str,
    stdin: &str,
    prompt: &mut dyn Prompt,
) -> Result<Connection, Failure> {
    let pairs = [("KEY", env)];
    let mut stdin = stdin.as_bytes();
    let mut inputs = Inputs { env: Env::of(&pairs), stdin: &mut stdin };
    connect(&bench.desk(), args, &mut inputs, prompt).await
}

fn from_env(args: Args) -> Args {
    Args {
        from: CredentialsFrom { credentials_env: Some("KEY".to_owned()), credentials_stdin: false },
        ..args
    }
}

#[tokio::test]
async fn the_browser_comes_back_and_its_code_becomes_the_secret() {
    let server =
        vendor("/login/oauth2/access_token", json!({"access_token": "t", "refresh_token": "hush-r"})).await;
    let bench = snapchat(&server).await;
    bench.state.set_health("main", Some("reconnect".into())).await.unwrap();
    let mut browser = Browser::default();
    let args = args("http://127.0.0.1:0/callback");
    let connection = run(&bench, &from_env(self::args("http://127.0.0.1:0/callback")), APP, "", &mut browser)
        .await
        .unwrap();
    assert_eq!(connection, bench.connection().await);
    assert_eq!(connection.account.unwrap().id, "acct-1");
    let stored: Value = serde_json::from_str(&bench.stored("segue/snapchat/main").await).unwrap();
    assert_eq!((&stored["refresh_token"], &stored["client_secret"]), (&json!("hush-r"), &json!("hush")));
    assert!(!bench.bucket.keys().iter().any(|key| key.starts_with("health/")));
    assert!(!browser.heard.contains("hush"), "{}", browser.heard);

    // The app is known from now on.
    let mut again = Browser::default();
    run(&bench, &args, "", "", &mut again).await.unwrap();
    assert!(again.heard.starts_with("Using the OAuth app that the connection has"), "{}", again.heard);
}

#[tokio::test]
async fn mailchimp_gives_a_token_that_lasts() {
    let server =
        vendor("/oauth2/token", json!({"access_token": "hush-t", "expires_in": 0, "scope": null})).await;
    let metadata = format!("{}/oauth2/metadata", server.uri());
    let fields = json!({"destination": "mailchimp", "secret": "segue/mailchimp/main", "account": null});
    let bench = Bench::with(&[("MailchimpMetadataUrl", &metadata)], fields).await;
    let args = from_env(args("http://127.0.0.1:0/"));
    run(&bench, &args, APP, "", &mut Browser::default()).await.unwrap();
    assert!(bench.stored("segue/mailchimp/main").await.contains(r#""access_token":"hush-t""#));
    assert_eq!(bench.connection().await.account.unwrap().id, "acct-1");
}

/// Somebody who pastes what the browser ended at, at the terminal or before.
struct Pasting {
    heard: Vec<String>,
    pastes: Vec<&'static str>,
}

impl Prompt for Pasting {
    fn is_terminal(&self) -> bool {
        true
    }

    fn say(&mut self, text: &str) {
        self.heard.push(text.to_owned());
    }

    fn text(&mut self, question: &str, _: Option<&str>) -> Result<String, Failure> {
        Err(Failure::new(question))
    }

    fn choose(&mut self, question: &str, _: &[&str], _: usize) -> Result<usize, Failure> {
        Err(Failure::new(question))
    }

    fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        Err(Failure::new(question))
    }

    fn secret(&mut self, _: &str) -> Result<secrecy::SecretString, Failure> {
        let mut asked =
            self.heard.iter().flat_map(|text| text.lines()).filter_map(|line| Url::parse(line.trim()).ok());
        let asked = asked.rfind(|address| address.query().is_some());
        let paste = self.pastes.remove(0);
        Ok(if paste == "right" { allowed(&asked.unwrap(), "good").to_string() } else { paste.to_owned() }
            .into())
    }
}

#[tokio::test]
async fn where_no_loopback_is_taken_the_address_is_pasted() {
    let server =
        vendor("/login/oauth2/access_token", json!({"access_token": "t", "refresh_token": "hush-r"})).await;
    let bench = snapchat(&server).await;
    let elsewhere = from_env(args("https://example.com/back"));
    let mut person = Pasting {
        heard: Vec::new(),
        pastes: vec!["nonsense", "https://example.com/back?code=good", "right"],
    };
    run(&bench, &elsewhere, APP, "", &mut person).await.unwrap();
    assert!(bench.stored("segue/snapchat/main").await.contains("hush-r"));
    let heard = person.heard.join("\n");
    assert!(heard.contains("No: it is no address.") && heard.contains("No: it has no `state`"), "{heard}");

    let mut out_of_tries = Pasting { heard: Vec::new(), pastes: vec!["a", "b", "c"] };
    let failure = run(&bench, &elsewhere, APP, "", &mut out_of_tries).await.unwrap_err();
    insta::assert_snapshot!(failure.to_string(), @r"
    error: this is not the address that was waited for: it is no address
    hint: nothing was saved; run it again
    ");
    // In a script it is a line of standard input.
    let mut nobody = Scripted::default();
    let line = "https://example.com/back?code=good&state=guessed\n";
    let failure = run(&bench, &elsewhere, APP, line, &mut nobody).await.unwrap_err();
    assert!(failure.to_string().contains("its `state` is another one"), "{failure}");
    assert_eq!(run(&bench, &elsewhere, APP, "", &mut nobody).await.unwrap_err().status(), 2);
}

#[tokio::test]
async fn adding_one_takes_what_connect_takes_and_connect_goes_on_where_it_failed() {
    let server =
        vendor("/login/oauth2/access_token", json!({"access_token": "t", "refresh_token": "hush-r"})).await;
    let token = format!("{}/login/oauth2/access_token", server.uri());
    let bench = Bench::new(&[("SnapchatTokenUrl", &token)]);
    let add = async |id: &str, redirect: &str, pastes: Vec<&'static str>| {
        let args = add::Args {
            connection: id.to_owned(),
            shared_with: Some(SharedWith::Administrators),
            export_user: Some("Jo".to_owned()),
            sign_in: args(redirect).sign_in,
            ..said(Destination::Snapchat)
        };
        let pairs = [("KEY", APP)];
        let mut inputs = Inputs { env: Env::of(&pairs), stdin: &mut std::io::empty() };
        let mut person = Pasting { heard: Vec::new(), pastes };
        add::add(&bench.desk(), &args, CALLER, &mut inputs, &mut person).await
    };
    let elsewhere = "https://example.com/back";
    let added = add("pasted", elsewhere, vec!["right"]).await.unwrap();
    assert!(!added.to_sign_in && added.connection.account.is_some());
    assert!(bench.stored("segue/snapchat/pasted").await.contains("hush-r"));

    let failure = add("main", elsewhere, vec!["a", "b", "c"]).await.unwrap_err();
    insta::assert_snapshot!(failure.to_string(), @r"
    error: this is not the address that was waited for: it is no address
    hint: the connection and its OAuth app are saved, sign in with: segue connection connect main
    ");
    let connection = bench.connection().await;
    assert!(connection.consent.is_some() && connection.account.is_none());
    let mut person = Pasting { heard: Vec::new(), pastes: vec!["right"] };
    run(&bench, &args(elsewhere), "", "", &mut person).await.unwrap();
    assert!(bench.stored("segue/snapchat/main").await.contains("hush-r"));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let redirect = format!("http://{}/callback", taken.local_addr().unwrap());
    let failure = add("taken", &redirect, Vec::new()).await.unwrap_err().to_string();
    assert!(
        failure.contains("sign in with: segue connection connect taken; end what listens there"),
        "{failure}"
    );
    assert_eq!(bench.stored("segue/snapchat/taken").await, APP);
}

#[tokio::test]
async fn a_key_is_enough_for_klaviyo_and_a_refused_one_changes_nothing() {
    let bench = Bench::with(&[], json!({"secret": "segue/klaviyo/main", "account": null})).await;
    let args = || from_env(args("http://127.0.0.1:0/"));
    let mut nobody = Scripted::default();
    run(&bench, &args(), "pk_hush", "", &mut nobody).await.unwrap();
    let failure = run(&bench, &args(), "pk_dead", "", &mut nobody).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "error: the destination refuses the credentials\nhint: nothing was saved\n"
    );
    assert!(bench.stored("segue/klaviyo/main").await.contains("pk_hush"));
    let unasked = run(&bench, &self::args("http://127.0.0.1:0/"), "", "", &mut nobody).await.unwrap_err();
    insta::assert_snapshot!(unasked.to_string(), @r"
    error: --credentials-env or --credentials-stdin is needed: there is no terminal to ask on
    hint: Klaviyo needs a private API key, pk_...
    ");
}

#[tokio::test]
async fn another_account_needs_a_yes() {
    let bench = Bench::with(&[], json!({"secret": "segue/klaviyo/main"})).await;
    let args = |other_account| Args { other_account, ..from_env(args("http://127.0.0.1:0/")) };
    let failure = run(&bench, &args(false), "pk_other", "", &mut Scripted::default()).await.unwrap_err();
    insta::assert_snapshot!(failure.to_string(), @r"
    error: these credentials belong to Shop (acct-2), and the connection was made for Shop (acct-1)
    hint: nothing was saved; if that is meant, say so with --other-account
    ");
    assert!(run(&bench, &args(false), "pk_other", "", &mut Scripted::answering(&["no"])).await.is_err());
    assert_eq!(bench.connection().await.account.unwrap().id, "acct-1");
    run(&bench, &args(false), "pk_other", "", &mut Scripted::answering(&["yes"])).await.unwrap();
    assert_eq!(bench.connection().await.account.unwrap().id, "acct-2");
    run(&bench, &args(true), "pk_hush", "", &mut Scripted::default()).await.unwrap();
    assert_eq!(bench.connection().await.account.unwrap().id, "acct-1");
}

#[tokio::test]
async fn what_an_account_lacks_is_named() {
    let bench = Bench::with(&[], json!({"destination": "snapchat"})).await;
    let connection = bench.connection().await;
    let told = |found: Result<Value, Failure>| {
        let found = found.map(|value| serde_json::from_value::<Audiences>(value).unwrap());
        let mut out = Vec::new();
        let screen = &mut Screen::new(Output::Text, &mut out);
        prerequisites::print(&bench.stack, "connected", &connection, Some(&found), screen).unwrap();
        String::from_utf8(out).unwrap()
    };
    let engagement = json!({"id": "1", "name": "Visitors", "kind": "engagement"});
    let account = json!({"id": "acct-1", "name": "Shop"});
    insta::assert_snapshot!(told(Ok(json!({"account": account, "audiences": [engagement]}))), @r"
    connected the connection `main`: it leads to Shop (acct-1)

    what Snapchat needs besides:
      yes        you are a member of the organisation
      not known  you are a data manager of its ad account
                 Snapchat does not tell: see your role in its business manager, under Members; Data Manager is needed
      no         the ad account has an audience of the customer-list type
                 in Snapchat's Ads Manager, under Audiences: make a customer list; Segue makes none

    see what it can fill with: segue audience list main
    add an export with: segue export add NAME --connection main
    ");
    let cut = json!({"account": account, "audiences": [], "complete": false, "notes": ["the ad account 7 is left out"]});
    insta::assert_snapshot!(told(Ok(cut)), @r"
    connected the connection `main`: it leads to Shop (acct-1)

    what Snapchat needs besides:
      yes        you are a member of the organisation
      not known  you are a data manager of its ad account
                 Snapchat does not tell: see your role in its business manager, under Members; Data Manager is needed
      not known  the ad account has an audience of the customer-list type
                 in Snapchat's Ads Manager, under Audiences: make a customer list; Segue makes none
    note: the ad account 7 is left out

    see what it can fill with: segue audience list main
    add an export with: segue export add NAME --connection main
    ");
    insta::assert_snapshot!(told(Err(Failure::new("the role is too small (HTTP 403)"))), @r"
    connected the connection `main`: it leads to Shop (acct-1)

    what Snapchat needs besides:
      not known  you are a member of the organisation
                 in Snapchat's business manager, under Members: add yourself
      not known  you are a data manager of its ad account
                 Snapchat does not tell: see your role in its business manager, under Members; Data Manager is needed
      not known  the ad account has an audience of the customer-list type
                 in Snapchat's Ads Manager, under Audiences: make a customer list; Segue makes none
    note: the role is too small (HTTP 403)

    see what it can fill with: segue audience list main
    add an export with: segue export add NAME --connection main
    ");
}
