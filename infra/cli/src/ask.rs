//! Asking the stack's functions, and handing work to fan-out.
//!
//! An administrator may invoke the functions themselves, a contributor only their alias `contributors`. A command does
//! not know who runs it: it tries the function, and where IAM denies that, the alias.

use fan_out::offers::Offer;
use segue_platform::invoke::{Invoke, InvokeError};
use segue_segment::Destination;
use segue_state::Role;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{App, Failure};

/// The alias that contributors may invoke.
const CONTRIBUTORS: &str = "contributors";

/// Asks fan-out, and waits for its answer.
///
/// # Errors
/// [`Failure`] if neither the function nor its alias may be invoked, if it failed, or if it refuses to answer.
pub async fn fan_out(app: &App, request: &Value) -> Result<Value, Failure> {
    ask(&*app.invoke, app.stack.output("FanOutFunction")?, request).await
}

/// Asks a destination's function, and waits for its answer.
///
/// # Errors
/// As [`fan_out`].
pub async fn destination(app: &App, destination: Destination, request: &Value) -> Result<Value, Failure> {
    let output = match destination {
        Destination::Snapchat => "SnapchatFunction",
        Destination::Mailchimp => "MailchimpFunction",
        Destination::Klaviyo => "KlaviyoFunction",
    };
    ask(&*app.invoke, app.stack.output(output)?, request).await
}

/// Hands a request to fan-out, and does not wait for it.
///
/// # Errors
/// [`Failure`] if neither the function nor its alias may be invoked, or Lambda does not take it.
pub async fn start(invoke: &dyn Invoke, function: &str, request: &Value) -> Result<(), Failure> {
    match invoke.start(function, request.to_string()).await {
        Err(InvokeError::Denied { .. }) => {
            let again = invoke.start(&alias(function), request.to_string()).await;
            again.map_err(|error| failure(function, error))
        }
        other => other.map_err(|error| failure(function, error)),
    }
}

/// Who runs this command, by what IAM lets them invoke.
///
/// # Errors
/// [`Failure`] if they may invoke neither fan-out nor its alias, or Lambda can't be asked.
pub async fn role(app: &App) -> Result<Role, Failure> {
    role_at(&*app.invoke, app.stack.output("FanOutFunction")?).await
}

/// The segments that have a drop, as fan-out tells them.
///
/// # Errors
/// As [`fan_out`]; also if the answer is not understood.
pub async fn segments(app: &App) -> Result<Vec<Offer>, Failure> {
    let answer = fan_out(app, &json!({"request": "segments"})).await?;
    Ok(understood::<Segments>(answer, "segments")?.segments)
}

#[derive(Deserialize)]
struct Segments {
    segments: Vec<Offer>,
}

/// A function's answer to a question, as what it should be.
///
/// # Errors
/// [`Failure`] if it is something else.
pub fn understood<T: for<'de> Deserialize<'de>>(answer: Value, question: &str) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| {
        Failure::new(format!("the answer to `{question}` was not understood: {error}"))
            .hint("is the stack as new as this `segue`?")
    })
}

async fn role_at(invoke: &dyn Invoke, function: &str) -> Result<Role, Failure> {
    if invoke.may(function).await? {
        return Ok(Role::Administrators);
    }
    if invoke.may(&alias(function)).await? {
        return Ok(Role::Contributors);
    }
    Err(failure(function, InvokeError::Denied { function: function.to_owned() }))
}

async fn ask(invoke: &dyn Invoke, function: &str, request: &Value) -> Result<Value, Failure> {
    let answer = match invoke.ask(function, request.to_string()).await {
        Err(InvokeError::Denied { .. }) => invoke.ask(&alias(function), request.to_string()).await,
        other => other,
    };
    let answer = answer.map_err(|error| failure(function, error))?;
    // The functions' answer to what they may not, or can't, answer.
    match answer.get("refused").and_then(Value::as_str) {
        Some(why) => Err(Failure::new(why)),
        None => Ok(answer),
    }
}

fn alias(function: &str) -> String {
    format!("{function}:{CONTRIBUTORS}")
}

fn failure(function: &str, error: InvokeError) -> Failure {
    match error {
        InvokeError::Denied { .. } => {
            Failure::new(format!("AWS denies you to invoke {function}, and its alias `{CONTRIBUTORS}` too")).hint(
                "your AWS identity needs the stack's policies for its role: see its outputs AdministratorsPolicyArn, \
                 AdministratorsRunsPolicyArn and ContributorsPolicyArn",
            )
        }
        InvokeError::Failed { .. } | InvokeError::Broke { .. } => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use segue_platform::memory::MemoryInvoke;

    use super::*;

    #[tokio::test]
    async fn an_administrator_asks_the_function_itself() {
        let invoke = MemoryInvoke::default();
        invoke.answer(json!({"segments": []}));
        let answer = ask(&invoke, "fan", &json!({"request": "segments"})).await;
        assert_eq!(answer, Ok(json!({"segments": []})));
        assert_eq!(invoke.asked(), [("fan".to_owned(), json!({"request": "segments"}))]);
    }

    #[tokio::test]
    async fn where_that_is_denied_the_alias_is_asked() {
        let invoke = MemoryInvoke::default();
        invoke.deny("fan");
        invoke.answer(json!([1]));
        assert_eq!(ask(&invoke, "fan", &json!({"request": "x"})).await, Ok(json!([1])));
        assert_eq!(invoke.asked()[0].0, "fan:contributors");
        start(&invoke, "fan", &json!({"request": "y"})).await.unwrap();
        assert_eq!(invoke.take(), [r#"{"request":"y"}"#]);
        assert_eq!(role_at(&invoke, "fan").await, Ok(Role::Contributors));
        assert_eq!(role_at(&MemoryInvoke::default(), "fan").await, Ok(Role::Administrators));
    }

    #[tokio::test]
    async fn who_may_neither_is_told_which_policies_there_are() {
        let invoke = MemoryInvoke::default();
        invoke.deny("fan");
        invoke.deny("fan:contributors");
        let denied = ask(&invoke, "fan", &json!({})).await.unwrap_err();
        insta::assert_snapshot!(denied.to_string(), @r"
        error: AWS denies you to invoke fan, and its alias `contributors` too
        hint: your AWS identity needs the stack's policies for its role: see its outputs AdministratorsPolicyArn, AdministratorsRunsPolicyArn and ContributorsPolicyArn
        ");
        assert_eq!(start(&invoke, "fan", &json!({})).await.unwrap_err(), denied);
        assert_eq!(role_at(&invoke, "fan").await.unwrap_err(), denied);
    }

    #[tokio::test]
    async fn a_refusal_is_a_failure_and_so_is_a_function_that_fails() {
        let invoke = MemoryInvoke::default();
        invoke.answer(json!({"refused": "contributors may not do this"}));
        let refused = ask(&invoke, "fan", &json!({})).await.unwrap_err();
        assert_eq!(refused.to_string(), "error: contributors may not do this\n");
        let broken = ask(&invoke, "fan", &json!({})).await.unwrap_err();
        assert_eq!(broken.to_string(), "error: the function fan failed: no answer was put in\n");
    }
}
