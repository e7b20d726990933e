//! What fan-out is invoked with: an upload, a request, or something that is none of ours.

use jiff::{Timestamp, Unit};
use segue_state::{RunId, Source, TriggerKind};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Most bytes of an AWS identity, as STS tells it.
const LONGEST_IDENTITY: usize = 512;

/// An understood event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Objects were put into a bucket.
    Uploads(Vec<Upload>),
    /// Somebody or something asks for work.
    Request(Request),
}

/// An object that was put into a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// Its entity tag, with quotes.
    pub etag: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Equal for events delivered twice, new for another put of the same key.
    pub sequencer: String,
    /// When it was put.
    pub at: Timestamp,
}

/// Asked-for work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The stack's schedule: run every export with the schedule trigger.
    Refresh {
        /// When it was due. EventBridge Scheduler puts it in place of `<aws.scheduler.scheduled-time>`; where that is
        /// not done, it is now, to the minute.
        #[serde(deserialize_with = "scheduled_time")]
        scheduled_time: Timestamp,
    },
    /// Look after the runs that are not finished.
    Resume {
        /// How long nothing has to have happened, in seconds; an hour if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stuck_after_seconds: Option<u32>,
    },
    /// Stage one run again.
    Restage {
        /// The export.
        export: String,
        /// The run.
        run: RunId,
    },
    /// Run exports over the latest drops of their segments.
    Run {
        /// The exports; all that are enabled if not given.
        #[serde(default)]
        exports: Option<Vec<String>>,
        /// What makes it the same request as another one.
        id: String,
        /// The AWS identity of the operator.
        #[serde(default)]
        requested_by: Option<String>,
        /// When it was asked for, or due.
        #[serde(deserialize_with = "scheduled_time")]
        requested_at: Timestamp,
        /// On demand, or by schedule.
        trigger: TriggerKind,
        /// Only this one of their segments.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        segment: Option<String>,
        /// Only this drop, by its key, instead of the latest ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drop: Option<String>,
    },
    /// Tell which segments have a drop.
    Segments,
    /// Tell which columns the latest drop of a segment has.
    Columns {
        /// The segment.
        segment: String,
        /// How its files are read, where that is not found out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<Source>,
    },
    /// Tell what a run of these exports would do now, and do nothing.
    Preview {
        /// The exports.
        exports: Vec<String>,
        /// Only this one of their segments.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        segment: Option<String>,
        /// Only this drop, by its key, instead of the latest ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drop: Option<String>,
    },
}

impl Request {
    /// Runs keep what is said of who asked, and why: no request was an upload, and no identity is a text of any length.
    fn believable(self) -> Result<Self, InvocationError> {
        let wrong = |problem: &str| Err(InvocationError::Malformed(problem.to_owned()));
        if let Self::Run { trigger, requested_by, .. } = &self {
            if *trigger == TriggerKind::Upload {
                return wrong("`trigger` is `on_demand` or `schedule`: uploads come from the bucket");
            }
            let identity = |by: &String| by.len() <= LONGEST_IDENTITY && !by.contains(char::is_control);
            if !requested_by.as_ref().is_none_or(identity) {
                return wrong("`requested_by` is no AWS identity, which is a line of at most 512 bytes");
            }
        }
        Ok(self)
    }
}

/// An event that was not understood.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// It has no shape that is known.
    #[error("the event is neither an S3 event nor a request of Segue's")]
    Unknown,
    /// A field of it is missing or wrong.
    #[error("the event is malformed: {0}")]
    Malformed(String),
}

impl Invocation {
    /// Understands an event.
    ///
    /// # Errors
    /// See [`InvocationError`].
    pub fn parse(event: &Value) -> Result<Self, InvocationError> {
        if event.get("request").is_some() {
            let request: Result<Request, _> = serde_json::from_value(event.clone());
            let request = request.map_err(|error| InvocationError::Malformed(error.to_string()))?;
            return request.believable().map(Self::Request);
        }
        if event["source"] == "aws.s3" && event["detail-type"] == "Object Created" {
            return Ok(Self::Uploads(vec![from_event_bridge(event)?]));
        }
        match event["Records"].as_array() {
            Some(records) if records.iter().all(|record| record["eventSource"] == "aws:s3") => {
                records.iter().map(from_notification).collect::<Result<_, _>>().map(Self::Uploads)
            }
            // S3 sends this once when a notification is set up.
            None if event["Event"] == "s3:TestEvent" => Ok(Self::Uploads(Vec::new())),
            _ => Err(InvocationError::Unknown),
        }
    }
}

fn scheduled_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "<aws.scheduler.scheduled-time>" {
        return Timestamp::now().round(Unit::Minute).map_err(D::Error::custom);
    }
    text.parse().map_err(D::Error::custom)
}

fn from_event_bridge(event: &Value) -> Result<Upload, InvocationError> {
    let object = &event["detail"]["object"];
    Ok(Upload {
        bucket: text(&event["detail"]["bucket"]["name"], "detail.bucket.name")?,
        key: text(&object["key"], "detail.object.key")?,
        etag: object["etag"].as_str().map(quoted),
        size: object["size"].as_u64().unwrap_or_default(),
        sequencer: sequencer(object, "etag"),
        at: time(&event["time"], "time")?,
    })
}

