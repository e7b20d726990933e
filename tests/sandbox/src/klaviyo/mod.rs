//! Klaviyo's API, as far as lists need it: who may call, with which revision, how often, and which call is which.
mod account;
mod errors;
mod import;
mod jobs;
mod lists;
mod paging;
mod profiles;
mod route;
mod subscriptions;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::audiences::KlaviyoMember;
use crate::call::{Answer, Call};
use crate::limits::Window;
use crate::seed::{KlaviyoAccount, KlaviyoList, KlaviyoProfile, KlaviyoSeed, Rule};
use account::Account;
use errors::{Problem, failed};
pub(crate) use errors::{denied, fault};
use route::Route;

/// Revisions older than this are retired: two years before the newest that the sandbox knows.
const OLDEST_REVISION: &str = "2024-10-15";
/// There is none later than this.
const NEWEST_REVISION: &str = "2026-10-15";

/// What a finished import job tells about a profile that it refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OriginalPayload {
    Resource,
    Attributes,
    Nothing,
}

/// How imports behave.
struct Imports {
    takes: Duration,
    fail: Vec<Rule>,
    silent: Vec<Rule>,
    cancel: u32,
    stall: u32,
    original: OriginalPayload,
}

/// The faked Klaviyo.
pub(crate) struct Klaviyo {
    accounts: Vec<Account>,
    imports: Imports,
}

impl Default for Klaviyo {
    fn default() -> Self {
        let mut account = Account::new(KlaviyoAccount {
            private_key: "pk_sandbox".into(),
            account_id: "SbxAcc".into(),
            name: "Sandbox".into(),
            scopes: None,
        });
        account.add_list("YafG4m", "Sandbox");
        let fail = vec![Rule { local_prefix: Some("importfail".into()), ..Rule::default() }];
        let imports = Imports {
            takes: Duration::from_secs(1),
            fail,
            silent: Vec::new(),
            cancel: 0,
            stall: 0,
            original: OriginalPayload::Resource,
        };
        Self { accounts: vec![account], imports }
    }
}

impl Klaviyo {
    pub(crate) fn answer(&mut self, call: &Call, limits: bool) -> Answer {
        let key = call.credential("klaviyo-api-key").or_else(|| call.credential("bearer"));
        let Some(key) = key else { return errors::anonymous() };
        let Some(account) = self.accounts.iter_mut().find(|account| account.key == key) else {
            return denied();
        };
        if let Some(answer) = wrong_revision(call.header("revision")) {
            return answer;
        }
        let parts = call.segments();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let route = match Route::of(&call.method, &parts) {
            Ok(route) => route,
            Err(answer) => return answer,
        };
        if !route.scopes().iter().all(|scope| account.may(scope)) {
            return errors::forbidden();
        }
        let (tier, windows) = route.limits(call);
        let state = account.windows.entry(tier).or_insert_with(|| {
            windows.iter().map(|(seconds, most)| Window::new(*seconds, *most, call.at)).collect()
        });
        if limits {
            if let Some(wait) = state.iter_mut().filter_map(|window| window.wait(call.at)).max() {
                return errors::throttled(wait);
            }
            state.iter_mut().for_each(Window::spend);
        }
        let (limit, left) = (described(windows), state.iter().map(Window::left).min().unwrap_or(0));
        account.finish_due_jobs(call.at);
        account
            .answer(&route, call, &mut self.imports)
            .with("ratelimit-limit", &limit)
            .with("ratelimit-remaining", &left)
            .with("ratelimit-reset", &0)
    }

    pub(crate) fn seed(&mut self, seed: KlaviyoSeed) -> Result<(), String> {
        for added in seed.accounts {
            match self.accounts.iter_mut().find(|known| known.id == added.account_id) {
                Some(known) => known.change(added),
                None => self.accounts.push(Account::new(added)),
            }
        }
        for KlaviyoList { id, account_id, name } in seed.lists {
            self.owner(account_id.as_deref())?.add_list(&id, &name);
        }
        for KlaviyoProfile { account_id, email, first_name, last_name, lists } in seed.profiles {
            let account = self.owner(account_id.as_deref())?;
            account.put_in(&email, first_name.as_deref(), last_name.as_deref(), &lists)?;
        }
        let imports = &mut self.imports;
        imports.takes = seed.job_ms.map_or(imports.takes, Duration::from_millis);
        imports.cancel = seed.cancel_jobs.unwrap_or(imports.cancel);
        if seed.forget_jobs {
            self.accounts.iter_mut().for_each(Account::forget_jobs);
        }
        imports.stall = seed.stall_jobs.unwrap_or(imports.stall);
        imports.silent = seed.refuse_silently.unwrap_or_else(|| std::mem::take(&mut imports.silent));
        imports.fail = seed.fail_imports.unwrap_or_else(|| std::mem::take(&mut imports.fail));
        imports.original = match seed.original_payload.as_deref() {
            None => imports.original,
            Some("resource") => OriginalPayload::Resource,
            Some("attributes") => OriginalPayload::Attributes,
            Some("none") => OriginalPayload::Nothing,
            Some(other) => {
                return Err(format!("original_payload is resource, attributes or none, not {other}"));
            }
        };
        Ok(())
    }

    fn owner(&mut self, id: Option<&str>) -> Result<&mut Account, String> {
        let found = self.accounts.iter_mut().find(|account| id.is_none_or(|id| account.id == id));
        found.ok_or_else(|| format!("no such account: {}", id.unwrap_or_default()))
    }

    pub(crate) fn audiences(&mut self, now: Instant) -> BTreeMap<String, Vec<KlaviyoMember>> {
        let lists = self.accounts.iter_mut().flat_map(|account| {
            account.finish_due_jobs(now);
            account.listed()
        });
        lists.collect()
    }
}

fn wrong_revision(revision: &str) -> Option<Answer> {
    // `2026-07-15.pre` is a beta's revision; ISO dates sort as text.
    let date = revision.split('.').next().unwrap_or_default();
    let is_date = date.len() == 10
        && date
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if date.is_empty() {
        return Some(failed(&Problem::invalid("The revision header is required.")));
    }
    if !is_date || date > NEWEST_REVISION {
        return Some(failed(&Problem::invalid(&format!(
            "The revision '{revision}' is not a valid revision."
        ))));
    }
    (date < OLDEST_REVISION).then(errors::gone)
}

/// `10, 10;w=1, 150;w=60`, as recorded.
fn described(windows: &[(u64, u32)]) -> String {
    let each = windows.iter().map(|(seconds, most)| format!("{most};w={seconds}"));
    let first = windows.first().map_or(0, |(_, most)| *most).to_string();
    std::iter::once(first).chain(each).collect::<Vec<_>>().join(", ")
}
