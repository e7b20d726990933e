//! Klaviyo's credentials: a private API key.

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use segue_delivery::{CredentialsError, Session};
use serde::Deserialize;

use crate::REVISION;

#[derive(Deserialize)]
struct Credentials {
    private_key: Option<String>,
}

/// A session with the key of this secret.
pub(crate) fn session(base_url: &str, secret: &SecretString) -> Result<Session, CredentialsError> {
    let credentials: Credentials =
        serde_json::from_str(secret.expose_secret()).map_err(|_| CredentialsError::NotJson)?;
    let key = credentials.private_key.filter(|key| !key.is_empty());
    let key = key.ok_or(CredentialsError::Field("private_key"))?;
    let mut authorization = HeaderValue::try_from(format!("Klaviyo-API-Key {key}"))
        .map_err(|_| CredentialsError::Field("private_key"))?;
    authorization.set_sensitive(true);
    let headers = HeaderMap::from_iter([
        (AUTHORIZATION, authorization),
        (HeaderName::from_static("revision"), HeaderValue::from_static(REVISION)),
        (ACCEPT, HeaderValue::from_static("application/vnd.api+json")),
    ]);
    Ok(Session { base: base_url.to_owned(), headers, lifetime: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_the_key_and_the_revision() {
        let session = session("https://b", &r#"{"private_key":"pk_x"}"#.into()).unwrap();
        assert_eq!(session.headers[AUTHORIZATION], "Klaviyo-API-Key pk_x");
        assert_eq!(session.headers["revision"], REVISION);
        assert!(!format!("{session:?}").contains("pk_x"));
    }

    #[test]
    fn a_missing_key_is_named() {
        for secret in ["{}", r#"{"private_key":""}"#, r#"{"private_key":"a\nb"}"#] {
            let error = session("https://b", &secret.into()).unwrap_err();
            assert_eq!(error, CredentialsError::Field("private_key"), "{secret}");
        }
        assert_eq!(session("https://b", &"pk_x".into()).unwrap_err(), CredentialsError::NotJson);
    }
}
