//! What is measured: each destination as the sandbox plays it here, and the least time in which it lets calls through.

use std::time::Duration;

use klaviyo::Klaviyo;
use mailchimp::Mailchimp;
use segue_segment::Destination;
use serde_json::{Value, json};
use snapchat::Snapchat;

/// A destination in the sandbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) destination: Destination,
    /// How long each answer takes.
    pub(crate) latency: Duration,
    /// How long a job takes, from when the sandbox got it.
    pub(crate) job: Option<Duration>,
    /// So many requests in any span of this length, as the sandbox counts them for one endpoint.
    windows: &'static [(u32, Duration)],
    /// Calls at the same time.
    at_once: u32,
    /// Profiles unless told otherwise.
    pub(crate) profiles: u64,
    /// The audience that the sandbox has from the start.
    pub(crate) audience: &'static str,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

impl Setting {
    pub(crate) const fn of(destination: Destination) -> Self {
        match destination {
            // Ten a second; the yardstick is one call after another all the same, since nothing says that an audience
            // takes several at once. With more at once a run can be quicker than the yardstick.
            Destination::Snapchat => Self {
                destination,
                latency: SECOND,
                job: None,
                windows: &[(10, SECOND)],
                at_once: 1,
                profiles: 1_000_000,
                audience: "5677923948298240",
            },
            // Ten connections, of which one is left to others. A million takes seven and a half minutes.
            Destination::Mailchimp => Self {
                destination,
                latency: Duration::from_secs(2),
                job: None,
                windows: &[],
                at_once: 9,
                profiles: 180_000,
                audience: "a1b2c3d4e5",
            },
            Destination::Klaviyo => Self {
                destination,
                latency: Duration::from_millis(500),
                job: Some(Duration::from_secs(10)),
                windows: &[(10, SECOND), (150, MINUTE)],
                at_once: 10,
                profiles: 1_000_000,
                audience: "YafG4m",
            },
        }
    }

    /// Calls that so many profiles need.
    pub(crate) fn calls(&self, profiles: u64) -> u64 {
        profiles.div_ceil(self.destination.shape().profiles_per_call as u64)
    }

    /// The least time from the first call's beginning until the outcome of all of them is known.
    ///
    /// Calls go out as early as the windows let them: the last one when as many windows have passed as the ones before
    /// it fill. Its answer takes the latency. Nor can so many calls of this latency be over any sooner than that many
    /// at once get through them. A job's end is known once somebody who looked at it then has been answered; looks
    /// have windows of their own.
    pub(crate) fn ideal(&self, profiles: u64) -> Duration {
        let calls = self.calls(profiles);
        let windows_before = |&(requests, per): &(u32, Duration)| {
            per * u32::try_from(calls.saturating_sub(1) / u64::from(requests)).unwrap_or(u32::MAX)
        };
        let last_sent = self.windows.iter().map(windows_before).max().unwrap_or_default();
        let one_by_one = self.latency.mul_f64(as_float(calls) / f64::from(self.at_once));
        let answered = (last_sent + self.latency).max(one_by_one);
        match self.job {
            None => answered,
            Some(job) => answered.max(last_sent + job) + self.latency,
        }
    }

    /// What a connection's secret holds.
    pub(crate) fn secret(&self) -> Value {
        match self.destination {
            Destination::Snapchat => json!({
                "client_id": "sandbox-client", "client_secret": "sandbox-secret",
                "refresh_token": "sandbox-refresh",
            }),
            Destination::Mailchimp => json!({"api_key": "sandboxkey-us19"}),
            Destination::Klaviyo => json!({"private_key": "pk_sandbox"}),
        }
    }

    /// The real implementation, at the sandbox.
    pub(crate) fn implementation(&self, sandbox: &str) -> Box<dyn segue_delivery::Destination> {
        match self.destination {
            Destination::Snapchat => Box::new(Snapchat::at(
                format!("{sandbox}/snapchat/v1"),
                format!("{sandbox}/snapchat/login/oauth2/access_token"),
            )),
            Destination::Mailchimp => Box::new(Mailchimp::at(
                format!("{sandbox}/mailchimp/3.0"),
                format!("{sandbox}/mailchimp/oauth2/metadata"),
            )),
            Destination::Klaviyo => Box::new(Klaviyo::at(format!("{sandbox}/klaviyo"))),
        }
    }

    /// What the sandbox is seeded with.
    pub(crate) fn seed(&self) -> Value {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut seed =
            json!({"limits": true, "latency_ms": {self.destination.name(): milliseconds(self.latency)}});
        if let Some(job) = self.job {
            seed["klaviyo"] = json!({"job_ms": milliseconds(job)});
        }
        seed
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) const fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ideal(destination: Destination, profiles: u64) -> f64 {
        Setting::of(destination).ideal(profiles).as_secs_f64()
    }

    #[test]
    fn snapchat_takes_ten_calls_one_after_another() {
        assert!((ideal(Destination::Snapchat, 1_000_000) - 10.0).abs() < 0.001);
    }

    #[test]
    fn mailchimp_takes_its_calls_nine_at_a_time() {
        assert!((ideal(Destination::Mailchimp, 1_000_000) - 444.4).abs() < 0.1);
        assert!((ideal(Destination::Mailchimp, 180_000) - 80.0).abs() < 0.001);
    }

    #[test]
    fn klaviyo_takes_ten_calls_a_second_then_the_last_job_and_a_look_at_it() {
        assert!((ideal(Destination::Klaviyo, 1_000_000) - 19.5).abs() < 0.001);
        // The minute's window is full after 150 calls.
        assert!((ideal(Destination::Klaviyo, 1_510_000) - 70.5).abs() < 0.001);
    }
}
