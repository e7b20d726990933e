//! Schedules as they stand in EventBridge Scheduler, whoever wrote them and wherever they are.

use segue_state::Role;
use serde::Serialize;

use super::timing::{Timing, is_utc, is_yes};

/// A schedule as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Standing {
    /// In a form that a file can say.
    Known(Timing),
    /// In another one: somebody wrote it by other means, such as the AWS console.
    Foreign(Foreign),
}

/// A schedule that no file can say, as EventBridge Scheduler has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foreign {
    /// Its expression.
    pub expression: String,
    /// Its time zone.
    #[serde(skip_serializing_if = "is_utc")]
    pub time_zone: String,
    /// Whether it is on.
    #[serde(skip_serializing_if = "is_yes")]
    pub enabled: bool,
}

impl Standing {
    /// Understands what EventBridge Scheduler has, as far as `segue` would write it itself.
    #[must_use]
    pub fn of(expression: &str, time_zone: &str, enabled: bool) -> Self {
        let timing = Timing::of(expression, time_zone, enabled).map(|timing| timing.normal());
        match timing.filter(|timing| timing.problems().is_empty()) {
            Some(timing) => Self::Known(timing),
            None => Self::Foreign(Foreign {
                expression: expression.to_owned(),
                time_zone: time_zone.to_owned(),
                enabled,
            }),
        }
    }

    /// As a file says it, if it can.
    #[must_use]
    pub const fn timing(&self) -> Option<&Timing> {
        match self {
            Self::Known(timing) => Some(timing),
            Self::Foreign(_) => None,
        }
    }

    /// For people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Known(timing) => timing.words(),
            Self::Foreign(Foreign { expression, time_zone, enabled }) => {
                let off = if *enabled { "" } else { " (off)" };
                format!("{expression} in {time_zone}{off}, not Segue's form")
            }
        }
    }
}

/// The schedules under an export's name, by the role in whose group each is: one as a rule. Two, or one in the group of
/// the other role, are left where a change of the export's role broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own(Vec<(Role, Standing)>);

impl Own {
    /// These; `None` if there are none.
    #[must_use]
    pub fn of(found: Vec<(Role, Standing)>) -> Option<Self> {
        (!found.is_empty()).then_some(Self(found))
    }

    /// The one that counts for an export of this role: that in its own group, or else the other.
    #[must_use]
    pub fn of_role(&self, role: Role) -> Option<&Standing> {
        let here = self.0.iter().find(|(group, _)| *group == role);
        here.or_else(|| self.0.first()).map(|(_, standing)| standing)
    }

    /// The roles in whose groups they are.
    #[must_use]
    pub fn groups(&self) -> Vec<Role> {
        self.0.iter().map(|(group, _)| *group).collect()
    }

    /// Whether that is this schedule of an export of this role, and nothing else.
    #[must_use]
    pub fn is(&self, role: Role, timing: &Timing) -> bool {
        matches!(&self.0[..], [(group, Standing::Known(known))] if *group == role && *known == timing.normal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_segue_would_not_write_is_shown_as_it_stands() {
        let shown = [
            Standing::of("rate(1 hours)", "Europe/Berlin", true),
            Standing::of("cron(0 6 * * ? *)", "Europe/Berlin", false),
            Standing::of("at(2026-12-24T08:00:00)", "Europe/Berlin", true),
            Standing::of("cron(0 6 * *)", "UTC", false),
            Standing::of("", "UTC", true),
        ];
        insta::assert_snapshot!(shown.map(|standing| standing.words()).join("\n"), @r"
        every hour
        cron 0 6 * * ? * in Europe/Berlin (off)
        at(2026-12-24T08:00:00) in Europe/Berlin, not Segue's form
        cron(0 6 * *) in UTC (off), not Segue's form
         in UTC, not Segue's form
        ");
    }

    #[test]
    fn the_group_of_the_exports_own_role_counts_first() {
        let [daily, weekly] =
            ["1 day", "7 days"].map(|rate| Standing::of(&format!("rate({rate})"), "UTC", true));
        let timing = daily.timing().unwrap().clone();
        let both = Own::of(vec![(Role::Administrators, weekly.clone()), (Role::Contributors, daily.clone())]);
        let both = both.unwrap();
        assert_eq!(both.of_role(Role::Contributors), Some(&daily));
        assert!(!both.is(Role::Contributors, &timing), "the other one is to go");
        let one = Own::of(vec![(Role::Administrators, daily.clone())]).unwrap();
        assert_eq!(one.of_role(Role::Contributors), Some(&daily));
        assert!(one.is(Role::Administrators, &timing) && !one.is(Role::Contributors, &timing));
        assert_eq!(Own::of(Vec::new()), None);
    }
}
