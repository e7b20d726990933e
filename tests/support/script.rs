//! Answers of a scripted destination: one after the other, the last one for ever.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use wiremock::{Request, Respond, ResponseTemplate};

/// Answers in their order; the last one stays.
pub(crate) struct Script(Mutex<VecDeque<ResponseTemplate>>);

pub(crate) fn script(answers: impl IntoIterator<Item = ResponseTemplate>) -> Script {
    Script(Mutex::new(answers.into_iter().collect()))
}

impl Respond for Script {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let mut answers = self.0.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
    }
}

/// An answer in JSON.
pub(crate) fn json_answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// An answer in plain text, which is no JSON.
pub(crate) fn text_answer(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_string(body)
}

/// How many requests were under way at the same time at the most, if each took at least `each`.
pub(crate) fn at_once(arrivals: &[Instant], each: Duration) -> usize {
    let overlapping =
        |at: &Instant| arrivals.iter().filter(|other| *other <= at && *at < **other + each).count();
    arrivals.iter().map(overlapping).max().unwrap_or(0)
}
