//! Dry runs: what they tell, and that nothing is left of them.

use segue_segment::Destination::{self, Klaviyo, Snapchat};
use serde_json::{Value, json};

use crate::bench::{Bench, name};

async fn tried(bench: &Bench, more: &Value) -> Vec<Value> {
    let exports = Destination::ALL.map(name);
    let mut request = json!({"request": "preview", "exports": exports});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let before = bench.bucket.keys();
    let answer = bench.handle(&request).await;
    assert_eq!(bench.bucket.keys(), before, "something was left behind");
    assert!(bench.messages().is_empty() && bench.invoke.take().is_empty(), "something was sent");
    assert!(!answer.to_string().contains('@'), "there is somebody in it: {answer}");
    answer["exports"].as_array().unwrap().clone()
}

#[tokio::test]
async fn it_counts_as_a_run_would_and_leaves_nothing() {
    let bench = Bench::new().await;
    bench
        .put(
            "segments/vip/a.csv",
            "email,first_name\na@example.com,A\nA@example.com,A\nno,N\nb@example.com,B\n",
        )
        .await;
    bench.export(Snapchat, |export| export.limits.invalid_share = 0.5).await;
    bench.export(Klaviyo, |export| export.limits.invalid_share = 0.5).await;
    let tried = tried(&bench, &json!({})).await;
    let klaviyo = &tried[0];
    assert_eq!(klaviyo["export"], name(Klaviyo));
    assert_eq!((&klaviyo["read"], &klaviyo["invalid"]), (&json!(4), &json!(1)));
    assert_eq!((&klaviyo["duplicate"], &klaviyo["pending"]), (&json!(1), &json!(2)));
    assert_eq!(klaviyo["invalid_by_reason"], json!({"not_an_address": 1}));
    assert_eq!(
        (&klaviyo["chunks"], &klaviyo["calls"], &klaviyo["would_run"]),
        (&json!(1), &json!(1), &json!(true))
    );
    assert_eq!(klaviyo["message"], "2 profiles would go to Klaviyo");
    assert_eq!(klaviyo["parts"], json!(["segments/vip/a.csv"]));
    assert_eq!(tried[1]["would_run"], false);
    assert!(tried[1]["message"].as_str().unwrap().contains("1 of 4 rows"), "{}", tried[1]["message"]);
    assert_eq!((&tried[1]["chunks"], &tried[1]["calls"]), (&json!(0), &json!(0)));
    assert_eq!(tried[2]["would_run"], true);
}

#[tokio::test]
async fn what_may_not_run_says_why_and_stops_nobody_else() {
    let bench = Bench::new().await;
    bench.put("segments/vip/a.csv", "email,first_name\na@example.com,A\n").await;
    bench.export(Snapchat, |export| export.enabled = false).await;
    bench.connect(Klaviyo, |connection| connection.consent = None).await;
    let tried = tried(&bench, &json!({"segment": "vip"})).await;
    let said: Vec<_> = tried.iter().map(|one| one["message"].as_str().unwrap().to_owned()).collect();
    assert!(said[0].contains("nobody has consented"), "{}", said[0]);
    assert_eq!(said[1], "1 profiles would go to Mailchimp");
    assert!(said[2].contains("is paused"), "{}", said[2]);
}

#[tokio::test]
async fn one_drop_can_be_tried() {
    let bench = Bench::new().await;
    bench.put("segments/vip/old.csv", "email,first_name\na@example.com,A\n").await;
    bench.put("segments/vip/new.csv", "email,first_name\na@example.com,A\nb@example.com,B\n").await;
    let tried = tried(&bench, &json!({"drop": "segments/vip/old.csv"})).await;
    assert!(tried.iter().all(|one| one["read"] == 1 && one["parts"] == json!(["segments/vip/old.csv"])));
}
