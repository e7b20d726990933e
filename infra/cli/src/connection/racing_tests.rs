//! People who sign in, or change a connection, at the same moment: nobody's change is lost without a word, and the secret
//! is that of the account on record.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use segue_platform::memory::{Asked, Before, MemoryBucket, MemorySecrets, Watched};
use segue_platform::{SecretError, SecretValue, Secrets, StoreError};
use segue_state::config::Account;
use segue_state::{Connection, State, keys};
use serde_json::json;

use super::connect::{Desk, SignedIn, keep};
use super::{edit, saving};
use crate::Failure;
use crate::apply::account::{Accounts, AtDestinations};
use crate::prompt::tests::Scripted;
use crate::stack::Stack;

const SECRET: &str = "segue/klaviyo/main";

/// Lets others go first, before each request.
struct OthersFirst;

/// The same for secrets.
struct Yielding(Arc<MemorySecrets>);

async fn others_first() {
    let mut asked = false;
    std::future::poll_fn(
        |_| if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}

#[async_trait]
impl Before for OthersFirst {
    async fn before(&self, asked: Asked, _: &str) -> Result<(), StoreError> {
        if matches!(asked, Asked::Get | Asked::Create | Asked::Replace | Asked::Put) {
            others_first().await;
        }
        Ok(())
    }
}

#[async_trait]
impl Secrets for Yielding {
    async fn get(&self, name: &str) -> Result<SecretValue, SecretError> {
        others_first().await;
        self.0.get(name).await
    }

    async fn refresh(&self, name: &str, text: &SecretString, replaced: &str) -> Result<(), SecretError> {
        self.0.refresh(name, text, replaced).await
    }

    async fn store(&self, name: &str, text: &SecretString) -> Result<(), SecretError> {
        others_first().await;
        self.0.store(name, text).await
    }

    async fn replace(
        &self,
        name: &str,
        text: &SecretString,
        replaced: Option<&str>,
    ) -> Result<(), SecretError> {
        others_first().await;
        self.0.replace(name, text, replaced).await
    }
}

/// A stack whose connection leads to the account `old`, with or without a secret.
struct Bench {
    stack: Stack,
    state: State,
    secrets: Arc<dyn Secrets>,
    kept: Arc<MemorySecrets>,
}

impl Bench {
    async fn new(connected: bool) -> Self {
        let (bucket, kept) = (Arc::new(MemoryBucket::default()), Arc::new(MemorySecrets::default()));
        let account = connected.then(|| json!({"id": "old"}));
        let connection = json!({
            "id": "main", "display_name": "Main", "destination": "klaviyo", "secret": SECRET, "account": account,
        });
        let connection: Connection = serde_json::from_value(connection).unwrap();
        State::new(bucket.clone()).create(&keys::connection("main"), &connection).await.unwrap();
        if connected {
            kept.store(SECRET, &"old".into()).await.unwrap();
        }
        let state = State::new(Arc::new(Watched::new(bucket, OthersFirst)));
        Self { stack: Stack::of("segue", &[]), state, secrets: Arc::new(Yielding(kept.clone())), kept }
    }

    /// Signs in to an account whose credentials are its name, whatever account was there.
    async fn sign_in(&self, account: &str) -> Result<Connection, Failure> {
        let accounts: &dyn Accounts = &AtDestinations(&self.stack);
        let desk = Desk { stack: &self.stack, state: &self.state, secrets: &self.secrets, accounts };
        let seen = saving::found(&self.state, "main").await?.body;
        let signed_in = SignedIn {
            account: Some(Account { id: account.to_owned(), name: None }),
            credentials: SecretString::from(account),
        };
        keep(&desk, &seen, signed_in).await
    }

    async fn rename(&self) -> Result<(), Failure> {
        let args = edit::Args {
            connection: "main".to_owned(),
            display_name: Some("Renamed".to_owned()),
            shared_with: None,
            export_user: None,
            budget_share: None,
            agree: false,
        };
        edit::edit(&self.state, &args, "arn:ann", &mut Scripted::default()).await.map(|_| ())
    }

    /// The connection, and the account that the secret is of.
    fn left(&self) -> (Connection, String) {
        let connection = whole(async { self.state.connection("main").await.unwrap().unwrap() });
        let secret = whole(async { self.kept.get(SECRET).await.unwrap().text.expose_secret().to_owned() });
        (connection, secret)
    }
}

fn step<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn whole<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Some(output) = step(future.as_mut()) {
            return output;
        }
    }
}

