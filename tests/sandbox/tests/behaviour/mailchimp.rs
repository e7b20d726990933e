//! Mailchimp: credentials, the batch and its verdicts, limits.
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Bench, header, read};

pub(crate) const LIST: &str = "a1b2c3d4e5";

pub(crate) fn member(email: &str) -> Value {
    json!({ "email_address": email, "email_type": "html", "status": "subscribed" })
}

impl Bench {
    pub(crate) async fn mailchimp(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.client.request(method, self.sandbox.mailchimp_base() + path);
        let request = request.basic_auth("anyone", Some("sandboxkey-us19"));
        read(if let Some(body) = body { request.json(&body) } else { request }).await
    }

    pub(crate) async fn subscribe(&self, query: &str, body: Value) -> (u16, Value) {
        self.mailchimp(Method::POST, &format!("/lists/{LIST}{query}"), Some(body)).await
    }

    pub(crate) fn status_of(&self, email: &str) -> String {
        let audiences = self.sandbox.audiences();
        let found = audiences.mailchimp[LIST].iter().find(|member| member.email_address == email);
        found.map_or_else(|| "nobody".into(), |member| member.status.clone())
    }
}

#[tokio::test]
async fn a_key_and_a_token_open_the_account_and_nothing_else_does() {
    let bench = Bench::new().await;
    let base = bench.sandbox.mailchimp_base();
    let (status, body) = bench.mailchimp(Method::GET, "/ping", None).await;
    assert_eq!((status, &body["health_status"]), (200, &json!("Everything's Chimpy!")));
    let (_, root) = read(bench.client.get(base.clone() + "/").bearer_auth("sandbox-oauth")).await;
    assert_eq!((&root["account_name"], root["account_id"].is_string()), (&json!("Sandbox"), true));
    let answer = bench.client.get(base.clone() + "/ping").bearer_auth("wrong-us19").send().await.unwrap();
    assert_eq!(header(&answer, "content-type"), Some("application/problem+json; charset=utf-8"));
    let id = header(&answer, "x-request-id").unwrap().to_owned();
    let problem = crate::body(answer).await;
    assert_eq!((&problem["title"], &problem["instance"]), (&json!("API Key Invalid"), &json!(id)));
    assert_eq!(read(bench.client.get(base + "/ping")).await.0, 401);
}

#[tokio::test]
async fn a_key_of_another_data_centre_is_forbidden_with_its_name() {
    let account = json!({ "account_id": "x", "api_key": "other-us6" });
    let bench = Bench::seeded(json!({ "mailchimp": { "accounts": [account] } })).await;
    let (status, body) =
        read(bench.client.get(bench.sandbox.mailchimp_base() + "/ping").bearer_auth("other-us6")).await;
    assert_eq!(
        (status, &body["detail"]),
        (403, &json!("The API key provided is linked to datacenter 'us6'"))
    );
}

#[tokio::test]
async fn metadata_says_200_even_to_a_bad_token() {
    let bench = Bench::new().await;
    let metadata = |token: &str| {
        let url = bench.sandbox.mailchimp_metadata_url();
        read(bench.client.get(url).header("authorization", format!("OAuth {token}")))
    };
    let (status, good) = metadata("sandbox-oauth").await;
    assert_eq!((status, &good["dc"]), (200, &json!("us19")));
    assert_eq!(good["api_endpoint"].as_str().unwrap().to_owned() + "/3.0", bench.sandbox.mailchimp_base());
    assert_eq!(metadata("bad").await, (200, json!({ "error": "invalid_token" })));
}

#[tokio::test]
async fn a_batch_has_a_verdict_for_each_row() {
    let bench = Bench::seeded(json!({ "mailchimp": { "contacts": [
        { "email_address": "there@example.com", "status": "subscribed" },
    ] } }))
    .await;
    let jane = json!({
        "email_address": "Jane@example.com", "status": "subscribed",
        "merge_fields": { "FNAME": "Jane", "LNAME": "", "NOBODY": "ignored" },
    });
    let members = [jane, member("there@example.com"), member("fake1@example.com"), member("not an address")];
    let (status, body) = bench.subscribe("", json!({ "members": members })).await;
    assert_eq!(
        (status, &body["total_created"], &body["total_updated"], &body["error_count"]),
        (200, &json!(1), &json!(0), &json!(3))
    );
    assert_eq!(body["new_members"][0]["email_address"], "Jane@example.com");
    assert_eq!(body["new_members"][0]["merge_fields"]["FNAME"], "Jane");
    let error = |index: usize, field: &str| body["errors"][index][field].as_str().unwrap().to_owned();
    assert_eq!(error(0, "error_code"), "ERROR_CONTACT_EXISTS");
    assert!(
        error(0, "error").starts_with("there@example.com is already a list member, do you want to update?")
    );
    assert_eq!(error(1, "error_code"), "ERROR_GENERIC");
    assert_eq!(
        error(1, "error"),
        "fake1@example.com looks fake or invalid, please enter a real email address."
    );
    assert_eq!(
        (error(2, "email_address"), error(2, "error")),
        ("not an address".into(), "Please provide a valid email address.".into())
    );
    let kept = &bench.sandbox.audiences().mailchimp[LIST][0];
    assert_eq!(kept.merge_fields, *json!({ "FNAME": "Jane" }).as_object().unwrap());
    let counted = bench.sandbox.stats().mailchimp;
    assert_eq!((counted.rows, counted.repeats), (4, 1));
}

