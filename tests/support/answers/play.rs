//! Plays cases: a server with their script, the real handler over AWS in memory, messages until none is left.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use segue_state::{Status, Summary};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};
use wiremock::{Mock, MockServer, Request};

use super::cases::{Back, Case, Expected, Group, MANY, Reply, Route, Table};
use crate::lane::{Bench, DEAD_LETTERS, MINUTES, Played, QUEUE, message};

/// Cases under way at once; each has a server.
const AT_ONCE: usize = 24;
/// Longest time for a case.
const LONGEST: Duration = Duration::from_secs(20);
/// Messages after which a case that goes in circles is stopped.
const MESSAGES: usize = 200;
/// Between two messages of a run that waits for its deadline.
const TICK: Duration = Duration::from_millis(200);

/// Plays all cases side by side; answers those that are not as expected, in words.
pub(crate) async fn all(table: &Table, groups: Vec<Group>) -> Vec<String> {
    let table = *table;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let local = LocalSet::new();
    let cases = groups.into_iter().flat_map(|group| {
        let title = group.title;
        group.cases.into_iter().map(move |case| (title, case))
    });
    let playing: Vec<_> = cases
        .map(|(title, case)| {
            let (name, room) = (format!("{title}: {}", case.answer), room.clone());
            let play = local.spawn_local(async move {
                let _room = room.acquire().await.unwrap();
                timeout(LONGEST, one(table, case)).await
            });
            (name, play)
        })
        .collect();
    local
        .run_until(async {
            let mut wrong = Vec::new();
            for (name, play) in playing {
                match play.await {
                    Ok(Ok(None)) => {}
                    Ok(Ok(Some(difference))) => wrong.push(format!("- {name}\n{difference}")),
                    Ok(Err(_)) => wrong.push(format!("- {name}\n    it takes longer than {LONGEST:?}")),
                    Err(error) => wrong.push(format!("- {name}\n    {error}")),
                }
            }
            wrong
        })
        .await
}

/// Plays a case; answers what is not as expected.
async fn one(table: Table, case: Case) -> Option<String> {
    let server = MockServer::start().await;
    for route in table.routes {
        let scripted = case.scripts.iter().find(|(name, _)| *name == route.name);
        let replies =
            scripted.map_or_else(|| vec![Reply::Reads(route.usual)], |(_, replies)| replies.clone());
        mount(&server, *route, replies).await;
    }
    let unknown = case.scripts.iter().find(|(name, _)| table.routes.iter().all(|route| route.name != *name));
    assert!(unknown.is_none(), "no such request: {:?}", unknown.map(|(name, _)| name));

    let uri = server.uri();
    let bench = Bench::new(move || (table.make)(&uri), case.secret.unwrap_or(table.secret)).await;
    bench.change_export(&case.export);
    let run = bench.run_for(case.rows, case.rows, case.lifetime.unwrap_or(Duration::from_hours(24))).await;
    let reconnect = async {
        if let Some((after, secret)) = case.reconnect {
            sleep(after).await;
            bench.set_secret(secret).await;
        }
    };
    let first = message(&run, 0).body();
    let ((back, longest), ()) = tokio::join!(drain(&bench, &case, first), reconnect);
    let summary = bench.summary(&run).await;
    let requests = server.received_requests().await.unwrap();
    let recorded = bench.everything_recorded().await;

    let mut found = found(&summary, &case.expected);
    found.rejected = named(bench.rejected(&run, 0).await);
    found.reconnect = bench.health().await.is_some_and(|health| health.contains("reconnect"));
    found.back = match case.expected.back {
        Back::UntilDeadline if back > 0 => Back::UntilDeadline,
        _ => Back::Times(back),
    };
    found.pause =
        case.expected.pause.map(|seconds| if near(longest, seconds) { seconds } else { longest.as_secs() });
    let mut expected = case.expected;
    expected.calls = counted(table.routes, &expected.calls);
    found.calls = made(table.routes, &requests);
    for ((_, found), (_, expected)) in found.calls.iter_mut().zip(&expected.calls) {
        *found = if *expected == MANY && *found > 0 { MANY } else { *found };
    }
    let mut wrong = differences(&expected, &found);
    if !wrong.is_empty() {
        wrong.push(format!("    the run says: {}", summary.message));
    }
    if let Err(error) = summary.counts.check() {
        wrong.push(format!("    the columns don't sum up: {error}"));
    }
    if recorded.contains("person-") {
        wrong.push("    an address is on record".to_owned());
    }
    if !matches!(summary.status, Status::Failed | Status::Partial) && bench.is_staged(&run, 0) {
        wrong.push("    the staged profiles are still there".to_owned());
    }
    (!wrong.is_empty()).then(|| wrong.join("\n"))
}

