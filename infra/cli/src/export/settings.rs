//! The options that say what an export is, the same for adding, changing and copying one.

use clap::builder::PossibleValuesParser;
use segue_state::{Export, Source};
use serde_json::{Map, Value, json};

use crate::Failure;

/// Fields that may be left out of an export, as a file names them: `--unset` takes these.
const OPTIONAL: [&str; 22] = [
    "fields.first_name",
    "fields.last_name",
    "source",
    "source.format",
    "source.delimiter",
    "source.encoding",
    "source.header",
    "source.max_ratio",
    "source.max_bytes",
    "new_contacts",
    "existing_contacts",
    "people_who_left",
    "tags",
    "triggers",
    "limits",
    "limits.profiles",
    "limits.min_profiles",
    "limits.invalid_share",
    "limits.change_share",
    "limits.warn_change_share",
    "limits.columns",
    "limits.deadline_minutes",
];

/// What an export is. What no option says stays as it is, or is as by default.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "What the export is")]
pub struct Settings {
    /// Its name for people.
    #[arg(long, value_name = "NAME")]
    pub display_name: Option<String>,
    /// The audience: Snapchat's segment id, Mailchimp's audience id, Klaviyo's list id. `segue audience list` shows
    /// them.
    #[arg(long, value_name = "ID")]
    pub audience: Option<String>,
    /// A segment whose profiles it sends. Give it again for more; those that it has are replaced.
    #[arg(long = "segment", value_name = "SEGMENT")]
    pub segments: Vec<String>,
    /// The column with the e-mail address.
    #[arg(long, value_name = "COLUMN")]
    pub email: Option<String>,
    /// The column with the first name. Not for Snapchat.
    #[arg(long, value_name = "COLUMN")]
    pub first_name: Option<String>,
    /// The column with the last name. Not for Snapchat.
    #[arg(long, value_name = "COLUMN")]
    pub last_name: Option<String>,
    /// Mailchimp, needed there: the status of people who are new to the audience.
    #[arg(long, value_name = "STATUS", value_parser = ["subscribed", "pending", "transactional", "unsubscribed"])]
    pub new_contacts: Option<String>,
    /// Mailchimp: whether names and tags of people who are there are brought up to date.
    #[arg(long, value_name = "CHOICE", value_parser = ["keep", "update"])]
    pub existing_contacts: Option<String>,
    /// Mailchimp: what happens to people who left the audience.
    #[arg(long, value_name = "CHOICE", value_parser = ["hold-back", "may-come-back"])]
    pub people_who_left: Option<String>,
    /// Mailchimp: a tag for the contacts. Give it again for more; those that it has are replaced.
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// Whether a drop of one of its segments starts it.
    #[arg(long, value_name = "BOOL")]
    pub on_upload: Option<bool>,
    /// Whether the stack's general refresh starts it. A schedule of its own is `segue export schedule`.
    #[arg(long, value_name = "BOOL")]
    pub on_refresh: Option<bool>,
    /// What the files' rows are written in; found out if not said.
    #[arg(long, value_name = "FORMAT", value_parser = ["delimited", "ndjson", "json", "parquet"])]
    pub format: Option<String>,
    /// What separates the fields of delimited text: one character, or `tab`; found out if not said.
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<String>,
    /// The encoding of text without a byte order mark.
    #[arg(long, value_name = "LABEL")]
    pub encoding: Option<String>,
    /// Whether delimited text starts with a header. Without one, columns are called 1, 2, and so on.
    #[arg(long, value_name = "BOOL")]
    pub header: Option<bool>,
    /// Most bytes that one byte of a compressed file may unpack to.
    #[arg(long, value_name = "NUMBER")]
    pub max_ratio: Option<u32>,
    /// Most bytes that a compressed file may unpack to.
    #[arg(long, value_name = "BYTES")]
    pub max_bytes: Option<u64>,
    /// The most profiles of one run; by destination if not said.
    #[arg(long, value_name = "NUMBER")]
    pub max_profiles: Option<u64>,
    /// The least profiles that a run must have to be sent.
    #[arg(long, value_name = "NUMBER")]
    pub min_profiles: Option<u64>,
    /// The most invalid rows, as a share of all rows from 0 to 1.
    #[arg(long, value_name = "SHARE")]
    pub invalid_share: Option<f64>,
    /// Most that the profiles may differ from the last completed run, as a share of that.
    #[arg(long, value_name = "SHARE")]
    pub change_share: Option<f64>,
    /// The same, for a warning.
    #[arg(long, value_name = "SHARE")]
    pub warn_change_share: Option<f64>,
    /// A column that each file must have, besides the mapped ones. Give it again for more; those that it has are
    /// replaced.
    #[arg(long = "column", value_name = "COLUMN")]
    pub columns: Vec<String>,
    /// How long after sealing a run may still be delivering.
    #[arg(long, value_name = "MINUTES")]
    pub deadline_minutes: Option<u32>,
}

/// Fields that are to be as by default.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Unset {
    /// A field to be as if nobody had said anything, as a file names it, such as `limits.profiles`. Give it again for
    /// more.
    #[arg(long, value_name = "FIELD", value_parser = PossibleValuesParser::new(OPTIONAL), hide_possible_values = true)]
    pub unset: Vec<String>,
}

