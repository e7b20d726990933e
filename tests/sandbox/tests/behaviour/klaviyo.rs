//! Klaviyo: revisions, credentials, lists, imports and their errors, membership, consent.
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{Bench, header, read};

pub(crate) const LIST: &str = "YafG4m";

pub(crate) fn import_of(profiles: &[Value]) -> Value {
    json!({ "data": {
        "type": "profile-bulk-import-job",
        "attributes": { "profiles": { "data": profiles } },
        "relationships": { "lists": { "data": [{ "type": "list", "id": LIST }] } },
    } })
}

#[allow(clippy::needless_pass_by_value, reason = "called with `json!` only")]
pub(crate) fn profile(attributes: Value) -> Value {
    json!({ "type": "profile", "attributes": attributes })
}

impl Bench {
    pub(crate) fn klaviyo_request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.sandbox.klaviyo_base() + path);
        request.header("authorization", "Klaviyo-API-Key pk_sandbox").header("revision", "2026-07-15")
    }

    pub(crate) async fn klaviyo(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.klaviyo_request(method, path);
        let request = if let Some(body) = body {
            request.header("content-type", "application/vnd.api+json").body(body.to_string())
        } else {
            request
        };
        read(request).await
    }

    pub(crate) async fn import(&self, profiles: &[Value]) -> (u16, Value) {
        self.klaviyo(Method::POST, "/api/profile-bulk-import-jobs", Some(import_of(profiles))).await
    }

    pub(crate) fn emails(&self) -> Vec<String> {
        self.sandbox.audiences().klaviyo[LIST].iter().map(|member| member.email.clone()).collect()
    }
}

#[tokio::test]
async fn the_revision_is_required_and_old_ones_are_gone() {
    let bench = Bench::seeded(json!({ "limits": false })).await;
    let with = |revision: &str| {
        let request = bench.client.get(bench.sandbox.klaviyo_base() + "/api/lists");
        let request = request.header("authorization", "Klaviyo-API-Key pk_sandbox");
        read(if revision.is_empty() { request } else { request.header("revision", revision) })
    };
    for (revision, expected) in
        [("", 400), ("latest", 400), ("2023-01-24", 410), ("2026-07-15", 200), ("2099-01-15", 400)]
    {
        assert_eq!(with(revision).await.0, expected, "{revision}");
    }
}

#[tokio::test]
async fn keys_are_told_apart_and_scopes_count() {
    let reader = json!({ "private_key": "pk_reader", "account_id": "Reader", "scopes": ["lists:read"] });
    let bench = Bench::seeded(json!({ "limits": false, "klaviyo": { "accounts": [reader] } })).await;
    let with = |key: &str, path: &str| {
        let request = bench.client.get(bench.sandbox.klaviyo_base() + path).header("revision", "2026-07-15");
        read(request.header("authorization", format!("Klaviyo-API-Key {key}")))
    };
    let (status, accounts) = with("pk_sandbox", "/api/accounts").await;
    assert_eq!(
        (status, &accounts["data"][0]["attributes"]["contact_information"]["organization_name"]),
        (200, &json!("Sandbox"))
    );
    let (status, body) = with("pk_wrong", "/api/accounts").await;
    assert_eq!((status, &body["errors"][0]["code"]), (401, &json!("authentication_failed")));
    let (status, body) = with("pk_reader", "/api/accounts").await;
    assert_eq!((status, &body["errors"][0]["code"]), (403, &json!("permission_denied")));
    assert_eq!(
        with("pk_reader", "/api/lists").await,
        (
            200,
            json!({ "data": [], "links": {
        "self": bench.sandbox.klaviyo_base() + "/api/lists?", "next": null, "prev": null } })
        )
    );
}

