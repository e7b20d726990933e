//! How the server is started: port, recording, latency, limits. The one place that reads the environment.
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::destination::Destination;

/// How to start the sandbox; also the program's command line.
#[derive(Clone, Debug, Parser)]
#[command(name = "sandbox", about = "Fakes the APIs of Snapchat, Mailchimp and Klaviyo on loopback")]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes any free one.
    #[arg(long, env = "SANDBOX_PORT", default_value_t = 0)]
    pub port: u16,
    /// Folder in which `requests.ndjson` gets one line a request.
    #[arg(long, env = "SANDBOX_RECORD")]
    pub record: Option<PathBuf>,
    /// Milliseconds that each answer takes: `50`, or `snapchat=20,mailchimp=400,klaviyo=50`.
    #[arg(long, env = "SANDBOX_LATENCY_MS", default_value = "0", value_parser = Latency::parse)]
    pub latency_ms: Latency,
    /// Whether the documented rate limits hold.
    #[arg(long, env = "SANDBOX_LIMITS", default_value = "on")]
    pub limits: Switch,
    /// Keeps every request in memory for [`crate::Sandbox::requests`]. The program never does.
    #[arg(skip)]
    pub keep_requests: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            record: None,
            latency_ms: Latency::default(),
            limits: Switch::On,
            keep_requests: true,
        }
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// How long each destination takes to answer, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Snapchat's.
    pub snapchat: u64,
    /// Mailchimp's.
    pub mailchimp: u64,
    /// Klaviyo's.
    pub klaviyo: u64,
}

impl Latency {
    /// Reads `50` (for all) or `snapchat=20,klaviyo=50` (the others stay at 0).
    ///
    /// # Errors
    /// What part could not be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number =
            |text: &str| text.trim().parse::<u64>().map_err(|_| format!("not milliseconds: `{text}`"));
        if !text.contains('=') {
            let all = number(text)?;
            return Ok(Self { snapchat: all, mailchimp: all, klaviyo: all });
        }
        let mut latency = Self::default();
        for part in text.split(',') {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("not `destination=ms`: `{part}`"))?;
            let destination = Destination::ALL.into_iter().find(|known| known.name() == name.trim());
            let destination = destination.ok_or_else(|| format!("no such destination: `{name}`"))?;
            *latency.slot(destination) = number(value)?;
        }
        Ok(latency)
    }

    pub(crate) fn slot(&mut self, destination: Destination) -> &mut u64 {
        match destination {
            Destination::Snapchat => &mut self.snapchat,
            Destination::Mailchimp => &mut self.mailchimp,
            Destination::Klaviyo => &mut self.klaviyo,
        }
    }

    pub(crate) fn of(mut self, destination: Destination) -> Duration {
        Duration::from_millis(*self.slot(destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_for_all_and_names_are_for_one() {
        assert_eq!(Latency::parse("7").unwrap(), Latency { snapchat: 7, mailchimp: 7, klaviyo: 7 });
        assert_eq!(Latency::parse("mailchimp=400,klaviyo=5").unwrap().mailchimp, 400);
        assert!(Latency::parse("tiktok=1").is_err());
        assert!(Latency::parse("soon").is_err());
    }
}
