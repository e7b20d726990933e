//! The sign-in pages of Snapchat and Mailchimp: allowing, cancelling, and codes that are good once.
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use url::Url;

use crate::{Bench, header, read};

const BACK: &str = "http://127.0.0.1:48910/callback";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

struct Vendor {
    authorize: &'static str,
    token: &'static str,
    scope: &'static [(&'static str, &'static str)],
}

const SNAPCHAT: Vendor = Vendor {
    authorize: "/snapchat/login/oauth2/authorize",
    token: "/snapchat/login/oauth2/access_token",
    scope: &[("scope", "snapchat-marketing-api")],
};
const MAILCHIMP: Vendor =
    Vendor { authorize: "/mailchimp/oauth2/authorize", token: "/mailchimp/oauth2/token", scope: &[] };

type Pairs<'a> = &'a [(&'a str, &'a str)];

impl Bench {
    fn question(&self, vendor: &Vendor, more: Pairs<'_>) -> Url {
        let mut url = Url::parse(&self.url(vendor.authorize)).unwrap();
        let usual = [("response_type", "code"), ("client_id", "sandbox-client"), ("state", "s t&e")];
        let usual = usual.iter().chain(vendor.scope).filter(|(name, _)| more.iter().all(|(m, _)| m != name));
        url.query_pairs_mut().extend_pairs(usual).extend_pairs(more);
        url
    }

    /// Presses a button; answers where that leads, or the status.
    async fn press(&self, url: Url, decision: &str) -> Result<Url, u16> {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let answer = client.post(url).form(&[("decision", decision)]).send().await.unwrap();
        let status = answer.status().as_u16();
        header(&answer, "location").map(|to| to.parse().unwrap()).ok_or(status)
    }

    async fn code(&self, vendor: &Vendor, more: Pairs<'_>) -> String {
        let to = self.press(self.question(vendor, more), "allow").await.unwrap();
        assert_eq!(param(&to, "state"), "s t&e");
        param(&to, "code")
    }

    async fn redeem(&self, vendor: &Vendor, code: &str, more: Pairs<'_>) -> (u16, Value) {
        let usual = [
            ("grant_type", "authorization_code"),
            ("client_id", "sandbox-client"),
            ("client_secret", "sandbox-secret"),
            ("redirect_uri", BACK),
            ("code", code),
        ];
        let form: Vec<_> =
            usual.iter().filter(|(name, _)| more.iter().all(|(m, _)| m != name)).chain(more).collect();
        read(self.client.post(self.url(vendor.token)).form(&form)).await
    }
}

fn param(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).map_or_else(String::new, |(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_code_becomes_tokens_that_work() {
    let bench = Bench::new().await;
    let page = bench.client.get(bench.question(&SNAPCHAT, &[("redirect_uri", BACK)])).send().await.unwrap();
    assert_eq!(
        (page.status().as_u16(), header(&page, "content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(page.text().await.unwrap().contains("Sandbox wants to use your account."));

    let code = bench.code(&SNAPCHAT, &[("redirect_uri", BACK)]).await;
    let (status, tokens) = bench.redeem(&SNAPCHAT, &code, &[]).await;
    assert_eq!((status, &tokens["refresh_token"]), (200, &json!("sandbox-refresh")));
    let token = tokens["access_token"].as_str().unwrap();
    let (status, me) = bench.snapchat(token, reqwest::Method::GET, "/me", None).await;
    assert_eq!((status, &me["me"]["display_name"]), (200, &json!("Sandbox")));

    let code = bench.code(&MAILCHIMP, &[("redirect_uri", BACK)]).await;
    let (status, tokens) = bench.redeem(&MAILCHIMP, &code, &[]).await;
    let expected = json!({ "access_token": "sandbox-oauth", "expires_in": 0, "scope": null });
    assert_eq!((status, tokens), (200, expected));
}

#[tokio::test]
async fn a_code_is_good_once_for_its_app_and_its_address() {
    let bench = Bench::new().await;
    for vendor in [&SNAPCHAT, &MAILCHIMP] {
        let code = bench.code(vendor, &[("redirect_uri", BACK)]).await;
        assert_eq!(bench.redeem(vendor, &code, &[]).await.0, 200);
        let wrong: [(Pairs<'_>, u16, &str); 4] = [
            (&[], 400, "invalid_grant"),
            (&[("redirect_uri", "http://127.0.0.1:1/")], 400, "invalid_grant"),
            (&[("client_secret", "guessed")], 401, "invalid_client"),
            (&[("grant_type", "password")], 400, "unsupported_grant_type"),
        ];
        for (index, (more, status, error)) in wrong.into_iter().enumerate() {
            let fresh = bench.code(vendor, &[("redirect_uri", BACK)]).await;
            let (got, answer) = bench.redeem(vendor, if index == 0 { &code } else { &fresh }, more).await;
            assert_eq!((got, &answer["error"]), (status, &json!(error)), "{more:?}");
        }
    }
}

#[tokio::test]
async fn whoever_cancels_or_asks_wrongly_is_told_where_that_is_safe() {
    let bench = Bench::new().await;
    let denied = bench.press(bench.question(&MAILCHIMP, &[("redirect_uri", BACK)]), "cancel").await.unwrap();
    assert_eq!((param(&denied, "error").as_str(), param(&denied, "code").as_str()), ("access_denied", ""));
    for more in
        [&[("redirect_uri", BACK), ("client_id", "nobody")][..], &[("redirect_uri", "http://evil.org/")], &[]]
    {
        assert_eq!(bench.press(bench.question(&SNAPCHAT, more), "allow").await, Err(400), "{more:?}");
    }
    for (more, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "other"), "invalid_scope"),
        (("code_challenge", "x"), "invalid_request"),
    ] {
        let to =
            bench.press(bench.question(&SNAPCHAT, &[("redirect_uri", BACK), more]), "allow").await.unwrap();
        assert_eq!(param(&to, "error"), error);
    }
    bench.sandbox.seed_json(json!({ "snapchat": { "sign_in": { "https_only": true } } })).unwrap();
    let loopback = bench.press(bench.question(&SNAPCHAT, &[("redirect_uri", BACK)]), "allow").await;
    assert_eq!(loopback, Err(400));
    bench.code(&SNAPCHAT, &[("redirect_uri", "https://example.com/back")]).await;
}

#[tokio::test]
async fn a_challenge_is_held_to_ignored_needed_or_refused() {
    let bench = Bench::new().await;
    let challenged =
        [("redirect_uri", BACK), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let verifier = [("code_verifier", VERIFIER)];
    for (pkce, without, with, wrong) in [
        ("taken", true, true, false),
        ("ignored", true, true, true),
        ("required", false, true, false),
        ("refused", true, false, false),
    ] {
        bench.sandbox.seed_json(json!({ "mailchimp": { "sign_in": { "pkce": pkce } } })).unwrap();
        let mut got = Vec::new();
        for (asked, more) in
            [(&challenged[..1], &[][..]), (&challenged, &verifier), (&challenged, &[("code_verifier", "x")])]
        {
            let code = bench.code(&MAILCHIMP, asked).await;
            got.push(bench.redeem(&MAILCHIMP, &code, more).await.0 == 200);
        }
        assert_eq!(got, [without, with, wrong], "{pkce}");
    }
}
