//! Signing in at the sandbox, whose sign-in pages share no code with this: the address, the page, the code, the tokens,
//! and the account that they lead to.

use sandbox::Sandbox;
use segue_platform::Env;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::{Position, Url};

use super::connect::{Args, Desk, SignIn, connect};
use super::managing_tests::Bench;
use super::oauth::Redirect;
use super::supply::CredentialsFrom;
use super::*;
use crate::prompt::Prompt;

/// Somebody with a browser who presses this button.
struct Person {
    button: &'static str,
    heard: String,
    /// Where the vendor sent the browser, if not back to us.
    ended: Option<Url>,
    elsewhere: bool,
}

impl Person {
    fn pressing(button: &'static str) -> Self {
        Self { button, heard: String::new(), ended: None, elsewhere: false }
    }
}

/// One request, as a browser makes it: the status, and where it is sent on to.
async fn asked(method: &str, url: &Url, form: &str) -> (u16, Option<Url>) {
    let host = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(host).await.unwrap();
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{form}",
        host.0,
        form.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let on = answer.lines().find_map(|line| line.strip_prefix("location: ")?.parse().ok());
    (status, on)
}

async fn browse(address: Url, button: &str) -> Option<Url> {
    let (status, sent_back) = asked("GET", &address, "").await;
    if status == 302 {
        return sent_back;
    }
    assert_eq!(status, 200);
    let (status, on) = asked("POST", &address, &format!("decision={button}")).await;
    assert_eq!(status, 302);
    on
}

impl Prompt for Person {
    fn is_terminal(&self) -> bool {
        self.elsewhere
    }

    fn say(&mut self, text: &str) {
        self.heard.push_str(text);
        let Some(address) = text.lines().find_map(|line| Url::parse(line.trim()).ok()) else { return };
        let button = self.button;
        if self.elsewhere {
            // Nobody waits for this browser: it goes there and back on a thread of its own.
            let walk = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(browse(address, button))
            });
            self.ended = walk.join().unwrap();
        } else {
            tokio::spawn(async move {
                let back = browse(address, button).await.unwrap();
                assert_eq!(asked("GET", &back, "").await.0, 200);
            });
        }
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
        Ok(self.ended.take().unwrap().to_string().into())
    }
}

async fn bench(sandbox: &Sandbox, destination: Destination) -> Bench {
    let outputs = [
        ("SnapchatBaseUrl", sandbox.snapchat_base()),
        ("SnapchatTokenUrl", sandbox.snapchat_token_url()),
        ("MailchimpBaseUrl", sandbox.mailchimp_base()),
        ("MailchimpMetadataUrl", sandbox.mailchimp_metadata_url()),
    ];
    let outputs: Vec<_> = outputs.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let secret = format!("segue/{destination}/main");
    Bench::with(&outputs, json!({"destination": destination, "secret": secret, "account": null})).await
}

async fn sign_in(
    bench: &Bench,
    redirect: &str,
    no_pkce: bool,
    person: &mut Person,
) -> Result<Connection, Failure> {
    let args = Args {
        connection: "main".to_owned(),
        from: CredentialsFrom { credentials_env: Some("APP".to_owned()), credentials_stdin: false },
        sign_in: SignIn {
            redirect_uri: Redirect::parse(redirect).unwrap(),
            no_pkce,
            timeout: 20,
            ..SignIn::default()
        },
        other_account: false,
    };
    let app = r#"{"client_id": "sandbox-client", "client_secret": "sandbox-secret"}"#;
    let pairs = [("APP", app)];
    let mut inputs = Inputs { env: Env::of(&pairs), stdin: &mut std::io::empty() };
    let accounts = ByHand { stack: &bench.stack, verb: "connect" };
    let desk =
        Desk { stack: &bench.stack, state: &bench.state, secrets: &bench.secrets, accounts: &accounts };
    connect(&desk, &args, &mut inputs, person).await
}

const LOOPBACK: &str = "http://127.0.0.1:0/callback";

#[tokio::test]
async fn whatever_a_vendor_makes_of_the_challenge_somebody_can_sign_in() {
    for (destination, token) in
        [(Destination::Snapchat, "sandbox-refresh"), (Destination::Mailchimp, "sandbox-oauth")]
    {
        let sandbox = Sandbox::start().await.unwrap();
        for (pkce, no_pkce) in
            [("taken", false), ("taken", true), ("ignored", false), ("required", false), ("refused", true)]
        {
            sandbox.seed_json(json!({ destination.name(): { "sign_in": { "pkce": pkce } } })).unwrap();
            let bench = bench(&sandbox, destination).await;
            let mut person = Person::pressing("allow");
            let connection = sign_in(&bench, LOOPBACK, no_pkce, &mut person).await.unwrap();
            assert_eq!(connection.account.unwrap().name.as_deref(), Some("Sandbox"), "{destination} {pkce}");
            let stored = bench.stored(&connection.secret).await;
            assert!(stored.contains(token) && stored.contains("sandbox-secret"));
            assert!(!person.heard.contains("sandbox-secret") && !person.heard.contains(token));
        }
        sandbox.seed_json(json!({ destination.name(): { "sign_in": { "pkce": "refused" } } })).unwrap();
        let bench = bench(&sandbox, destination).await;
        let refused = sign_in(&bench, LOOPBACK, false, &mut Person::pressing("allow")).await;
        // The page is not even shown: the browser is sent back at once.
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("--no-pkce"), "{refused}");
    }
}

#[tokio::test]
async fn who_cancels_at_the_vendor_saves_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let bench = bench(&sandbox, Destination::Snapchat).await;
    let failure = sign_in(&bench, LOOPBACK, false, &mut Person::pressing("cancel")).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "error: Snapchat: the sign-in was cancelled there\nhint: nothing was saved; run it again and allow it\n"
    );
    assert!(bench.secrets.get("segue/snapchat/main").await.is_err());
    assert_eq!(bench.connection().await.account, None);
}

#[tokio::test]
async fn where_loopback_is_refused_another_address_is_pasted() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.seed_json(json!({ "snapchat": { "sign_in": { "https_only": true } } })).unwrap();
    let bench = bench(&sandbox, Destination::Snapchat).await;
    let mut person = Person { elsewhere: true, ..Person::pressing("allow") };
    sign_in(&bench, "https://example.com/back", false, &mut person).await.unwrap();
    let stored: Value = serde_json::from_str(&bench.stored("segue/snapchat/main").await).unwrap();
    assert_eq!(stored["refresh_token"], "sandbox-refresh");
}

#[tokio::test]
async fn a_refresh_token_that_is_new_each_time_is_stored_as_it_is_last() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.seed_json(json!({ "snapchat": { "rotation": true } })).unwrap();
    let bench = bench(&sandbox, Destination::Snapchat).await;
    sign_in(&bench, LOOPBACK, false, &mut Person::pressing("allow")).await.unwrap();
    // It still leads to the account: an older one would be dead.
    let report = test::test(&bench.stack, &bench.state, &bench.secrets, "main").await.unwrap();
    assert!(report.verdict().is_ok(), "{:?}", report.verdict());
}
