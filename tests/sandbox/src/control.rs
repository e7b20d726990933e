//! The control API under `/sandbox`: look at what happened, script what will.
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::Answer;
use crate::faults::Fault;
use crate::seed::Seed;
use crate::server::reply;
use crate::state::State;

type Sandbox = Shared<Arc<State>>;

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/sandbox/health", get(async || done()))
        .route("/sandbox/audiences", get(async |state: Sandbox| shown(&state.audiences())))
        .route("/sandbox/stats", get(async |state: Sandbox| shown(&state.counters.snapshot())))
        .route("/sandbox/faults", get(listed).post(faults).delete(cleared))
        .route("/sandbox/seed", post(seed))
        .route("/sandbox/reset", post(reset))
        .layer(DefaultBodyLimit::disable())
}

async fn listed(state: Sandbox) -> Response {
    shown(&state.faults.list())
}

async fn cleared(state: Sandbox) -> Response {
    state.faults.clear();
    done()
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<serde_json::Value>),
    One(serde_json::Value),
}

async fn faults(state: Sandbox, body: Bytes) -> Response {
    let read = read::<OneOrMany>(&body).and_then(|faults| {
        let faults = match faults {
            OneOrMany::Many(faults) => faults,
            OneOrMany::One(fault) => vec![fault],
        };
        // One by one, so that the message says which field is wrong and not "no variant fits".
        faults
            .into_iter()
            .map(|f| serde_json::from_value::<Fault>(f).map_err(|error| error.to_string()))
            .collect()
    });
    outcome(read.and_then(|faults| state.faults.add(faults)))
}

async fn seed(state: Sandbox, body: Bytes) -> Response {
    outcome(read::<Seed>(&body).and_then(|seed| state.seed(seed)))
}

async fn reset(state: Sandbox) -> Response {
    state.reset();
    done()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn outcome(result: Result<(), String>) -> Response {
    match result {
        Ok(()) => done(),
        Err(message) => reply(Answer::json(400, &json!({ "ok": false, "error": message }))),
    }
}

fn done() -> Response {
    reply(Answer::json(200, &json!({ "ok": true })))
}

fn shown(what: &impl Serialize) -> Response {
    match serde_json::to_vec(what) {
        Ok(body) => reply(Answer::of_type(200, "application/json", body)),
        Err(error) => reply(Answer::text(500, &error.to_string())),
    }
}
