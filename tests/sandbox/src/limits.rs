//! The two kinds of rate limits that the destinations document: averages and fixed windows.
use std::time::{Duration, Instant};

/// An average rate: at most `rate` a second over time, with one second's worth of burst.
#[derive(Debug)]
pub(crate) struct Average {
    rate: f64,
    level: f64,
    at: Instant,
}

impl Average {
    pub(crate) fn new(rate: f64, now: Instant) -> Self {
        Self { rate, level: rate, at: now }
    }

    /// Whether one more request fits; doesn't spend it.
    pub(crate) fn fits(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.rate).min(self.rate);
        self.at = self.at.max(now);
        self.level >= 1.0
    }

    pub(crate) fn spend(&mut self) {
        self.level -= 1.0;
    }
}

/// A fixed window: at most `most` requests in each `length`, the first request opening the window.
#[derive(Debug)]
pub(crate) struct Window {
    length: Duration,
    pub(crate) most: u32,
    opened: Instant,
    used: u32,
}

impl Window {
    pub(crate) fn new(seconds: u64, most: u32, now: Instant) -> Self {
        Self { length: Duration::from_secs(seconds), most, opened: now, used: 0 }
    }

    /// How long until one more request fits; nothing where it does now.
    pub(crate) fn wait(&mut self, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.opened);
        if passed >= self.length {
            self.opened = now;
            self.used = 0;
        }
        (self.used >= self.most).then(|| self.length.saturating_sub(passed))
    }

    pub(crate) fn spend(&mut self) {
        self.used += 1;
    }

    pub(crate) fn left(&self) -> u32 {
        self.most.saturating_sub(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_allows_a_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut average = Average::new(10.0, start);
        let taken = |average: &mut Average, at: Instant| {
            let fits = average.fits(at);
            if fits {
                average.spend();
            }
            fits
        };
        assert_eq!((0..15).filter(|_| taken(&mut average, start)).count(), 10);
        let later = start + Duration::from_millis(510);
        assert_eq!((0..15).filter(|_| taken(&mut average, later)).count(), 5);
    }

    #[test]
    fn a_window_fills_says_how_long_and_opens_anew() {
        let start = Instant::now();
        let mut window = Window::new(1, 2, start);
        for _ in 0..2 {
            assert_eq!(window.wait(start), None);
            window.spend();
        }
        assert_eq!(window.wait(start + Duration::from_millis(400)), Some(Duration::from_millis(600)));
        assert_eq!(window.wait(start + Duration::from_secs(1)), None);
        assert_eq!(window.left(), 2);
    }
}