#[tokio::test]
async fn an_import_is_queued_processed_and_complete() {
    let bench = Bench::seeded(json!({ "klaviyo": { "job_ms": 300 } })).await;
    let jane = profile(json!({ "email": "Jane@example.com", "first_name": "Jane", "last_name": null }));
    let answer = bench
        .klaviyo_request(Method::POST, "/api/profile-bulk-import-jobs")
        .json(&import_of(&[jane, profile(json!({ "email": "importfail1@example.com" }))]))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(header(&answer, "ratelimit-limit"), Some("10, 10;w=1, 150;w=60"));
    assert_eq!(header(&answer, "ratelimit-remaining"), Some("9"));
    let job = crate::body(answer).await;
    let attributes = &job["data"]["attributes"];
    assert_eq!((&attributes["status"], &attributes["total_count"]), (&json!("queued"), &json!(2)));
    assert_eq!(attributes["completed_at"], Value::Null);
    assert!(bench.emails().is_empty());
    let path = format!("/api/profile-bulk-import-jobs/{}", job["data"]["id"].as_str().unwrap());
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(bench.klaviyo(Method::GET, &path, None).await.1["data"]["attributes"]["status"], "processing");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (_, job) = bench.klaviyo(Method::GET, &path, None).await;
    let attributes = &job["data"]["attributes"];
    assert_eq!(
        (&attributes["status"], &attributes["completed_count"], &attributes["failed_count"]),
        (&json!("complete"), &json!(1), &json!(1))
    );
    let (_, errors) = bench.klaviyo(Method::GET, &format!("{path}/import-errors"), None).await;
    let error = &errors["data"][0]["attributes"];
    assert_eq!(error["original_payload"]["attributes"]["email"], "importfail1@example.com");
    assert_eq!(error["source"]["pointer"], "/data/attributes/profiles/data/1/attributes/email");
    let members = &bench.sandbox.audiences().klaviyo[LIST];
    assert_eq!(
        (members[0].email.as_str(), members[0].first_name.as_deref(), members[0].last_name.as_deref()),
        ("jane@example.com", Some("Jane"), None)
    );
    let (_, profiles) = bench.klaviyo(Method::GET, &format!("{path}/profiles"), None).await;
    assert_eq!(profiles["data"].as_array().unwrap().len(), 1);
    let (status, body) = bench.klaviyo(Method::GET, "/api/profile-bulk-import-jobs/nope", None).await;
    assert_eq!((status, &body["errors"][0]["detail"]), (404, &json!("Invalid job id")));
}

#[tokio::test]
async fn one_malformed_address_rejects_the_whole_request() {
    let bench = Bench::seeded(json!({ "klaviyo": { "job_ms": 0 } })).await;
    let emails = ["good@example.com", "bad@nowhere", "good2@example.com", "worse"];
    let profiles: Vec<Value> = emails.iter().map(|email| profile(json!({ "email": email }))).collect();
    let (status, body) = bench.import(&profiles).await;
    assert_eq!(status, 400);
    let pointers: Vec<&str> = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["source"]["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        [
            "/data/attributes/profiles/data/1/attributes/email",
            "/data/attributes/profiles/data/3/attributes/email"
        ]
    );
    assert_eq!((&body["errors"][0]["code"], &body["errors"][0]["status"]), (&json!("invalid"), &json!(400)));
    assert!(bench.emails().is_empty());
    assert_eq!(bench.import(&[profiles[0].clone(), profiles[2].clone()]).await.0, 202);
    assert_eq!(bench.emails(), ["good2@example.com", "good@example.com"]);
}

#[tokio::test]
async fn imports_that_break_the_rules_are_refused() {
    let bench = Bench::seeded(json!({ "limits": false })).await;
    let one = || profile(json!({ "email": "a@example.com" }));
    let many: Vec<Value> =
        (0..10_001).map(|at| profile(json!({ "email": format!("p{at}@example.com") }))).collect();
    let long = |length: usize| {
        profile(json!({ "email": "a@example.com", "properties": { "text": "x".repeat(length) } }))
    };
    let refused = [
        (many, 400, "/data/attributes/profiles/data"),
        (
            vec![profile(json!({ "email": "a@example.com", "age": 7 }))],
            400,
            "/data/attributes/profiles/data/0/attributes/age",
        ),
        (
            vec![one(), profile(json!({ "first_name": "Jane" }))],
            400,
            "/data/attributes/profiles/data/1/attributes",
        ),
        (vec![profile(json!({ "email": 1 }))], 400, "/data/attributes/profiles/data/0/attributes/email"),
        (vec![long(100_000)], 400, "/data/attributes/profiles/data/0"),
        (vec![long(90_000); 56], 413, "/data/"),
    ];
    for (profiles, expected, pointer) in refused {
        let (status, body) = bench.import(&profiles).await;
        assert_eq!((status, &body["errors"][0]["source"]["pointer"]), (expected, &json!(pointer)));
    }
    let mut elsewhere = import_of(&[one()]);
    elsewhere["data"]["relationships"]["lists"]["data"][0]["id"] = json!("NOPE01");
    let (status, body) = bench.klaviyo(Method::POST, "/api/profile-bulk-import-jobs", Some(elsewhere)).await;
    let error = &body["errors"][0];
    assert_eq!(
        (status, &error["source"]["pointer"], &error["detail"]),
        (400, &json!("/data"), &json!("List ID NOPE01 does not exist."))
    );
    let path = "/api/profile-bulk-import-jobs";
    assert_eq!(read(bench.klaviyo_request(Method::POST, path).body("{}")).await.0, 415);
}

