//! What a test of a connection says of everything that can be wrong with it.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use segue_delivery::CredentialsError;
use segue_delivery::account::{NoAccount, Unreachable};
use segue_platform::memory::MemorySecrets;
use segue_platform::{SecretError, SecretValue, Secrets};
use segue_segment::Destination;
use segue_state::Role;
use serde_json::json;
use wiremock::ResponseTemplate;

use super::tests::{API_KEY, Desk, KEY, OAUTH, TOKEN, ok};
use super::words::Subject;
use crate::stack::Stack;

async fn klaviyo_answers(status: u16) -> String {
    let desk = Desk::new(Destination::Klaviyo, KEY).await;
    desk.account(ResponseTemplate::new(status)).await;
    desk.fails().await
}

#[tokio::test]
async fn each_thing_that_can_be_wrong_with_a_secret_is_named() {
    let mut said = Vec::new();
    for (destination, secret) in [
        (Destination::Klaviyo, "pk_hush"),
        (Destination::Klaviyo, "{}"),
        (Destination::Klaviyo, r#"{"private_key":5}"#),
        (Destination::Mailchimp, "{}"),
        (Destination::Mailchimp, r#"{"api_key":"hush"}"#),
        (Destination::Mailchimp, r#"{"api_key":"hush-USA1"}"#),
        (Destination::Snapchat, r#"{"client_id":"hush","refresh_token":"hush"}"#),
    ] {
        said.push(Desk::new(destination, secret).await.fails().await);
    }
    insta::assert_snapshot!(said.concat(), @r"
    error: connection `main`: the secret `segue/klaviyo/main`: it has to be a JSON object with `private_key`
    hint: hand the credentials in: segue connection connect main
    error: connection `main`: the secret `segue/klaviyo/main`: `private_key` is missing
    hint: hand the credentials in: segue connection connect main
    error: connection `main`: the secret `segue/klaviyo/main`: `private_key` has to be text
    hint: hand the credentials in: segue connection connect main
    error: connection `main`: the secret `segue/mailchimp/main`: it has to have either `api_key` or `access_token`
    hint: hand the credentials in: segue connection connect main
    error: connection `main`: the secret `segue/mailchimp/main`: `api_key` does not end with the account's data centre, such as -us19: copy all of it
    hint: hand the credentials in: segue connection connect main
    error: connection `main`: the secret `segue/mailchimp/main`: `api_key` does not end with a data centre, such as -us19
    hint: hand the credentials in: segue connection connect main
    error: connection `main`: the secret `segue/snapchat/main`: `client_secret` is missing
    hint: hand the credentials in: segue connection connect main
    ");
}

/// Secrets that can't be read.
struct Closed(SecretError);

#[async_trait]
impl Secrets for Closed {
    async fn get(&self, _: &str) -> Result<SecretValue, SecretError> {
        Err(self.0.clone())
    }

    async fn refresh(&self, _: &str, _: &SecretString, _: &str) -> Result<(), SecretError> {
        Err(self.0.clone())
    }

    async fn store(&self, _: &str, _: &SecretString) -> Result<(), SecretError> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn a_secret_that_can_not_be_read_is_told_with_what_to_do() {
    let name = "segue/klaviyo/main".to_owned();
    let mut said = Vec::new();
    for error in [
        SecretError::Missing(name.clone()),
        SecretError::Denied(name.clone()),
        SecretError::Failed { name, problem: "ExpiredTokenException".into() },
    ] {
        let desk = Desk::with(Destination::Klaviyo, Arc::new(Closed(error)), json!({})).await;
        said.push(desk.fails().await);
    }
    insta::assert_snapshot!(said.concat(), @r"
    error: connection `main`: the secret `segue/klaviyo/main` does not exist
    hint: hand the credentials in: segue connection connect main
    error: connection `main`: AWS denies you to read the secret `segue/klaviyo/main`
    hint: your AWS identity needs secretsmanager:GetSecretValue on it, and kms:Decrypt where the stack has a key of your own
    error: connection `main`: the secret `segue/klaviyo/main` could not be used: ExpiredTokenException
    hint: check AWS_PROFILE, AWS_REGION, that you are logged in, and what you may do
    ");
}

#[tokio::test]
async fn a_key_that_is_refused_is_told() {
    let mut said = vec![klaviyo_answers(401).await];
    let desk = Desk::new(Destination::Mailchimp, API_KEY).await;
    desk.account(ResponseTemplate::new(401).set_body_json(json!({"title": "API Key Invalid"}))).await;
    said.push(desk.fails().await);
    let desk = Desk::new(Destination::Mailchimp, TOKEN).await;
    desk.answers("/token", ok(json!({"error": "invalid_token"}))).await;
    said.push(desk.fails().await);
    desk.server.reset().await;
    desk.answers("/token", ok(json!({"dc": "us19"}))).await;
    desk.account(ResponseTemplate::new(401)).await;
    said.push(desk.fails().await);
    insta::assert_snapshot!(said.concat(), @r"
    error: connection `main`: Klaviyo refuses the private key (HTTP 401): it was deleted, or is incomplete
    hint: reconnect this account: get new credentials at Klaviyo, then segue connection connect main
    error: connection `main`: Mailchimp refuses the API key (HTTP 401): it was revoked, or it is no key of the data centre us19 that its end names
    hint: reconnect this account: get new credentials at Mailchimp, then segue connection connect main
    error: connection `main`: Mailchimp does not take the access token any more: it was revoked
    hint: reconnect this account: get new credentials at Mailchimp, then segue connection connect main
    error: connection `main`: Mailchimp refuses the access token (HTTP 401): it was revoked
    hint: reconnect this account: get new credentials at Mailchimp, then segue connection connect main
    ");
}

#[tokio::test]
async fn what_snapchats_sign_in_says_is_told() {
    let desk = Desk::new(Destination::Snapchat, OAUTH).await;
    let mut said = Vec::new();
    for error in ["invalid_grant", "invalid_client", "jane@example.com"] {
        desk.server.reset().await;
        let denial = json!({"error": error, "error_description": "hush"});
        desk.answers("/token", ResponseTemplate::new(400).set_body_json(denial)).await;
        said.push(desk.fails().await);
    }
    desk.server.reset().await;
    desk.answers("/token", ok(json!({"access_token": "hush", "expires_in": 1800}))).await;
    desk.account(ResponseTemplate::new(401).set_body_string("unauthorized")).await;
    said.push(desk.fails().await);
    insta::assert_snapshot!(said.concat(), @r"
    error: connection `main`: Snapchat does not take the refresh token any more (invalid_grant): it was revoked, or has expired
    hint: reconnect this account: get new credentials at Snapchat, then segue connection connect main
    error: connection `main`: Snapchat does not know the OAuth app (invalid_client): `client_id` or `client_secret` is wrong, or the app was removed
    hint: reconnect this account: get new credentials at Snapchat, then segue connection connect main
    error: connection `main`: Snapchat refuses the credentials (HTTP 400)
    hint: reconnect this account: get new credentials at Snapchat, then segue connection connect main
    error: connection `main`: Snapchat refuses an access token that it gave just now (HTTP 401)
    hint: reconnect this account: get new credentials at Snapchat, then segue connection connect main
    ");
}

#[tokio::test]
async fn a_role_that_is_too_small_is_told_from_throttling_and_from_a_wrong_data_centre() {
    let mut said = vec![klaviyo_answers(403).await];
    let desk = Desk::new(Destination::Snapchat, OAUTH).await;
    desk.answers("/token", ok(json!({"access_token": "hush", "expires_in": 1800}))).await;
    desk.account(ResponseTemplate::new(403).set_body_json(json!({"error_code": "E3002"}))).await;
    said.push(desk.fails().await);
    let desk = Desk::new(Destination::Mailchimp, API_KEY).await;
    for body in [
        r#"{"title":"Forbidden"}"#,
        r#"{"detail":"The API key provided is linked to datacenter 'us6'"}"#,
        r#"{"detail":"The API key provided is linked to datacenter 'hush@evil.org'"}"#,
        "<html>",
    ] {
        desk.server.reset().await;
        desk.account(ResponseTemplate::new(403).set_body_string(body)).await;
        said.push(desk.fails().await);
    }
    insta::assert_snapshot!(said.concat(), @r"
    error: connection `main`: Klaviyo knows the credentials, and their role is too small (HTTP 403)
    hint: at Klaviyo, make a private key with full access, or with the scopes accounts:read, lists:read, lists:write, profiles:read and profiles:write, and hand it in
    error: connection `main`: Snapchat knows the credentials, and their role is too small (HTTP 403)
    hint: at Snapchat, give the person who connected it a role in the ad account that may manage audiences, such as Data Manager
    error: connection `main`: Mailchimp knows the credentials, and their role is too small (HTTP 403)
    hint: at Mailchimp, give the person whose key this is a role that may manage audiences, or take the key of somebody who has one
    error: connection `main`: the API key belongs to the data centre us6, and its end says us19
    hint: copy all of the key at Mailchimp, then hand the credentials in: segue connection connect main
    error: connection `main`: Mailchimp knows the credentials, and their role is too small (HTTP 403)
    hint: at Mailchimp, give the person whose key this is a role that may manage audiences, or take the key of somebody who has one
    error: connection `main`: Mailchimp is throttling this account (HTTP 403)
    hint: try again later; runs under way wait for it by themselves
    ");
}

#[tokio::test]
async fn throttling_trouble_and_a_retired_api_are_told_apart() {
    let desk = Desk::new(Destination::Klaviyo, KEY).await;
    desk.account(ResponseTemplate::new(429).insert_header("retry-after", "60")).await;
    let mut said = vec![desk.fails().await];
    for status in [429, 503, 410, 404, 302] {
        said.push(klaviyo_answers(status).await);
    }
    let desk = Desk::new(Destination::Klaviyo, KEY).await;
    desk.account(ResponseTemplate::new(200).set_body_string("<html>jane@example.com")).await;
    said.push(desk.fails().await);
    insta::assert_snapshot!(said.concat(), @r"
    error: connection `main`: Klaviyo is throttling this account (HTTP 429)
    hint: try again in 60 seconds; runs under way wait for it by themselves
    error: connection `main`: Klaviyo is throttling this account (HTTP 429)
    hint: try again later; runs under way wait for it by themselves
    error: connection `main`: Klaviyo has trouble of its own (HTTP 503)
    hint: try again later; runs under way wait for it by themselves
    error: connection `main`: Klaviyo retired the API that this release speaks (HTTP 410)
    hint: upgrade Segue: the stack, and this `segue`
    error: connection `main`: Klaviyo gave an answer that makes no sense to Segue (HTTP 404)
    hint: check the stack's URL of Klaviyo, and whether a proxy stands in between; otherwise try again later
    error: connection `main`: Klaviyo gave an answer that makes no sense to Segue (HTTP 302)
    hint: check the stack's URL of Klaviyo, and whether a proxy stands in between; otherwise try again later
    error: connection `main`: Klaviyo gave an answer that makes no sense to Segue (HTTP 200)
    hint: check the stack's URL of Klaviyo, and whether a proxy stands in between; otherwise try again later
    ");
}

#[tokio::test]
async fn a_destination_that_nobody_listens_at_is_told() {
    let mut desk = Desk::new(Destination::Klaviyo, KEY).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    desk.stack = Stack::of("segue", &[("KlaviyoBaseUrl", &format!("http://{closed}"))]);
    insta::assert_snapshot!(desk.fails().await.replace(&closed.to_string(), "HOST:PORT"), @r"
    error: connection `main`: Klaviyo can't be reached: `HOST:PORT` refuses the connection
    hint: check the stack's URL of Klaviyo, and whether a proxy or firewall stands in between
    ");
}

#[tokio::test]
async fn each_way_of_not_being_reached_has_its_words() {
    let secrets = MemorySecrets::default();
    secrets.store("s", &SecretString::from(API_KEY)).await.unwrap();
    let stack = Stack::of("two", &[]);
    let mailchimp = Subject::of(&stack, Destination::Mailchimp, &secrets, "s").await;
    let snapchat = Subject::of(&stack, Destination::Snapchat, &secrets, "none").await;
    let host = "us19.api.mailchimp.com".to_owned();
    let mut said = Vec::new();
    for why in [
        Unreachable::Name,
        Unreachable::Refused,
        Unreachable::NoConnection,
        Unreachable::Tls("invalid peer certificate: UnknownIssuer".into()),
        Unreachable::Silent,
        Unreachable::Broke,
    ] {
        said.push(mailchimp.words(&NoAccount::Unreachable { host: host.clone(), why }));
    }
    let host = "adsapi.snapchat.com".to_owned();
    said.push(snapchat.words(&NoAccount::Unreachable { host, why: Unreachable::Name }));
    said.push(snapchat.words(&NoAccount::NoTls));
    said.push(snapchat.words(&NoAccount::Credentials(CredentialsError::NotJson)));
    said.push(snapchat.words(&NoAccount::Dead("HTTP 403".into())));
    let said: Vec<_> = said.iter().map(|(problem, fix)| format!("{problem}\n    {fix}")).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    Mailchimp can't be reached: there is no host `us19.api.mailchimp.com`, or DNS can't be asked
        the end of `api_key` names the data centre, us19: if that is right, check the network and the DNS of this machine
    Mailchimp can't be reached: `us19.api.mailchimp.com` refuses the connection
        check the stack's URL of Mailchimp, and whether a proxy or firewall stands in between
    Mailchimp can't be reached: no connection to `us19.api.mailchimp.com` could be made (time-out)
        check the network of this machine, and whether a proxy or firewall stands in between
    Mailchimp can't be reached: no TLS with `us19.api.mailchimp.com`: invalid peer certificate: UnknownIssuer
        check this machine's clock and certificates, and whether a proxy stands in between
    Mailchimp can't be reached: `us19.api.mailchimp.com` does not answer (time-out)
        try again later
    Mailchimp can't be reached: the connection to `us19.api.mailchimp.com` broke
        try again later
    Snapchat can't be reached: there is no host `adsapi.snapchat.com`, or DNS can't be asked
        check the network and the DNS of this machine
    TLS can't be set up on this machine
        look at the certificates that this machine trusts
    the secret `none`: it is no JSON object
        hand the credentials in: segue --stack two apply -f FILE
    Snapchat refuses the credentials (HTTP 403)
        reconnect this account: get new credentials at Snapchat, then segue --stack two apply -f FILE
    ");
}

/// A Snapchat whose account is all right, with an export.
async fn snapchat() -> Desk {
    let desk = Desk::new(Destination::Snapchat, OAUTH).await;
    desk.answers("/token", ok(json!({"access_token": "hush", "expires_in": 1800}))).await;
    desk.account(ok(json!({"me": {"id": "acct-1", "display_name": "Jo"}}))).await;
    desk.export("vip", Role::Administrators, json!({})).await;
    desk
}

fn segment(source_type: &str) -> ResponseTemplate {
    let segment = json!({"id": "XyZ12", "source_type": source_type});
    let sub = json!([{"sub_request_status": "SUCCESS", "segment": segment}]);
    ok(json!({"request_status": "SUCCESS", "segments": sub}))
}

#[tokio::test]
async fn an_audience_that_snapchat_can_not_fill_is_told() {
    let mut said = Vec::new();
    for answer in [
        segment("LOOKALIKE"),
        ResponseTemplate::new(404),
        ResponseTemplate::new(403),
        ResponseTemplate::new(429).insert_header("retry-after", "30"),
    ] {
        let desk = snapchat().await;
        desk.answers("/api/segments/XyZ12", answer).await;
        said.push(desk.fails().await);
    }
    insta::assert_snapshot!(said.concat(), @r"
    error: connection `main`: export `vip`, audience XyZ12: the audience of this export is of the type LOOKALIKE, and only a customer list can be filled
    hint: give the export the id of a customer list
    error: connection `main`: export `vip`, audience XyZ12: the destination does not know the audience of this export
    hint: check `audience_id` against the account
    error: connection `main`: export `vip`, audience XyZ12: the account may not write to this audience
    hint: check its role at the destination, then connect it again
    error: connection `main`: export `vip`, audience XyZ12: Snapchat is throttling this account (HTTP 429)
    hint: try again in 30 seconds; runs under way wait for it by themselves
    ");
    let desk = snapchat().await;
    desk.answers("/api/segments/XyZ12", segment("FIRST_PARTY")).await;
    let said = desk.says().await;
    assert!(said.contains("vip, audience XyZ12: looked up, can be filled"), "{said}");
}

#[tokio::test]
async fn an_audience_that_mailchimp_can_not_fill_is_told_and_nobodys_list_is_read() {
    let export = json!({"new_contacts": "pending", "fields": {"email": "email", "first_name": "first"}});
    let fields = |required: bool| {
        let fields = json!([{"tag": "FNAME", "required": true}, {"tag": "LOYALTY", "required": required}]);
        ok(json!({"merge_fields": fields, "total_items": 2}))
    };
    let list = || ok(json!({"id": "XyZ12", "name": "News"}));
    let mut said = Vec::new();
    for (list, fields) in [
        (ResponseTemplate::new(404).set_body_json(json!({"title": "Resource Not Found"})), fields(false)),
        (list(), fields(true)),
        (list(), fields(false)),
    ] {
        let desk = Desk::new(Destination::Mailchimp, API_KEY).await;
        desk.account(ok(json!({"account_id": "acct-1", "account_name": "Shop"}))).await;
        desk.export("vip", Role::Administrators, export.clone()).await;
        desk.answers("/api/lists/XyZ12", list).await;
        desk.answers("/api/lists/XyZ12/merge-fields", fields).await;
        said.push(desk.says().await);
        let asked = desk.server.received_requests().await.unwrap();
        assert!(asked.iter().all(|request| !request.url.path().contains("members")));
    }
    insta::assert_snapshot!(said.concat(), @r"
    connection   main: Main, Mailchimp
    secret       segue/mailchimp/main
    account      Shop (acct-1)
    enabled      yes
    consent      terms 1, by arn:aws:iam::1:user/op, 2026-11-22T16:00:00Z
    shared with  administrators
    export       vip, audience XyZ12: looked up, see the error
    error: connection `main`: export `vip`, audience XyZ12: the destination does not know the audience of this export
    hint: check `audience_id` against the account
    connection   main: Main, Mailchimp
    secret       segue/mailchimp/main
    account      Shop (acct-1)
    enabled      yes
    consent      terms 1, by arn:aws:iam::1:user/op, 2026-11-22T16:00:00Z
    shared with  administrators
    export       vip, audience XyZ12: looked up, see the error
    error: connection `main`: export `vip`, audience XyZ12: the audience requires the field LOYALTY, which this export does not send
    hint: make it optional in the audience's settings
    connection   main: Main, Mailchimp
    secret       segue/mailchimp/main
    account      Shop (acct-1)
    enabled      yes
    consent      terms 1, by arn:aws:iam::1:user/op, 2026-11-22T16:00:00Z
    shared with  administrators
    export       vip, audience XyZ12: looked up, can be filled

    the connection `main` works
    ");
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_is_told_from_one_that_makes_no_sense() {
    let mut said = Vec::new();
    for answer in [
        ResponseTemplate::new(429).insert_header("retry-after", "60"),
        ResponseTemplate::new(500),
        ok(json!({"hush": "hush"})),
    ] {
        let desk = Desk::new(Destination::Snapchat, OAUTH).await;
        desk.answers("/token", answer).await;
        said.push(desk.fails().await);
    }
    insta::assert_snapshot!(said.concat(), @r"
    error: connection `main`: Snapchat is throttling this account (HTTP 429)
    hint: try again in 60 seconds; runs under way wait for it by themselves
    error: connection `main`: Snapchat has trouble of its own (HTTP 500)
    hint: try again later; runs under way wait for it by themselves
    error: connection `main`: Snapchat gave an answer that makes no sense to Segue (HTTP 200)
    hint: check the stack's URL of Snapchat, and whether a proxy stands in between; otherwise try again later
    ");
}
