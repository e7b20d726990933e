//! A case: what is answered to which request, and what is expected to become of the rows. Both are written by hand.

use std::time::Duration;

use segue_delivery::Destination;
use segue_state::Status;
use serde_json::Value;
use wiremock::{Request, ResponseTemplate};

use crate::lane::MINUTES;

/// What all cases of a destination have in common.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    /// Its name, which is the name of the section of the page, too.
    pub(crate) destination: &'static str,
    /// The destination, talking to the server at this URL.
    pub(crate) make: fn(&str) -> Box<dyn Destination>,
    pub(crate) secret: &'static str,
    /// Every request that it may make.
    pub(crate) routes: &'static [Route],
}

/// A request that the product makes.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    /// How the page calls it.
    pub(crate) name: &'static str,
    /// Method, path and query: `GET /a/*/c?d=e`. A `*` is any one part of a path; other parts of a query don't matter.
    pub(crate) request: &'static str,
    /// How it is answered where a case does not say otherwise.
    pub(crate) usual: fn(&Request) -> ResponseTemplate,
    /// How often it is made where a case does not say otherwise.
    pub(crate) asked: usize,
    /// Whether it has the account's credentials in its headers.
    pub(crate) signed: bool,
}

impl Route {
    pub(crate) fn fits(self, request: &Request) -> bool {
        let (method, rest) = self.request.split_once(' ').expect("a method");
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parts = path.split('/');
        let mut asked = request.url.path().split('/');
        let same = parts.by_ref().zip(asked.by_ref()).all(|(part, asked)| part == "*" || part == asked);
        let as_long = path.split('/').count() == request.url.path().split('/').count();
        let has = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            request.url.query_pairs().any(|(n, v)| n == name && (v == value || value == "*"))
        };
        request.method.as_str() == method
            && same
            && as_long
            && query.split('&').filter(|pair| !pair.is_empty()).all(has)
    }
}

/// One answer.
#[derive(Clone)]
pub(crate) enum Reply {
    /// This.
    Says(ResponseTemplate),
    /// What fits the request.
    Reads(fn(&Request) -> ResponseTemplate),
    /// The connection breaks.
    Breaks,
}

impl From<ResponseTemplate> for Reply {
    fn from(answer: ResponseTemplate) -> Self {
        Self::Says(answer)
    }
}

/// Cases that belong together: one table of the page.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    /// What the reader has to know besides.
    pub(crate) about: &'static str,
    /// The requests whose number every line shows.
    pub(crate) shows: &'static [&'static str],
    pub(crate) cases: Vec<Case>,
}

impl Group {
    pub(crate) fn new(
        title: &'static str,
        about: &'static str,
        shows: &'static [&'static str],
        cases: impl IntoIterator<Item = Case>,
    ) -> Self {
        Self { title, about, shows, cases: cases.into_iter().collect() }
    }

    /// All its cases with this choice of the export.
    pub(crate) fn choosing(mut self, export: &Value) -> Self {
        for case in &mut self.cases {
            if case.export.is_null() {
                case.export = export.clone();
            }
        }
        self
    }

    /// All its cases with this secret, where they have none of their own.
    pub(crate) fn with_secret(mut self, secret: &'static str) -> Self {
        self.cases.iter_mut().for_each(|case| case.secret = case.secret.or(Some(secret)));
        self
    }
}

