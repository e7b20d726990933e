use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use segue_platform::Secrets;
use segue_platform::memory::{MemoryBucket, MemoryQueue, MemorySecrets};
use segue_segment::Profile;
use segue_state::{Export, State};
use serde_json::json;
use wiremock::matchers::{any, header, path};
use wiremock::{Mock, MockServer, Request as Asked, ResponseTemplate};

use super::*;
use crate::{
    Answer, Budget, Config, CredentialsError, Destination, Exchange, Page, Request, SignIn, Verdict,
};

/// A destination with numbered pages: each says its audience and how many pages there are.
struct Pages(String);

impl Listing for Pages {
    fn first(&self) -> String {
        "/pages/1".to_owned()
    }

    fn read(&self, question: &str, answer: &Answer) -> Result<Page, Unlisted> {
        match (answer.status, answer.json::<u32>()) {
            (403, _) if question == "/pages/1" => Err(Unlisted::Forbidden("get a role")),
            (403, _) => Err(Unlisted::Part(format!("{question} is left out"))),
            (200, Some(pages)) => {
                let page: u32 = question.rsplit('/').next().unwrap().parse().unwrap();
                let id = format!("{page:04}");
                let audience = Offered { name: id.clone(), id, kind: None, profiles: None };
                let next = 2..=if page == 1 { pages } else { 0 };
                Ok(Page {
                    audiences: vec![audience],
                    next: next.map(|page| format!("/pages/{page}")).collect(),
                })
            }
            _ => Err(Unlisted::Failed),
        }
    }
}

impl Destination for Pages {
    fn destination(&self) -> segue_segment::Destination {
        segue_segment::Destination::Klaviyo
    }

    fn budget(&self) -> Budget {
        Budget { endpoints: &[], connections: 1 }
    }

