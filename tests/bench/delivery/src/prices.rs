//! What AWS charges for a run: list prices, and the template's settings that they are multiplied by.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::ledger::{Counts, Kind, total};
use crate::setting::as_float;

/// Which prices these are. Free tiers are left out.
pub(crate) const PRICE_LIST: &str = "AWS list prices, us-east-1, as published in 2025 (aws.amazon.com/lambda/pricing, \
     …/sqs/pricing, …/s3/pricing, …/secrets-manager/pricing); not looked up again on the day of the measurement";

/// A GB-second of a function on arm64, the first six billion a month.
const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
/// A request to a function.
const LAMBDA_REQUEST: f64 = 0.20 / 1e6;
/// A request to a FIFO queue.
const SQS_FIFO: f64 = 0.50 / 1e6;
/// A request to a standard queue.
const SQS_STANDARD: f64 = 0.40 / 1e6;
/// PUT, COPY, POST and LIST requests to S3 Standard. DELETE is free.
const S3_PUT: f64 = 0.005 / 1e3;
/// GET and all other requests.
const S3_GET: f64 = 0.000_4 / 1e3;
/// A request to Secrets Manager.
const SECRETS: f64 = 0.05 / 1e4;

/// What is paid whether anything runs or not, so that no run is charged with it.
pub(crate) const FIXED: &str = "not counted, since it is paid whether anything runs or not: $0.40 a month for each connection's secret, and \
     Lambda's idle polling of the queues";

/// What a run costs, in dollars.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Cost {
    /// The destination's function.
    pub(crate) function: f64,
    /// fan-out.
    pub(crate) fan_out: f64,
    pub(crate) sqs: f64,
    pub(crate) s3: f64,
    pub(crate) secrets: f64,
}

impl Cost {
    /// Of these requests, with so many GB-seconds of the destination's function and of fan-out's one invocation.
    pub(crate) fn of(counts: &Counts, function_gb_seconds: f64, fan_out_gb_seconds: f64) -> Self {
        let requests = |kind| as_float(total(counts, kind));
        Self {
            function: function_gb_seconds * LAMBDA_GB_SECOND + requests(Kind::Lambda) * LAMBDA_REQUEST,
            fan_out: fan_out_gb_seconds * LAMBDA_GB_SECOND + LAMBDA_REQUEST,
            sqs: requests(Kind::SqsFifo) * SQS_FIFO + requests(Kind::SqsStandard) * SQS_STANDARD,
            s3: requests(Kind::S3Put) * S3_PUT + requests(Kind::S3Get) * S3_GET,
            secrets: requests(Kind::Secrets) * SECRETS,
        }
    }

    pub(crate) fn total(&self) -> f64 {
        self.function + self.fan_out + self.sqs + self.s3 + self.secrets
    }
}

/// Seconds of a function times its memory in GB.
pub(crate) fn gb_seconds(time: Duration, megabytes: u32) -> f64 {
    time.as_secs_f64() * f64::from(megabytes) / 1024.0
}

/// The memory of the functions, in MB: the defaults of the template's parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) destination: u32,
    pub(crate) fan_out: u32,
}

impl Memory {
    /// Reads the template.
    pub(crate) fn of_template(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self {
            destination: default_of(&text, "DestinationMemory")?,
            fan_out: default_of(&text, "FanOutMemory")?,
        })
    }
}

/// The default of a parameter. Lines will do: parameters come first in the template, each with its default.
fn default_of(template: &str, parameter: &str) -> Result<u32> {
    let mut lines = template.lines().skip_while(|line| *line != format!("  {parameter}:"));
    let default = lines.find_map(|line| line.strip_prefix("    Default: "));
    let default = default.with_context(|| format!("{parameter} has no default in the template"))?;
    default.parse().with_context(|| format!("the default of {parameter} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_says_how_much_memory_there_is() {
        let memory = Memory::of_template(Path::new(crate::TEMPLATE)).unwrap();
        assert!(memory.destination >= 128 && memory.fan_out >= memory.destination);
    }

    #[test]
    fn each_request_has_its_price() {
        let counts = Counts::from([
            ((Kind::Lambda, "invoke".to_owned()), 1_000_000),
            ((Kind::SqsFifo, "send".to_owned()), 1_000_000),
            ((Kind::SqsStandard, "send".to_owned()), 1_000_000),
            ((Kind::S3Get, "chunks".to_owned()), 1_000),
            ((Kind::S3Put, "receipts".to_owned()), 1_000),
            ((Kind::S3Delete, "chunks".to_owned()), 1_000),
            ((Kind::Secrets, "get".to_owned()), 10_000),
        ]);
        let cost = Cost::of(&counts, 0.0, 0.0);
        let expected = [(cost.function, 0.2), (cost.sqs, 0.9), (cost.s3, 0.0054), (cost.secrets, 0.05)];
        assert!(expected.iter().all(|(is, should)| (is - should).abs() < 1e-9), "{cost:?}");
    }
}
