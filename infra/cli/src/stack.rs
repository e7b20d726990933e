//! Finding the stack, and in its outputs where everything is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use segue_platform::Aws;
use segue_segment::Destination;

use crate::Failure;

/// The name of a stack that nobody gave another one.
pub const DEFAULT_NAME: &str = "segue";

/// A deployed stack.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its name.
    pub name: String,
    status: String,
    outputs: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
}

impl Stack {
    /// A stack with these outputs, for tests.
    #[must_use]
    pub fn of(name: &str, outputs: &[(&str, &str)]) -> Self {
        let outputs = outputs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self {
            name: name.to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            outputs,
            parameters: BTreeMap::new(),
        }
    }

    /// A stack that is deleted already, of which this is left.
    #[must_use]
    pub fn deleted(name: &str, left: BTreeMap<String, String>) -> Self {
        let status = "DELETE_COMPLETE".to_owned();
        Self { name: name.to_owned(), status, outputs: left, parameters: BTreeMap::new() }
    }

    /// Whether it is deleted, or being deleted.
    #[must_use]
    pub fn is_going(&self) -> bool {
        self.status.starts_with("DELETE_")
    }

    /// Asks CloudFormation.
    ///
    /// # Errors
    /// [`Failure`] if there is no such stack in this region, or CloudFormation can't be asked.
    pub async fn find(aws: &Aws, name: &str) -> Result<Self, Failure> {
        let region = aws.config().region().map(ToString::to_string).ok_or_else(|| {
            Failure::new("no AWS region is set")
                .hint("set AWS_REGION, or give the profile of AWS_PROFILE a region")
        })?;
        let client = aws_sdk_cloudformation::Client::new(aws.config());
        let missing = || {
            Failure::new(format!("there is no stack `{name}` in {region}")).hint(
                "name it with --stack or SEGUE_STACK, its region with AWS_REGION; or deploy it with `sam deploy`",
            )
        };
        let answer = client.describe_stacks().stack_name(name).send().await.map_err(|error| {
            let text = error.message().unwrap_or_default();
            if error.code() == Some("ValidationError") && text.contains("does not exist") {
                return missing();
            }
            Failure::aws(&format!("looking for the stack `{name}` in {region}"), error.code(), &error)
        })?;
        let stack = answer.stacks().first().ok_or_else(missing)?;
        let outputs = stack.outputs().iter();
        let outputs =
            outputs.filter_map(|o| Some((o.output_key()?.to_owned(), o.output_value()?.to_owned())));
        let parameters = stack.parameters().iter();
        let parameters =
            parameters.filter_map(|p| Some((p.parameter_key()?.to_owned(), p.parameter_value()?.to_owned())));
        Ok(Self {
            name: name.to_owned(),
            status: stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            outputs: outputs.collect(),
            parameters: parameters.collect(),
        })
    }

    /// One of its outputs.
    ///
    /// # Errors
    /// [`Failure`] if it does not have it: another release, another program, or a deployment that did not end well.
    pub fn output(&self, name: &str) -> Result<&str, Failure> {
        let found = self.outputs.get(name).map(String::as_str).filter(|value| !value.is_empty());
        found.ok_or_else(|| {
            Failure::new(format!("the stack `{}` ({}) has no output `{name}`", self.name, self.status))
                .hint("is it a stack of Segue's, deployed to its end, and as new as this `segue`?")
        })
    }

    /// One of its outputs, if it has it.
    #[must_use]
    pub fn offered(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The release that it was deployed from; releases before this output's did not say.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.offered("Version")
    }

    /// Where it stands, in CloudFormation's word.
    #[must_use]
    pub fn status(&self) -> &str {
        &self.status
    }

    /// The FIFO queue of a destination.
    ///
    /// # Errors
    /// As [`output`](Self::output).
    pub fn queue(&self, destination: Destination) -> Result<&str, Failure> {
        self.output(match destination {
            Destination::Snapchat => "SnapchatQueueUrl",
            Destination::Mailchimp => "MailchimpQueueUrl",
            Destination::Klaviyo => "KlaviyoQueueUrl",
        })
    }

    /// Whether it refreshes exports by itself.
    #[must_use]
    pub fn refreshes(&self) -> bool {
        self.parameters.get("RefreshEnabled").is_none_or(|enabled| enabled == "true")
    }

    /// The key of one's own that the stack's secrets are encrypted with.
    #[must_use]
    pub fn kms_key(&self) -> Option<String> {
        self.parameters.get("KmsKeyArn").filter(|key| !key.is_empty()).cloned()
    }

    /// A command of ours for this stack, to be copied.
    #[must_use]
    pub fn command(&self, rest: &str) -> String {
        if self.name == DEFAULT_NAME {
            format!("segue {rest}")
        } else {
            format!("segue --stack {} {rest}", self.name)
        }
    }
}

/// A text whose commands are for this stack, however they got into it: who copies one must not end up with another
/// stack.
#[must_use]
pub fn for_stack<'a>(text: &'a str, stack: &str) -> Cow<'a, str> {
    const COMMAND: &str = "`segue ";
    if stack == DEFAULT_NAME || !text.contains(COMMAND) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(COMMAND);
    let mut named = parts.next().unwrap_or_default().to_owned();
    for rest in parts {
        named.push_str(COMMAND);
        if !rest.starts_with("--stack") {
            named.push_str("--stack ");
            named.push_str(stack);
            named.push(' ');
        }
        named.push_str(rest);
    }
    Cow::Owned(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_output_names_stack_and_output() {
        let stack = Stack::of("other", &[("StateBucket", "b"), ("SnapchatQueueUrl", "q")]);
        assert_eq!(stack.output("StateBucket").unwrap(), "b");
        assert_eq!(stack.queue(Destination::Snapchat).unwrap(), "q");
        insta::assert_snapshot!(stack.queue(Destination::Klaviyo).unwrap_err().to_string(), @r"
        error: the stack `other` (CREATE_COMPLETE) has no output `KlaviyoQueueUrl`
        hint: is it a stack of Segue's, deployed to its end, and as new as this `segue`?
        ");
    }

    #[test]
    fn commands_in_a_text_name_the_stack_where_needed() {
        let text = "see `segue run list`, then `segue --stack two run show e r` of Segue";
        assert_eq!(for_stack(text, DEFAULT_NAME), text);
        assert_eq!(
            for_stack(text, "two"),
            "see `segue --stack two run list`, then `segue --stack two run show e r` of Segue"
        );
        assert_eq!(for_stack("no command", "two"), "no command");
    }

    #[test]
    fn commands_to_be_copied_name_the_stack_where_needed() {
        assert_eq!(Stack::of("segue", &[]).command("run list"), "segue run list");
        assert_eq!(Stack::of("two", &[]).command("run list"), "segue --stack two run list");
    }
}
