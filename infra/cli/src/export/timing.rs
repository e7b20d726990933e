//! When an export runs by itself: every so often, or at set times of a time zone.

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A schedule of an export's own. It has either `rate` or `cron`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Every so often: a number of `minutes`, `hours` or `days`, such as `6 hours`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
    /// At set times: six fields for minute, hour, day of the month, month, day of the week and year, as EventBridge
    /// Scheduler reads them. `0 6 * * ? *` is every day at six.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone of `cron`, such as `Europe/Berlin`.
    #[serde(default = "utc", skip_serializing_if = "is_utc")]
    pub time_zone: String,
    /// Whether it is on.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub enabled: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

pub(super) fn is_utc(zone: &str) -> bool {
    zone == "UTC"
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field on like this")]
pub(super) const fn is_yes(value: &bool) -> bool {
    *value
}

/// The fields of a cron expression: its name, and the numbers and names that it takes.
const FIELDS: [(&str, u16, u16, &[&str]); 6] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
    ("day of the week", 1, 7, &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
    ("year", 1970, 2199, &[]),
];

impl Timing {
    /// As EventBridge Scheduler has it; `None` for an expression that is neither rate nor cron.
    #[must_use]
    pub fn of(expression: &str, time_zone: &str, enabled: bool) -> Option<Self> {
        let inside = |word: &str| Some(expression.strip_prefix(word)?.strip_suffix(')')?.trim().to_owned());
        let (rate, cron) = (inside("rate("), inside("cron("));
        (rate.is_some() || cron.is_some()).then(|| Self {
            rate,
            cron,
            time_zone: time_zone.to_owned(),
            enabled,
        })
    }

    /// As EventBridge Scheduler reads it.
    #[must_use]
    pub fn expression(&self) -> String {
        match (&self.rate, &self.cron) {
            (Some(rate), _) => format!("rate({})", normal_rate(rate).unwrap_or_else(|_| rate.clone())),
            (None, cron) => format!("cron({})", normal_cron(cron.as_deref().unwrap_or_default())),
        }
    }

    /// The same, written in one way only, so that two of them can be compared.
    #[must_use]
    pub fn normal(&self) -> Self {
        let rate = self.rate.as_ref().map(|rate| normal_rate(rate).unwrap_or_else(|_| rate.clone()));
        let cron = self.cron.as_deref().map(normal_cron);
        // A rate has no time of the day, so it has no time zone either.
        let time_zone = if cron.is_some() { self.time_zone.clone() } else { utc() };
        Self { rate, cron, time_zone, enabled: self.enabled }
    }

    /// All that is wrong: the field, and what to do.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        match (&self.rate, &self.cron) {
            (Some(rate), None) => {
                found.extend(normal_rate(rate).err().map(|text| ("rate", text)));
                if !is_utc(&self.time_zone) {
                    found.push(("time_zone", "a rate has no time of the day; leave it out".to_owned()));
                }
            }
            (None, Some(cron)) => found.extend(check_cron(cron).err().map(|text| ("cron", text))),
            _ => found.push(("", "say either `rate` or `cron`".to_owned())),
        }
        if !is_known(&self.time_zone) {
            let text =
                format!("`{}` is no time zone; use a name such as Europe/Berlin, or UTC", self.time_zone);
            found.push(("time_zone", text));
        }
        found
    }

    /// For people.
    #[must_use]
    pub fn words(&self) -> String {
        let off = if self.enabled { "" } else { " (off)" };
        match (&self.rate, &self.cron) {
            (Some(rate), _) => {
                let rate = normal_rate(rate).unwrap_or_else(|_| rate.clone());
                format!("every {}{off}", rate.strip_prefix("1 ").unwrap_or(&rate))
            }
            (None, cron) => {
                format!("cron {} in {}{off}", cron.as_deref().unwrap_or_default(), self.time_zone)
            }
        }
    }
}

