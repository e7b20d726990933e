//! Keeping credentials in the place of a secret that somebody deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use segue_platform::memory::MemorySecrets;
use segue_platform::{Env, SecretError, SecretValue, Secrets};
use segue_segment::Destination;

use super::managing_tests::{Bench, CALLER, said};
use super::*;
use crate::prompt::tests::Scripted;

/// Secrets that are marked for deletion until they are had back, if they may be.
struct Marked {
    kept: MemorySecrets,
    marked: AtomicBool,
    may_restore: bool,
}

impl Marked {
    fn check(&self, name: &str) -> Result<(), SecretError> {
        if self.marked.load(Ordering::Relaxed) { Err(SecretError::Deleted(name.to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl Secrets for Marked {
    async fn get(&self, name: &str) -> Result<SecretValue, SecretError> {
        self.check(name)?;
        self.kept.get(name).await
    }

    async fn refresh(&self, name: &str, text: &SecretString, replaced: &str) -> Result<(), SecretError> {
        self.check(name)?;
        self.kept.refresh(name, text, replaced).await
    }

    async fn store(&self, name: &str, text: &SecretString) -> Result<(), SecretError> {
        self.check(name)?;
        self.kept.store(name, text).await
    }

    async fn restore(&self, name: &str) -> Result<(), SecretError> {
        if !self.may_restore {
            return Err(SecretError::Denied(name.to_owned()));
        }
        self.marked.store(false, Ordering::Relaxed);
        Ok(())
    }
}

async fn bench(may_restore: bool) -> Bench {
    let kept = MemorySecrets::default();
    kept.store("segue/klaviyo/main", &r#"{"private_key":"pk_old"}"#.into()).await.unwrap();
    let secrets = Marked { kept, marked: AtomicBool::new(true), may_restore };
    Bench { secrets: Arc::new(secrets), ..Bench::new(&[]) }
}

async fn added(bench: &Bench) -> Result<add::Added, Failure> {
    let pairs = [("KEY", "pk_new")];
    let mut inputs = Inputs { env: Env::of(&pairs), stdin: &mut std::io::empty() };
    let args = said(Destination::Klaviyo);
    add::add(&bench.desk(), &args, CALLER, &mut inputs, &mut Scripted::default()).await
}

#[tokio::test]
async fn a_name_whose_secret_was_deleted_can_be_used_again_at_once() {
    let bench = bench(true).await;
    let added = added(&bench).await.unwrap();
    assert!(!added.to_sign_in && added.connection.account.is_some());
    assert!(bench.stored("segue/klaviyo/main").await.contains("pk_new"));
}

#[tokio::test]
async fn who_may_not_have_it_back_is_told() {
    let bench = bench(false).await;
    let failure = added(&bench).await.unwrap_err();
    insta::assert_snapshot!(failure.to_string(), @r"
    error: AWS denies access to the secret `segue/klaviyo/main`
    hint: the new credentials are not used; only administrators change those of a connection: have the stack's policies for them attached to your AWS identity (its outputs AdministratorsPolicyArn and AdministratorsRunsPolicyArn), and hand them in with `segue connection connect main`; until then the connection `main` is noted as leading to Shop (acct-1): if the credentials that it has are another account's, stop it with `segue connection disable main`
    ");
    let found = bench.secrets.get("segue/klaviyo/main").await.unwrap_err();
    insta::assert_snapshot!(Failure::from(found).to_string(), @r"
    error: the secret `segue/klaviyo/main` is marked for deletion
    hint: have it back with: aws secretsmanager restore-secret --secret-id segue/klaviyo/main
    ");
    assert!(supply::stored_app(&*bench.secrets, "x", Destination::Snapchat).await.unwrap().is_none());
}

#[tokio::test]
async fn credentials_that_an_earlier_connection_left_behind_are_not_used() {
    let bench = Bench::new(&[]);
    let old = SecretString::from(r#"{"private_key":"pk_old"}"#);
    bench.secrets.store("segue/klaviyo/main", &old).await.unwrap();
    let args = add::Args { from: supply::CredentialsFrom::default(), ..said(Destination::Klaviyo) };
    let mut inputs = Inputs { env: Env::of(&[]), stdin: &mut std::io::empty() };
    let added = add::add(&bench.desk(), &args, CALLER, &mut inputs, &mut Scripted::default()).await.unwrap();
    assert!(added.to_sign_in);
    let may = segue_state::permit_connection(segue_state::Role::Administrators, &bench.connection().await);
    assert_eq!(may, Err(segue_state::Halt::NotConnected("main".to_owned())));
    let (seen, _) = overview::all(&bench.state, None).await.unwrap();
    assert_eq!(seen[0].status, overview::Status::NotConnected);
    assert!(bench.secrets.get("segue/klaviyo/main").await.unwrap().text.expose_secret().contains("pk_old"));
}

#[tokio::test]
async fn what_was_deleted_together_with_its_connection_is_not_had_back() {
    let bench = bench(true).await;
    let gone: Connection = serde_json::from_value(serde_json::json!({
        "id": "main", "display_name": "Main", "destination": "klaviyo", "secret": "segue/klaviyo/main",
        "account": {"id": "acct-1"},
    }))
    .unwrap();
    let failure =
        keeping::store(&bench.state, &*bench.secrets, &gone, &"pk_new".into()).await.unwrap_err().to_string();
    assert!(failure.contains("was removed by somebody else just now"), "{failure}");
    let found = bench.secrets.get("segue/klaviyo/main").await;
    assert!(matches!(found, Err(SecretError::Deleted(_))), "nobody has the old credentials again");
}
