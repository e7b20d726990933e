//! Which call a request is, what scopes it needs, and how often it may be made.
use super::errors::{not_allowed, not_found};
use crate::call::{Answer, Call};

/// Windows of a tier: seconds and how many requests in them.
pub(super) type Windows = &'static [(u64, u32)];

const EXTRA_SMALL: Windows = &[(1, 1), (60, 15)];
const MEDIUM: Windows = &[(1, 10), (60, 150)];
const LARGE: Windows = &[(1, 75), (60, 750)];
const LIST_CREATION: Windows = &[(1, 10), (60, 150), (86_400, 150)];

const JOBS: &str = "profile-bulk-import-jobs";

/// A call of the API.
pub(super) enum Route<'a> {
    Accounts,
    Account(&'a str),
    Lists,
    CreateList,
    List(&'a str),
    /// The whole profiles of a list.
    ListProfiles(&'a str),
    /// Their ids.
    ListMembers(&'a str),
    AddMembers(&'a str),
    RemoveMembers(&'a str),
    Profiles,
    Import,
    Jobs,
    Job(&'a str),
    JobErrors(&'a str),
    JobLists(&'a str),
    JobListIds(&'a str),
    JobProfiles(&'a str),
    JobProfileIds(&'a str),
    Subscribe,
    Unsubscribe,
}

impl<'a> Route<'a> {
    pub(super) fn of(method: &str, path: &[&'a str]) -> Result<Self, Answer> {
        let ["api", path @ ..] = path else { return Err(not_found("Not found.")) };
        Ok(match (method, path) {
            ("GET", ["accounts"]) => Self::Accounts,
            ("GET", ["accounts", id]) => Self::Account(id),
            ("GET", ["lists"]) => Self::Lists,
            ("POST", ["lists"]) => Self::CreateList,
            ("GET", ["lists", id]) => Self::List(id),
            ("GET", ["lists", id, "profiles"]) => Self::ListProfiles(id),
            ("GET", ["lists", id, "relationships", "profiles"]) => Self::ListMembers(id),
            ("POST", ["lists", id, "relationships", "profiles"]) => Self::AddMembers(id),
            ("DELETE", ["lists", id, "relationships", "profiles"]) => Self::RemoveMembers(id),
            ("GET", ["profiles"]) => Self::Profiles,
            ("POST", [JOBS]) => Self::Import,
            ("GET", [JOBS]) => Self::Jobs,
            ("GET", [JOBS, id]) => Self::Job(id),
            ("GET", [JOBS, id, "import-errors"]) => Self::JobErrors(id),
            ("GET", [JOBS, id, "lists"]) => Self::JobLists(id),
            ("GET", [JOBS, id, "relationships", "lists"]) => Self::JobListIds(id),
            ("GET", [JOBS, id, "profiles"]) => Self::JobProfiles(id),
            ("GET", [JOBS, id, "relationships", "profiles"]) => Self::JobProfileIds(id),
            ("POST", ["profile-subscription-bulk-create-jobs"]) => Self::Subscribe,
            ("POST", ["profile-subscription-bulk-delete-jobs"]) => Self::Unsubscribe,
            (_, ["accounts" | "lists" | "profiles" | JOBS, ..]) => return Err(not_allowed(method)),
            _ => return Err(not_found("Not found.")),
        })
    }

    pub(super) fn scopes(&self) -> &'static [&'static str] {
        match self {
            Self::Accounts | Self::Account(_) => &["accounts:read"],
            Self::Lists | Self::List(_) | Self::JobLists(_) | Self::JobListIds(_) => &["lists:read"],
            Self::CreateList => &["lists:write"],
            Self::ListProfiles(_) | Self::ListMembers(_) | Self::Jobs | Self::Job(_) => {
                &["lists:read", "profiles:read"]
            }
            Self::AddMembers(_) | Self::RemoveMembers(_) | Self::Import => &["lists:write", "profiles:write"],
            Self::Profiles | Self::JobErrors(_) | Self::JobProfiles(_) | Self::JobProfileIds(_) => {
                &["profiles:read"]
            }
            Self::Subscribe | Self::Unsubscribe => &["lists:write", "profiles:write", "subscriptions:write"],
        }
    }

    /// The endpoint, each of which has a budget of its own, and that budget.
    pub(super) fn limits(&self, call: &Call) -> (&'static str, Windows) {
        let counted =
            || call.param("additional-fields[list]").is_some_and(|fields| fields.contains("profile_count"));
        match self {
            Self::Accounts => ("accounts", EXTRA_SMALL),
            Self::Account(_) => ("account", EXTRA_SMALL),
            Self::Lists => ("lists", LARGE),
            Self::CreateList => ("create-list", LIST_CREATION),
            Self::List(_) if counted() => ("list-with-profile-count", EXTRA_SMALL),
            Self::List(_) => ("list", LARGE),
            Self::ListProfiles(_) => ("list-profiles", LARGE),
            Self::ListMembers(_) => ("list-members", LARGE),
            Self::AddMembers(_) => ("add-members", MEDIUM),
            Self::RemoveMembers(_) => ("remove-members", MEDIUM),
            Self::Profiles => ("profiles", LARGE),
            Self::Import => ("import", MEDIUM),
            Self::Jobs => ("jobs", MEDIUM),
            Self::Job(_) => ("job", MEDIUM),
            Self::JobErrors(_) => ("job-errors", MEDIUM),
            Self::JobLists(_) => ("job-lists", MEDIUM),
            Self::JobListIds(_) => ("job-list-ids", MEDIUM),
            Self::JobProfiles(_) => ("job-profiles", MEDIUM),
            Self::JobProfileIds(_) => ("job-profile-ids", MEDIUM),
            Self::Subscribe => ("subscribe", LARGE),
            Self::Unsubscribe => ("unsubscribe", LARGE),
        }
    }
}
