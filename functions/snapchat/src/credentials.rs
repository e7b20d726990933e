//! Snapchat's OAuth: a refresh token that is good for access tokens.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use segue_delivery::{Answer, CredentialsError, Exchange, Request, Session, SignIn};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The token endpoint has no documented limit.
const ENDPOINT: &str = "token";

/// The answer of the token endpoint. Its time to live is what it says, never a constant: an hour now, half of it once.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
}

/// RFC 6749, 5.2.
#[derive(Deserialize)]
struct Denial {
    error: String,
}

fn fields(secret: &SecretString) -> Result<Map<String, Value>, CredentialsError> {
    serde_json::from_str(secret.expose_secret()).map_err(|_| CredentialsError::NotJson)
}

fn field<'a>(fields: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, CredentialsError> {
    let text = fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or(CredentialsError::Field(name))
}

pub(crate) fn sign_in(token_url: &str, secret: &SecretString) -> Result<SignIn, CredentialsError> {
    let fields = fields(secret)?;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", field(&fields, "refresh_token")?)
        .append_pair("client_id", field(&fields, "client_id")?)
        .append_pair("client_secret", field(&fields, "client_secret")?)
        .finish();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    Ok(SignIn::Exchange(Request {
        endpoint: ENDPOINT,
        method: Method::POST,
        url: token_url.to_owned(),
        headers: HeaderMap::from_iter([(CONTENT_TYPE, form)]),
        body: body.into(),
    }))
}

pub(crate) fn signed_in(base_url: &str, secret: &SecretString, answer: &Answer) -> Exchange {
    if answer.trouble().is_some() {
        return Exchange::Again(answer.retry_after);
    }
    if !answer.is_success() {
        let error = answer.json::<Denial>().map(|denial| denial.error);
        // A gateway's page is no verdict on the token.
        if error.is_none() && answer.status != 401 {
            return Exchange::Again(None);
        }
        // The closed list of RFC 6749: whatever else is said there stays out of the record.
        let known =
            ["invalid_grant", "invalid_client", "unauthorized_client", "invalid_request", "invalid_scope"];
        let error = error.filter(|error| known.contains(&error.as_str()));
        return Exchange::Dead(error.unwrap_or_else(|| format!("HTTP {}", answer.status)));
    }
    let Some(token) = answer.json::<Token>() else { return Exchange::Again(None) };
    let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", token.access_token)) else {
        return Exchange::Again(None);
    };
    bearer.set_sensitive(true);
    let session = Session {
        base: base_url.to_owned(),
        headers: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
        lifetime: token.expires_in.map(Duration::from_secs),
    };
    Exchange::Session(session, token.refresh_token.and_then(|token| changed(secret, &token)))
}

/// The secret with a new refresh token in it; `None` if it is the old one.
fn changed(secret: &SecretString, refresh_token: &str) -> Option<SecretString> {
    let mut fields = fields(secret).ok()?;
    if fields.get("refresh_token").and_then(Value::as_str) == Some(refresh_token) {
        return None;
    }
    fields.insert("refresh_token".to_owned(), refresh_token.into());
    Some(Value::Object(fields).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> SecretString {
        r#"{"client_id":"c","client_secret":"s&s","refresh_token":"r"}"#.into()
    }

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer { status, retry_after: None, body: body.into() }
    }

    #[test]
    fn asks_for_a_token_as_a_form() {
        let Ok(SignIn::Exchange(request)) = sign_in("https://t", &secret()) else { panic!() };
        insta::assert_snapshot!(
            String::from_utf8(request.body.to_vec()).unwrap(),
            @"grant_type=refresh_token&refresh_token=r&client_id=c&client_secret=s%26s"
        );
    }

    #[test]
    fn a_missing_field_is_named_and_no_value_shown() {
        let error = sign_in("https://t", &r#"{"client_id":"hush","refresh_token":"r"}"#.into()).unwrap_err();
        assert_eq!(error, CredentialsError::Field("client_secret"));
        assert_eq!(sign_in("https://t", &"hush".into()).unwrap_err(), CredentialsError::NotJson);
    }

    #[test]
    fn a_token_lives_as_long_as_the_answer_says() {
        let Exchange::Session(session, changed) =
            signed_in("https://b", &secret(), &answer(200, r#"{"access_token":"t","expires_in":1800}"#))
        else {
            panic!()
        };
        assert_eq!(session.lifetime, Some(Duration::from_mins(30)));
        assert!(changed.is_none(), "no refresh token came, so the old one is kept");
        assert!(!format!("{session:?}").contains("Bearer t"));
    }

    #[test]
    fn a_new_refresh_token_is_stored_beside_what_was_there() {
        let body = r#"{"access_token":"t","expires_in":1800,"refresh_token":"new"}"#;
        let Exchange::Session(_, Some(changed)) = signed_in("https://b", &secret(), &answer(200, body))
        else {
            panic!()
        };
        insta::assert_snapshot!(
            changed.expose_secret(),
            @r#"{"client_id":"c","client_secret":"s&s","refresh_token":"new"}"#
        );
    }

    #[test]
    fn a_dead_refresh_token_is_told_from_a_busy_endpoint() {
        for status in [400, 401] {
            let dead = signed_in("", &secret(), &answer(status, r#"{"error":"invalid_grant"}"#));
            assert!(matches!(dead, Exchange::Dead(error) if error == "invalid_grant"));
        }
        for status in [429, 500, 503] {
            assert!(matches!(signed_in("", &secret(), &answer(status, "")), Exchange::Again(None)));
        }
        for status in [200, 400, 403] {
            assert!(matches!(signed_in("", &secret(), &answer(status, "<html>")), Exchange::Again(None)));
        }
        assert!(matches!(signed_in("", &secret(), &answer(401, "no")), Exchange::Dead(_)));
        let odd = signed_in("", &secret(), &answer(403, r#"{"error":"jane@example.com"}"#));
        assert!(matches!(odd, Exchange::Dead(error) if error == "HTTP 403"));
    }
}