#[tokio::test]
async fn import_errors_come_in_pages_of_twenty() {
    let bench = Bench::seeded(json!({ "klaviyo": { "job_ms": 0 } })).await;
    let profiles: Vec<Value> =
        (0..45).map(|at| profile(json!({ "email": format!("importfail{at}@example.com") }))).collect();
    let (_, job) = bench.import(&profiles).await;
    let path = format!("/api/profile-bulk-import-jobs/{}/import-errors", job["data"]["id"].as_str().unwrap());
    let mut url = bench.sandbox.klaviyo_base() + &path;
    let mut sizes = Vec::new();
    loop {
        let request = bench.client.get(&url).header("revision", "2026-07-15").bearer_auth("pk_sandbox");
        let (_, page) = read(request).await;
        sizes.push(page["data"].as_array().unwrap().len());
        match page["links"]["next"].as_str() {
            Some(next) => url = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(sizes, [20, 20, 5]);
    let (_, page) = bench.klaviyo(Method::GET, &format!("{path}?page[size]=100"), None).await;
    assert_eq!(page["data"].as_array().unwrap().len(), 45);
    assert_eq!(bench.klaviyo(Method::GET, &format!("{path}?page[size]=101"), None).await.0, 400);
}

#[tokio::test]
async fn jobs_can_be_cancelled_and_errors_be_nameless() {
    let seed = json!({ "klaviyo": { "job_ms": 0, "cancel_jobs": 1, "original_payload": "none" } });
    let bench = Bench::seeded(seed).await;
    let path = |job: &Value| format!("/api/profile-bulk-import-jobs/{}", job["data"]["id"].as_str().unwrap());
    let rows =
        [profile(json!({ "email": "a@example.com" })), profile(json!({ "email": "importfail@example.com" }))];
    let (_, first) = bench.import(&rows).await;
    assert_eq!(
        bench.klaviyo(Method::GET, &path(&first), None).await.1["data"]["attributes"]["status"],
        "cancelled"
    );
    assert!(bench.emails().is_empty());
    let (_, second) = bench.import(&rows).await;
    let (_, errors) = bench.klaviyo(Method::GET, &format!("{}/import-errors", path(&second)), None).await;
    assert_eq!(errors["data"][0]["attributes"]["original_payload"], Value::Null);
    assert_eq!(bench.emails(), ["a@example.com"]);
}

#[tokio::test]
async fn members_are_looked_up_removed_and_added_by_id() {
    let people = json!([
        { "email": "a+b@example.com", "lists": [LIST] },
        { "email": "c@example.com", "lists": [LIST] },
        { "email": "d@example.com" },
    ]);
    let bench = Bench::seeded(json!({ "klaviyo": { "profiles": people } })).await;
    let filter = r#"any(email,["a+b@example.com","d@example.com","nobody@example.com"])"#;
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
    let (_, found) = bench.klaviyo(Method::GET, &format!("/api/profiles?{query}&page[size]=100"), None).await;
    assert_eq!(found["data"].as_array().unwrap().len(), 2);
    let members = format!("/api/lists/{LIST}/relationships/profiles");
    let (_, ids) = bench.klaviyo(Method::GET, &format!("{members}?{query}"), None).await;
    assert_eq!(ids["data"].as_array().unwrap().len(), 1);
    let body = json!({ "data": ids["data"] });
    assert_eq!(bench.klaviyo(Method::DELETE, &members, Some(body.clone())).await.0, 204);
    assert_eq!(bench.emails(), ["c@example.com"]);
    assert_eq!(bench.klaviyo(Method::POST, &members, Some(body)).await.0, 204);
    assert_eq!(bench.emails(), ["a+b@example.com", "c@example.com"]);
    let unknown = json!({ "data": [{ "type": "profile", "id": "XYZABD" }] });
    let (status, body) = bench.klaviyo(Method::DELETE, &members, Some(unknown)).await;
    assert_eq!((status, &body["errors"][0]["detail"]), (400, &json!("Invalid profile IDs: XYZABD")));
    assert_eq!(bench.klaviyo(Method::GET, "/api/profiles?filter=nonsense", None).await.0, 400);
}

#[tokio::test]
async fn an_import_leaves_consent_alone_and_a_subscription_does_not() {
    let bench = Bench::seeded(json!({ "klaviyo": { "job_ms": 0 } })).await;
    bench.import(&[profile(json!({ "email": "a@example.com" }))]).await;
    let consent = async || {
        let path = "/api/profiles?additional-fields[profile]=subscriptions";
        let (_, body) = bench.klaviyo(Method::GET, path, None).await;
        body["data"][0]["attributes"]["subscriptions"]["email"]["marketing"]["consent"].clone()
    };
    assert_eq!(consent().await, "NEVER_SUBSCRIBED");
    let body = json!({ "data": {
        "type": "profile-subscription-bulk-create-job",
        "attributes": { "profiles": { "data": [profile(json!({ "email": "a@example.com" }))] } },
        "relationships": { "list": { "data": { "type": "list", "id": LIST } } },
    } });
    let (status, answer) =
        bench.klaviyo(Method::POST, "/api/profile-subscription-bulk-create-jobs", Some(body.clone())).await;
    assert_eq!((status, answer, consent().await), (202, Value::Null, json!("SUBSCRIBED")));
    bench.klaviyo(Method::POST, "/api/profile-subscription-bulk-delete-jobs", Some(body)).await;
    assert_eq!((consent().await, bench.emails().len()), (json!("UNSUBSCRIBED"), 0));
}
