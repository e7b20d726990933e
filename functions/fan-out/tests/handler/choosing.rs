//! Runs over one segment, or over one drop of old.

use segue_segment::Destination::{Klaviyo, Mailchimp};
use segue_state::Status;
use serde_json::{Value, json};

use crate::bench::{Bench, name};

fn chosen(exports: &Value, choice: &Value) -> Value {
    let mut request = json!({"request": "run", "exports": exports, "id": "request-1", "trigger": "on_demand",
                             "requested_at": "2026-11-22T16:35:12Z"});
    request.as_object_mut().unwrap().extend(choice.as_object().unwrap().clone());
    request
}

async fn with_drops() -> Bench {
    let bench = Bench::new().await;
    bench.export(Klaviyo, |export| export.segments = vec!["vip".into(), "new".into()]).await;
    for key in ["vip/old.csv", "vip/d/part-1.csv", "vip/d/_SUCCESS", "new/a.csv", "vip/latest.csv"] {
        let who = key.replace(['/', '.'], "-");
        let content = if key.ends_with("_SUCCESS") {
            String::new()
        } else {
            format!("email,first_name\n{who}@example.com,N\n")
        };
        bench.put(&format!("segments/{key}"), content).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    bench
}

async fn read(choice: Value) -> Vec<String> {
    let bench = with_drops().await;
    bench.handle(&chosen(&json!([name(Klaviyo)]), &choice)).await;
    bench.run(Klaviyo).await.parts().map(|part| part.key.clone()).collect()
}

#[tokio::test]
async fn one_of_its_segments_is_read_by_itself() {
    assert_eq!(read(json!({})).await, ["segments/vip/latest.csv", "segments/new/a.csv"]);
    assert_eq!(read(json!({"segment": "new"})).await, ["segments/new/a.csv"]);
}

#[tokio::test]
async fn a_drop_is_named_by_its_file_its_folder_or_what_closes_it() {
    assert_eq!(read(json!({"drop": "segments/vip/old.csv"})).await, ["segments/vip/old.csv"]);
    for drop in ["segments/vip/d/", "segments/vip/d/_SUCCESS"] {
        assert_eq!(read(json!({ "drop": drop })).await, ["segments/vip/d/part-1.csv"], "{drop}");
    }
}

#[tokio::test]
async fn a_choice_that_makes_no_sense_refuses_the_run_and_says_so() {
    for (choice, word) in [
        (json!({"segment": "other"}), "does not send the segment `other`"),
        (json!({"drop": "segments/vip/none.csv"}), "there is no drop at segments/vip/none.csv"),
        (json!({"drop": "segments/vip/d/part-1.csv"}), "there is no drop at"),
        (json!({"drop": "segments/vip/old.csv", "segment": "new"}), "is no drop of the segment `new`"),
        (json!({"drop": "elsewhere/vip/old.csv"}), "there is no drop at elsewhere"),
    ] {
        let bench = with_drops().await;
        bench.handle(&chosen(&json!([name(Klaviyo)]), &choice)).await;
        let summary = bench.summary(Klaviyo).await;
        assert_eq!(summary.status, Status::Refused, "{choice}");
        assert!(summary.message.contains(word), "{}", summary.message);
        assert!(bench.messages().is_empty());
    }
}

#[tokio::test]
async fn of_all_exports_those_run_that_send_the_segment() {
    let bench = with_drops().await;
    bench.handle(&chosen(&Value::Null, &json!({"segment": "new"}))).await;
    assert_eq!(bench.runs(Klaviyo).await.len(), 1);
    assert!(bench.runs(Mailchimp).await.is_empty());
}
