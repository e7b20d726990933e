//! What was looked at, how it is, and what to do.

use serde::Serialize;

use crate::Failure;
use crate::output::{Screen, counted};

/// Things of a kind that people are told one by one where they are all right.
const MOST: usize = 5;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// Something has to be done.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What was looked at, in a word.
    pub(super) about: &'static str,
    /// How it is.
    pub(super) found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_do: Option<String>,
}

impl Finding {
    pub(super) fn fine(about: &'static str, found: impl Into<String>) -> Self {
        Self { level: Level::Ok, about, found: found.into(), to_do: None }
    }

    pub(super) fn note(about: &'static str, found: impl Into<String>) -> Self {
        Self { level: Level::Note, about, found: found.into(), to_do: None }
    }

    pub(super) fn problem(about: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { level: Level::Problem, about, found: found.into(), to_do: Some(to_do.into()) }
    }

    /// It could not even be looked at, or does not work.
    pub(super) fn failed(about: &'static str, failure: &Failure) -> Self {
        let (found, to_do) = failure.told();
        Self { level: Level::Problem, about, found, to_do }
    }
}

/// Everything that was looked at.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    pub(super) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    pub(super) fn extend(&mut self, findings: Vec<Finding>) {
        self.0.extend(findings);
    }

    pub(super) fn print(&self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        screen.json(&self.for_scripts(screen))?;
        let width = self.0.iter().map(|finding| finding.about.len()).max().unwrap_or_default();
        for Finding { level, about, found, to_do } in self.for_people() {
            let level = match level {
                Level::Ok => "ok",
                Level::Note => "note",
                Level::Problem => "problem",
            };
            screen.line(&format!("{level:7}  {about:width$}  {found}"))?;
            if let Some(to_do) = to_do {
                screen.line(&format!("{:7}  {:width$}  to do: {to_do}", "", ""))?;
            }
        }
        Ok(())
    }

    /// All of them, with commands that can be copied.
    fn for_scripts(&self, screen: &Screen<'_>) -> Vec<Finding> {
        let named = |text: &String| screen.for_stack(text).into_owned();
        let findings = self.0.iter().map(|finding| Finding {
            found: named(&finding.found),
            to_do: finding.to_do.as_ref().map(named),
            ..finding.clone()
        });
        findings.collect()
    }

    /// Those of a kind that are all right in one line, if there are many.
    fn for_people(&self) -> Vec<Finding> {
        let mut shown = Vec::new();
        for of_a_kind in self.0.chunk_by(|one, next| one.about == next.about) {
            let is_fine = |finding: &Finding| finding.level == Level::Ok;
            let fine = of_a_kind.iter().filter(|finding| is_fine(finding)).count();
            if fine > MOST {
                shown.push(Finding::fine(of_a_kind[0].about, format!("{fine} of them are all right")));
            }
            let told = |finding: &&Finding| fine <= MOST || !is_fine(finding);
            shown.extend(of_a_kind.iter().filter(told).cloned());
        }
        shown
    }

    /// # Errors
    /// [`Failure`] if something has to be done.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let problems = self.0.iter().filter(|finding| finding.level == Level::Problem).count();
        match problems {
            0 => Ok(()),
            count => Err(Failure::new(format!("{} found", counted(count, "problem")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Output;

    fn said(report: &Report, output: Output) -> String {
        let mut bytes = Vec::new();
        report.print(&mut Screen::new(output, &mut bytes).of_stack("two")).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn of_many_that_are_all_right_people_get_a_line_and_scripts_get_them_all() {
        let mut report = Report::default();
        report.extend((0..=MOST).map(|n| Finding::fine("exports", format!("`e{n}` may run"))).collect());
        report.add(Finding::problem("exports", "`x` can't run", "run `segue export resume x`"));
        report.extend(vec![Finding::fine("runs", "none"), Finding::note("runs", "one")]);
        insta::assert_snapshot!(said(&report, Output::Text), @r"
        ok       exports  6 of them are all right
        problem  exports  `x` can't run
                          to do: run `segue --stack two export resume x`
        ok       runs     none
        note     runs     one
        ");
        let all: Vec<serde_json::Value> = serde_json::from_str(&said(&report, Output::Json)).unwrap();
        assert_eq!(all.len(), MOST + 4);
        assert_eq!(all[MOST + 1]["to_do"], "run `segue --stack two export resume x`");
    }
}
