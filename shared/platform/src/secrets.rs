//! Secrets Manager: credentials of connections.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use secrecy::{ExposeSecret, SecretString};

use crate::s3::sources;

/// The stage that a refreshed token is stored under before it becomes the current one.
const PRIVATE_STAGE: &str = "SEGUE_REFRESHED";
/// The stage that credentials which were handed in are stored under before they become the current ones: another one,
/// since what lost against somebody else's is never to be taken for a refreshed token.
const HANDED_IN_STAGE: &str = "SEGUE_HANDED_IN";
const CURRENT_STAGE: &str = "AWSCURRENT";

/// A secret as it was read.
#[derive(Debug, Clone)]
pub struct SecretValue {
    /// Its text.
    pub text: SecretString,
    /// Its version, so that a change can say what it is based on.
    pub version: String,
}

/// A secret that can't be had. The message names the secret, never its value.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretError {
    /// There is none of that name.
    #[error("the secret `{0}` does not exist; sign in with `segue connection connect`")]
    Missing(String),
    /// It may not be read or written.
    #[error("access to the secret `{0}` is denied; check the function's policy and the secret's key")]
    Denied(String),
    /// Somebody stored a new version in between.
    #[error("the secret `{0}` was changed by somebody else")]
    Changed(String),
    /// Anything else.
    #[error("the secret `{name}` could not be used: {problem}")]
    Failed {
        /// The secret's name.
        name: String,
        /// The service's error code, or what went wrong on the way.
        problem: String,
    },
}

/// Where credentials are.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Reads the current version.
    async fn get(&self, name: &str) -> Result<SecretValue, SecretError>;

    /// Stores what a refresh changed: first under a private stage, then as the current version in place of
    /// `replaced`. If an operator stored new credentials in between, theirs stay.
    async fn refresh(&self, name: &str, text: &SecretString, replaced: &str) -> Result<(), SecretError>;

    /// What a refresh stored under its private stage and did not live to make the current version; `None` if there is
    /// no such version, or if it is older than the current one.
    async fn refreshed(&self, _name: &str) -> Result<Option<SecretValue>, SecretError> {
        Ok(None)
    }

    /// Stores credentials, creating the secret if need be.
    async fn store(&self, name: &str, text: &SecretString) -> Result<(), SecretError>;

    /// Stores credentials in the place of the version `replaced`, or as a new secret if that is `None`. If somebody
    /// stored others in between, it is [`SecretError::Changed`], and theirs stay.
    ///
    /// What can't compare and store in one step compares just before.
    async fn replace(
        &self,
        name: &str,
        text: &SecretString,
        replaced: Option<&str>,
    ) -> Result<(), SecretError> {
        let now = match self.get(name).await {
            Ok(found) => Some(found.version),
            Err(SecretError::Missing(_)) => None,
            Err(error) => return Err(error),
        };
        if now.as_deref() == replaced {
            self.store(name, text).await
        } else {
            Err(SecretError::Changed(name.to_owned()))
        }
    }
}

/// Secrets Manager itself.
#[derive(Clone)]
pub struct SecretsManager {
    client: Client,
    kms_key: Option<String>,
}

impl SecretsManager {
    /// Over this client. New secrets are encrypted with `kms_key`, or with the account's own key.
    #[must_use]
    pub const fn new(client: Client, kms_key: Option<String>) -> Self {
        Self { client, kms_key }
    }
}

impl SecretsManager {
    /// Stores a version under `stage`, and makes it the current one if `replaced` still is.
    async fn exchange(
        &self,
        name: &str,
        text: &SecretString,
        stage: &str,
        replaced: &str,
    ) -> Result<(), SecretError> {
        let put = self.client.put_secret_value().secret_id(name).secret_string(text.expose_secret());
        let put = put.version_stages(stage).send().await.map_err(|e| error(name, &e))?;
        let promote = self.client.update_secret_version_stage().secret_id(name).version_stage(CURRENT_STAGE);
        let promote = promote
            .set_move_to_version_id(put.version_id().map(str::to_owned))
            .remove_from_version_id(replaced)
            .send();
        promote.await.map(|_| ()).map_err(|e| match e.code() {
            Some("InvalidParameterException" | "InvalidRequestException") => {
                SecretError::Changed(name.to_owned())
            }
            _ => error(name, &e),
        })
    }
}

#[async_trait]
impl Secrets for SecretsManager {
    async fn get(&self, name: &str) -> Result<SecretValue, SecretError> {
        let answer =
            self.client.get_secret_value().secret_id(name).send().await.map_err(|e| error(name, &e))?;
        value(name, &answer)
    }

    async fn refreshed(&self, name: &str) -> Result<Option<SecretValue>, SecretError> {
        let read = |stage| self.client.get_secret_value().secret_id(name).version_stage(stage).send();
        let newer = match read(PRIVATE_STAGE).await {
            Ok(newer) => newer,
            Err(e) if e.code() == Some("ResourceNotFoundException") => return Ok(None),
            Err(e) => return Err(error(name, &e)),
        };
        let current = read(CURRENT_STAGE).await.map_err(|e| error(name, &e))?;
        let made = |answer: &GetSecretValueOutput| {
            answer.created_date().map(|date| (date.secs(), date.subsec_nanos()))
        };
        if newer.version_id() == current.version_id() || made(&newer) <= made(&current) {
            return Ok(None);
        }
        value(name, &newer).map(Some)
    }

