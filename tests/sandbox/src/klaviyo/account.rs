//! An account: its key and scopes, its lists, profiles, jobs, and what it has spent of its rate limits.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::Imports;
use super::errors::{document, not_found};
use super::jobs::Job;
use super::profiles::Profile;
use super::route::Route;
use crate::audiences::KlaviyoMember;
use crate::call::{Answer, Call};
use crate::limits::Window;
use crate::seed::KlaviyoAccount;

/// A list: its name and the positions of the profiles on it.
pub(super) struct List {
    pub(super) name: String,
    pub(super) members: BTreeSet<u32>,
}

/// An account.
pub(super) struct Account {
    pub(super) id: String,
    pub(super) key: String,
    name: String,
    scopes: Option<Vec<String>>,
    pub(super) windows: HashMap<&'static str, Vec<Window>>,
    pub(super) lists: BTreeMap<String, List>,
    pub(super) profiles: Vec<Profile>,
    /// Profiles by identifier: an address, or another identifier behind its name.
    pub(super) by_identifier: HashMap<Box<str>, u32>,
    pub(super) jobs: BTreeMap<String, Job>,
}

impl Account {
    pub(super) fn new(account: KlaviyoAccount) -> Self {
        Self {
            id: account.account_id,
            key: account.private_key,
            name: account.name,
            scopes: account.scopes,
            windows: HashMap::new(),
            lists: BTreeMap::new(),
            profiles: Vec::new(),
            by_identifier: HashMap::new(),
            jobs: BTreeMap::new(),
        }
    }

    /// Gives a known account another key, name or scopes.
    pub(super) fn change(&mut self, account: KlaviyoAccount) {
        self.key = account.private_key;
        self.name = account.name;
        self.scopes = account.scopes;
    }

    pub(super) fn may(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|known| known == scope))
    }

    pub(super) fn answer(&mut self, route: &Route<'_>, call: &Call, imports: &mut Imports) -> Answer {
        match route {
            Route::Accounts => {
                let links = json!({ "self": format!("{}/klaviyo/api/accounts", call.origin) });
                document(200, &json!({ "data": [self.shown(call)], "links": links }))
            }
            Route::Account(id) if *id == self.id => document(200, &json!({ "data": self.shown(call) })),
            Route::Account(id) => not_found(&format!("An account with id `{id}` does not exist.")),
            Route::Lists => self.all_lists(call),
            Route::CreateList => self.create_list(call),
            Route::List(id) => self.list(id, call),
            Route::ListProfiles(id) => self.list_members(id, call, true),
            Route::ListMembers(id) => self.list_members(id, call, false),
            Route::AddMembers(id) => self.change_members(id, call, true),
            Route::RemoveMembers(id) => self.change_members(id, call, false),
            Route::Profiles => self.all_profiles(call),
            Route::Import => self.import(call, imports),
            Route::Jobs => self.all_jobs(call),
            Route::Job(id) => self.job(id, call),
            Route::JobErrors(id) => self.job_errors(id, call, imports),
            Route::JobLists(id) => self.job_lists(id, call, true),
            Route::JobListIds(id) => self.job_lists(id, call, false),
            Route::JobProfiles(id) => self.job_profiles(id, call, true),
            Route::JobProfileIds(id) => self.job_profiles(id, call, false),
            Route::Subscribe => self.subscribe(call),
            Route::Unsubscribe => self.unsubscribe(call),
        }
    }

    fn shown(&self, call: &Call) -> Value {
        json!({
            "type": "account",
            "id": self.id,
            "attributes": {
                "test_account": true,
                "contact_information": {
                    "default_sender_name": self.name,
                    "default_sender_email": "sandbox@example.com",
                    "website_url": "https://example.com",
                    "organization_name": self.name,
                    "street_address": {
                        "address1": "1 Loopback Lane", "address2": "", "city": "Nowhere",
                        "region": "MA", "country": "United States", "zip": "02110",
                    },
                },
                "industry": "Software / SaaS",
                "timezone": "US/Eastern",
                "preferred_currency": "USD",
                "public_api_key": self.id,
                "locale": "en-US",
            },
            "links": { "self": format!("{}/klaviyo/api/accounts/{}/", call.origin, self.id) },
        })
    }

    pub(super) fn add_list(&mut self, id: &str, name: &str) {
        self.lists.entry(id.into()).or_insert_with(|| List { name: name.into(), members: BTreeSet::new() });
    }

    /// Puts a profile in as a seed says.
    pub(super) fn put_in(
        &mut self,
        email: &str,
        first_name: Option<&str>,
        last_name: Option<&str>,
        lists: &[String],
    ) -> Result<(), String> {
        let mut attributes = Map::new();
        attributes.insert("email".into(), email.into());
        attributes.insert("first_name".into(), first_name.into());
        attributes.insert("last_name".into(), last_name.into());
        let (index, _) = self.upsert(&attributes);
        for id in lists {
            let list = self.lists.get_mut(id).ok_or_else(|| format!("no such list: {id}"))?;
            list.members.insert(index);
        }
        Ok(())
    }

    /// Who is on which list, sorted.
    pub(super) fn listed(&self) -> BTreeMap<String, Vec<KlaviyoMember>> {
        let member = |index: &u32| {
            let profile = &self.profiles[*index as usize];
            let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
            KlaviyoMember {
                email: text(&profile.email).unwrap_or_default(),
                first_name: text(&profile.first_name),
                last_name: text(&profile.last_name),
            }
        };
        let lists = self.lists.iter().map(|(id, list)| {
            let mut members: Vec<KlaviyoMember> = list.members.iter().map(member).collect();
            members.sort_unstable();
            (id.clone(), members)
        });
        lists.collect()
    }
}
