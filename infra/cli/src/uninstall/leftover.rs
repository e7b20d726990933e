//! What is left of a stack that is gone: its state bucket, where taking it away broke off before its end.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{ResourceStatus, StackStatus};
use segue_platform::Aws;

use crate::stack::Stack;
use crate::{App, Failure};

/// Buckets that CloudFormation leaves where they are, by their names in the template, which are those of the outputs too.
const LEFT: [&str; 2] = ["StateBucket", "SegmentBucket"];

/// The stack of this name that was deleted last, if there is none now and its state bucket is still there.
///
/// # Errors
/// [`Failure`] if AWS can't be asked.
pub(super) async fn of(name: &str) -> Result<Option<App>, Failure> {
    let aws = Aws::load().await;
    let client = Client::new(aws.config());
    if exists(&client, name).await? {
        return Ok(None);
    }
    let Some(id) = deleted(&client, name).await? else { return Ok(None) };
    let left = skipped(&client, &id).await?;
    let Some(bucket) = left.get(LEFT[0]) else { return Ok(None) };
    match aws.s3().head_bucket().bucket(bucket).send().await {
        Ok(_) => App::of(aws, Stack::deleted(name, left)).map(Some),
        // Nothing is left.
        Err(_) => Ok(None),
    }
}

async fn exists(client: &Client, name: &str) -> Result<bool, Failure> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ValidationError") => Ok(false),
        Err(error) => Err(Failure::aws(&format!("looking for the stack `{name}`"), error.code(), &error)),
    }
}

/// The id of the stack of this name that was deleted last. CloudFormation knows it for 90 days.
async fn deleted(client: &Client, name: &str) -> Result<Option<String>, Failure> {
    let listed = client.list_stacks().stack_status_filter(StackStatus::DeleteComplete);
    let mut pages = listed.into_paginator().send();
    let mut found = None;
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|error| Failure::aws("listing the stacks that are deleted", error.code(), &error))?;
        for stack in page.stack_summaries().iter().filter(|stack| stack.stack_name() == Some(name)) {
            let at = stack.deletion_time().copied();
            if found.as_ref().is_none_or(|(last, _)| *last < at) {
                found = Some((at, stack.stack_id().unwrap_or_default().to_owned()));
            }
        }
    }
    Ok(found.map(|(_, id)| id))
}

/// What deleting a stack left where it was.
async fn skipped(client: &Client, id: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut pages = client.describe_stack_events().stack_name(id).into_paginator().send();
    let mut left = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|error| Failure::aws("reading what became of the stack", error.code(), &error))?;
        for event in page.stack_events() {
            let (Some(logical), Some(physical)) = (event.logical_resource_id(), event.physical_resource_id())
            else {
                continue;
            };
            if event.resource_status() == Some(&ResourceStatus::DeleteSkipped) && LEFT.contains(&logical) {
                left.insert(logical.to_owned(), physical.to_owned());
            }
        }
    }
    Ok(left)
}