/// `1 hour`, `5 minutes`: a number, and the unit in its number.
fn normal_rate(rate: &str) -> Result<String, String> {
    let wrong = || format!("`{rate}` is no rate; use a number of minutes, hours or days, such as `6 hours`");
    let (number, unit) = rate.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let unit = unit.trim().trim_end_matches('s');
    if number == 0 || !["minute", "hour", "day"].contains(&unit) {
        return Err(wrong());
    }
    Ok(format!("{number} {unit}{}", if number == 1 { "" } else { "s" }))
}

fn normal_cron(cron: &str) -> String {
    cron.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check_cron(cron: &str) -> Result<(), String> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let meant = of_crontab(&fields).map(|six| format!("; perhaps `{six}`")).unwrap_or_default();
        return Err(format!(
            "`{cron}` has {} fields; it needs six: minute, hour, day of the month, month, day of the week, year{meant}",
            fields.len()
        ));
    }
    for (value, (name, least, most, words)) in fields.iter().zip(FIELDS) {
        let day = name.starts_with("day");
        if *value == "?" && day {
            continue;
        }
        if !value.split(',').all(|part| is_part(part, least, most, words, day)) {
            return Err(format!(
                "`{value}` is no {name}; use {least} to {most}, `*`, or lists and ranges of them"
            ));
        }
    }
    if (fields[2] == "?") == (fields[4] == "?") {
        return Err("exactly one of day of the month and day of the week has to be `?`".to_owned());
    }
    Ok(())
}

/// What five fields are that a crontab would have: days of the week count from another day there, so they get names.
fn of_crontab(fields: &[&str]) -> Option<String> {
    let &[minute, hour, day, month, weekday] = fields else { return None };
    let name = |number: &str| match number.parse::<usize>() {
        Ok(number) => FIELDS[4].3.get(number % 7).copied().map(str::to_owned),
        Err(_) => Some(number.to_ascii_uppercase()),
    };
    let range = |part: &str| {
        let (days, step) = part.split_once('/').map_or((part, None), |(days, step)| (days, Some(step)));
        let ends: Option<Vec<String>> = days.split('-').map(name).collect();
        let step = step.map(|step| format!("/{step}")).unwrap_or_default();
        ends.map(|ends| format!("{}{step}", ends.join("-")))
    };
    let (day, weekday) = match (day, weekday) {
        (day, "*") => (day, "?".to_owned()),
        ("*", days) => ("?", days.split(',').map(range).collect::<Option<Vec<String>>>()?.join(",")),
        _ => return None,
    };
    let six = format!("{minute} {hour} {day} {month} {weekday} *");
    check_cron(&six).is_ok().then_some(six)
}

/// `*`, `5`, `MON-FRI`, `0/15`; for days also `L`, `15W` and `FRI#2`.
fn is_part(part: &str, least: u16, most: u16, words: &[&str], day: bool) -> bool {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|step| step.parse::<u16>().map_or(true, |step| step == 0)) {
        return false;
    }
    let known = |value: &str| {
        words.contains(&value.to_ascii_uppercase().as_str())
            || value.parse().is_ok_and(|value: u16| (least..=most).contains(&value))
    };
    if range == "*" || range.split_once('-').map_or_else(|| known(range), |(a, b)| known(a) && known(b)) {
        return true;
    }
    let special = || {
        range == "L"
            || range == "LW"
            || range.strip_suffix(['L', 'W']).is_some_and(known)
            || range
                .split_once('#')
                .is_some_and(|(day, nth)| known(day) && matches!(nth, "1" | "2" | "3" | "4" | "5"))
    };
    day && special()
}

