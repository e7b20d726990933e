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
    /// Somebody deleted it, and for some weeks it can be had back.
    #[error(
        "the secret `{0}` is marked for deletion; sign in with `segue connection connect`, which restores it"
    )]
    Deleted(String),
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

    /// Has a secret back that is marked for deletion.
    async fn restore(&self, name: &str) -> Result<(), SecretError> {
        Err(SecretError::Deleted(name.to_owned()))
    }

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
    /// Stores a version under `stage`, and makes it the current one if `replaced` still is; if that is `None`, if there
    /// is no current one.
    async fn exchange(
        &self,
        name: &str,
        text: &SecretString,
        stage: &str,
        replaced: Option<&str>,
    ) -> Result<(), SecretError> {
        let put = self.client.put_secret_value().secret_id(name).secret_string(text.expose_secret());
        let put = put.version_stages(stage).send().await.map_err(|e| error(name, &e))?;
        // A secret's first version is the current one at once.
        if put.version_stages().iter().any(|stage| stage == CURRENT_STAGE) {
            return Ok(());
        }
        let promote = self.client.update_secret_version_stage().secret_id(name).version_stage(CURRENT_STAGE);
        let promote = promote
            .set_move_to_version_id(put.version_id().map(str::to_owned))
            .set_remove_from_version_id(replaced.map(str::to_owned))
            .send();
        let Err(lost) = promote.await else { return Ok(()) };
        if stage == HANDED_IN_STAGE {
            self.discard(name, put.version_id()).await;
        }
        Err(match lost.code() {
            Some("InvalidParameterException" | "InvalidRequestException") => {
                SecretError::Changed(name.to_owned())
            }
            _ => error(name, &lost),
        })
    }

    /// Stores credentials in a secret that somebody made beforehand without a value; what has one stays as it is.
    async fn fill(&self, name: &str, text: &SecretString) -> Result<(), SecretError> {
        match self.client.get_secret_value().secret_id(name).send().await {
            Ok(found) if found.secret_string().is_none() && found.secret_binary().is_none() => {
                self.exchange(name, text, HANDED_IN_STAGE, found.version_id()).await
            }
            Ok(_) => Err(SecretError::Changed(name.to_owned())),
            Err(e) if e.code() == Some("ResourceNotFoundException") => {
                self.exchange(name, text, HANDED_IN_STAGE, None).await
            }
            Err(e) => Err(error(name, &e)),
        }
    }

    /// Takes its stage from a version that was handed in and did not become the current one. A version without a stage
    /// is deprecated: nothing finds it, and Secrets Manager deletes it. A refreshed token keeps its stage, since it may be
    /// the last one that its account gives.
    async fn discard(&self, name: &str, version: Option<&str>) {
        let discard =
            self.client.update_secret_version_stage().secret_id(name).version_stage(HANDED_IN_STAGE);
        let discard = discard.set_remove_from_version_id(version.map(str::to_owned)).send();
        if let Err(e) = discard.await {
            let error = error(name, &e);
            tracing::warn!(%error, "credentials that were handed in and are not used keep their stage");
        }
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
        self.exchange(name, text, PRIVATE_STAGE, Some(replaced)).await
    }

    async fn replace(
        &self,
        name: &str,
        text: &SecretString,
        replaced: Option<&str>,
    ) -> Result<(), SecretError> {
        if replaced.is_some() {
            return self.exchange(name, text, HANDED_IN_STAGE, replaced).await;
        }
        let create = self.client.create_secret().name(name).secret_string(text.expose_secret());
        let create = create.set_kms_key_id(self.kms_key.clone()).send();
        match create.await {
            Ok(_) => Ok(()),
            Err(e) if e.code() == Some("ResourceExistsException") => self.fill(name, text).await,
            Err(e) => Err(error(name, &e)),
        }
    }

    async fn restore(&self, name: &str) -> Result<(), SecretError> {
        let restored = self.client.restore_secret().secret_id(name).send().await;
        restored.map(|_| ()).map_err(|e| error(name, &e))
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
    let text = answer.secret_string().map(SecretString::from);
    let text = text.ok_or_else(|| match answer.secret_binary() {
        Some(_) => SecretError::Failed {
            name: name.to_owned(),
            problem: "it holds bytes rather than text".to_owned(),
        },
        None => SecretError::Missing(name.to_owned()),
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
        // The code is that of every state that a secret can be in and must not: which one, only the message says.
        Some("InvalidRequestException") if error.message().is_some_and(|text| text.contains("delet")) => {
            SecretError::Deleted(name.to_owned())
        }
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
    }

    #[tokio::test]
    async fn what_lost_against_somebody_elses_is_not_kept_under_a_stage() {
        let changed = json!({"__type": "InvalidParameterException", "message": "not on that version"});
        let discard =
            json!({"SecretId": NAME, "VersionStage": HANDED_IN_STAGE, "RemoveFromVersionId": "two"});
        let denied = json!({"__type": "AccessDeniedException", "message": "no"});
        for (status, answer) in [(200, json!({"Name": NAME})), (400, denied)] {
            let discarded = ("UpdateSecretVersionStage", discard.clone(), status, answer);
            let lost = replaced(&[put(), promote(400, changed.clone()), discarded], Some("one")).await;
            assert!(matches!(lost, Err(SecretError::Changed(_))), "{lost:?}");
        }
    }

    #[tokio::test]
    async fn a_secret_that_somebody_else_made_first_is_not_overwritten() {
        let make = |status, answer| {
            let request = json!({"Name": NAME, "SecretString": "hush"});
            ("CreateSecret", request, status, answer)
        };
        replaced(&[make(200, json!({"Name": NAME}))], None).await.unwrap();
        let exists = json!({"__type": "ResourceExistsException", "message": "it exists"});
        let get = |status, answer| ("GetSecretValue", json!({"SecretId": NAME}), status, answer);
        let theirs = get(200, json!({"Name": NAME, "SecretString": "theirs", "VersionId": "one"}));
        let lost = replaced(&[make(400, exists.clone()), theirs], None).await.unwrap_err();
        assert!(matches!(lost, SecretError::Changed(_)), "{lost}");

        // One without a value, as infrastructure code makes them.
        let empty = || get(400, json!({"__type": "ResourceNotFoundException", "message": "no AWSCURRENT"}));
        let (operation, request, ..) = put();
        let first =
            json!({"Name": NAME, "VersionId": "two", "VersionStages": [HANDED_IN_STAGE, CURRENT_STAGE]});
        let asked = [make(400, exists.clone()), empty(), (operation, request, 200, first)];
        replaced(&asked, None).await.unwrap();
        let request = json!({"VersionStage": CURRENT_STAGE, "MoveToVersionId": "two"});
        let promoted = ("UpdateSecretVersionStage", request, 200, json!({"Name": NAME}));
        replaced(&[make(400, exists.clone()), empty(), put(), promoted], None).await.unwrap();
        let version = get(200, json!({"Name": NAME, "VersionId": "one"}));
        let promoted = promote(200, json!({"Name": NAME}));
        replaced(&[make(400, exists), version, put(), promoted], None).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_is_marked_for_deletion_is_told_apart() {
        for (message, deleted) in [
            ("You can't perform this operation on the secret because it was marked for deletion.", true),
            ("You can't create this secret because it is already scheduled for deletion.", true),
            ("You can't enable rotation on it.", false),
        ] {
            let answer = json!({"__type": "InvalidRequestException", "Message": message});
            let failed =
                replaced(&[("CreateSecret", json!({"Name": NAME}), 400, answer)], None).await.unwrap_err();
            assert_eq!(matches!(failed, SecretError::Deleted(_)), deleted, "{failed}");
        }
    }
}
