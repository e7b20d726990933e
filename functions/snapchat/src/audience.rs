//! Looking a Snapchat audience up before anybody is sent to it: only customer lists take people.

use bytes::Bytes;
use http::Method;
use segue_delivery::{Answer, Audience, Refusal, Request, Seen, Session, Verdict};
use segue_state::{Export, LookUp};
use serde::Deserialize;

use crate::answer::{refusal, succeeded};
use crate::request::ENDPOINT;

/// What a customer list's `source_type` is (developers.snap.com/api/marketing-api/Ads-API/customer-lists).
pub(crate) const CUSTOMER_LIST: &str = "FIRST_PARTY";
/// The other types that the page names: the vendor's text is not repeated, so these are.
const OTHERS: [(&str, &str); 5] = [
    ("ENGAGEMENT", "of the type ENGAGEMENT"),
    ("PIXEL", "of the type PIXEL"),
    ("MOBILE", "of the type MOBILE"),
    ("FOOT_TRAFFIC_INSIGHTS", "of the type FOOT_TRAFFIC_INSIGHTS"),
    ("LOOKALIKE", "of the type LOOKALIKE"),
];

/// Customer-list segments.
pub(crate) struct Segment;

#[derive(Deserialize)]
struct Envelope {
    request_status: Option<String>,
    #[serde(default)]
    segments: Vec<SubRequest>,
}

#[derive(Deserialize)]
struct SubRequest {
    sub_request_status: Option<String>,
    segment: Option<Found>,
}

#[derive(Deserialize)]
struct Found {
    source_type: Option<String>,
}

impl Audience for Segment {
    fn look_ups(&self, _: &Export) -> Vec<LookUp> {
        vec![LookUp::of("segment")]
    }

    /// `GET /segments/{id}`.
    fn ask(&self, session: &Session, export: &Export, _: &LookUp) -> Request {
        Request {
            endpoint: ENDPOINT,
            method: Method::GET,
            url: format!("{}/segments/{}", session.base, export.audience_id),
            headers: session.headers.clone(),
            body: Bytes::new(),
        }
    }

    fn read(&self, _: &Export, _: &LookUp, answer: &Answer) -> Result<Seen, Verdict> {
        if answer.is_success() { found(answer) } else { Err(refusal(answer)) }
    }
}

fn found(answer: &Answer) -> Result<Seen, Verdict> {
    let Some(envelope) = answer.json::<Envelope>() else { return Err(Verdict::Again { after: None }) };
    let failed = |sub: &SubRequest| !succeeded(sub.sub_request_status.as_deref());
    if !succeeded(envelope.request_status.as_deref()) || envelope.segments.iter().any(failed) {
        return Err(Verdict::Refused(Refusal::UnknownAudience));
    }
    let Some(segment) = envelope.segments.into_iter().find_map(|sub| sub.segment) else {
        return Err(Verdict::Refused(Refusal::UnknownAudience));
    };
    match segment.source_type.as_deref() {
        // Not told: the push will show.
        None | Some(CUSTOMER_LIST) => Ok(Seen::default()),
        Some(other) => {
            let known = OTHERS.iter().find(|(name, _)| *name == other);
            let what = known.map_or("of a type that is not known here", |(_, what)| what);
            Err(Verdict::Refused(Refusal::NoCustomerList(what)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<Seen, Verdict> {
        let export = serde_json::from_str(
            r#"{"id":"e","display_name":"E","connection":"c","audience_id":"567","segments":["s"],"fields":{"email":"e"}}"#,
        )
        .unwrap();
        let answer = Answer { status, retry_after: None, body: body.to_owned().into() };
        Segment.read(&export, &LookUp::of("segment"), &answer)
    }

    fn segment(of: &str) -> String {
        format!(
            r#"{{"request_status":"success","segments":[{{"sub_request_status":"SUCCESS","segment":{{"id":"567"{of}}}}}]}}"#
        )
    }

    #[test]
    fn a_customer_list_can_be_filled() {
        assert_eq!(read(200, &segment(r#","source_type":"FIRST_PARTY""#)), Ok(Seen::default()));
        assert_eq!(read(200, &segment("")), Ok(Seen::default()), "an answer without a type refuses nothing");
    }

    #[test]
    fn any_other_audience_is_refused_with_what_it_is() {
        let refused = |of: &str| match read(200, &segment(of)) {
            Err(Verdict::Refused(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        };
        insta::assert_snapshot!(
            refused(r#","source_type":"PIXEL""#),
            @"the audience of this export is of the type PIXEL, and only a customer list can be filled; give the export the id of a customer list"
        );
        assert!(!refused(r#","source_type":"jane@example.com""#).contains("jane"));
    }

    #[test]
    fn an_audience_that_is_not_there_is_told() {
        let unknown = Err(Verdict::Refused(Refusal::UnknownAudience));
        assert_eq!(read(404, ""), unknown);
        assert_eq!(read(200, r#"{"request_status":"SUCCESS","segments":[]}"#), unknown);
        assert_eq!(
            read(200, r#"{"request_status":"SUCCESS","segments":[{"sub_request_status":"ERROR"}]}"#),
            unknown
        );
        assert_eq!(read(403, "{}"), Err(Verdict::Refused(Refusal::Forbidden)));
        assert_eq!(read(200, "<html>"), Err(Verdict::Again { after: None }));
    }
}