/// A machine without a list of time zones can't tell; EventBridge Scheduler can.
fn is_known(zone: &str) -> bool {
    zone == "UTC" || TimeZone::get(zone).is_ok() || TimeZone::get("Europe/Berlin").is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Timing {
        Timing { rate: Some(text.into()), cron: None, time_zone: utc(), enabled: true }
    }

    fn cron(text: &str, zone: &str) -> Timing {
        Timing { rate: None, cron: Some(text.into()), time_zone: zone.into(), enabled: true }
    }

    #[test]
    fn rates_are_written_as_the_scheduler_wants_them() {
        assert_eq!(rate("1 hours").expression(), "rate(1 hour)");
        assert_eq!(rate(" 90  minute ").expression(), "rate(90 minutes)");
        assert_eq!(rate("1 day").words(), "every day");
        let off = Timing { enabled: false, ..rate("2 days") };
        assert_eq!(off.words(), "every 2 days (off)");
        assert_eq!(Timing::of(&off.expression(), "UTC", false), Some(off));
        assert_eq!(Timing::of("at(2026-11-22T00:00:00)", "UTC", true), None);
    }

    #[test]
    fn times_of_the_day_keep_their_zone() {
        let daily = cron("0  6 * * ? *", "Europe/Berlin");
        assert_eq!(daily.problems(), []);
        assert_eq!(daily.expression(), "cron(0 6 * * ? *)");
        assert_eq!(Timing::of("cron(0 6 * * ? *)", "Europe/Berlin", true), Some(daily.normal()));
        for fine in [
            "0/15 8-17 ? * MON-FRI *",
            "0 6 L * ? 2027",
            "30 5 15W 1,7 ? *",
            "0 0 ? * FRI#2 *",
            "0 0 ? * 6L *",
        ] {
            assert_eq!(cron(fine, "UTC").problems(), [], "{fine}");
        }
    }

    #[test]
    fn of_a_line_of_a_crontab_it_is_said_what_it_would_be() {
        for (five, six) in [
            ("30 5 1,15 * *", Some("30 5 1,15 * ? *")),
            ("0 6 * * 1-5", Some("0 6 ? * MON-FRI *")),
            ("0 6 * * 0,7", Some("0 6 ? * SUN,SUN *")),
            ("0 6 * * 1-5/2", Some("0 6 ? * MON-FRI/2 *")),
            ("0 6 1 * 1", None),
            ("0 6 * * */2", Some("0 6 ? * */2 *")),
            ("0 6 * *", None),
        ] {
            assert_eq!(of_crontab(&five.split(' ').collect::<Vec<_>>()).as_deref(), six, "{five}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_field() {
        let neither = Timing { rate: None, ..rate("") };
        let both = Timing { cron: Some("0 6 * * ? *".into()), ..rate("1 day") };
        let zone = Timing { time_zone: "Europe/Berlin".into(), ..rate("1 day") };
        let all = [
            rate("soon"),
            rate("0 days"),
            rate("5 weeks"),
            neither,
            both,
            zone,
            cron("0 6 * * *", "UTC"),
            cron("60 6 * * ? *", "UTC"),
            cron("0 6 * FOO ? *", "UTC"),
            cron("0/0 6 * * ? *", "UTC"),
            cron("0 6 * * * *", "UTC"),
            cron("0 6 * * ? *", "Europe/Berlinn"),
        ];
        let said: Vec<String> =
            all.iter().flat_map(Timing::problems).map(|(field, text)| format!("{field}: {text}")).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        rate: `soon` is no rate; use a number of minutes, hours or days, such as `6 hours`
        rate: `0 days` is no rate; use a number of minutes, hours or days, such as `6 hours`
        rate: `5 weeks` is no rate; use a number of minutes, hours or days, such as `6 hours`
        : say either `rate` or `cron`
        : say either `rate` or `cron`
        time_zone: a rate has no time of the day; leave it out
        cron: `0 6 * * *` has 5 fields; it needs six: minute, hour, day of the month, month, day of the week, year; perhaps `0 6 * * ? *`
        cron: `60` is no minute; use 0 to 59, `*`, or lists and ranges of them
        cron: `FOO` is no month; use 1 to 12, `*`, or lists and ranges of them
        cron: `0/0` is no minute; use 0 to 59, `*`, or lists and ranges of them
        cron: exactly one of day of the month and day of the week has to be `?`
        time_zone: `Europe/Berlinn` is no time zone; use a name such as Europe/Berlin, or UTC
        ");
    }
}
