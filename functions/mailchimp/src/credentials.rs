//! Mailchimp's credentials: an API key that names its data centre, or an OAuth token that has to be asked for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use segue_delivery::{Answer, CredentialsError, Exchange, Request, Session, SignIn};
use serde::Deserialize;

/// What the secret holds: one of the two.
#[derive(Deserialize)]
struct Credentials {
    api_key: Option<String>,
    access_token: Option<String>,
}

/// The answer of the metadata endpoint, which is 200 for a bad token too.
#[derive(Deserialize)]
struct Metadata {
    dc: Option<String>,
    error: Option<String>,
}

fn credentials(secret: &SecretString) -> Result<Credentials, CredentialsError> {
    serde_json::from_str(secret.expose_secret()).map_err(|_| CredentialsError::NotJson)
}

pub(crate) fn sign_in(
    base_url: &str,
    metadata_url: &str,
    secret: &SecretString,
) -> Result<SignIn, CredentialsError> {
    let credentials = credentials(secret)?;
    if let Some(key) = credentials.api_key {
        let dc = key.rsplit_once('-').map(|(_, dc)| dc).filter(|dc| is_data_centre(dc));
        let base = base(base_url, dc.ok_or(CredentialsError::Field("api_key"))?);
        // Any user name will do.
        let basic = format!("Basic {}", STANDARD.encode(format!("segue:{key}")));
        let headers = authorization(&basic).ok_or(CredentialsError::Field("api_key"))?;
        return Ok(SignIn::Ready(Session { base, headers, lifetime: None }));
    }
    let token = credentials.access_token.filter(|token| !token.is_empty());
    let token = token.ok_or(CredentialsError::Field("api_key"))?;
    let headers = authorization(&format!("OAuth {token}")).ok_or(CredentialsError::Field("access_token"))?;
    Ok(SignIn::Exchange(Request {
        endpoint: "metadata",
        method: Method::GET,
        url: metadata_url.to_owned(),
        headers,
        body: Bytes::new(),
    }))
}

pub(crate) fn signed_in(base_url: &str, secret: &SecretString, answer: &Answer) -> Exchange {
    if answer.trouble().is_some() {
        return Exchange::Again(answer.retry_after);
    }
    let Some(metadata) = answer.json::<Metadata>() else {
        // As everywhere at Mailchimp, a 403 without JSON is throttling.
        return if answer.is_success() || answer.status == 403 {
            Exchange::Again(None)
        } else {
            Exchange::Dead(format!("HTTP {}", answer.status))
        };
    };
    if metadata.error.is_some() || !answer.is_success() {
        return Exchange::Dead("invalid_token".to_owned());
    }
    let token = credentials(secret).ok().and_then(|credentials| credentials.access_token);
    let headers = token.and_then(|token| authorization(&format!("Bearer {token}")));
    match (metadata.dc.filter(|dc| is_data_centre(dc)), headers) {
        (Some(dc), Some(headers)) => {
            Exchange::Session(Session { base: base(base_url, &dc), headers, lifetime: None }, None)
        }
        _ => Exchange::Again(None),
    }
}

fn base(base_url: &str, dc: &str) -> String {
    base_url.replace("{dc}", dc)
}

/// A host name is built from it, so nothing but a data centre may pass: `us19`, not `evil.org/`.
fn is_data_centre(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_lowercase).count();
    let digits = &text[letters..];
    (2..=3).contains(&letters)
        && (1..=4).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
}

fn authorization(value: &str) -> Option<HeaderMap> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://{dc}.api.mailchimp.com/3.0";

    fn ready(secret: &str) -> Result<Session, CredentialsError> {
        match sign_in(BASE, "https://m", &secret.into())? {
            SignIn::Ready(session) => Ok(session),
            SignIn::Exchange(_) => panic!("no key"),
        }
    }

    fn answered(status: u16, body: &'static str) -> Exchange {
        let secret = r#"{"access_token":"t"}"#.into();
        signed_in(BASE, &secret, &Answer { status, retry_after: None, body: body.into() })
    }

    #[test]
    fn the_key_names_its_data_centre() {
        let session = ready(r#"{"api_key":"0123-us19"}"#).unwrap();
        assert_eq!(session.base, "https://us19.api.mailchimp.com/3.0");
        assert_eq!(session.headers[AUTHORIZATION], "Basic c2VndWU6MDEyMy11czE5");
        assert!(!format!("{session:?}").contains("c2Vnd"));
    }

    #[test]
    fn a_data_centre_is_never_a_host_of_somebody_elses() {
        for key in
            ["0123", "0123-", "0123-us", "0123-evil.org/", "0123-us19@evil.org", "0123-USA1", "k-us19999"]
        {
            let secret = format!(r#"{{"api_key":"{key}"}}"#);
            assert_eq!(ready(&secret).unwrap_err(), CredentialsError::Field("api_key"), "{key}");
        }
        assert!(matches!(answered(200, r#"{"dc":"evil.org/"}"#), Exchange::Again(_)));
    }

    #[test]
    fn a_token_is_asked_for_its_data_centre() {
        let Ok(SignIn::Exchange(request)) = sign_in(BASE, "https://m", &r#"{"access_token":"t"}"#.into())
        else {
            panic!()
        };
        assert_eq!(
            (request.url.as_str(), &request.headers[AUTHORIZATION]),
            ("https://m", &"OAuth t".parse::<HeaderValue>().unwrap())
        );
        let Exchange::Session(session, None) = answered(200, r#"{"dc":"us3","login":{}}"#) else { panic!() };
        assert_eq!(session.base, "https://us3.api.mailchimp.com/3.0");
    }

    #[test]
    fn a_bad_token_is_told_by_the_body_of_a_200() {
        assert!(matches!(answered(200, r#"{"error":"invalid_token"}"#), Exchange::Dead(_)));
        assert!(matches!(answered(503, "busy"), Exchange::Again(_)));
        assert!(matches!(answered(403, ""), Exchange::Again(_)));
        assert!(matches!(answered(401, "no"), Exchange::Dead(_)));
    }

    #[test]
    fn a_secret_without_either_names_the_field() {
        assert_eq!(sign_in(BASE, "", &"{}".into()).unwrap_err(), CredentialsError::Field("api_key"));
        assert_eq!(sign_in(BASE, "", &"[".into()).unwrap_err(), CredentialsError::NotJson);
    }
}
