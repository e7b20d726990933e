//! `segue config schema`: the JSON Schema of the files that `segue apply` takes, out of the types that read them.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::Failure;
use crate::apply::specs::Document;
use crate::output::Screen;

/// The name that files call it by, in the folder that they are in.
pub const NAME: &str = "segue.schema.json";

/// The schema.
#[must_use]
pub fn schema() -> Value {
    // Editors know this draft best.
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Document>().to_value()
}

/// The schema as a file.
///
/// # Errors
/// [`Failure`] if it can't be written as text.
pub fn text() -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(&schema()).map_err(|error| Failure::new(error.to_string()))?;
    Ok(text + "\n")
}

/// Prints it.
///
/// # Errors
/// [`Failure`] if the output can't be written.
pub fn run(screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.json(&schema())?;
    screen.line(text()?.trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_schema_in_the_documentation_is_this_one() {
        let written = include_str!("../../../docs/segue.schema.json");
        assert_eq!(
            written,
            text().unwrap(),
            "write it anew: cargo run -p segue -- config schema > infra/docs/segue.schema.json"
        );
    }

    #[test]
    fn it_refuses_what_is_not_known_and_names_what_is_needed() {
        let schema = schema();
        let export = &schema["definitions"]["Export"];
        assert_eq!(export["additionalProperties"], json!(false));
        assert_eq!(
            export["required"],
            json!(["id", "display_name", "connection", "audience_id", "segments", "fields"])
        );
        assert_eq!(export["properties"]["connection"]["type"], json!(["string", "null"]));
        assert_eq!(export["properties"]["audience_id"]["type"], json!(["string", "integer"]));
        let destinations = &schema["definitions"]["Destination"];
        for name in ["snapchat", "mailchimp", "klaviyo"] {
            assert!(destinations.to_string().contains(name), "{destinations}");
        }
        assert!(schema["definitions"]["Connection"]["properties"].get("api_key").is_none());
    }
}