    fn sign_in(&self, secret: &SecretString) -> Result<SignIn, CredentialsError> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(secret.expose_secret()).unwrap());
        Ok(SignIn::Ready(Session { base: self.0.clone(), headers, lifetime: None }))
    }

    fn signed_in(&self, _: &SecretString, _: &Answer) -> Exchange {
        unreachable!("nothing is exchanged")
    }

    fn account_request(&self, session: &Session) -> Request {
        Request {
            endpoint: "account",
            method: Method::GET,
            url: format!("{}/account", session.base),
            headers: session.headers.clone(),
            body: bytes::Bytes::new(),
        }
    }

    fn read_account(&self, answer: &Answer) -> Option<Account> {
        answer.json::<String>().map(|id| Account { id, name: None })
    }

    fn push(&self, _: &Session, _: &Export, _: &[&Profile<'_>]) -> Request {
        unreachable!("nobody is pushed")
    }

    fn read(&self, _: &Export, _: &[&Profile<'_>], _: &Answer) -> Verdict {
        unreachable!("nobody is pushed")
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(self)
    }
}

struct Bench {
    server: MockServer,
    app: App,
    secrets: Arc<MemorySecrets>,
    asked: Arc<AtomicUsize>,
}

impl Bench {
    /// An account of these credentials with so many pages; some of them have a status of their own.
    async fn new(pages: u32, odd: &'static [(&'static str, u16)]) -> Self {
        let server = MockServer::start().await;
        for key in ["one", "two"] {
            let account = Mock::given(path("/account")).and(header("authorization", key));
            account.respond_with(ResponseTemplate::new(200).set_body_json(key)).mount(&server).await;
        }
        let asked = Arc::<AtomicUsize>::default();
        let count = asked.clone();
        let answer = move |request: &Asked| {
            count.fetch_add(1, Ordering::SeqCst);
            let odd = odd.iter().find(|(page, _)| *page == request.url.path());
            ResponseTemplate::new(odd.map_or(200, |(_, status)| *status)).set_body_json(pages)
        };
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let config = Config {
            state_bucket: "state".into(),
            queue_url: "q".into(),
            dead_letter_url: "d".into(),
            timer_url: None,
        };
        let secrets = Arc::new(MemorySecrets::default());
        secrets.store("s", &SecretString::from("one")).await.unwrap();
        let state = State::new(Arc::new(MemoryBucket::default()));
        let destination = Box::new(Pages(server.uri()));
        let queue = Arc::new(MemoryQueue::default());
        let mut app = App::over(config, destination, state, queue, secrets.clone()).unwrap();
        app.listings.pause = Duration::ZERO;
        Self { server, app, secrets, asked }
    }

    async fn ask_within(&self, account: &str, time: Duration) -> Result<Listed, String> {
        let connection = json!({"id": "c", "display_name": "C", "destination": "klaviyo", "secret": "s",
            "account": {"id": account}});
        let connection = serde_json::from_value(connection).unwrap();
        self.app.listings.of(&self.app, &connection, Deadline::after(REST + time)).await
    }

    async fn ask(&self) -> Result<Listed, String> {
        self.ask_within("one", Duration::from_secs(30)).await
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

#[tokio::test]
async fn asking_in_a_loop_costs_the_account_nothing() {
    let bench = Bench::new(3, &[]).await;
    let listed = bench.ask().await.unwrap();
    assert!(listed.complete && listed.notes.is_empty());
    assert_eq!((listed.audiences.len(), bench.asked()), (3, 3));
    let before = bench.server.received_requests().await.unwrap().len();
    for _ in 0..10 {
        assert_eq!(bench.ask().await.as_ref(), Ok(&listed));
    }
    assert_eq!(bench.server.received_requests().await.unwrap().len(), before);
}

#[tokio::test]
async fn another_account_is_asked_at_once_over_a_new_session() {
    let bench = Bench::new(1, &[]).await;
    assert_eq!(bench.ask().await.unwrap().account.id, "one");
    bench.secrets.store("s", &SecretString::from("two")).await.unwrap();
    assert_eq!(bench.ask_within("two", Duration::from_secs(30)).await.unwrap().account.id, "two");
}

#[tokio::test]
async fn a_part_that_may_not_be_seen_is_left_out_and_the_rest_is_listed() {
    let bench = Bench::new(3, &[("/pages/2", 403)]).await;
    let listed = bench.ask().await.unwrap();
    let ids: Vec<_> = listed.audiences.iter().map(|audience| audience.id.as_str()).collect();
    assert_eq!((ids, listed.complete), (vec!["0001", "0003"], false));
    assert_eq!(listed.notes, ["/pages/2 is left out"]);
}

#[tokio::test]
async fn who_may_not_list_at_all_is_told_what_to_do_after_a_new_sign_in() {
    let bench = Bench::new(1, &[("/pages/1", 403)]).await;
    let host = bench.server.address().to_string();
    let why = bench.ask().await.unwrap_err();
    assert_eq!(why, format!("{host} does not let this connection list audiences (HTTP 403): get a role"));
    assert_eq!(bench.asked(), 2);
    assert_eq!((bench.ask().await, bench.asked()), (Err(why), 0));
}

#[tokio::test]
async fn a_list_without_an_end_is_cut_and_says_so() {
    let bench = Bench::new(500, &[]).await;
    let listed = bench.ask().await.unwrap();
    assert_eq!((listed.audiences.len(), listed.complete, bench.asked()), (QUESTIONS, false, QUESTIONS));
    insta::assert_snapshot!(listed.notes.join("\n"), @"only what 100 questions told is listed; copy the id of any other audience from Klaviyo itself");
}

#[tokio::test]
async fn at_the_deadline_there_is_what_was_told_until_then() {
    let mut bench = Bench::new(50, &[]).await;
    bench.app.listings.pause = Duration::from_millis(300);
    let began = Instant::now();
    let listed = bench.ask_within("one", Duration::from_secs(1)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(!listed.complete && (1..10).contains(&listed.audiences.len()), "{listed:?}");
    let host = bench.server.address().to_string();
    assert_eq!(
        listed.notes,
        [format!("the list breaks off: there was no time left to ask {host}; try again")]
    );
    // A part of a list is not kept for long.
    tokio::time::sleep(TROUBLE_KEPT).await;
    bench.app.listings.pause = Duration::ZERO;
    assert!(bench.ask().await.unwrap().complete);
    let none = Bench::new(1, &[]).await.ask_within("one", Duration::ZERO).await.unwrap_err();
    assert!(none.contains("there was no time left"), "{none}");
}

#[tokio::test]
async fn a_list_that_breaks_off_is_no_whole_one() {
    let bench = Bench::new(3, &[("/pages/3", 404)]).await;
    let listed = bench.ask().await.unwrap();
    assert_eq!((listed.audiences.len(), listed.complete), (2, false));
    assert!(listed.notes[0].starts_with("the list breaks off: ") && listed.notes[0].contains("HTTP 404"));
    let bench = Bench::new(3, &[("/pages/1", 404)]).await;
    assert!(bench.ask().await.unwrap_err().contains("did not list its audiences (HTTP 404)"));
}
