//! Addresses, codes and exchanges of a sign-in, and the listener that a browser comes back to.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::listener::Listener;
use super::*;

fn question(destination: Destination, redirect: &str, challenged: bool) -> Question {
    let stack = Stack::of(
        "segue",
        &[
            ("SnapchatTokenUrl", "https://accounts.snapchat.com/login/oauth2/access_token"),
            ("MailchimpMetadataUrl", "https://login.mailchimp.com/oauth2/metadata"),
        ],
    );
    let endpoints = Endpoints::of(&stack, destination).unwrap().unwrap();
    let app = OauthApp { client_id: "app".into(), client_secret: "hu&sh".into() };
    Question::new(destination, endpoints, app, redirect.parse().unwrap(), challenged).unwrap()
}

fn without_chance(question: &Question, text: &str) -> String {
    let mut text = text.replace(&question.state, "STATE");
    for (name, value) in question.address().query_pairs() {
        if name == "code_challenge" {
            text = text.replace(&*value, "CHALLENGE");
        }
    }
    text
}

#[test]
fn the_address_is_the_one_that_each_vendor_documents() {
    let said =
        [(Destination::Snapchat, true), (Destination::Mailchimp, false)].map(|(destination, challenged)| {
            let question = question(destination, REDIRECT, challenged);
            without_chance(&question, question.address().as_str())
        });
    insta::assert_snapshot!(said.join("\n"), @r"
    https://accounts.snapchat.com/login/oauth2/authorize?response_type=code&client_id=app&redirect_uri=http%3A%2F%2F127.0.0.1%3A48910%2Fcallback&scope=snapchat-marketing-api&state=STATE&code_challenge=CHALLENGE&code_challenge_method=S256
    https://login.mailchimp.com/oauth2/authorize?response_type=code&client_id=app&redirect_uri=http%3A%2F%2F127.0.0.1%3A48910%2Fcallback&state=STATE
    ");
    assert_eq!(Endpoints::of(&Stack::of("segue", &[]), Destination::Klaviyo).unwrap(), None);
}

#[test]
fn nobody_can_guess_the_state_and_nothing_secret_is_shown() {
    let (one, other) =
        (question(Destination::Snapchat, REDIRECT, true), question(Destination::Snapchat, REDIRECT, true));
    assert!(one.state.len() >= 43 && one.state != other.state);
    let shown = format!("{one:?} {}", one.address());
    assert!(!shown.contains("hu&sh") && !shown.contains("hu%26sh"), "{shown}");
    let verifier = one.verifier.as_ref().unwrap().expose_secret();
    assert!(!shown.contains(verifier), "{shown}");
    let challenge =
        one.address().query_pairs().find(|(name, _)| name == "code_challenge").unwrap().1.into_owned();
    assert_eq!(challenge, BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes())));
}

#[test]
fn a_redirect_never_travels_in_the_clear() {
    let parsed = |text| Redirect::parse(text).map(|redirect| matches!(redirect, Redirect::Loopback(_)));
    for text in [REDIRECT, "http://localhost:0/", "http://[::1]:8/x"] {
        assert_eq!(parsed(text), Ok(true), "{text}");
    }
    assert_eq!(parsed("https://example.com/back"), Ok(false));
    for text in
        ["http://example.com/", "http://127.0.0.1.evil.org/", "callback", "https://a@b/", "https://b/#x"]
    {
        assert!(parsed(text).is_err(), "{text}");
    }
    assert_eq!(Redirect::usual().url().as_str(), REDIRECT);
}

