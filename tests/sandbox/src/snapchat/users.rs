//! Adding users to a segment and taking them out: only hashed e-mail addresses, and only a count in return.
use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Snapchat, refused, success};
use crate::call::{Answer, Call};

/// Identifiers that one request may carry.
const MOST: usize = 100_000;

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// What is to be done with the users.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    Remove,
}

impl Snapchat {
    pub(super) fn change_users(&mut self, caller: usize, id: &str, call: &Call, change: Change) -> Answer {
        let undercount = self.undercount;
        self.with_segment(caller, id, |segment| {
            if segment.source_type != "FIRST_PARTY" {
                return refused(400, "E1001", "users can only be changed on FIRST_PARTY segments");
            }
            let sent = match identifiers(call.json.as_ref()) {
                Ok(sent) => sent,
                Err(debug) => return refused(400, "E1001", &debug),
            };
            let rows = sent.len();
            // `number_uploaded_users` counts each identifier once, however often the request holds it.
            let mut seen = HashSet::with_capacity(rows);
            let mut distinct: Vec<Hash> = sent.into_iter().filter(|hash| seen.insert(*hash)).collect();
            if change == Change::Add {
                distinct.truncate(distinct.len().saturating_sub(undercount));
            }
            let mut repeats = rows - seen.len();
            let taken = distinct.len();
            segment.uploaded = true;
            for hash in distinct {
                let changed = match change {
                    Change::Add => segment.hashes.insert(hash),
                    Change::Remove => segment.hashes.remove(&hash),
                };
                repeats += usize::from(!changed);
            }
            let user = json!({ "sub_request_status": "SUCCESS", "user": { "number_uploaded_users": taken } });
            success("SUCCESS", "users", &[user]).counting(rows, repeats)
        })
    }
}

/// Reads the one form of body that is documented.
fn identifiers(body: Option<&Value>) -> Result<Vec<Hash>, String> {
    let body = body.and_then(Value::as_object).ok_or("the body is not a JSON object")?;
    let users = body.get("users").and_then(Value::as_array).ok_or("users is missing")?;
    let [user] = users.as_slice() else { return Err("users must hold one object".into()) };
    let user = user.as_object().ok_or("users must hold one object")?;
    if let Some(field) = user.keys().find(|field| !["schema", "data", "id"].contains(&field.as_str())) {
        return Err(format!("unknown field {field}"));
    }
    if user.get("schema") != Some(&json!(["EMAIL_SHA256"])) {
        return Err("the sandbox's customer list takes the schema [\"EMAIL_SHA256\"] only".into());
    }
    let rows = user.get("data").and_then(Value::as_array).ok_or("data is missing")?;
    if rows.is_empty() || rows.len() > MOST {
        return Err(format!("between 1 and {MOST} identifiers a request, not {}", rows.len()));
    }
    let one = |row: &Value| match row.as_array().map(Vec::as_slice) {
        Some([Value::String(hash)]) => decode(hash),
        _ => None,
    };
    let decoded = rows.iter().enumerate().map(|(index, row)| one(row).ok_or(index));
    decoded.collect::<Result<_, _>>().map_err(|index| format!("data[{index}] is not one lower-case SHA-256"))
}

/// 64 lower-case hex digits, nothing else.
pub(super) fn decode(hex: &str) -> Option<Hash> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes: &[u8; 64] = hex.as_bytes().try_into().ok()?;
    let mut hash = [0; 32];
    for (out, pair) in hash.iter_mut().zip(bytes.chunks_exact(2)) {
        *out = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

pub(super) fn encode(hash: &Hash) -> String {
    // A million of these are shown at once, in a debug build too: hence one formatting for the whole.
    let (head, tail) = hash.split_at(16);
    let number = |half: &[u8]| half.try_into().map(u128::from_be_bytes).unwrap_or_default();
    format!("{:032x}{:032x}", number(head), number(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_survive_the_way_there_and_back() {
        let hex = "86e0b9e56c17cc4d12387e1949b85053fbe73bc3ce5a1188713a9d300cc6133d";
        assert_eq!(encode(&decode(hex).unwrap()), hex);
        assert!(decode(&hex.to_uppercase()).is_none());
        assert!(decode(&hex[1..]).is_none());
    }
}
