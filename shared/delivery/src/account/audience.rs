//! Whether the audience of an export can be filled, as a run finds out before its first push. No list of people is
//! read for it.

use segue_state::Export;
use segue_state::config::PeopleWhoLeft;

use super::{Found, NoAccount, ask};
use crate::destination::{Destination, Refusal, Verdict};

/// More questions than this are a mistake.
const QUESTIONS: usize = 20;

/// Why an audience can't be filled, or why that is not known.
#[derive(Debug, thiserror::Error)]
pub enum NoAudience {
    /// The destination says so.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The destination does not say.
    #[error(transparent)]
    Untold(#[from] NoAccount),
}

impl Found {
    /// Looks the audience of an export up, as its runs do. `false` if they don't, since a push tells.
    ///
    /// # Errors
    /// See [`NoAudience`].
    pub async fn look_up(&self, destination: &dyn Destination, export: &Export) -> Result<bool, NoAudience> {
        let Some(audience) = destination.audience() else { return Ok(false) };
        // Who left is asked page by page, and matters to a run only.
        let export = Export { people_who_left: Some(PeopleWhoLeft::MayComeBack), ..export.clone() };
        let mut waiting = audience.look_ups(&export);
        let mut asked = 0;
        while let Some(look_up) = waiting.pop() {
            let request = audience.ask(&self.session, &export, &look_up);
            let (host, answer) = ask(&self.client, &request).await?;
            match audience.read(&export, &look_up, &answer) {
                Ok(seen) => waiting.extend(seen.next),
                Err(Verdict::Denied(refusal) | Verdict::Refused(refusal)) => return Err(refusal.into()),
                Err(
                    Verdict::Again { .. }
                    | Verdict::Taken(_)
                    | Verdict::Started { .. }
                    | Verdict::Without(_)
                    | Verdict::Halve(_),
                ) => return Err(NoAccount::Answered { host, answer }.into()),
            }
            asked += 1;
            if asked >= QUESTIONS {
                break;
            }
        }
        Ok(asked > 0)
    }
}
