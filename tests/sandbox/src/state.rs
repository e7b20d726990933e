//! Everything the running sandbox knows: the three worlds, faults, counters, the record.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::audiences::Audiences;
use crate::call::{Answer, Call};
use crate::destination::Destination;
use crate::faults::Faults;
use crate::klaviyo::Klaviyo;
use crate::mailchimp::Mailchimp;
use crate::options::{Latency, Options, Switch};
use crate::record::Recorder;
use crate::seed::Seed;
use crate::snapchat::Snapchat;
use crate::stats::Counters;

/// Locks, whatever happened to the last holder: a test that panics must not take the others' sandbox down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The switches that a seed can flip.
#[derive(Clone, Copy)]
pub(crate) struct Switches {
    pub(crate) limits: bool,
    pub(crate) latency: Latency,
}

/// The running sandbox.
pub(crate) struct State {
    snapchat: Mutex<Snapchat>,
    mailchimp: Mutex<Mailchimp>,
    klaviyo: Mutex<Klaviyo>,
    switches: Mutex<Switches>,
    at_start: Switches,
    /// Requests under way by Mailchimp account: its only limit.
    pub(crate) gates: Mutex<HashMap<usize, usize>>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) recorder: Recorder,
}

impl State {
    pub(crate) fn new(options: &Options, recorder: Recorder) -> Self {
        let switches = Switches { limits: options.limits == Switch::On, latency: options.latency_ms };
        Self {
            snapchat: Mutex::default(),
            mailchimp: Mutex::default(),
            klaviyo: Mutex::default(),
            switches: Mutex::new(switches),
            at_start: switches,
            gates: Mutex::default(),
            faults: Faults::default(),
            counters: Counters::default(),
            recorder,
        }
    }

    pub(crate) fn switches(&self) -> Switches {
        *lock(&self.switches)
    }

    /// Lets a destination answer.
    pub(crate) fn answer(&self, destination: Destination, call: &Call) -> Answer {
        let limits = self.switches().limits;
        match destination {
            Destination::Snapchat => lock(&self.snapchat).answer(call, limits),
            Destination::Mailchimp => lock(&self.mailchimp).answer(call),
            Destination::Klaviyo => lock(&self.klaviyo).answer(call, limits),
        }
    }

    /// How a destination answers to a token that has expired; Snapchat's is expired from now on.
    pub(crate) fn expired(&self, destination: Destination, call: &Call) -> Answer {
        match destination {
            Destination::Snapchat => lock(&self.snapchat).expire(call),
            Destination::Mailchimp => crate::mailchimp::denied(),
            Destination::Klaviyo => crate::klaviyo::denied(),
        }
    }

    /// Which Mailchimp account a request's credentials belong to.
    pub(crate) fn mailchimp_account(&self, call: &Call) -> Option<usize> {
        lock(&self.mailchimp).account_of(call).ok()
    }

    pub(crate) fn seed(&self, seed: Seed) -> Result<(), String> {
        lock(&self.snapchat).seed(seed.snapchat)?;
        lock(&self.mailchimp).seed(seed.mailchimp)?;
        lock(&self.klaviyo).seed(seed.klaviyo)?;
        let mut switches = lock(&self.switches);
        if let Some(limits) = seed.limits {
            switches.limits = limits;
        }
        for (destination, milliseconds) in seed.latency_ms.unwrap_or_default() {
            *switches.latency.slot(destination) = milliseconds;
        }
        Ok(())
    }

    /// Back to the start: worlds, switches, faults, counters, the record in memory. The file is kept.
    pub(crate) fn reset(&self) {
        *lock(&self.snapchat) = Snapchat::default();
        *lock(&self.mailchimp) = Mailchimp::default();
        *lock(&self.klaviyo) = Klaviyo::default();
        *lock(&self.switches) = self.at_start;
        self.faults.clear();
        self.counters.clear();
        self.recorder.forget();
    }

    pub(crate) fn audiences(&self) -> Audiences {
        let now = Instant::now();
        Audiences {
            snapchat: lock(&self.snapchat).audiences(),
            mailchimp: lock(&self.mailchimp).audiences(now),
            klaviyo: lock(&self.klaviyo).audiences(now),
        }
    }
}
