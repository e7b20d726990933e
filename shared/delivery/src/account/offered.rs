//! The audiences of an account, asked for page by page.

use std::collections::VecDeque;

use super::{Found, NoAccount, ask};
use crate::destination::Destination;
use crate::listing::{Offered, request};

/// More questions than this are not waited for: an operator then copies the id.
const QUESTIONS: usize = 100;

impl Found {
    /// The audiences that there are in the account, as far as they can be listed within some questions, by name.
    ///
    /// # Errors
    /// See [`NoAccount`].
    pub async fn audiences(&self, destination: &dyn Destination) -> Result<Vec<Offered>, NoAccount> {
        let Some(listing) = destination.listing() else { return Ok(Vec::new()) };
        let mut waiting = VecDeque::from([listing.first()]);
        let mut audiences: Vec<Offered> = Vec::new();
        let mut asked = 0;
        while let Some(question) = waiting.pop_front()
            && asked < QUESTIONS
        {
            let (host, answer) = ask(&self.client, &request(&self.session, &question)).await?;
            match answer.is_success().then(|| listing.read(&question, &answer)).flatten() {
                Some(page) => {
                    audiences.extend(page.audiences);
                    waiting.extend(page.next);
                }
                None => return Err(NoAccount::Answered { host, answer }),
            }
            asked += 1;
        }
        audiences.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        audiences.dedup_by(|one, other| one.id == other.id);
        Ok(audiences)
    }
}