#[test]
fn only_the_answer_to_this_question_counts() {
    let question = question(Destination::Mailchimp, REDIRECT, true);
    let read = |query: &str| {
        let query = query.replace("STATE", &question.state);
        question.read(&format!("{REDIRECT}?{query}").parse().unwrap())
    };
    assert_eq!(read("code=c%2B1&state=STATE").unwrap().unwrap().expose_secret(), "c+1");
    for stray in
        ["", "code=c", "code=c&state=other", "state=STATE", "code=&state=STATE", "error=access_denied"]
    {
        assert!(read(stray).is_err(), "{stray}");
    }
    let refused = ["access_denied", "invalid_request", "invalid_scope", "server_error", "jane@example.com"]
        .map(|error| read(&format!("error={error}&state=STATE")).unwrap().unwrap_err().to_string());
    insta::assert_snapshot!(refused.concat(), @r"
    error: Mailchimp: the sign-in was cancelled there
    hint: nothing was saved; run it again and allow it
    error: Mailchimp does not understand the question (invalid_request)
    hint: it may not know PKCE: try again with --no-pkce
    error: Mailchimp does not let this OAuth app ask for the scope (invalid_scope)
    hint: at Mailchimp, let the app use the API for which it is registered
    error: Mailchimp refuses to sign in (server_error)
    hint: look at the OAuth app's settings there, or try again later
    error: Mailchimp refuses to sign in
    hint: look at the OAuth app's settings there
    ");
}

fn answer(status: u16, body: &'static str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

#[test]
fn a_code_becomes_credentials() {
    let plain = question(Destination::Snapchat, "https://example.com/back", false);
    let request = plain.exchange(&"c&1".into());
    insta::assert_snapshot!(
        format!("{} {}", request.url, String::from_utf8(request.body.to_vec()).unwrap()),
        @"https://accounts.snapchat.com/login/oauth2/access_token grant_type=authorization_code&client_id=app&client_secret=hu%26sh&redirect_uri=https%3A%2F%2Fexample.com%2Fback&code=c%261"
    );
    let challenged = question(Destination::Snapchat, REDIRECT, true);
    let body = challenged.exchange(&"c".into()).body;
    assert!(String::from_utf8(body.to_vec()).unwrap().contains("&code_verifier="));
    let got = plain
        .exchanged(&answer(200, r#"{"access_token":"t","refresh_token":"r","expires_in":1800}"#))
        .unwrap();
    assert_eq!(got.expose_secret(), r#"{"client_id":"app","client_secret":"hu&sh","refresh_token":"r"}"#);
    let mailchimp = question(Destination::Mailchimp, REDIRECT, false);
    let got =
        mailchimp.exchanged(&answer(200, r#"{"access_token":"t","expires_in":0,"scope":null}"#)).unwrap();
    assert_eq!(got.expose_secret(), r#"{"access_token":"t","client_id":"app","client_secret":"hu&sh"}"#);
}

#[test]
fn an_exchange_that_fails_says_what_to_do_and_repeats_nothing() {
    let question = question(Destination::Snapchat, REDIRECT, true);
    let said = [
        answer(400, r#"{"error":"invalid_grant","error_description":"hush"}"#),
        answer(401, r#"{"error":"invalid_client"}"#),
        answer(400, r#"{"error":"invalid_request"}"#),
        answer(502, "<html>hush</html>"),
        answer(200, r#"{"access_token":"hush"}"#),
        answer(200, "<html>"),
    ]
    .map(|answer| question.exchanged(&answer).unwrap_err().to_string());
    insta::assert_snapshot!(said.concat(), @r"
    error: Snapchat does not take the code (invalid_grant)
    hint: a code is good once and for minutes, and only if http://127.0.0.1:48910/callback is registered with the OAuth app to the letter; run it again
    error: Snapchat does not know the OAuth app: `client_id` or `client_secret` is wrong
    hint: nothing was saved; hand in those of the app as it is registered there
    error: Snapchat does not understand the exchange (invalid_request)
    hint: it may not know PKCE: try again with --no-pkce
    error: Snapchat does not exchange the code (HTTP 502)
    hint: nothing was saved; try again later
    error: Snapchat gave no `refresh_token` for the code
    hint: nothing was saved; run it again, and check the stack's URL of it
    error: Snapchat gave no `refresh_token` for the code
    hint: nothing was saved; run it again, and check the stack's URL of it
    ");
}

async fn visit(listener: &Listener, target: &str) -> String {
    let port = listener.redirect().port().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn strangers_at_the_listener_are_sent_away_and_the_browser_is_waited_for() {
    let free = "http://127.0.0.1:0/callback".parse().unwrap();
    let listener = Listener::bind(&free).await.unwrap();
    let question = question(Destination::Snapchat, listener.redirect().as_str(), true);
    let visitors = async {
        // A connection that never says anything does not hold the others up.
        let silent = TcpStream::connect(("127.0.0.1", listener.redirect().port().unwrap())).await.unwrap();
        assert!(visit(&listener, "/favicon.ico").await.starts_with("HTTP/1.1 404"));
        assert!(visit(&listener, "/callback?code=evil&state=guess").await.starts_with("HTTP/1.1 400"));
        assert!(visit(&listener, "//evil.org/callback?code=evil").await.starts_with("HTTP/1.1 404"));
        let right = visit(&listener, &format!("/callback?code=c&state={}", question.state)).await;
        drop(silent);
        right
    };
    let (code, page) = tokio::join!(listener.wait(&question, Duration::from_secs(20)), visitors);
    assert_eq!(code.unwrap().expose_secret(), "c");
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("no-store") && !page.contains("code"),
        "{page}"
    );
}

/// Browsers connect ahead of what they ask, and some of that comes to nothing.
#[tokio::test]
async fn who_connected_before_somebody_else_went_away_is_listened_to() {
    let free = "http://127.0.0.1:0/callback".parse().unwrap();
    let listener = Listener::bind(&free).await.unwrap();
    let question = question(Destination::Snapchat, listener.redirect().as_str(), true);
    let visitors = async {
        let port = listener.redirect().port().unwrap();
        let mut first = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        assert!(visit(&listener, "/favicon.ico").await.starts_with("HTTP/1.1 404"));
        let target = format!("/callback?code=c&state={}", question.state);
        let asked = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        first.write_all(asked.as_bytes()).await.unwrap();
        let mut page = String::new();
        first.read_to_string(&mut page).await.unwrap();
        page
    };
    let (code, page) = tokio::join!(listener.wait(&question, Duration::from_secs(20)), visitors);
    assert_eq!(code.unwrap().expose_secret(), "c");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
}

#[tokio::test]
async fn a_cancelled_sign_in_and_one_that_nobody_ends_are_told_apart() {
    let free = "http://127.0.0.1:0/callback".parse().unwrap();
    let listener = Listener::bind(&free).await.unwrap();
    let question = question(Destination::Snapchat, listener.redirect().as_str(), true);
    let target = format!("/callback?error=access_denied&state={}", question.state);
    let (denied, _) =
        tokio::join!(listener.wait(&question, Duration::from_secs(20)), visit(&listener, &target));
    assert!(denied.unwrap_err().to_string().contains("cancelled"));
    let late = listener.wait(&question, Duration::from_millis(20)).await.unwrap_err().to_string();
    assert!(late.contains("nobody came back") && late.contains("--paste"), "{late}");
    let taken = Listener::bind(listener.redirect()).await.unwrap_err().to_string();
    assert!(taken.contains("--redirect-uri"), "{taken}");
}
