//! Lists: reading and making them, who is on them, adding and removing by profile id.
use serde_json::{Value, json};

use super::account::{Account, List};
use super::errors::{Problem, document, failed, not_found};
use super::paging::{Page, one_of};
use super::profiles::index_of;
use crate::call::{Answer, Call};
use crate::ids;

/// Profile ids that one request may carry.
const MOST: usize = 1000;

fn no_list(id: &str) -> Answer {
    not_found(&format!("A list with id `{id}` does not exist."))
}

impl List {
    pub(super) fn shown(&self, id: &str, call: &Call) -> Value {
        let base = format!("{}/klaviyo/api/lists/{id}", call.origin);
        let relation = |name: &str| json!({ "links": { "self": format!("{base}/relationships/{name}/"), "related": format!("{base}/{name}/") } });
        let mut list = json!({
            "type": "list",
            "id": id,
            "attributes": {
                "name": self.name,
                "created": "2026-11-01T10:00:00+00:00",
                "updated": "2026-11-01T10:00:00+00:00",
                "opt_in_process": "single_opt_in",
            },
            "relationships": {
                "profiles": relation("profiles"),
                "tags": relation("tags"),
                "flow-triggers": relation("flow-triggers"),
            },
            "links": { "self": format!("{base}/") },
        });
        if call.param("additional-fields[list]").is_some_and(|fields| fields.contains("profile_count")) {
            list["attributes"]["profile_count"] = json!(self.members.len());
        }
        list
    }
}

impl Account {
    pub(super) fn all_lists(&self, call: &Call) -> Answer {
        let page = match Page::of(call, 10, 10) {
            Ok(page) => page,
            Err(problem) => return failed(&problem),
        };
        let filter = call.param("filter");
        let (ids, names) =
            match filter.as_deref().map(|filter| (one_of(filter, "id"), one_of(filter, "name"))) {
                Some((None, None)) => {
                    let detail = format!("Invalid filter provided: {}", filter.unwrap_or_default());
                    return failed(&Problem::invalid(&detail).in_parameter("filter"));
                }
                Some(wanted) => wanted,
                None => (None, None),
            };
        let fits = |id: &String, list: &List| {
            ids.as_ref().is_none_or(|ids| ids.contains(id))
                && names.as_ref().is_none_or(|names| names.contains(&list.name))
        };
        let lists = self.lists.iter().filter(|(id, list)| fits(id, list));
        let (items, links) = page.cut(lists.map(|(id, list)| list.shown(id, call)), call);
        document(200, &json!({ "data": items, "links": links }))
    }

    pub(super) fn list(&self, id: &str, call: &Call) -> Answer {
        let shown = self.lists.get(id).map(|list| document(200, &json!({ "data": list.shown(id, call) })));
        shown.unwrap_or_else(|| no_list(id))
    }

    pub(super) fn create_list(&mut self, call: &Call) -> Answer {
        let name = call.json.as_ref().and_then(|body| body["data"]["attributes"]["name"].as_str());
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return failed(&Problem::invalid("'name' is a required field.").at("/data/attributes/name"));
        };
        let id = ids::opaque(6);
        self.add_list(&id, name);
        let mut answer = self.list(&id, call);
        answer.status = 201;
        answer
    }

    pub(super) fn list_members(&self, id: &str, call: &Call, whole: bool) -> Answer {
        let Some(list) = self.lists.get(id) else { return no_list(id) };
        let indices = match self.filtered(call) {
            Ok(Some(indices)) => indices.into_iter().filter(|index| list.members.contains(index)).collect(),
            Ok(None) => list.members.iter().copied().collect(),
            Err(problem) => return failed(&problem),
        };
        self.profile_page(indices, call, whole)
    }

    pub(super) fn change_members(&mut self, id: &str, call: &Call, add: bool) -> Answer {
        let Some(list) = self.lists.get_mut(id) else { return no_list(id) };
        let Some(data) = call.json.as_ref().and_then(|body| body["data"].as_array()) else {
            return failed(&Problem::invalid("'data' must be an array of profiles.").at("/data"));
        };
        if data.is_empty() || data.len() > MOST {
            return failed(
                &Problem::invalid("Between 1 and 1000 profiles are accepted per call.").at("/data"),
            );
        }
        let known = |profile: &Value| {
            let index = profile["id"].as_str().and_then(index_of).filter(|_| profile["type"] == "profile");
            index.filter(|index| (*index as usize) < self.profiles.len())
        };
        let unknown: Vec<&str> = data
            .iter()
            .filter(|profile| known(profile).is_none())
            .filter_map(|profile| profile["id"].as_str())
            .collect();
        if !unknown.is_empty() {
            let detail = format!("Invalid profile IDs: {}", unknown.join(", "));
            return failed(&Problem::invalid(&detail).at("/data/"));
        }
        let mut repeats = 0;
        for index in data.iter().filter_map(known) {
            let changed = if add { list.members.insert(index) } else { list.members.remove(&index) };
            repeats += usize::from(!changed);
        }
        Answer::empty(204).counting(data.len(), repeats)
    }
}
