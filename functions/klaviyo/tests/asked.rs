//! What the function answers besides working on messages: the lists of an account, to whom they may be told.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

use std::sync::Arc;
use std::time::Duration;

use klaviyo::Klaviyo;
use secrecy::SecretString;
use segue_delivery::{App, Config, invoked};
use segue_platform::memory::{MemoryBucket, MemoryQueue, MemorySecrets};
use segue_platform::{Deadline, Secrets};
use segue_state::{State, keys};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:klaviyo";

/// A stack with the connections `own`, and `shared`, which contributors may use.
struct Stack {
    server: MockServer,
    app: App,
}

impl Stack {
    async fn new() -> Self {
        let server = MockServer::start().await;
        let account = json!({"data": [{"id": "Acc1", "attributes": {"contact_information": {"organization_name": "Shop"}}}]});
        let accounts = Mock::given(method("GET")).and(path("/api/accounts"));
        accounts.respond_with(ResponseTemplate::new(200).set_body_json(account)).mount(&server).await;
        let state = State::new(Arc::new(MemoryBucket::default()));
        let secrets = Arc::new(MemorySecrets::default());
        for (id, shared_with) in [("own", "administrators"), ("shared", "contributors")] {
            let connection = json!({
                "id": id, "display_name": "C", "destination": "klaviyo", "secret": id, "shared_with": shared_with,
                "account": {"id": "Acc1"},
                "consent": {"terms": 1, "agreed_by": "arn", "agreed_at": "2026-11-22T00:00:00Z"},
            });
            state.put(&keys::connection(id), &connection).await.unwrap();
            secrets.store(id, &SecretString::from(r#"{"private_key":"pk_hush"}"#)).await.unwrap();
        }
        let config = Config {
            state_bucket: "state".into(),
            queue_url: "q".into(),
            dead_letter_url: "d".into(),
            timer_url: None,
        };
        let klaviyo = Box::new(Klaviyo::at(server.uri()));
        let app = App::over(config, klaviyo, state, Arc::new(MemoryQueue::default()), secrets).unwrap();
        Self { server, app }
    }

    async fn ask(&self, event: Value, alias: &str) -> Value {
        let deadline = Deadline::after(Duration::from_secs(30));
        let answer = invoked(&self.app, event, &format!("{FUNCTION}{alias}"), deadline).await.unwrap();
        assert!(!answer.to_string().contains("pk_hush"), "the key was told");
        answer
    }

    async fn audiences(&self, connection: &str, alias: &str) -> Value {
        self.ask(json!({"request": "audiences", "connection": connection}), alias).await
    }
}

fn page(id: &str, next: Option<&str>) -> ResponseTemplate {
    let list = json!({"type": "list", "id": id, "attributes": {"name": format!("List {id}")}});
    ResponseTemplate::new(200).set_body_json(json!({"data": [list], "links": {"next": next}}))
}

fn refused(answer: &Value) -> &str {
    answer["refused"].as_str().unwrap()
}

#[tokio::test]
async fn all_pages_of_lists_are_told() {
    let stack = Stack::new().await;
    let lists = || {
        Mock::given(method("GET"))
            .and(path("/api/lists"))
            .and(header("authorization", "Klaviyo-API-Key pk_hush"))
    };
    let next = format!("{}/api/lists?fields%5Blist%5D=name&page%5Bcursor%5D=b", stack.server.uri());
    lists()
        .and(query_param_is_missing("page[cursor]"))
        .respond_with(page("B", Some(&next)))
        .mount(&stack.server)
        .await;
    lists().and(query_param("page[cursor]", "b")).respond_with(page("A", None)).mount(&stack.server).await;
    let told = stack.audiences("shared", ":contributors").await;
    insta::assert_snapshot!(told.to_string(), @r#"{"account":{"id":"Acc1","name":"Shop"},"audiences":[{"id":"A","kind":null,"name":"List A","profiles":null},{"id":"B","kind":null,"name":"List B","profiles":null}],"complete":true,"notes":[]}"#);
    assert_eq!(stack.audiences("own", "").await, told);
}

#[tokio::test]
async fn contributors_are_told_of_shared_connections_only() {
    let stack = Stack::new().await;
    let answer = stack.audiences("own", ":contributors").await;
    insta::assert_snapshot!(refused(&answer), @"the connection `own` is not shared with contributors; ask an administrator to share it");
    let messages = json!({"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}]});
    let answer = stack.ask(messages.clone(), ":contributors").await;
    insta::assert_snapshot!(refused(&answer), @"contributors may not hand messages in; ask an administrator");
    assert!(stack.server.received_requests().await.unwrap().is_empty(), "somebody was asked");
    // The queue hands them in by the function's own name.
    assert_eq!(stack.ask(messages, "").await, json!({"batchItemFailures": []}));
}

#[tokio::test]
async fn what_can_not_be_answered_says_why() {
    let stack = Stack::new().await;
    insta::assert_snapshot!(refused(&stack.audiences("none", "").await), @"there is no connection `none`; see `segue connection list`");
    let lists = Mock::given(method("GET")).and(path("/api/lists"));
    lists.respond_with(ResponseTemplate::new(403)).mount(&stack.server).await;
    let answer = stack.audiences("own", "").await;
    assert!(
        refused(&answer).contains("(HTTP 403): its private key needs the scope `lists:read`"),
        "{answer}"
    );
    let answer = stack.ask(json!({"request": "secrets"}), "").await;
    assert!(refused(&answer).contains("not understood"), "{answer}");
}
