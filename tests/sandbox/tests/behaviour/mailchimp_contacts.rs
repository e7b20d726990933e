//! Mailchimp's contacts: what their status allows, and the calls for one of them.
use reqwest::Method;
use serde_json::{Value, json};

use crate::Bench;
use crate::mailchimp::{LIST, member};

async fn bench_with_everybody() -> Bench {
    let contact =
        |email: &str, status: &str, by: &str| json!({ "email_address": email, "status": status, "by": by });
    Bench::seeded(json!({ "mailchimp": { "contacts": [
        contact("self@example.com", "unsubscribed", "self"),
        contact("admin@example.com", "unsubscribed", "admin"),
        contact("bounced@example.com", "cleaned", "admin"),
        contact("archived@example.com", "archived", "admin"),
        contact("pending@example.com", "pending", "admin"),
        contact("gone@example.com", "deleted", "admin"),
    ] } }))
    .await
}

const EVERYBODY: [&str; 6] = ["self", "admin", "bounced", "archived", "pending", "gone"];

async fn errors(bench: &Bench, update: bool) -> Vec<String> {
    let members: Vec<Value> = EVERYBODY.iter().map(|name| member(&format!("{name}@example.com"))).collect();
    let (status, body) = bench.subscribe("", json!({ "members": members, "update_existing": update })).await;
    assert_eq!(status, 200);
    body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["error"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn updating_never_subscribes_those_who_left_by_themselves() {
    let bench = bench_with_everybody().await;
    let compliance =
        "is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed.";
    let forgotten = "was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on the list.";
    let expected = [
        format!("self@example.com {compliance}"),
        format!("bounced@example.com {compliance}"),
        format!("gone@example.com {forgotten}"),
    ];
    assert_eq!(errors(&bench, true).await, expected);
    let statuses = EVERYBODY.map(|name| bench.status_of(&format!("{name}@example.com")));
    assert_eq!(statuses, ["unsubscribed", "subscribed", "cleaned", "subscribed", "subscribed", "nobody"]);
}

#[tokio::test]
async fn without_updating_only_the_archived_come_back() {
    let bench = bench_with_everybody().await;
    let errors = errors(&bench, false).await;
    assert_eq!(errors.iter().filter(|text| text.contains("is already a list member")).count(), 4);
    let statuses = EVERYBODY.map(|name| bench.status_of(&format!("{name}@example.com")));
    assert_eq!(statuses, ["unsubscribed", "unsubscribed", "cleaned", "subscribed", "pending", "nobody"]);
}

#[tokio::test]
async fn one_contact_is_put_read_changed_tagged_archived_and_revived() {
    let bench = Bench::new().await;
    // The MD5 of urist.mcvankab@freddiesjokes.com, the vendor's own example.
    let one = format!("/lists/{LIST}/members/62eeb292278cc15f5817cb78f7790b08");
    let email = "urist.mcvankab@freddiesjokes.com";
    assert_eq!(bench.mailchimp(Method::GET, &one, None).await.0, 404);
    let body = json!({ "email_address": email, "status_if_new": "subscribed", "merge_fields": { "FNAME": "Urist" } });
    let (status, put) = bench.mailchimp(Method::PUT, &one, Some(body.clone())).await;
    assert_eq!((status, &put["status"], &put["full_name"]), (200, &json!("subscribed"), &json!("Urist")));
    let body = json!({ "merge_fields": { "FNAME": "" , "LNAME": "McVankab" } });
    let (_, patched) = bench.mailchimp(Method::PATCH, &one, Some(body.clone())).await;
    assert_eq!(
        patched["merge_fields"],
        json!({ "FNAME": "", "LNAME": "McVankab", "ADDRESS": "", "PHONE": "" })
    );
    let tags = json!({ "tags": [{ "name": "segue", "status": "active" }] });
    assert_eq!(bench.mailchimp(Method::POST, &format!("{one}/tags"), Some(tags)).await.0, 204);
    assert_eq!(bench.sandbox.audiences().mailchimp[LIST][0].tags, ["segue"]);
    assert_eq!(bench.mailchimp(Method::DELETE, &one, None).await.0, 204);
    let (status, again) = bench.mailchimp(Method::DELETE, &one, None).await;
    assert_eq!((status, &again["title"]), (405, &json!("Method Not Allowed")));
    let by_email = format!("/lists/{LIST}/members/urist.mcvankab%40freddiesjokes.com");
    assert_eq!(bench.mailchimp(Method::GET, &by_email, None).await.1["status"], "archived");

    let new = json!({ "email_address": email, "status_if_new": "subscribed" });
    assert_eq!(bench.mailchimp(Method::PUT, &one, Some(new)).await.1["status"], "archived");
    let revive = json!({ "email_address": email, "status": "subscribed" });
    let (status, revived) =
        bench.mailchimp(Method::POST, &format!("/lists/{LIST}/members"), Some(revive.clone())).await;
    assert_eq!((status, &revived["status"]), (200, &json!("subscribed")));
    let (status, exists) =
        bench.mailchimp(Method::POST, &format!("/lists/{LIST}/members"), Some(revive.clone())).await;
    assert_eq!((status, &exists["title"], exists.get("type")), (400, &json!("Member Exists"), None));

    assert_eq!(bench.mailchimp(Method::POST, &format!("{one}/actions/delete-permanent"), None).await.0, 204);
    assert_eq!(bench.mailchimp(Method::GET, &one, None).await.0, 404);
    let (status, body) = bench.mailchimp(Method::POST, &format!("/lists/{LIST}/members"), Some(revive)).await;
    assert_eq!((status, &body["title"]), (400, &json!("Forgotten Email Not Subscribed")));
}

#[tokio::test]
async fn members_come_in_pages_and_by_status() {
    let bench = bench_with_everybody().await;
    let path = |query: &str| format!("/lists/{LIST}/members?{query}");
    let (_, all) = bench.mailchimp(Method::GET, &path("count=2&offset=4"), None).await;
    assert_eq!((&all["total_items"], all["members"].as_array().unwrap().len()), (&json!(5), 1));
    let (_, left) = bench.mailchimp(Method::GET, &path("status=unsubscribed&count=1000"), None).await;
    assert_eq!(left["total_items"], 2);
    assert_eq!(bench.mailchimp(Method::GET, &path("count=1001"), None).await.0, 400);
    let (_, list) = bench.mailchimp(Method::GET, &format!("/lists/{LIST}"), None).await;
    assert_eq!((&list["stats"]["member_count"], &list["stats"]["unsubscribe_count"]), (&json!(0), &json!(2)));
    assert_eq!(bench.mailchimp(Method::GET, "/lists", None).await.1["total_items"], 1);
    assert_eq!(bench.mailchimp(Method::GET, "/lists/nowhere", None).await.0, 404);
}

#[tokio::test]
async fn refusals_can_be_scripted() {
    let rules = json!([
        { "local_prefix": "busy", "text": "throttled" },
        { "domain": "blocked.example", "text": "is not welcome here" },
    ]);
    let bench = Bench::seeded(json!({ "mailchimp": { "refuse": rules } })).await;
    let members = [member("busy1@example.com"), member("a@blocked.example"), member("fake1@example.com")];
    let (_, body) = bench.subscribe("", json!({ "members": members })).await;
    let texts: Vec<&str> =
        body["errors"].as_array().unwrap().iter().map(|e| e["error"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts[0].contains("has signed up to a lot of lists very recently"));
    assert_eq!(texts[1], "a@blocked.example is not welcome here");
}

#[tokio::test]
async fn who_left_is_found_page_by_page_with_nothing_but_ids() {
    let bench = bench_with_everybody().await;
    let more: Vec<Value> = (0..5)
        .map(|at| json!({ "email_address": format!("left{at}@example.com"), "status": "archived" }))
        .collect();
    bench.sandbox.seed_json(json!({ "mailchimp": { "contacts": more } })).unwrap();
    let path = |status: &str, offset: usize| {
        let fields = "fields=members.id,total_items&count=4";
        format!("/lists/{LIST}/members?status={status}&{fields}&offset={offset}")
    };
    for (status, total) in [("archived", 6), ("unsubscribed", 2), ("cleaned", 1)] {
        let mut ids = std::collections::BTreeSet::new();
        for offset in [0, 4, 8] {
            let (_, page) = bench.mailchimp(Method::GET, &path(status, offset), None).await;
            assert_eq!(page.as_object().unwrap().keys().collect::<Vec<_>>(), ["members", "total_items"]);
            assert_eq!(page["total_items"], total, "{status}");
            for member in page["members"].as_array().unwrap() {
                assert_eq!(member.as_object().unwrap().keys().collect::<Vec<_>>(), ["id"]);
                ids.insert(member["id"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(ids.len(), total, "{status}");
        // The MD5 of bounced@example.com.
        assert_eq!(ids.contains("bb2faf1ec4588f769574b365e312819a"), status == "cleaned");
    }
    assert_eq!(bench.mailchimp(Method::GET, &path("deleted", 0), None).await.0, 400);
}

#[tokio::test]
async fn required_merge_fields_can_be_asked_for_alone() {
    let fields = json!([{ "tag": "FNAME" }, { "tag": "CITY", "required": true }]);
    let bench =
        Bench::seeded(json!({ "mailchimp": { "lists": [{ "id": LIST, "merge_fields": fields }] } })).await;
    let query = "fields=merge_fields.tag,merge_fields.required,total_items&count=1000";
    let (_, body) = bench.mailchimp(Method::GET, &format!("/lists/{LIST}/merge-fields?{query}"), None).await;
    let expected = [json!({ "tag": "FNAME", "required": false }), json!({ "tag": "CITY", "required": true })];
    assert_eq!(body, json!({ "merge_fields": expected, "total_items": 2 }));
    let (_, list) = bench.mailchimp(Method::GET, &format!("/lists/{LIST}?fields=id,name"), None).await;
    assert_eq!(list, json!({ "id": LIST, "name": "Sandbox" }));
}

#[tokio::test]
async fn tags_of_a_batch_reach_whom_it_may_touch_and_nobody_else() {
    let there = |name: &str, status: &str| json!({ "email_address": format!("{name}@example.com"), "status": status, "tags": ["old"] });
    let contacts = json!([there("there", "subscribed"), there("archived", "archived")]);
    let bench = Bench::seeded(json!({ "mailchimp": { "contacts": contacts } })).await;
    let tagged = |name: &str| {
        let mut member = member(&format!("{name}@example.com"));
        member["tags"] = json!(["segue", "old"]);
        member
    };
    let members = ["archived", "new", "there"].map(tagged);
    let tags = || {
        bench.sandbox.audiences().mailchimp[LIST].iter().map(|found| found.tags.clone()).collect::<Vec<_>>()
    };
    let body = |update: bool| json!({ "members": members, "update_existing": update, "sync_tags": false });
    assert_eq!(bench.subscribe("", body(false)).await.1["error_count"], 1);
    assert_eq!(tags(), [vec!["old", "segue"], vec!["old", "segue"], vec!["old"]]);
    bench.subscribe("", body(true)).await;
    assert_eq!(tags()[2], ["old", "segue"]);
}