impl Settings {
    /// Whether no option says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields().is_empty()
    }

    /// What the options say: the field as a file names it, and its value.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        let mut said: Vec<(&'static str, Value)> = Vec::new();
        let texts = [
            ("display_name", &self.display_name),
            ("audience_id", &self.audience),
            ("fields.email", &self.email),
            ("fields.first_name", &self.first_name),
            ("fields.last_name", &self.last_name),
            ("new_contacts", &self.new_contacts),
            ("existing_contacts", &self.existing_contacts),
            ("source.format", &self.format),
            ("source.delimiter", &self.delimiter),
            ("source.encoding", &self.encoding),
        ];
        said.extend(texts.into_iter().filter_map(|(field, text)| Some((field, json!(text.as_ref()?)))));
        let left = self.people_who_left.as_ref().map(|choice| choice.replace('-', "_"));
        said.extend(left.map(|choice| ("people_who_left", json!(choice))));
        let lists = [("segments", &self.segments), ("tags", &self.tags), ("limits.columns", &self.columns)];
        said.extend(
            lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(field, list)| (field, json!(list))),
        );
        let others = [
            ("triggers.upload", self.on_upload.map(Value::from)),
            ("triggers.schedule", self.on_refresh.map(Value::from)),
            ("source.header", self.header.map(Value::from)),
            ("source.max_ratio", self.max_ratio.map(Value::from)),
            ("source.max_bytes", self.max_bytes.map(Value::from)),
            ("limits.profiles", self.max_profiles.map(Value::from)),
            ("limits.min_profiles", self.min_profiles.map(Value::from)),
            ("limits.invalid_share", self.invalid_share.map(Value::from)),
            ("limits.change_share", self.change_share.map(Value::from)),
            ("limits.warn_change_share", self.warn_change_share.map(Value::from)),
            ("limits.deadline_minutes", self.deadline_minutes.map(Value::from)),
        ];
        said.extend(others.into_iter().filter_map(|(field, value)| Some((field, value?))));
        said
    }

    /// How files are to be read, as far as options say so.
    ///
    /// # Errors
    /// [`Failure`] of wrong use for a value that no export can have.
    pub fn source(&self) -> Result<Source, Failure> {
        let mut whole = Value::Object(Map::new());
        for (field, value) in self.fields() {
            if let Some(field) = field.strip_prefix("source.") {
                set(&mut whole, field, value);
            }
        }
        serde_json::from_value(whole).map_err(|error| Failure::usage(error.to_string()))
    }

    /// An export with what the options say, and without the fields that are unset.
    ///
    /// # Errors
    /// [`Failure`] of wrong use for a value that no export can have.
    pub fn put_on(&self, export: &Export, unset: &[String]) -> Result<Export, Failure> {
        let mut whole = serde_json::to_value(export).map_err(|error| Failure::new(error.to_string()))?;
        for field in unset {
            take(&mut whole, field);
        }
        for (field, value) in self.fields() {
            set(&mut whole, field, value);
        }
        serde_json::from_value(whole).map_err(|error| Failure::usage(error.to_string()))
    }
}

fn set(whole: &mut Value, field: &str, value: Value) {
    match field.split_once('.') {
        Some((group, field)) => {
            let Some(whole) = whole.as_object_mut() else { return };
            set(whole.entry(group).or_insert_with(|| Value::Object(Map::new())), field, value);
        }
        None => whole[field] = value,
    }
}

fn take(whole: &mut Value, field: &str) {
    let (group, field) = field.split_once('.').map_or((None, field), |(group, field)| (Some(group), field));
    let fields = match group {
        Some(group) => whole.get_mut(group).and_then(Value::as_object_mut),
        None => whole.as_object_mut(),
    };
    // What a group's last field leaves behind is as by default, too.
    if let Some(fields) = fields {
        fields.remove(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export() -> Export {
        serde_json::from_value(json!({
            "id": "e", "display_name": "E", "connection": "c", "audience_id": "a", "segments": ["vip"],
            "fields": {"email": "email"},
        }))
        .unwrap()
    }

    #[test]
    fn options_change_what_they_name_and_nothing_else() {
        let settings = Settings {
            segments: vec!["a".into(), "b".into()],
            first_name: Some("first".into()),
            people_who_left: Some("may-come-back".into()),
            on_refresh: Some(false),
            max_profiles: Some(5),
            invalid_share: Some(0.5),
            header: Some(false),
            ..Settings::default()
        };
        let now = settings.put_on(&export(), &[]).unwrap();
        assert_eq!(
            serde_json::to_value(&now).unwrap(),
            json!({
                "id": "e", "display_name": "E", "connection": "c", "audience_id": "a", "segments": ["a", "b"],
                "fields": {"email": "email", "first_name": "first"}, "people_who_left": "may_come_back",
                "source": {"header": false}, "triggers": {"upload": true, "schedule": false},
                "limits": {"profiles": 5, "invalid_share": 0.5, "deadline_minutes": 1440}, "enabled": true,
            })
        );
        let all: Vec<String> = OPTIONAL.iter().map(|field| (*field).to_owned()).collect();
        let back = Settings::default().put_on(&now, &all).unwrap();
        assert_eq!(back, Export { segments: vec!["a".into(), "b".into()], ..export() });
        assert!(Settings::default().is_empty() && !settings.is_empty());
    }
}
