//! Agreeing to the terms of a destination.

use jiff::Timestamp;
use segue_segment::Destination;
use segue_state::{Connection, Consent};

use crate::Failure;
use crate::apply::terms::terms;
use crate::prompt::Prompt;

/// Consent to the terms as they are now, by this AWS identity.
#[must_use]
pub fn given(caller: &str) -> Consent {
    let now = Timestamp::now();
    // Nobody needs to know it to the nanosecond.
    let agreed_at = Timestamp::from_second(now.as_second()).unwrap_or(now);
    Consent { terms: Connection::TERMS, agreed_by: caller.to_owned(), agreed_at }
}

/// Shows the terms, and asks whoever can be asked. Without an answer there is no consent.
///
/// # Errors
/// [`Failure`] if the person at the terminal went away.
pub fn asked(
    destination: Destination,
    agreed: bool,
    caller: &str,
    prompt: &mut dyn Prompt,
) -> Result<Option<Consent>, Failure> {
    prompt.say(&format!("{}\n", terms(destination)));
    let agreed = agreed || (prompt.is_terminal() && prompt.confirm("Do you agree to these terms?")?);
    Ok(agreed.then(|| given(caller)))
}