/// Runs two side by side: a bit of `order` says whose turn it is, and both are brought to their end after that.
fn side_by_side<A: Future, B: Future>(order: u32, one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    for turn in 0..u32::BITS * 4 {
        let ones_turn = order.checked_shr(turn).unwrap_or(turn) & 1 == 0;
        if ones_turn && first.is_none() {
            first = step(one.as_mut());
        } else if second.is_none() {
            second = step(other.as_mut());
        } else if first.is_none() {
            first = step(one.as_mut());
        }
    }
    (first.expect("it ends"), second.expect("it ends"))
}

/// Turns that are played in every order.
const TURNS: u32 = 12;

#[test]
fn of_two_who_sign_in_at_once_account_and_secret_are_the_same_ones() {
    let mut lost = 0;
    for connected in [true, false] {
        for order in 0..1 << TURNS {
            let bench = whole(Bench::new(connected));
            let (ann, bob) = side_by_side(order, bench.sign_in("ann"), bench.sign_in("bob"));
            let (connection, secret) = bench.left();
            assert_eq!(connection.account.unwrap().id, secret, "order {order:b}");
            assert!(ann.is_ok() || bob.is_ok(), "order {order:b}: somebody is first");
            for (name, outcome) in [("ann", &ann), ("bob", &bob)] {
                let Err(failure) = outcome else { continue };
                lost += 1;
                assert_ne!(secret, name, "order {order:b}: {failure}");
                assert!(failure.to_string().contains("theirs stay, yours are not used"), "{failure}");
            }
        }
    }
    assert!(lost > 0, "nobody was in the way");
}

#[test]
fn of_two_who_renew_the_same_accounts_credentials_both_get_through() {
    for order in 0..1 << TURNS {
        let bench = whole(Bench::new(true));
        let (ann, bob) = side_by_side(order, bench.sign_in("old"), bench.sign_in("old"));
        assert!(ann.is_ok() && bob.is_ok(), "order {order:b}: {ann:?} {bob:?}");
        assert_eq!(bench.left().1, "old");
    }
}

#[test]
fn an_edit_in_between_is_kept_or_told() {
    let mut told = 0;
    for order in 0..1 << TURNS {
        let bench = whole(Bench::new(true));
        let (signed_in, renamed) = side_by_side(order, bench.sign_in("ann"), bench.rename());
        let (connection, secret) = bench.left();
        signed_in.unwrap();
        assert_eq!((connection.account.unwrap().id.as_str(), secret.as_str()), ("ann", "ann"));
        match renamed {
            Ok(()) => assert_eq!(connection.display_name, "Renamed", "order {order:b}"),
            Err(failure) => {
                told += 1;
                assert!(failure.to_string().contains("changed by somebody else just now"), "{failure}");
            }
        }
    }
    assert!(told > 0, "nobody was in the way");
}

#[test]
fn what_was_recorded_and_not_stored_says_what_to_do() {
    /// Secrets that can't be written.
    struct ReadOnly;

    #[async_trait]
    impl Secrets for ReadOnly {
        async fn get(&self, _: &str) -> Result<SecretValue, SecretError> {
            Ok(SecretValue { text: "old".into(), version: "1".to_owned() })
        }

        async fn refresh(&self, name: &str, _: &SecretString, _: &str) -> Result<(), SecretError> {
            Err(SecretError::Denied(name.to_owned()))
        }

        async fn store(&self, name: &str, _: &SecretString) -> Result<(), SecretError> {
            Err(SecretError::Denied(name.to_owned()))
        }
    }

    let mut bench = whole(Bench::new(true));
    bench.secrets = Arc::new(ReadOnly);
    insta::assert_snapshot!(whole(bench.sign_in("ann")).unwrap_err().to_string(), @r"
    error: AWS denies access to the secret `segue/klaviyo/main`
    hint: the new credentials are not used; only administrators change those of a connection: have the stack's policies for them attached to your AWS identity (its outputs AdministratorsPolicyArn and AdministratorsRunsPolicyArn), and hand them in with `segue connection connect main`; until then the connection `main` is noted as leading to ann: if the credentials that it has are another account's, stop it with `segue connection disable main`
    ");
}
