//! Which account at the destination credentials belong to. The one place where it is looked up.

use std::sync::Arc;

use async_trait::async_trait;
use segue_delivery::find_account as ask;
use segue_platform::Secrets;
use segue_segment::Destination;
use segue_state::config::Account;

use crate::Failure;
use crate::connection::words::Subject;
use crate::endpoint::endpoint;
use crate::stack::Stack;

/// Who can tell whose credentials are.
#[async_trait]
pub trait Accounts {
    /// Asks whose credentials the secret `name` of `secrets` holds; `None` if that is not told. New credentials are
    /// handed in before they are stored, from memory: what a sign-in changes of them is stored as well.
    ///
    /// # Errors
    /// [`Failure`] if the destination refuses the credentials, or does not answer.
    async fn find(
        &self,
        destination: Destination,
        secrets: Arc<dyn Secrets>,
        name: &str,
    ) -> Result<Option<Account>, Failure>;
}

/// The destinations themselves, where the stack's outputs say that they are; for credentials that a file names.
pub struct AtDestinations<'a>(pub &'a Stack);

/// The same, for credentials that are handed in for one connection.
pub struct ByHand<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// The command that they are handed in with: `add` or `connect`.
    pub verb: &'static str,
}

#[async_trait]
impl Accounts for AtDestinations<'_> {
    async fn find(
        &self,
        destination: Destination,
        secrets: Arc<dyn Secrets>,
        name: &str,
    ) -> Result<Option<Account>, Failure> {
        find(self.0, destination, &*secrets, name, None).await
    }
}

#[async_trait]
impl Accounts for ByHand<'_> {
    async fn find(
        &self,
        destination: Destination,
        secrets: Arc<dyn Secrets>,
        name: &str,
    ) -> Result<Option<Account>, Failure> {
        let by_hand = name.rsplit_once('/').map(|(_, id)| (self.verb, id));
        find(self.stack, destination, &*secrets, name, by_hand).await
    }
}

async fn find(
    stack: &Stack,
    destination: Destination,
    secrets: &dyn Secrets,
    name: &str,
    by_hand: Option<(&str, &str)>,
) -> Result<Option<Account>, Failure> {
    let endpoint = endpoint(stack, destination)?;
    match ask(&*endpoint, secrets, name).await {
        // A new token that an existing secret could not take is told by `segue connection test`.
        Ok(found) => Ok(Some(found.account)),
        Err(error) => {
            let mut subject = Subject::of(stack, destination, secrets, name).await;
            if let Some((verb, id)) = by_hand {
                subject = subject.by_hand(verb, id);
            }
            let (problem, fix) = subject.words(&error);
            Err(Failure::new(problem).hint(format!("nothing was saved; {fix}")))
        }
    }
}
