//! Partial answers: `fields` and `exclude_fields`, dotted paths through objects and arrays.
use serde_json::{Map, Value};

use crate::call::{Answer, Call};

/// Cuts a successful JSON answer down to what the query asks for.
pub(super) fn projected(mut answer: Answer, call: &Call) -> Answer {
    let (fields, excluded) = (call.param("fields"), call.param("exclude_fields"));
    if answer.status != 200 || (fields.is_none() && excluded.is_none()) {
        return answer;
    }
    let Some(mut body) = Call::parse(&answer.body) else { return answer };
    if let Some(fields) = fields {
        let paths: Vec<Vec<&str>> = fields.split(',').map(|path| path.trim().split('.').collect()).collect();
        let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
        body = kept(body, &paths);
    }
    for path in excluded.iter().flat_map(|paths| paths.split(',')) {
        remove(&mut body, &path.trim().split('.').collect::<Vec<_>>());
    }
    answer.body = body.to_string().into_bytes();
    answer
}

fn kept(value: Value, paths: &[&[&str]]) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| kept(item, paths)).collect()),
        Value::Object(fields) => {
            let mut left = Map::new();
            for (name, value) in fields {
                let below: Vec<&[&str]> =
                    paths.iter().filter(|path| path[0] == name).map(|path| &path[1..]).collect();
                if below.iter().any(|rest| rest.is_empty()) {
                    left.insert(name, value);
                } else if !below.is_empty() {
                    left.insert(name, kept(value, &below));
                }
            }
            Value::Object(left)
        }
        other => other,
    }
}

fn remove(value: &mut Value, path: &[&str]) {
    match (value, path) {
        (Value::Array(items), _) => items.iter_mut().for_each(|item| remove(item, path)),
        (Value::Object(fields), [name]) => drop(fields.remove(*name)),
        (Value::Object(fields), [name, rest @ ..]) => {
            if let Some(below) = fields.get_mut(*name) {
                remove(below, rest);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_through_arrays() {
        let body = json!({ "members": [{ "id": 1, "stats": { "a": 1, "b": 2 } }], "total_items": 1 });
        let left = kept(body.clone(), &[&["members", "stats", "a"], &["total_items"]]);
        assert_eq!(left, json!({ "members": [{ "stats": { "a": 1 } }], "total_items": 1 }));
        let mut rest = body;
        remove(&mut rest, &["members", "stats"]);
        assert_eq!(rest, json!({ "members": [{ "id": 1 }], "total_items": 1 }));
    }
}
