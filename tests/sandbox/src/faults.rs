//! Scripted faults: which requests they hit, how often, and what happens to those.
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::destination::Destination;
use crate::state::lock;

/// A scripted fault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which destination's requests; all of them where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// Which of those.
    #[serde(default, rename = "match")]
    pub matching: Match,
    /// How many requests it hits; for ever where it is left out or null.
    #[serde(default)]
    pub times: Option<u64>,
    /// How many matching requests go by before the first is hit.
    #[serde(default)]
    pub after: u64,
    /// The chance that a matching request is hit; 1 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Seed of that chance, so that a run can be repeated.
    #[serde(default)]
    pub seed: u64,
    /// What happens.
    pub fault: Effect,
}

/// Which requests a fault is meant for: all given parts must fit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A part of the path, the destination's prefix included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A part of the query as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// What happens to a request that a fault hits. `delay_ms` goes with any of the others.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Effect {
    /// Waits that long first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Answers with this status and applies nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// With `status`: the seconds in `Retry-After`. Left out: Klaviyo's 429 says 1, nobody else says anything.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub retry_after: Option<RetryAfter>,
    /// With `status`: the body; empty for none. Left out: the destination's own for that status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// With `body`: its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Closes the connection without an answer, before or after the request was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Drop>,
    /// Answers as the destination does to a token that has expired; Snapchat's token really is expired from then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub expired_token: bool,
    /// Answers 200 with something that isn't JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub garbage: Option<Garbage>,
}

/// When a connection is dropped, or an answer garbled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Drop {
    /// The request was not applied.
    Before,
    /// The request was applied.
    After,
}

/// How an answer is garbled: `true` (nothing was applied), or as a word when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Garbage {
    /// `true` is the same as `before`; `false` is no fault.
    Plain(bool),
    /// Before or after the request was applied.
    At(Drop),
}

/// What a scripted status says in `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(u64),
    /// Null: no header, not even Klaviyo's.
    Missing,
}

/// Tells an explicit null from a field that was left out.
fn present<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<RetryAfter>, D::Error> {
    RetryAfter::deserialize(input).map(Some)
}

impl Effect {
    fn is_nothing(&self) -> bool {
        self.delay_ms.is_none()
            && self.status.is_none()
            && self.drop.is_none()
            && !self.expired_token
            && self.garbage.is_none()
    }
}

/// A fault and what it did so far.
struct Armed {
    fault: Fault,
    seen: u64,
    hits: u64,
    chance: fastrand::Rng,
}

/// All scripted faults, in the order they were given; the first that fits hits.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Armed>>);

/// A fault as `GET /sandbox/faults` lists it.
#[derive(Serialize)]
pub(crate) struct Listed {
    #[serde(flatten)]
    fault: Fault,
    /// Matching requests so far.
    seen: u64,
    hits: u64,
}

impl Faults {
    pub(crate) fn add(&self, faults: Vec<Fault>) -> Result<(), String> {
        for fault in &faults {
            if fault.fault.is_nothing() {
                return Err("a fault needs one of status, drop, delay_ms, expired_token, garbage".into());
            }
            if fault.fault.status.is_some_and(|status| !(200..=599).contains(&status)) {
                return Err("a fault's status is between 200 and 599".into());
            }
            if fault.probability.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
                return Err("a fault's probability is between 0 and 1".into());
            }
        }
        let armed = faults.into_iter().map(|fault| {
            let chance = fastrand::Rng::with_seed(fault.seed);
            Armed { fault, seen: 0, hits: 0, chance }
        });
        lock(&self.0).extend(armed);
        Ok(())
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(crate) fn list(&self) -> Vec<Listed> {
        let list = lock(&self.0);
        list.iter().map(|a| Listed { fault: a.fault.clone(), seen: a.seen, hits: a.hits }).collect()
    }

    /// What hits this request, if anything does.
    pub(crate) fn pick(
        &self,
        destination: Destination,
        method: &str,
        path: &str,
        query: &str,
    ) -> Option<Effect> {
        let mut list = lock(&self.0);
        list.iter_mut().find_map(|armed| armed.hit(destination, method, path, query))
    }
}

impl Armed {
    fn hit(&mut self, destination: Destination, method: &str, path: &str, query: &str) -> Option<Effect> {
        let Fault { destination: wanted, matching, times, after, probability, .. } = &self.fault;
        let fits = wanted.is_none_or(|wanted| wanted == destination)
            && matching.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && matching.path.as_deref().is_none_or(|part| path.contains(part))
            && matching.query.as_deref().is_none_or(|part| query.contains(part));
        if !fits || times.is_some_and(|times| self.hits >= times) {
            return None;
        }
        self.seen += 1;
        if self.seen <= *after || probability.is_some_and(|chance| self.chance.f64() >= chance) {
            return None;
        }
        self.hits += 1;
        Some(self.fault.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(json: &str, requests: usize) -> Vec<bool> {
        let faults = Faults::default();
        faults.add(vec![serde_json::from_str(json).unwrap()]).unwrap();
        let pick = || faults.pick(Destination::Klaviyo, "GET", "/klaviyo/api/lists", "").is_some();
        std::iter::repeat_with(pick).take(requests).collect()
    }

    #[test]
    fn after_and_times_bound_a_fault() {
        let json = r#"{"destination":"klaviyo","match":{"path":"/lists"},"after":1,"times":2,"fault":{"status":500}}"#;
        assert_eq!(hits(json, 5), [false, true, true, false, false]);
    }

    #[test]
    fn other_requests_are_left_alone() {
        assert_eq!(hits(r#"{"destination":"snapchat","fault":{"status":500}}"#, 1), [false]);
        assert_eq!(hits(r#"{"match":{"method":"POST"},"fault":{"status":500}}"#, 1), [false]);
        assert_eq!(
            hits(r#"{"match":{"method":"get"},"times":null,"fault":{"status":500}}"#, 2),
            [true, true]
        );
    }

    #[test]
    fn a_seeded_chance_repeats_itself() {
        let json = r#"{"probability":0.3,"seed":7,"fault":{"drop":"before"}}"#;
        let first = hits(json, 1000);
        assert_eq!(first, hits(json, 1000));
        let count = first.iter().filter(|hit| **hit).count();
        assert!((200..400).contains(&count), "{count}");
    }

    #[test]
    fn a_fault_that_does_nothing_is_refused() {
        let fault = |json: &str| serde_json::from_str::<Fault>(json);
        assert!(Faults::default().add(vec![fault(r#"{"fault":{}}"#).unwrap()]).is_err());
        assert!(fault(r#"{"fault":{"stat":1}}"#).is_err());
        assert!(fault(r#"{"fault":{"drop":"sometimes"}}"#).is_err());
    }
}