/// The fields that are not as expected, in words.
fn differences(expected: &Expected, found: &Expected) -> Vec<String> {
    let fields = |of: &Expected| {
        let text = format!("{of:#?}").replace("\n        ", " ").replace("\n    ]", " ]");
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let pairs = fields(expected).into_iter().zip(fields(found));
    pairs.filter(|(e, f)| e != f).map(|(e, f)| format!("    expected {e}\n    found    {f}")).collect()
}

async fn mount(server: &MockServer, route: Route, replies: Vec<Reply>) {
    let last = replies.len() - 1;
    for (index, reply) in replies.into_iter().enumerate() {
        let asked = Mock::given(move |request: &Request| route.fits(request));
        let mut mock = match reply {
            Reply::Says(answer) => asked.respond_with(answer),
            Reply::Reads(read) => asked.respond_with(read),
            Reply::Breaks => {
                asked.respond_with_err(|_: &Request| io::Error::from(io::ErrorKind::ConnectionReset))
            }
        };
        if index < last {
            mock = mock.up_to_n_times(1);
        }
        mock.mount(server).await;
    }
}

/// Plays messages until none is left; answers how often one was handed back, and for how long at the most.
async fn drain(bench: &Bench, case: &Case, first: String) -> (u32, Duration) {
    let mut waiting = vec![(QUEUE.to_owned(), first, 1)];
    let (mut back, mut longest) = (0, Duration::ZERO);
    for number in 0..MESSAGES {
        waiting.extend(bench.queue.take().into_iter().map(|(url, outgoing)| (url, outgoing.body, 1)));
        if waiting.is_empty() {
            return (back, longest);
        }
        let (queue, body, received) = waiting.remove(0);
        assert_ne!(queue, DEAD_LETTERS, "a dead letter: {body}");
        let time = if number == 0 || case.lifetime.is_some() { case.invocation } else { MINUTES };
        if let Played::Back(pause) = bench.play(&body, &queue, received, time).await {
            (back, longest) = (back + 1, longest.max(pause));
            waiting.push((queue, body, received + 1));
        }
        if case.lifetime.is_some() {
            sleep(TICK).await;
        }
    }
    panic!("the queues never get empty");
}

fn found(summary: &Summary, expected: &Expected) -> Expected {
    let counts = &summary.counts;
    let mut found = Expected::run(summary.status);
    (found.accepted, found.unknown) = (counts.accepted, counts.unknown);
    (found.failed, found.cancelled) = (counts.failed, counts.cancelled);
    found.already_there = summary.already_there;
    found.says = if summary.message.contains(expected.says) { expected.says } else { "something else" };
    let warned = summary.warnings.iter().any(|warning| warning.contains(expected.warns));
    found.warns = if expected.warns.is_empty() || warned { expected.warns } else { "no such warning" };
    found.remark = expected.remark;
    found
}

fn near(found: Duration, seconds: u64) -> bool {
    (Duration::from_secs(seconds)..Duration::from_secs(seconds + 2)).contains(&found)
}

/// Rejected rows in their order, those at the end that are not told.
fn named(rejected: Vec<(u64, String)>) -> Vec<(u64, &'static str)> {
    let known = |reason: &str| {
        segue_segment::Reason::ALL.into_iter().find(|known| known.name() == reason).expect("a reason").name()
    };
    let mut rejected: Vec<_> = rejected.into_iter().map(|(row, reason)| (row, known(&reason))).collect();
    rejected.sort_by_key(|(row, _)| if *row == 0 { u64::MAX } else { *row });
    rejected
}

/// How often each request is expected.
fn counted(routes: &[Route], changed: &[(&'static str, usize)]) -> Vec<(&'static str, usize)> {
    let of =
        |route: &Route| changed.iter().find(|(name, _)| *name == route.name).map_or(route.asked, |(_, n)| *n);
    routes.iter().map(|route| (route.name, of(route))).collect()
}

/// How often each request was made.
fn made(routes: &[Route], requests: &[Request]) -> Vec<(&'static str, usize)> {
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    for request in requests {
        let route = routes.iter().find(|route| route.fits(request));
        let route = route.unwrap_or_else(|| panic!("nobody expects {} {}", request.method, request.url));
        let signed = request.headers.contains_key("authorization");
        assert_eq!(signed, route.signed, "credentials of {} {}", request.method, route.name);
        *made.entry(route.name).or_default() += 1;
    }
    routes.iter().map(|route| (route.name, made.get(route.name).copied().unwrap_or(0))).collect()
}
