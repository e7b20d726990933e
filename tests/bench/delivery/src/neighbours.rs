//! Two accounts of one destination, one of them throttled hard: how much longer the other one takes than alone.
//!
//! Both are measured in turns, and the medians compared, since whatever else the machine does counts too.

use std::time::Duration;

use anyhow::Result;
use segue_segment::Destination;
use serde::Serialize;
use serde_json::json;

use crate::million::elapsed;
use crate::setting::Setting;
use crate::world::{Target, World};

/// How often each is measured; odd, so that there is a median.
const ROUNDS: usize = 3;
/// What the throttled account is told with each 429.
const RETRY_AFTER: u64 = 1;
const PATIENCE: Duration = Duration::from_mins(3);
/// The audience of the account that is throttled.
const THROTTLED: &str = "5600000000000429";

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Neighbours {
    pub(crate) destination: Destination,
    pub(crate) profiles: u64,
    pub(crate) alone_seconds: f64,
    pub(crate) beside_seconds: f64,
    pub(crate) ratio: f64,
    pub(crate) all_alone_seconds: Vec<f64>,
    pub(crate) all_beside_seconds: Vec<f64>,
    /// 429s that the throttled account got meanwhile, in all rounds.
    pub(crate) throttled: u64,
    /// Both times every profile of the healthy account was accepted and is in its audience, and none of the other's.
    pub(crate) exact: bool,
}

/// Delivers to a Snapchat account alone, then beside another one that gets nothing but 429s.
pub(crate) async fn measure(profiles: u64) -> Result<Neighbours> {
    let setting = Setting::of(Destination::Snapchat);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let (mut throttled, mut exact) = (0, true);
    for _ in 0..ROUNDS {
        for (times, with_another) in [(&mut alone, false), (&mut beside, true)] {
            let delivered = deliver(setting, profiles, with_another).await?;
            times.push(delivered.seconds);
            throttled += delivered.throttled;
            exact &= delivered.exact;
        }
    }
    let (alone_seconds, beside_seconds) = (median(&alone), median(&beside));
    Ok(Neighbours {
        destination: setting.destination,
        profiles,
        alone_seconds,
        beside_seconds,
        ratio: beside_seconds / alone_seconds,
        all_alone_seconds: alone,
        all_beside_seconds: beside,
        throttled,
        exact,
    })
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

struct Delivered {
    seconds: f64,
    throttled: u64,
    exact: bool,
}

async fn deliver(setting: Setting, profiles: u64, beside: bool) -> Result<Delivered> {
    let world = World::new(setting).await?;
    let healthy = Target { name: "healthy", audience: setting.audience.to_owned(), secret: setting.secret() };
    if beside {
        add_throttled(&world, profiles).await?;
    }
    world.configure(&healthy, profiles).await?;
    world.drop(&healthy, profiles).await?;
    let function = world.function();
    // The other one would never come to an end: it is left where it is.
    let enough = || !world.queues.has_messages_of(healthy.name);
    function.play(&world.queues, PATIENCE, enough).await?;
    let seconds = elapsed(&world, &healthy, function.first_of(healthy.name))?;
    let throttled = world.sandbox.stats(setting.destination).await?.throttled;
    let accepted = world.summary(&healthy).await?.counts.accepted;
    let in_audience = world.sandbox.people(setting.destination, setting.audience).await?;
    let others = world.sandbox.people(setting.destination, THROTTLED).await?;
    let exact = accepted == profiles && in_audience == profiles && others == 0;
    Ok(Delivered { seconds, throttled, exact })
}

async fn add_throttled(world: &World, profiles: u64) -> Result<()> {
    let secret =
        json!({"client_id": "busy-client", "client_secret": "busy-secret", "refresh_token": "busy-refresh"});
    let mut account = secret.clone();
    account["ad_account_id"] = "b5ce6a5f-3d2c-4e0f-9d0b-7f4f0f4f4036".into();
    world
        .sandbox
        .seed(&json!({"snapchat": {
            "accounts": [account],
            "segments": [{"id": THROTTLED, "ad_account_id": "b5ce6a5f-3d2c-4e0f-9d0b-7f4f0f4f4036"}],
        }}))
        .await?;
    world.sandbox.throttle(Destination::Snapchat, THROTTLED, RETRY_AFTER).await?;
    let busy = Target { name: "busy", audience: THROTTLED.to_owned(), secret };
    world.configure(&busy, profiles).await?;
    world.drop(&busy, profiles).await?;
    Ok(())
}