    async fn refresh(&self, name: &str, text: &SecretString, replaced: &str) -> Result<(), SecretError> {
        self.exchange(name, text, PRIVATE_STAGE, replaced).await
    }

    async fn replace(
        &self,
        name: &str,
        text: &SecretString,
        replaced: Option<&str>,
    ) -> Result<(), SecretError> {
        if let Some(replaced) = replaced {
            return self.exchange(name, text, HANDED_IN_STAGE, replaced).await;
        }
        let create = self.client.create_secret().name(name).secret_string(text.expose_secret());
        let create = create.set_kms_key_id(self.kms_key.clone()).send();
        create.await.map(|_| ()).map_err(|e| match e.code() {
            Some("ResourceExistsException") => SecretError::Changed(name.to_owned()),
            _ => error(name, &e),
        })
    }

    async fn store(&self, name: &str, text: &SecretString) -> Result<(), SecretError> {
        let put = self.client.put_secret_value().secret_id(name).secret_string(text.expose_secret()).send();
        match put.await {
            Ok(_) => Ok(()),
            Err(e) if e.code() == Some("ResourceNotFoundException") => {
                let create = self.client.create_secret().name(name).secret_string(text.expose_secret());
                let create = create.set_kms_key_id(self.kms_key.clone()).send();
                create.await.map(|_| ()).map_err(|e| error(name, &e))
            }
            Err(e) => Err(error(name, &e)),
        }
    }
}

fn value(name: &str, answer: &GetSecretValueOutput) -> Result<SecretValue, SecretError> {
    let text = answer.secret_string().map(SecretString::from).ok_or_else(|| SecretError::Failed {
        name: name.to_owned(),
        problem: "it holds bytes rather than text".to_owned(),
    })?;
    Ok(SecretValue { text, version: answer.version_id().unwrap_or_default().to_owned() })
}

fn error<E, R>(name: &str, error: &SdkError<E, R>) -> SecretError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match error.code() {
        Some("ResourceNotFoundException") => SecretError::Missing(name.to_owned()),
        Some("AccessDeniedException" | "AccessDenied") => SecretError::Denied(name.to_owned()),
        Some(code) => SecretError::Failed { name: name.to_owned(), problem: code.to_owned() },
        None => SecretError::Failed { name: name.to_owned(), problem: sources(error) },
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
    use serde_json::{Value, json};
    use wiremock::matchers::{body_partial_json, header};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const NAME: &str = "segue/klaviyo/main";

    /// What is asked of Secrets Manager: the operation, what is in its request, and the answer.
    type Asked = (&'static str, Value, u16, Value);

    async fn replaced(asked: &[Asked], version: Option<&str>) -> Result<(), SecretError> {
        let server = MockServer::start().await;
        for (operation, body, status, answer) in asked {
            Mock::given(header("x-amz-target", format!("secretsmanager.{operation}")))
                .and(body_partial_json(body))
                .respond_with(ResponseTemplate::new(*status).set_body_json(answer))
                .expect(1)
                .mount(&server)
                .await;
        }
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::for_tests())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(server.uri())
            .build();
        let secrets = SecretsManager::new(Client::from_conf(config), None);
        secrets.replace(NAME, &SecretString::from("hush"), version).await
    }

    fn put() -> Asked {
        let request = json!({"SecretId": NAME, "SecretString": "hush", "VersionStages": [HANDED_IN_STAGE]});
        ("PutSecretValue", request, 200, json!({"Name": NAME, "VersionId": "two"}))
    }

    fn promote(status: u16, answer: Value) -> Asked {
        let request = json!({
            "SecretId": NAME, "VersionStage": CURRENT_STAGE, "MoveToVersionId": "two", "RemoveFromVersionId": "one",
        });
        ("UpdateSecretVersionStage", request, status, answer)
    }

    #[tokio::test]
    async fn what_is_handed_in_takes_the_place_of_the_version_that_was_read() {
        replaced(&[put(), promote(200, json!({"Name": NAME}))], Some("one")).await.unwrap();
        let changed = json!({"__type": "InvalidParameterException", "message": "not on that version"});
        let lost = replaced(&[put(), promote(400, changed)], Some("one")).await.unwrap_err();
        assert!(matches!(lost, SecretError::Changed(_)), "{lost}");
    }

    #[tokio::test]
    async fn a_secret_that_somebody_else_made_first_is_not_overwritten() {
        let make = |status, answer| {
            let request = json!({"Name": NAME, "SecretString": "hush"});
            ("CreateSecret", request, status, answer)
        };
        replaced(&[make(200, json!({"Name": NAME}))], None).await.unwrap();
        let exists = json!({"__type": "ResourceExistsException", "message": "it exists"});
        let lost = replaced(&[make(400, exists)], None).await.unwrap_err();
        assert!(matches!(lost, SecretError::Changed(_)), "{lost}");
    }
}
