//! Who is asking, what they may do, and whether their clock is right.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::{BoxError, ProvideErrorMetadata};
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use segue_platform::s3::Bucket;
use segue_platform::{Objects, StoreError};

use super::finding::Finding;
use crate::{App, Failure};

/// AWS refuses signatures that are five minutes old; long before that, tokens and times in records are off.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Looks at it.
pub(super) async fn look(app: &App) -> Vec<Finding> {
    let mut found = identity(app).await;
    let state = may_list(app.state.objects(), "config/", "the state bucket").await;
    found.push(state);
    found.push(match (app.stack.output("SegmentBucket"), app.stack.output("SegmentPrefix")) {
        (Ok(bucket), Ok(prefix)) => {
            let bucket = Bucket::new(app.aws.s3(), bucket.to_owned());
            match may_list(&bucket, prefix, "the segment bucket").await {
                // Upstream's people belong to upstream: operators need not see them.
                Finding { found, to_do: Some(_), .. } => Finding::note("rights", found),
                fine => fine,
            }
        }
        (Err(failure), _) | (_, Err(failure)) => Finding::failed("rights", &failure),
    });
    found
}

/// Who asks, by STS, whose answer also tells the time.
async fn identity(app: &App) -> Vec<Finding> {
    let clock = Clock::default();
    let config = aws_sdk_sts::config::Builder::from(app.aws.config()).interceptor(clock.clone()).build();
    let answer = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await;
    let mut found = vec![match answer {
        Ok(answer) => Finding::fine("identity", answer.arn().unwrap_or("STS does not say").to_owned()),
        Err(error) => {
            let failure = Failure::aws("asking STS who you are", error.code(), &error);
            Finding::failed("identity", &failure)
        }
    }];
    found.extend(clock.ahead().map(told));
    found
}

/// What it means that this machine's clock is so far ahead.
fn told(ahead: SignedDuration) -> Finding {
    let seconds = ahead.as_secs().abs();
    if ahead.abs() <= SKEW {
        return Finding::fine("clock", format!("within {} s of AWS's", seconds + 1));
    }
    let word = if ahead.is_negative() { "behind" } else { "ahead of" };
    Finding::problem(
        "clock",
        format!("this machine's clock is {seconds} s {word} AWS's"),
        "set it by NTP: requests with a wrong time are refused",
    )
}

async fn may_list(objects: &dyn Objects, prefix: &str, what: &str) -> Finding {
    match objects.folders(prefix).await {
        Ok(_) => Finding::fine("rights", format!("you may list {what}")),
        Err(StoreError::Denied { .. }) => Finding::problem(
            "rights",
            format!("AWS denies you to list {what}"),
            "have the stack's policies for your role attached to your AWS identity: see the outputs \
             AdministratorsPolicyArn, AdministratorsRunsPolicyArn and ContributorsPolicyArn",
        ),
        Err(error) => Finding::failed("rights", &error.into()),
    }
}

/// Notes how far this machine's clock is ahead of the one that answers.
#[derive(Debug, Clone, Default)]
struct Clock(Arc<Mutex<Option<SignedDuration>>>);

impl Clock {
    fn ahead(&self) -> Option<SignedDuration> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let said = context.response().headers().get("date");
        let said = said.and_then(|text| DateTimeParser::new().parse_timestamp(text).ok());
        if let Some(said) = said {
            let ahead = Timestamp::now().duration_since(said);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_wrong_clock_is_told_in_both_directions() {
        assert_eq!(told(SignedDuration::from_secs(-20)).level, Level::Ok);
        assert!(told(SignedDuration::from_secs(300)).found.contains("300 s ahead of"));
        assert!(told(SignedDuration::from_secs(-300)).found.contains("300 s behind"));
        let said = DateTimeParser::new().parse_timestamp("Sun, 22 Nov 2026 16:35:12 GMT").unwrap();
        assert_eq!(said.to_string(), "2026-11-22T16:35:12Z");
    }

    #[tokio::test]
    async fn what_may_be_listed_is_fine() {
        let bucket = segue_platform::memory::MemoryBucket::default();
        assert_eq!(may_list(&bucket, "config/", "it").await, Finding::fine("rights", "you may list it"));
    }
}