/// The classic notification. Its keys are URL-encoded, with `+` for a space (S3's user guide, "event message
/// structure").
fn from_notification(record: &Value) -> Result<Upload, InvocationError> {
    let object = &record["s3"]["object"];
    let key = text(&object["key"], "Records[].s3.object.key")?;
    let key = url::form_urlencoded::parse(key.as_bytes()).map(|(key, _)| key.into_owned()).next();
    Ok(Upload {
        bucket: text(&record["s3"]["bucket"]["name"], "Records[].s3.bucket.name")?,
        key: key.ok_or_else(|| InvocationError::Malformed("Records[].s3.object.key is empty".to_owned()))?,
        etag: object["eTag"].as_str().map(quoted),
        size: object["size"].as_u64().unwrap_or_default(),
        sequencer: sequencer(object, "eTag"),
        at: time(&record["eventTime"], "Records[].eventTime")?,
    })
}

/// A store that has no sequencer has at least an entity tag: the same content put twice counts as one drop there.
fn sequencer(object: &Value, etag: &str) -> String {
    let tag = || object[etag].as_str().map(|tag| tag.trim_matches('"').to_owned());
    object["sequencer"].as_str().map(str::to_owned).or_else(tag).unwrap_or_default()
}

fn quoted(etag: &str) -> String {
    format!("\"{}\"", etag.trim_matches('"'))
}

fn text(value: &Value, field: &str) -> Result<String, InvocationError> {
    value.as_str().map(str::to_owned).ok_or_else(|| InvocationError::Malformed(format!("{field} is missing")))
}

fn time(value: &Value, field: &str) -> Result<Timestamp, InvocationError> {
    let text = text(value, field)?;
    text.parse().map_err(|_| InvocationError::Malformed(format!("{field} is no time")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event_bridge() -> Value {
        json!({
            "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created",
            "source": "aws.s3", "account": "111122223333", "time": "2026-11-22T16:35:12Z", "region": "eu-west-1",
            "detail": {
                "bucket": {"name": "drops"}, "reason": "PutObject",
                "object": {"key": "segments/vip/a b+c%41.csv", "size": 5, "etag": "b1946", "sequencer": "0062"},
            },
        })
    }

    fn uploads(event: &Value) -> Vec<Upload> {
        match Invocation::parse(event).unwrap() {
            Invocation::Uploads(uploads) => uploads,
            Invocation::Request(_) => panic!("no upload"),
        }
    }

    #[test]
    fn both_shapes_of_an_s3_event_give_the_same_upload() {
        let classic = json!({"Records": [{
            "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "2026-11-22T16:35:12.000Z",
            "s3": {"bucket": {"name": "drops"}, "object": {
                "key": "segments/vip/a+b%2Bc%2541.csv", "size": 5, "eTag": "b1946", "sequencer": "0062"}},
        }]});
        assert_eq!(uploads(&classic), uploads(&event_bridge()));
        assert_eq!(uploads(&classic)[0].key, "segments/vip/a b+c%41.csv");
        assert_eq!(uploads(&classic)[0].etag.as_deref(), Some("\"b1946\""));
    }

    #[test]
    fn requests_are_read_and_their_unknown_fields_refused() {
        let refresh = json!({"request": "refresh", "scheduled_time": "2026-11-22T16:00:00Z"});
        assert!(matches!(Invocation::parse(&refresh).unwrap(), Invocation::Request(Request::Refresh { .. })));
        let literal = json!({"request": "refresh", "scheduled_time": "<aws.scheduler.scheduled-time>"});
        assert!(Invocation::parse(&literal).is_ok());
        assert!(Invocation::parse(&json!({"request": "refresh", "scheduled_time": "soon"})).is_err());
        let run = json!({"request": "run", "id": "1", "requested_at": "2026-11-22T16:00:00Z",
                         "trigger": "on_demand", "export": ["vip"]});
        assert!(Invocation::parse(&run).unwrap_err().to_string().contains("export"));
    }

    #[test]
    fn no_request_passes_for_an_upload_or_puts_a_text_of_any_length_into_records() {
        for (field, value) in [
            ("trigger", json!("upload")),
            ("requested_by", json!("x".repeat(513))),
            ("requested_by", json!("arn:\u{1b}[2J")),
        ] {
            let mut run = json!({"request": "run", "id": "1", "requested_at": "2026-11-22T16:00:00Z",
                                 "trigger": "on_demand", "requested_by": "arn:aws:iam::1:user/op"});
            assert!(Invocation::parse(&run).is_ok());
            run[field] = value;
            let problem = Invocation::parse(&run).unwrap_err().to_string();
            assert!(problem.contains(&format!("`{field}` is")), "{problem}");
        }
    }

    #[test]
    fn anything_else_is_an_error() {
        for event in [json!({}), json!([]), json!({"Records": [{"eventSource": "aws:sqs"}]}), json!("x")] {
            assert!(matches!(Invocation::parse(&event), Err(InvocationError::Unknown)), "{event}");
        }
        let mut broken = event_bridge();
        broken["detail"]["object"]["key"] = Value::Null;
        assert!(Invocation::parse(&broken).unwrap_err().to_string().contains("detail.object.key"));
    }
}