#[tokio::test]
async fn the_answer_can_be_cut_down() {
    let bench = Bench::new().await;
    let query = "?fields=errors,error_count,total_created,total_updated";
    let (_, body) = bench.subscribe(query, json!({ "members": [member("a@example.com")] })).await;
    assert_eq!(body, json!({ "errors": [], "error_count": 0, "total_created": 1, "total_updated": 0 }));
    let path = format!("/lists/{LIST}/members?fields=members.email_address,total_items");
    let (_, body) = bench.mailchimp(Method::GET, &path, None).await;
    assert_eq!(body, json!({ "members": [{ "email_address": "a@example.com" }], "total_items": 1 }));
}

#[tokio::test]
async fn what_does_not_fit_the_schema_fails_as_a_whole() {
    let bench = Bench::new().await;
    let many: Vec<Value> = (0..501).map(|number| member(&format!("p{number}@example.com"))).collect();
    let with = |merge: Value| json!({ "email_address": "a@example.com", "status": "subscribed", "merge_fields": merge });
    let wrong = [
        json!({ "members": many }),
        json!({ "members": [{ "status": "subscribed" }] }),
        json!({ "members": [member("a@example.com"), with(json!({ "FNAME": null }))] }),
        json!({ "members": [{ "email_address": "a@example.com", "status": "archived" }] }),
        json!({ "people": [] }),
    ];
    for body in wrong {
        let (status, answer) = bench.subscribe("", body).await;
        assert_eq!((status, &answer["title"]), (400, &json!("Invalid Resource")));
        assert!(answer["errors"][0]["field"].is_string());
    }
    assert_eq!(bench.status_of("a@example.com"), "nobody");
    let full: Vec<Value> = (0..500).map(|number| member(&format!("p{number}@example.com"))).collect();
    assert_eq!(bench.subscribe("", json!({ "members": full })).await.1["total_created"], 500);
}

#[tokio::test]
async fn of_duplicates_the_first_wins_where_they_are_allowed() {
    let bench = Bench::new().await;
    let body = json!({ "members": [
        { "email_address": "a@example.com", "status": "subscribed", "merge_fields": { "FNAME": "First" } },
        { "email_address": "A@example.com", "status": "subscribed", "merge_fields": { "FNAME": "Second" } },
    ] });
    assert_eq!(bench.subscribe("", body.clone()).await.0, 400);
    let (status, answer) = bench.subscribe("?skip_duplicate_check=true", body).await;
    assert_eq!((status, &answer["total_created"]), (200, &json!(1)));
    assert_eq!(bench.sandbox.audiences().mailchimp[LIST][0].merge_fields["FNAME"], "First");
}

#[tokio::test]
async fn required_merge_fields_are_checked_unless_skipped() {
    let fields =
        json!([{ "tag": "FNAME" }, { "tag": "LTV", "type": "number" }, { "tag": "MUST", "required": true }]);
    let bench =
        Bench::seeded(json!({ "mailchimp": { "lists": [{ "id": LIST, "merge_fields": fields }] } })).await;
    let (_, listed) = bench.mailchimp(Method::GET, &format!("/lists/{LIST}/merge-fields"), None).await;
    assert_eq!((&listed["total_items"], &listed["merge_fields"][2]["required"]), (&json!(3), &json!(true)));
    let body = json!({ "members": [member("a@example.com")] });
    let (status, answer) = bench.subscribe("", body.clone()).await;
    let error = &answer["errors"][0];
    assert_eq!(
        (status, &error["field"], &error["error"]),
        (200, &json!("MUST"), &json!("Your merge fields were invalid."))
    );
    assert_eq!(bench.subscribe("?skip_merge_validation=true", body).await.1["error_count"], 0);
    let body = json!({ "members": [
        { "email_address": "b@example.com", "status": "subscribed", "merge_fields": { "MUST": "x", "LTV": "much" } },
    ] });
    assert_eq!(bench.subscribe("", body).await.1["errors"][0]["field_message"], "Please enter a number");
}

#[tokio::test]
async fn the_eleventh_connection_at_once_is_one_too_many() {
    let bench = Bench::seeded(json!({ "latency_ms": { "mailchimp": 400 } })).await;
    let calls = |count: usize| {
        let requests = (0..count).map(|_| {
            let request =
                bench.client.get(bench.sandbox.mailchimp_base() + "/ping").bearer_auth("sandboxkey-us19");
            tokio::spawn(read(request))
        });
        requests.collect::<Vec<_>>()
    };
    let mut statuses = Vec::new();
    for call in calls(15) {
        let (status, body) = call.await.unwrap();
        if status == 429 {
            assert_eq!(body["detail"], "You have exceeded the limit of 10 simultaneous connections.");
        }
        statuses.push(status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    for call in calls(10) {
        assert_eq!(call.await.unwrap().0, 200);
    }
    let stats = bench.sandbox.stats();
    assert_eq!(stats.mailchimp.throttled, 5);
    assert!((11..=15).contains(&stats.mailchimp.peak_in_flight));
    assert!(stats.peak_connections >= 10);
}
