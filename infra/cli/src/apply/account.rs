//! Which account at the destination credentials belong to. The one place where it is looked up.

use std::sync::Arc;

use async_trait::async_trait;
use klaviyo::Klaviyo;
use mailchimp::Mailchimp;
use segue_delivery::{Destination as Endpoint, find_account as ask};
use segue_platform::{Env, Secrets};
use segue_segment::Destination;
use segue_state::config::Account;
use snapchat::Snapchat;

use crate::Failure;
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

/// The destinations themselves, where the stack's outputs say that they are.
pub struct AtDestinations<'a>(pub &'a Stack);

#[async_trait]
impl Accounts for AtDestinations<'_> {
    async fn find(
        &self,
        destination: Destination,
        secrets: Arc<dyn Secrets>,
        name: &str,
    ) -> Result<Option<Account>, Failure> {
        let endpoint = endpoint(self.0, destination)?;
        // A new token that an existing secret could not take is told by `segue connection test`.
        ask(&*endpoint, &*secrets, name).await.map(|found| Some(found.account)).map_err(|error| {
            Failure::new(format!("{}: {error}", destination.shape().display_name))
                .hint("nothing was saved; check the credentials at the destination and hand them in again")
        })
    }
}

/// The destination as the stack's functions reach it.
fn endpoint(stack: &Stack, destination: Destination) -> Result<Box<dyn Endpoint>, Failure> {
    let (base, other) = match destination {
        Destination::Snapchat => ("SnapchatBaseUrl", Some("SnapchatTokenUrl")),
        Destination::Mailchimp => ("MailchimpBaseUrl", Some("MailchimpMetadataUrl")),
        Destination::Klaviyo => ("KlaviyoBaseUrl", None),
    };
    // The functions' own settings, so that the same rules hold for these URLs.
    let mut settings = vec![("SEGUE_BASE_URL", stack.output(base)?)];
    if let Some(other) = other {
        let url = stack.output(other)?;
        settings.extend([("SEGUE_TOKEN_URL", url), ("SEGUE_METADATA_URL", url)]);
    }
    let env = Env::of(&settings);
    let endpoint: Result<Box<dyn Endpoint>, _> = match destination {
        Destination::Snapchat => Snapchat::from_env(&env).map(|found| Box::new(found) as _),
        Destination::Mailchimp => Mailchimp::from_env(&env).map(|found| Box::new(found) as _),
        Destination::Klaviyo => Klaviyo::from_env(&env).map(|found| Box::new(found) as _),
    };
    endpoint.map_err(|error| Failure::new(format!("the stack's {base}: {error}")))
}
