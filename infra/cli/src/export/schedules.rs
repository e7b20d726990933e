//! The schedules of exports' own: in EventBridge Scheduler, named as the exports, in a group of the stack for each role.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::error::ProvideErrorMetadata;
use aws_sdk_scheduler::types::{
    FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, Target,
};
use futures::future::try_join_all;
use segue_state::Role;
use serde_json::json;

use super::standing::{Own, Standing};
use super::timing::Timing;
use crate::stack::Stack;
use crate::{App, Failure};

/// Schedules that are asked for at once.
const AT_ONCE: usize = 8;
/// How long a run that could not be asked for is asked for again.
const PATIENCE_SECONDS: i32 = 3_600;
const ATTEMPTS: i32 = 10;

/// Keeps the schedules.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// The schedule of an export; `None` if it has none of its own.
    ///
    /// # Errors
    /// [`Failure`] if it can't be asked for.
    async fn get(&self, export: &str) -> Result<Option<Own>, Failure>;

    /// All of them, by export.
    ///
    /// # Errors
    /// [`Failure`] if they can't be asked for.
    async fn all(&self) -> Result<BTreeMap<String, Own>, Failure>;

    /// Their names, whoever wrote them.
    ///
    /// # Errors
    /// [`Failure`] if they can't be asked for.
    async fn every_name(&self) -> Result<BTreeSet<String>, Failure>;

    /// Gives an export a schedule, or another one. `role` is who may change the export.
    ///
    /// # Errors
    /// [`Failure`] if it is not taken.
    async fn put(&self, role: Role, export: &str, timing: &Timing) -> Result<(), Failure>;

    /// Takes an export's schedule away; it is no error if there is none.
    ///
    /// # Errors
    /// [`Failure`] if it stays.
    async fn remove(&self, export: &str) -> Result<(), Failure>;
}

/// EventBridge Scheduler.
pub struct EventBridge<'a> {
    client: Client,
    stack: &'a Stack,
    region: String,
}

impl<'a> EventBridge<'a> {
    /// Of the stack that a command works with.
    #[must_use]
    pub fn new(app: &'a App) -> Self {
        let region = app.aws.config().region().map(ToString::to_string).unwrap_or_default();
        Self { client: Client::new(app.aws.config()), stack: &app.stack, region }
    }

    /// `None` for a stack of a release that had no such group: then no export has a schedule of its own.
    fn group(&self, role: Role) -> Option<&str> {
        self.stack.output(group(role)).ok()
    }

    async fn get_in(&self, role: Role, export: &str) -> Result<Option<Standing>, Failure> {
        let Some(group) = self.group(role) else { return Ok(None) };
        let found = match self.client.get_schedule().group_name(group).name(export).send().await {
            Ok(found) => found,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(failed("reading", export, &error)),
        };
        let enabled = found.state() != Some(&ScheduleState::Disabled);
        let zone = found.schedule_expression_timezone().unwrap_or("UTC");
        let expression = found.schedule_expression().unwrap_or_default();
        Ok(Some(Standing::of(expression, zone, enabled)))
    }

    async fn remove_in(&self, role: Role, export: &str) -> Result<(), Failure> {
        let Some(group) = self.group(role) else { return Ok(()) };
        // Who may not remove it is told so only if there is one, whoever wrote it.
        match self.client.get_schedule().group_name(group).name(export).send().await {
            Ok(_) => {}
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(failed("reading", export, &error)),
        }
        match self.client.delete_schedule().group_name(group).name(export).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(failed("removing", export, &error)),
        }
    }

    async fn names(&self, role: Role) -> Result<Vec<String>, Failure> {
        let Some(group) = self.group(role) else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        let mut pages = self.client.list_schedules().group_name(group).into_paginator().items().send();
        while let Some(found) = pages.next().await {
            let found = found
                .map_err(|error| Failure::aws("listing the schedules of the stack", error.code(), &error))?;
            names.extend(found.name().map(str::to_owned));
        }
        Ok(names)
    }

    fn target(&self, role: Role, export: &str) -> Result<Target, Failure> {
        let invoker = self.stack.output(match role {
            Role::Administrators => "AdministratorsSchedulerRoleArn",
            Role::Contributors => "ContributorsSchedulerRoleArn",
        })?;
        let function = function_arn(self.stack.output("FanOutFunction")?, &self.region, invoker, role);
        let retries = RetryPolicy::builder()
            .maximum_event_age_in_seconds(PATIENCE_SECONDS)
            .maximum_retry_attempts(ATTEMPTS)
            .build();
        let target = Target::builder()
            .arn(function)
            .role_arn(invoker)
            .input(request(export))
            .retry_policy(retries)
            .build();
        target.map_err(|error| Failure::new(error.to_string()))
    }
}

