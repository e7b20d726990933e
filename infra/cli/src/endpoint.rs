//! The destinations as the stack's functions reach them.

use klaviyo::Klaviyo;
use mailchimp::Mailchimp;
use segue_delivery::Destination as Endpoint;
use segue_platform::Env;
use segue_segment::Destination;
use snapchat::Snapchat;

use crate::Failure;
use crate::stack::Stack;

/// A destination, where the stack's outputs say that it is.
///
/// # Errors
/// [`Failure`] if they don't, or name a URL that is not private.
pub fn endpoint(stack: &Stack, destination: Destination) -> Result<Box<dyn Endpoint>, Failure> {
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
