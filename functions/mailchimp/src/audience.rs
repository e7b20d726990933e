//! Looking a Mailchimp audience up before anybody is sent to it: that it is there, what it requires of a contact, and
//! who has left it.

use bytes::Bytes;
use http::Method;
use segue_delivery::{Answer, Audience, Fingerprint, Refusal, Request, Seen, Session, Verdict};
use segue_segment::{Profile, Reason};
use segue_state::{Export, LookUp, NewContacts, PeopleWhoLeft};
use serde::Deserialize;

use crate::request::ENDPOINT;
use crate::{answer, person};

const AUDIENCE: &str = "audience";
const FIELDS: &str = "merge-fields";
/// The statuses of people who left, which are Mailchimp's words, and the reason that their rows get.
const LEFT: [(&str, Reason); 3] =
    [("archived", Reason::Archived), ("cleaned", Reason::Cleaned), ("unsubscribed", Reason::Unsubscribed)];
/// The largest page.
const PAGE: u64 = 1_000;

/// Audiences, which the API calls lists.
pub(crate) struct List;

#[derive(Deserialize)]
struct MergeFields {
    merge_fields: Vec<MergeField>,
}

#[derive(Deserialize)]
struct MergeField {
    tag: String,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<Member>,
    total_items: u64,
}

#[derive(Deserialize)]
struct Member {
    id: Option<String>,
    email_address: Option<String>,
}

impl Member {
    /// The MD5 of the address in lower case. Members of very old audiences may have an id that is made of the address
    /// as it was written, so the id counts only where there is no address.
    fn fingerprint(&self) -> Option<Fingerprint> {
        let address = self.email_address.as_deref().map(str::trim).filter(|address| address.contains('@'));
        let of_address = address.map(|address| person::of(&address.to_lowercase()));
        of_address.or_else(|| person::from_hex(self.id.as_deref()?))
    }
}

impl Audience for List {
    fn look_ups(&self, export: &Export) -> Vec<LookUp> {
        // Whoever adds people as unsubscribed finds them unsubscribed the next time.
        let expected = export.new_contacts == Some(NewContacts::Unsubscribed);
        let left = LEFT.iter().filter(|(_, reason)| !(expected && *reason == Reason::Unsubscribed));
        let left = left.filter(|_| export.people_who_left() == PeopleWhoLeft::HoldBack);
        // They are asked from the last one on.
        left.map(|(status, _)| *status).chain([FIELDS, AUDIENCE]).map(LookUp::of).collect()
    }

    fn ask(&self, session: &Session, export: &Export, look_up: &LookUp) -> Request {
        let list = format!("{}/lists/{}", session.base, export.audience_id);
        let url = match look_up.what.as_str() {
            AUDIENCE => format!("{list}?fields=id"),
            FIELDS => {
                format!("{list}/merge-fields?fields=merge_fields.tag,merge_fields.required&count={PAGE}")
            }
            status => format!(
                "{list}/members?status={status}&fields=members.id,members.email_address,total_items&count={PAGE}&offset={}",
                look_up.offset
            ),
        };
        let headers = session.headers.clone();
        Request { endpoint: ENDPOINT, method: Method::GET, url, headers, body: Bytes::new() }
    }

    fn read(&self, export: &Export, look_up: &LookUp, answer: &Answer) -> Result<Seen, Verdict> {
        if !answer.is_success() {
            return Err(answer::refusal(answer));
        }
        let seen = match look_up.what.as_str() {
            AUDIENCE => answer.json::<serde_json::Value>().map(|_| Seen::default()),
            FIELDS => answer.json::<MergeFields>().map(|fields| required(export, &fields)).transpose()?,
            status => answer.json::<Members>().and_then(|members| people(look_up, status, &members)),
        };
        seen.ok_or(Verdict::Again { after: None })
    }

    fn fingerprint(&self, profile: &Profile<'_>) -> Option<Fingerprint> {
        person::fingerprint(profile)
    }
}

/// Without a field that the audience requires Mailchimp refuses every contact.
fn required(export: &Export, fields: &MergeFields) -> Result<Seen, Verdict> {
    let sent = |tag: &str| match tag {
        "FNAME" => export.fields.first_name.is_some(),
        "LNAME" => export.fields.last_name.is_some(),
        _ => false,
    };
    let Some(missing) = fields.merge_fields.iter().find(|field| field.required && !sent(&field.tag)) else {
        return Ok(Seen::default());
    };
    // A tag has ten letters, digits and underscores at the most; anything else is not repeated.
    let plain =
        missing.tag.len() <= 10 && missing.tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let tag = if plain { missing.tag.clone() } else { "with an odd tag".to_owned() };
    Err(Verdict::Refused(Refusal::RequiredField(tag)))
}