/// One line of the page.
pub(crate) struct Case {
    /// What the destination answers, in words.
    pub(crate) answer: &'static str,
    /// It is not known for certain whether the destination ever answers that.
    pub(crate) doubt: bool,
    pub(crate) rows: u64,
    pub(crate) scripts: Vec<(&'static str, Vec<Reply>)>,
    pub(crate) secret: Option<&'static str>,
    /// Fields of the export that are not as usual.
    pub(crate) export: Value,
    /// How long the first invocation has, or all of them if the run's time is short.
    pub(crate) invocation: Duration,
    /// How long the run has.
    pub(crate) lifetime: Option<Duration>,
    /// The secret that an operator stores after so long.
    pub(crate) reconnect: Option<(Duration, &'static str)>,
    pub(crate) expected: Expected,
}

impl Case {
    /// A run of three rows.
    pub(crate) fn new(answer: &'static str, expected: Expected) -> Self {
        Self {
            answer,
            doubt: false,
            rows: 3,
            scripts: Vec::new(),
            secret: None,
            export: Value::Null,
            invocation: MINUTES,
            lifetime: None,
            reconnect: None,
            expected,
        }
    }

    /// These answers to a request, one after the other; the last one stays.
    pub(crate) fn on<R: Into<Reply>>(
        mut self,
        route: &'static str,
        replies: impl IntoIterator<Item = R>,
    ) -> Self {
        self.scripts.push((route, replies.into_iter().map(Into::into).collect()));
        self
    }

    pub(crate) fn rows(mut self, rows: u64) -> Self {
        self.rows = rows;
        self
    }

    /// A fact that nobody has confirmed.
    pub(crate) fn doubtful(mut self) -> Self {
        self.doubt = true;
        self
    }

    pub(crate) fn secret(mut self, secret: &'static str) -> Self {
        self.secret = Some(secret);
        self
    }

    pub(crate) fn export(mut self, export: Value) -> Self {
        self.export = export;
        self
    }

    /// The first invocation has two seconds for its calls: ten more are kept back.
    pub(crate) fn hasty(mut self) -> Self {
        self.invocation = Duration::from_secs(12);
        self
    }

    /// The run's deadline comes after three seconds.
    pub(crate) fn deadline(mut self) -> Self {
        self.lifetime = Some(Duration::from_secs(3));
        self.hasty()
    }

    /// An operator stores other credentials while the first answer is on its way.
    pub(crate) fn reconnect(mut self, secret: &'static str) -> Self {
        self.reconnect = Some((Duration::from_millis(250), secret));
        self
    }
}

/// As a number of requests: once or more often.
pub(crate) const MANY: usize = usize::MAX;

/// How often a message was handed back to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    Times(u32),
    /// Again and again, until the run's deadline.
    UntilDeadline,
}

/// What is expected of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) status: Status,
    pub(crate) accepted: u64,
    pub(crate) already_there: u64,
    /// Row (0 if it is not told) and reason, in their order.
    pub(crate) rejected: Vec<(u64, &'static str)>,
    pub(crate) unknown: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    /// How often requests are made, where that is not as usual.
    pub(crate) calls: Vec<(&'static str, usize)>,
    /// A part of the summary's message.
    pub(crate) says: &'static str,
    /// A part of one of the summary's warnings.
    pub(crate) warns: &'static str,
    /// Whether the connection's health asks for a reconnect.
    pub(crate) reconnect: bool,
    pub(crate) back: Back,
    /// The longest of the pauses, in seconds, where it matters.
    pub(crate) pause: Option<u64>,
    /// The page's remark.
    pub(crate) remark: &'static str,
}

impl Expected {
    pub(crate) const fn run(status: Status) -> Self {
        Self {
            status,
            accepted: 0,
            already_there: 0,
            rejected: Vec::new(),
            unknown: 0,
            failed: 0,
            cancelled: 0,
            calls: Vec::new(),
            says: "",
            warns: "",
            reconnect: false,
            back: Back::Times(0),
            pause: None,
            remark: "",
        }
    }

    /// A run that ends well, with so many accepted.
    pub(crate) const fn completed(accepted: u64) -> Self {
        let mut expected = Self::run(Status::Completed);
        expected.accepted = accepted;
        expected
    }

    /// A run of which nothing was delivered, and its message.
    pub(crate) const fn failed(failed: u64, says: &'static str) -> Self {
        let mut expected = Self::run(Status::Failed);
        (expected.failed, expected.says) = (failed, says);
        expected
    }

    pub(crate) const fn already_there(mut self, already_there: u64) -> Self {
        self.already_there = already_there;
        self
    }

    pub(crate) fn rejected(mut self, rejected: &[(u64, &'static str)]) -> Self {
        self.rejected = rejected.to_vec();
        self
    }

    pub(crate) const fn unknown(mut self, unknown: u64) -> Self {
        self.unknown = unknown;
        self
    }

    /// This request is made so often.
    pub(crate) fn calls(mut self, route: &'static str, times: usize) -> Self {
        self.calls.retain(|(name, _)| *name != route);
        self.calls.push((route, times));
        self
    }

    pub(crate) const fn says(mut self, says: &'static str) -> Self {
        self.says = says;
        self
    }

    pub(crate) const fn warns(mut self, warns: &'static str) -> Self {
        self.warns = warns;
        self
    }

    pub(crate) const fn reconnect(mut self) -> Self {
        self.reconnect = true;
        self
    }

    pub(crate) const fn back(mut self, times: u32) -> Self {
        self.back = Back::Times(times);
        self
    }

    /// Handed back once, for so many seconds.
    pub(crate) const fn pause(mut self, seconds: u64) -> Self {
        (self.back, self.pause) = (Back::Times(1), Some(seconds));
        self
    }

    pub(crate) const fn until_deadline(mut self) -> Self {
        self.back = Back::UntilDeadline;
        self
    }

    pub(crate) const fn remark(mut self, remark: &'static str) -> Self {
        self.remark = remark;
        self
    }
}
