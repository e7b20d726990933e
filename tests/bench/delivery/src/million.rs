//! One destination, from the first message taken to the last receipt.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use segue_segment::Destination;
use segue_state::Status;
use serde::Serialize;

use crate::ledger::{Counts, Kind, total};
use crate::prices::{Cost, Memory, gb_seconds};
use crate::process;
use crate::setting::{Setting, as_float};
use crate::world::{Target, World};

/// What a million is.
const MILLION: f64 = 1e6;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) destination: Destination,
    pub(crate) profiles: u64,
    /// Every profile was accepted, is in the audience, and none besides.
    pub(crate) exact: bool,
    pub(crate) status: Status,
    pub(crate) accepted: u64,
    pub(crate) in_audience: u64,
    pub(crate) dead_letters: u64,
    pub(crate) chunks: u64,
    pub(crate) seconds: f64,
    pub(crate) ideal_seconds: f64,
    pub(crate) ratio: f64,
    /// Requests that the sandbox got, sign-ins and looks included.
    pub(crate) calls: u64,
    /// Those that it answered 429.
    pub(crate) throttled: u64,
    pub(crate) endpoints: BTreeMap<String, BTreeMap<String, u64>>,
    pub(crate) profiles_a_minute: f64,
    pub(crate) invocations: u64,
    pub(crate) cold_starts: u64,
    pub(crate) function_seconds: f64,
    pub(crate) memory_mb: u32,
    pub(crate) gb_seconds: f64,
    /// Of this process while it delivered, the model of AWS included.
    pub(crate) processor_seconds: f64,
    pub(crate) peak_mib: u64,
    /// What the process had before the first message.
    pub(crate) before_mib: u64,
    pub(crate) fan_out_seconds: f64,
    pub(crate) fan_out_memory_mb: u32,
    pub(crate) cost_usd: Cost,
    pub(crate) cost_usd_total: f64,
    pub(crate) cost_usd_a_million: f64,
    /// Requests to AWS while delivering, by kind and by what they were about.
    pub(crate) delivering: BTreeMap<String, u64>,
    /// The same of fan-out.
    pub(crate) staging: BTreeMap<String, u64>,
    #[serde(skip)]
    pub(crate) timeline: String,
}

/// Delivers so many profiles.
pub(crate) async fn measure(setting: Setting, profiles: u64, memory: Memory) -> Result<Measured> {
    let world = World::new(setting).await?;
    let target = Target { name: "bench", audience: setting.audience.to_owned(), secret: setting.secret() };
    world.configure(&target, profiles).await?;
    let fan_out = world.drop(&target, profiles).await?;
    let staging = world.ledger.take();
    let function = world.function();
    process::forget_peak();
    let (before_mib, before_processor) = (process::now_mib(), process::processor_time());
    let ideal = setting.ideal(profiles);
    function.play(&world.queues, ideal * 4 + Duration::from_mins(2), || false).await?;
    let (peak_mib, processor) =
        (process::peak_mib(), process::processor_time().saturating_sub(before_processor));
    let delivering = world.ledger.take();
    let used = function.used();
    let seconds = elapsed(&world, &target, used.first())?;
    let (summary, stats) = (world.summary(&target).await?, world.sandbox.stats(setting.destination).await?);
    let in_audience = world.sandbox.people(setting.destination, setting.audience).await?;
    let (accepted, dead_letters) = (summary.counts.accepted, world.queues.dead());
    let gb = gb_seconds(used.billed, memory.destination);
    let mut all: Counts = staging.clone();
    for (what, count) in &delivering {
        *all.entry(what.clone()).or_default() += count;
    }
    let cost = Cost::of(&all, gb, gb_seconds(fan_out, memory.fan_out));
    Ok(Measured {
        destination: setting.destination,
        profiles,
        exact: accepted == profiles && in_audience == profiles && dead_letters == 0,
        status: summary.status,
        accepted,
        in_audience,
        dead_letters,
        chunks: summary.chunks.into(),
        seconds,
        ideal_seconds: ideal.as_secs_f64(),
        ratio: seconds / ideal.as_secs_f64(),
        calls: stats.requests,
        throttled: stats.throttled,
        endpoints: stats.endpoints,
        profiles_a_minute: as_float(profiles) / seconds * 60.0,
        invocations: used.invocations,
        cold_starts: used.cold_starts,
        function_seconds: used.billed.as_secs_f64(),
        memory_mb: memory.destination,
        gb_seconds: gb,
        processor_seconds: processor.as_secs_f64(),
        peak_mib,
        before_mib,
        fan_out_seconds: fan_out.as_secs_f64(),
        fan_out_memory_mb: memory.fan_out,
        cost_usd: cost,
        cost_usd_total: cost.total(),
        cost_usd_a_million: cost.total() * MILLION / as_float(profiles),
        delivering: named(&delivering),
        staging: named(&staging),
        timeline: world.ledger.timeline(),
    })
}

/// From the first message taken to the last receipt of an export.
pub(crate) fn elapsed(world: &World, target: &Target, first: Option<Instant>) -> Result<f64> {
    let last = world.ledger.last_receipt(target.name).context("no receipt was written")?;
    let first = first.context("no message was taken")?;
    Ok(last.duration_since(first).as_secs_f64())
}

fn named(counts: &Counts) -> BTreeMap<String, u64> {
    let name = |kind: Kind| match kind {
        Kind::S3Get => "s3 get",
        Kind::S3Put => "s3 put",
        Kind::S3Delete => "s3 delete",
        Kind::SqsFifo => "sqs fifo",
        Kind::SqsStandard => "sqs standard",
        Kind::Secrets => "secrets",
        Kind::Lambda => "lambda",
    };
    let mut named: BTreeMap<String, u64> =
        counts.iter().map(|((kind, about), count)| (format!("{} {about}", name(*kind)), *count)).collect();
    for kind in [Kind::S3Get, Kind::S3Put, Kind::SqsFifo, Kind::SqsStandard, Kind::Secrets] {
        named.insert(format!("{}, all", name(kind)), total(counts, kind));
    }
    named
}
