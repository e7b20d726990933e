//! What fan-out is told by its environment.

use std::collections::BTreeMap;

use segue_platform::{Env, EnvError};
use segue_segment::Destination;

/// Where segments come from by default, within their bucket.
pub const DEFAULT_PREFIX: &str = "segments/";

/// The function's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The bucket that upstream puts drops into.
    pub segment_bucket: String,
    /// Where in it the segments are; ends with a slash.
    pub segment_prefix: String,
    /// The bucket with Segue's state.
    pub state_bucket: String,
    /// Each destination's FIFO queue, by its URL.
    pub queues: BTreeMap<Destination, String>,
    /// The name of this very function, which large requests are handed back to piece by piece.
    pub function: String,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`EnvError`] names the variable.
    pub fn from_env(env: &Env<'_>) -> Result<Self, EnvError> {
        let queue = |destination| {
            let name = match destination {
                Destination::Snapchat => "SEGUE_SNAPCHAT_QUEUE_URL",
                Destination::Mailchimp => "SEGUE_MAILCHIMP_QUEUE_URL",
                Destination::Klaviyo => "SEGUE_KLAVIYO_QUEUE_URL",
            };
            Ok((destination, env.required(name)?))
        };
        let prefix = env.optional("SEGUE_SEGMENT_PREFIX").unwrap_or_else(|| DEFAULT_PREFIX.to_owned());
        Ok(Self {
            segment_bucket: env.required("SEGUE_SEGMENT_BUCKET")?,
            segment_prefix: if prefix.ends_with('/') { prefix } else { format!("{prefix}/") },
            state_bucket: env.required("SEGUE_STATE_BUCKET")?,
            queues: Destination::ALL.into_iter().map(queue).collect::<Result<_, _>>()?,
            function: env.required("AWS_LAMBDA_FUNCTION_NAME")?,
        })
    }
}