/// A page of people who left; the first one says which others there are. `None` if it can't be understood.
fn people(look_up: &LookUp, status: &str, members: &Members) -> Option<Seen> {
    let reason = LEFT.iter().find(|(known, _)| *known == status)?.1;
    let held_back =
        members.members.iter().map(|member| Some((member.fingerprint()?, reason))).collect::<Option<_>>()?;
    let page = |offset| LookUp { what: look_up.what.clone(), offset };
    let next = match look_up.offset {
        0 => (PAGE..members.total_items).step_by(usize::try_from(PAGE).ok()?).map(page).collect(),
        _ => Vec::new(),
    };
    Some(Seen { held_back, total: Some((members.total_items, reason)), next })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn export(more: &Value) -> Export {
        let mut export = json!({
            "id": "e", "display_name": "E", "connection": "c", "audience_id": "a1", "segments": ["s"],
            "fields": {"email": "e", "first_name": "f"}, "new_contacts": "subscribed",
        });
        export.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(export).unwrap()
    }

    fn read(what: &str, offset: u64, body: &Value) -> Result<Seen, Verdict> {
        let look_up = LookUp { what: what.into(), offset };
        let answer = Answer { status: 200, retry_after: None, body: body.to_string().into() };
        List.read(&export(&json!({})), &look_up, &answer)
    }

    fn questions(more: &Value) -> Vec<String> {
        List.look_ups(&export(more)).into_iter().map(|look_up| look_up.what).collect()
    }

    #[test]
    fn who_left_is_asked_for_unless_they_may_come_back() {
        assert_eq!(
            questions(&json!({})),
            ["archived", "cleaned", "unsubscribed", "merge-fields", "audience"]
        );
        assert_eq!(questions(&json!({"people_who_left": "may_come_back"})), ["merge-fields", "audience"]);
        let kept_out = json!({"new_contacts": "unsubscribed"});
        assert_eq!(questions(&kept_out), ["archived", "cleaned", "merge-fields", "audience"]);
    }

    #[test]
    fn the_first_page_names_the_others() {
        let id = "62eeb292278cc15f5817cb78f7790b08";
        let body = json!({"members": [{"id": id}], "total_items": 2_001});
        let seen = read("archived", 0, &body).unwrap();
        assert_eq!(seen.held_back, [(person::from_hex(id).unwrap(), Reason::Archived)]);
        assert_eq!(seen.next.iter().map(|page| page.offset).collect::<Vec<_>>(), [1_000, 2_000]);
        assert_eq!(seen.total, Some((2_001, Reason::Archived)));
        assert!(read("archived", 1_000, &body).unwrap().next.is_empty());
    }

    #[test]
    fn a_member_is_known_by_the_address_whatever_the_id_was_made_of() {
        let old = json!({"id": "00000000000000000000000000000000", "email_address": "Urist.McVankab@freddiesjokes.com"});
        let seen = read("archived", 0, &json!({"members": [old], "total_items": 1})).unwrap();
        let known = person::from_hex("62eeb292278cc15f5817cb78f7790b08").unwrap();
        assert_eq!(seen.held_back, [(known, Reason::Archived)]);
    }

    #[test]
    fn an_answer_that_can_not_be_understood_lets_nobody_through() {
        let odd = json!({"members": [{"id": "jane@example.com"}], "total_items": 1});
        assert_eq!(read("cleaned", 0, &odd), Err(Verdict::Again { after: None }));
        assert_eq!(read("cleaned", 0, &json!({})), Err(Verdict::Again { after: None }));
        assert_eq!(read(FIELDS, 0, &json!([])), Err(Verdict::Again { after: None }));
    }

    #[test]
    fn a_required_field_that_is_not_sent_is_named() {
        let fields = |tag: &str| json!({"merge_fields": [{"tag": "FNAME", "required": true}, {"tag": tag, "required": true}]});
        let refused = |tag: &str| match read(FIELDS, 0, &fields(tag)) {
            Err(Verdict::Refused(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        };
        insta::assert_snapshot!(
            refused("BIRTHDAY"),
            @"the audience requires the field BIRTHDAY, which this export does not send; make it optional in the audience's settings"
        );
        assert!(refused("LNAME").contains("LNAME"), "it is not mapped");
        assert!(!refused("jane@x.y").contains("jane"));
        let optional = json!({"merge_fields": [{"tag": "PHONE", "required": false}, {"tag": "FNAME", "required": true}]});
        assert_eq!(read(FIELDS, 0, &optional), Ok(Seen::default()));
    }
}