/// The stack's output with the group that holds the schedules of a role's exports.
const fn group(role: Role) -> &'static str {
    match role {
        Role::Administrators => "ScheduleGroup",
        Role::Contributors => "ContributorsScheduleGroup",
    }
}

pub(crate) const fn other(role: Role) -> Role {
    match role {
        Role::Administrators => Role::Contributors,
        Role::Contributors => Role::Administrators,
    }
}

/// What fan-out is asked to do when a schedule is due. EventBridge Scheduler fills the time in.
fn request(export: &str) -> String {
    let at = "<aws.scheduler.scheduled-time>";
    json!({
        "request": "run", "exports": [export], "id": format!("schedule/{at}"), "requested_at": at,
        "trigger": "schedule",
    })
    .to_string()
}

/// fan-out's address, or that of the alias that contributors may use: in the account of the role that invokes it.
fn function_arn(name: &str, region: &str, invoker: &str, role: Role) -> String {
    let mut parts = invoker.split(':');
    let partition = parts.nth(1).unwrap_or("aws");
    let account = parts.nth(2).unwrap_or_default();
    let alias = match role {
        Role::Administrators => "",
        Role::Contributors => ":contributors",
    };
    format!("arn:{partition}:lambda:{region}:{account}:function:{name}{alias}")
}

