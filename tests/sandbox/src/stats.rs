//! What went over the wire, counted: by endpoint and status, in flight, throttled, rows.
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::call::Answer;
use crate::destination::Destination;
use crate::state::lock;

/// Everything that was counted since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Snapchat's share.
    pub snapchat: DestinationStats,
    /// Mailchimp's share.
    pub mailchimp: DestinationStats,
    /// Klaviyo's share.
    pub klaviyo: DestinationStats,
    /// The most TCP connections open at the same time, to all of the sandbox.
    pub peak_connections: usize,
}

/// One destination's share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationStats {
    /// Requests, including the dropped ones.
    pub requests: u64,
    /// How many were answered 429.
    pub throttled: u64,
    /// How many had their connection closed instead of an answer.
    pub dropped: u64,
    /// The most requests under way at the same time.
    pub peak_in_flight: usize,
    /// Rows received in requests that were taken, repeats included.
    pub rows: u64,
    /// Of those, rows that were in the audience already.
    pub repeats: u64,
    /// Requests by `METHOD /path/{id}` and status; a dropped one's status is `dropped`.
    pub endpoints: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Stats {
    fn slot(&mut self, destination: Destination) -> &mut DestinationStats {
        match destination {
            Destination::Snapchat => &mut self.snapchat,
            Destination::Mailchimp => &mut self.mailchimp,
            Destination::Klaviyo => &mut self.klaviyo,
        }
    }
}

/// The running counters behind [`Stats`].
#[derive(Default)]
pub(crate) struct Counters {
    stats: Mutex<Stats>,
    in_flight: [AtomicUsize; 3],
    connections: AtomicUsize,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Stats {
        lock(&self.stats).clone()
    }

    pub(crate) fn clear(&self) {
        *lock(&self.stats) = Stats::default();
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn connected(&self) -> Under<'_> {
        let now = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let mut stats = lock(&self.stats);
        stats.peak_connections = stats.peak_connections.max(now);
        Under(&self.connections)
    }

    /// Counts a request as under way until the guard is dropped.
    pub(crate) fn begin(&self, destination: Destination) -> Under<'_> {
        let counter = &self.in_flight[destination as usize];
        let now = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let mut stats = lock(&self.stats);
        let slot = stats.slot(destination);
        slot.peak_in_flight = slot.peak_in_flight.max(now);
        Under(counter)
    }

    /// Counts a request that ended with an answer, or without.
    pub(crate) fn end(&self, destination: Destination, method: &str, path: &str, answer: Option<&Answer>) {
        let endpoint = format!("{method} {}", template(path));
        let outcome = answer.map_or_else(|| "dropped".into(), |answer| answer.status.to_string());
        let mut stats = lock(&self.stats);
        let slot = stats.slot(destination);
        slot.requests += 1;
        *slot.endpoints.entry(endpoint).or_default().entry(outcome).or_default() += 1;
        match answer {
            Some(answer) => {
                slot.throttled += u64::from(answer.status == 429);
                slot.rows += answer.rows;
                slot.repeats += answer.repeats;
            }
            None => slot.dropped += 1,
        }
    }
}

/// Something that is under way; dropping it ends it.
pub(crate) struct Under<'a>(&'a AtomicUsize);

impl Drop for Under<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The path with everything that names a thing replaced by `{id}`: what is left are the APIs' own words.
fn template(path: &str) -> String {
    const WORDS: [&str; 34] = [
        "3.0",
        "accounts",
        "access_token",
        "actions",
        "adaccounts",
        "all_users",
        "api",
        "batches",
        "delete-permanent",
        "import-errors",
        "lists",
        "login",
        "me",
        "members",
        "merge-fields",
        "metadata",
        "oauth2",
        "organizations",
        "ping",
        "profile-bulk-import-jobs",
        "profile-subscription-bulk-create-jobs",
        "profile-subscription-bulk-delete-jobs",
        "profiles",
        "relationships",
        "results.tar.gz",
        "segments",
        "tags",
        "users",
        "v1",
        "archive",
        "oauth",
        "token",
        "authorize",
        "search-members",
    ];
    let parts = path.split('/').filter(|part| !part.is_empty());
    let known = parts.map(|part| if WORDS.contains(&part) { part } else { "{id}" });
    known.fold(String::new(), |path, part| path + "/" + part)
}

#[cfg(test)]
mod tests {
    use super::template;

    #[test]
    fn endpoints_are_named_without_ids() {
        assert_eq!(template("/v1/segments/5677923948298240/users"), "/v1/segments/{id}/users");
        assert_eq!(template("/3.0/"), "/3.0");
    }
}
