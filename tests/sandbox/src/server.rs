//! The server on loopback: accepts connections, routes requests, and can close a connection without an answer.
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::call::{Answer, Call};
use crate::destination::Destination;
use crate::state::State;
use crate::{control, pipeline};

/// A full Snapchat request is 6.9 MB; nothing documented comes near this.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// The connection that a request came over; notifying it closes it.
#[derive(Clone)]
struct Wire(Arc<Notify>);

/// Serves until the future is dropped or the runtime ends.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) {
    let router = control::routes().fallback(destination).with_state(Arc::clone(&state));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, router.clone(), Arc::clone(&state)))),
            // Out of file descriptors, most likely: others must end before the next can begin.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}

async fn connection(stream: TcpStream, router: Router, state: Arc<State>) {
    let _connected = state.counters.connected();
    // Without this an answer in two writes waits 40 ms for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let closed = Arc::new(Notify::new());
    let wire = Wire(Arc::clone(&closed));
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(wire.clone());
        router.call(request)
    });
    // Dropping the connection's future closes the socket; nothing is written any more.
    tokio::select! {
        _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service) => {}
        () = closed.notified() => {}
    }
}

/// Every request that isn't the control API's.
async fn destination(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let Some((destination, rest)) = Destination::of_path(&path) else {
        return reply(Answer::text(404, "the sandbox serves /snapchat, /mailchimp, /klaviyo and /sandbox"));
    };
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return reply(Answer::text(413, "more than 64 MB, or cut short"));
    };
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let wire = parts.extensions.get::<Wire>().cloned();
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path: rest.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        origin: format!("http://{host}"),
        json: Call::parse(&body),
        body,
        headers: parts.headers,
        at: Instant::now(),
    };
    match tokio::spawn(pipeline::take(state, destination, path, call)).await {
        Ok(Some(answer)) => reply(answer),
        Ok(None) => {
            if let Some(Wire(closed)) = wire {
                closed.notify_one();
            }
            // The connection is gone with the next poll, and this with it.
            std::future::pending().await
        }
        Err(_) => reply(Answer::text(500, "the sandbox itself failed")),
    }
}

pub(crate) fn reply(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