fn failed(
    action: &str,
    export: &str,
    error: &(impl ProvideErrorMetadata + std::error::Error + 'static),
) -> Failure {
    let action = format!("{action} the schedule of `{export}`");
    match error.message() {
        // Which of the fields is wrong is in the message only.
        Some(message) if error.code() == Some("ValidationException") => {
            Failure::new(format!("{action} failed: {message}"))
        }
        _ => Failure::aws(&action, error.code(), error),
    }
}

fn is_missing(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ResourceNotFoundException")
}

#[async_trait]
impl Schedules for EventBridge<'_> {
    async fn get(&self, export: &str) -> Result<Option<Own>, Failure> {
        let mut found = Vec::new();
        for role in Role::ALL {
            found.extend(self.get_in(role, export).await?.map(|standing| (role, standing)));
        }
        Ok(Own::of(found))
    }

    async fn all(&self) -> Result<BTreeMap<String, Own>, Failure> {
        let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for role in Role::ALL {
            for names in self.names(role).await?.chunks(AT_ONCE) {
                let found = try_join_all(names.iter().map(|name| self.get_in(role, name))).await?;
                for (name, standing) in names.iter().zip(found) {
                    all.entry(name.clone()).or_default().extend(standing.map(|standing| (role, standing)));
                }
            }
        }
        Ok(all.into_iter().filter_map(|(export, found)| Some((export, Own::of(found)?))).collect())
    }

    async fn every_name(&self) -> Result<BTreeSet<String>, Failure> {
        let mut all = BTreeSet::new();
        for role in Role::ALL {
            all.extend(self.names(role).await?);
        }
        Ok(all)
    }

    async fn put(&self, role: Role, export: &str, timing: &Timing) -> Result<(), Failure> {
        let group = self.stack.output(group(role))?;
        let target = self.target(role, export)?;
        let exact = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
        let exact = exact.map_err(|error| Failure::new(error.to_string()))?;
        let timing = timing.normal();
        let state = if timing.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled };
        let changed = self.client.update_schedule().group_name(group).name(export);
        let changed = changed.schedule_expression(timing.expression()).state(state.clone());
        let changed = changed.schedule_expression_timezone(&timing.time_zone);
        match changed.flexible_time_window(exact.clone()).target(target.clone()).send().await {
            Ok(_) => return self.remove_in(other(role), export).await,
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(failed("changing", export, &error)),
        }
        let made = self.client.create_schedule().group_name(group).name(export);
        let made = made.schedule_expression(timing.expression()).state(state);
        let made = made.schedule_expression_timezone(&timing.time_zone);
        let made = made.flexible_time_window(exact).target(target).send().await;
        made.map_err(|error| failed("making", export, &error))?;
        // An export that moved to another role leaves its schedule behind.
        self.remove_in(other(role), export).await
    }

    async fn remove(&self, export: &str) -> Result<(), Failure> {
        for role in Role::ALL {
            self.remove_in(role, export).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Schedules in memory, by the group that they are in.
    #[derive(Default)]
    pub(crate) struct MemorySchedules(Mutex<BTreeMap<(String, Role), Standing>>, Mutex<Option<String>>);

    impl MemorySchedules {
        /// As somebody writes one by other means.
        pub(crate) fn write(&self, role: Role, export: &str, standing: Standing) {
            self.0.lock().unwrap().insert((export.to_owned(), role), standing);
        }

        /// From now on the scheduler fails for this export.
        pub(crate) fn fail_for(&self, export: Option<&str>) {
            *self.1.lock().unwrap() = export.map(str::to_owned);
        }

        fn works_for(&self, export: &str) -> Result<(), Failure> {
            let fails = self.1.lock().unwrap().as_deref() == Some(export);
            if fails { Err(Failure::new(format!("the schedule of `{export}` can't be had"))) } else { Ok(()) }
        }

        /// Takes one out of a group.
        pub(crate) fn take(&self, role: Role, export: &str) {
            self.0.lock().unwrap().remove(&(export.to_owned(), role));
        }
    }

    #[async_trait]
    impl Schedules for MemorySchedules {
        async fn get(&self, export: &str) -> Result<Option<Own>, Failure> {
            Ok(self.all().await?.remove(export))
        }

        async fn all(&self) -> Result<BTreeMap<String, Own>, Failure> {
            let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
            for ((export, role), standing) in &*self.0.lock().unwrap() {
                all.entry(export.clone()).or_default().push((*role, standing.clone()));
            }
            Ok(all.into_iter().filter_map(|(export, found)| Some((export, Own::of(found)?))).collect())
        }

        async fn every_name(&self) -> Result<BTreeSet<String>, Failure> {
            Ok(self.0.lock().unwrap().keys().map(|(export, _)| export.clone()).collect())
        }

        async fn put(&self, role: Role, export: &str, timing: &Timing) -> Result<(), Failure> {
            self.works_for(export)?;
            self.write(role, export, Standing::Known(timing.normal()));
            self.take(other(role), export);
            Ok(())
        }

        async fn remove(&self, export: &str) -> Result<(), Failure> {
            self.works_for(export)?;
            for role in Role::ALL {
                self.take(role, export);
            }
            Ok(())
        }
    }

    #[test]
    fn a_contributors_schedule_reaches_the_alias_only() {
        let role = "arn:aws-cn:iam::111122223333:role/segue-Scheduler";
        assert_eq!(
            function_arn("fan", "cn-north-1", role, Role::Contributors),
            "arn:aws-cn:lambda:cn-north-1:111122223333:function:fan:contributors"
        );
        assert!(function_arn("fan", "r", role, Role::Administrators).ends_with(":function:fan"));
    }

    #[test]
    fn fan_out_understands_what_a_schedule_asks_for() {
        use fan_out::invocation::{Invocation, Request};
        let asked = request("vip").replace("<aws.scheduler.scheduled-time>", "2026-11-22T16:00:00Z");
        let asked = Invocation::parse(&serde_json::from_str(&asked).unwrap()).unwrap();
        let Invocation::Request(Request::Run { exports, id, trigger, .. }) = asked else { panic!() };
        assert_eq!(exports.unwrap(), ["vip"]);
        assert_eq!((id.as_str(), trigger.name()), ("schedule/2026-11-22T16:00:00Z", "schedule"));
        // A scheduler that fills nothing in is understood as well.
        assert!(Invocation::parse(&serde_json::from_str(&request("vip")).unwrap()).is_ok());
    }
}
