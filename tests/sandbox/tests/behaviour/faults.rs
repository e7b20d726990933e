//! Faults as a client feels them.
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::mailchimp::member;
use crate::snapchat::hash;
use crate::{Bench, header, read};

#[tokio::test]
async fn a_scripted_status_hits_as_often_as_it_says() {
    let bench = Bench::new().await;
    let fault = json!({
        "destination": "klaviyo", "match": { "method": "GET", "path": "/lists" }, "times": 2, "after": 1,
        "fault": { "status": 503, "retry_after": 7 },
    });
    assert_eq!(bench.control("POST", "/sandbox/faults", Some(fault)).await, (200, json!({ "ok": true })));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = bench.klaviyo_request(Method::GET, "/api/lists").send().await.unwrap();
        let retry_after = header(&answer, "retry-after").map(str::to_owned);
        statuses.push((answer.status().as_u16(), retry_after));
    }
    let hit = || (503, Some("7".to_owned()));
    assert_eq!(statuses, [(200, None), hit(), hit(), (200, None)]);
    let (_, listed) = bench.control("GET", "/sandbox/faults", None).await;
    assert_eq!((&listed[0]["hits"], &listed[0]["times"]), (&json!(2), &json!(2)));
    bench.control("DELETE", "/sandbox/faults", None).await;
    assert_eq!(bench.control("GET", "/sandbox/faults", None).await.1, json!([]));
}

#[tokio::test]
async fn bodies_are_the_destinations_own_unless_scripted() {
    let bench = Bench::new().await;
    bench
        .sandbox
        .fault_json(json!({ "destination": "mailchimp", "times": 1, "fault": { "status": 429 } }))
        .unwrap();
    bench
        .sandbox
        .fault_json(json!({ "destination": "mailchimp", "times": 1, "fault": { "status": 403, "body": "" } }))
        .unwrap();
    let html = json!({ "times": 1, "fault": { "status": 503, "body": "<p>Blocked</p>", "content_type": "text/html" } });
    bench.sandbox.fault_json(html).unwrap();
    bench
        .sandbox
        .fault_json(json!({ "destination": "klaviyo", "times": 1, "fault": { "status": 429 } }))
        .unwrap();
    let (status, body) = bench.mailchimp(Method::GET, "/ping", None).await;
    assert_eq!((status, &body["title"]), (429, &json!("Too Many Requests")));
    let bare = bench.client.get(bench.sandbox.mailchimp_base() + "/ping").send().await.unwrap();
    assert_eq!((bare.status().as_u16(), header(&bare, "content-type")), (403, None));
    assert_eq!(bare.text().await.unwrap(), "");
    let blocked = bench.client.get(bench.sandbox.mailchimp_base() + "/ping").send().await.unwrap();
    assert_eq!((blocked.status().as_u16(), header(&blocked, "content-type")), (503, Some("text/html")));
    let throttled = bench.klaviyo_request(Method::GET, "/api/lists").send().await.unwrap();
    assert_eq!((throttled.status().as_u16(), header(&throttled, "retry-after")), (429, Some("1")));
}

#[tokio::test]
async fn a_dropped_connection_has_no_answer_and_may_have_been_applied() {
    let bench = Bench::new().await;
    let body = |email: &str| json!({ "members": [member(email)] });
    let post = |email: &str| {
        let url = bench.sandbox.mailchimp_base() + "/lists/a1b2c3d4e5";
        bench.client.post(url).bearer_auth("sandboxkey-us19").json(&body(email)).send()
    };
    for (when, email, applied) in
        [("before", "a@example.com", "nobody"), ("after", "b@example.com", "subscribed")]
    {
        let fault = json!({ "match": { "method": "POST" }, "times": 1, "fault": { "drop": when } });
        bench.sandbox.fault_json(fault).unwrap();
        let started = Instant::now();
        let error = post(email).await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(bench.status_of(email), applied);
    }
    assert_eq!(post("c@example.com").await.unwrap().status(), 200);
    let stats = bench.sandbox.stats().mailchimp;
    assert_eq!((stats.requests, stats.dropped), (3, 2));
    assert_eq!(bench.sandbox.requests()[1].status, None);
}

#[tokio::test]
async fn a_dropped_connection_is_closed_on_the_wire() {
    use std::io::{Read as _, Write as _};
    let bench = Bench::new().await;
    bench.sandbox.fault_json(json!({ "fault": { "drop": "before" } })).unwrap();
    let address = bench.sandbox.url().replace("http://", "");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"GET /klaviyo/api/lists HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[tokio::test]
async fn a_delay_outlasts_the_client_and_the_request_still_counts() {
    let bench = Bench::new().await;
    bench.sandbox.fault_json(json!({ "times": 1, "fault": { "delay_ms": 400 } })).unwrap();
    let url = bench.sandbox.mailchimp_base() + "/lists/a1b2c3d4e5";
    let request = bench
        .client
        .post(url)
        .bearer_auth("sandboxkey-us19")
        .json(&json!({ "members": [member("a@example.com")] }));
    let error = request.timeout(Duration::from_millis(100)).send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(bench.status_of("a@example.com"), "nobody");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(bench.status_of("a@example.com"), "subscribed");
}

#[tokio::test]
async fn an_expired_token_stays_expired_until_it_is_refreshed() {
    let bench = Bench::new().await;
    let token = bench.snapchat_token().await;
    let fault = json!({ "destination": "snapchat", "match": { "path": "/users" }, "times": 1, "fault": { "expired_token": true } });
    bench.sandbox.fault_json(fault).unwrap();
    let hashes = [hash("a@example.com")];
    assert_eq!(bench.upload(&token, &hashes).await.0, 401);
    assert_eq!(bench.upload(&token, &hashes).await.0, 401);
    assert_eq!(bench.upload(&bench.snapchat_token().await, &hashes).await.0, 200);
}

#[tokio::test]
async fn garbage_is_not_json_and_may_have_been_applied() {
    let bench = Bench::new().await;
    for (when, email, applied) in
        [(json!(true), "a@example.com", "nobody"), (json!("after"), "b@example.com", "subscribed")]
    {
        bench.sandbox.fault_json(json!({ "times": 1, "fault": { "garbage": when } })).unwrap();
        let (status, body) = bench.subscribe("", json!({ "members": [member(email)] })).await;
        assert_eq!((status, body.is_null(), bench.status_of(email).as_str()), (200, true, applied));
    }
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused() {
    let bench = Bench::new().await;
    for wrong in [
        json!({ "fault": {} }),
        json!([{ "fault": { "stat": 1 } }]),
        json!({ "destination": "x", "fault": { "status": 500 } }),
    ] {
        let (status, body) = bench.control("POST", "/sandbox/faults", Some(wrong)).await;
        assert_eq!((status, &body["ok"]), (400, &json!(false)));
    }
    let answer = read(bench.client.get(bench.url("/elsewhere"))).await;
    assert_eq!(answer.0, 404);
}
