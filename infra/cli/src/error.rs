//! A command that did not do what was asked: what, where, and what to do now.

use std::error::Error;
use std::path::Path;
use std::{fmt, io};

use segue_platform::invoke::InvokeError;
use segue_platform::s3::sources;
use segue_platform::{QueueError, SecretError, StoreError};
use segue_state::StateError;

/// What went wrong, all of it at once, and what to do. It never holds a secret or a person's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    problems: Vec<Problem>,
    /// What to do about all of it.
    hint: Option<String>,
    status: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    text: String,
    hint: Option<String>,
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self { text, hint: None }
    }
}

impl Failure {
    /// It failed: exit status 1.
    pub fn new(problem: impl Into<String>) -> Self {
        Self::all(vec![problem.into()])
    }

    /// It was used wrongly: exit status 2.
    pub fn usage(problem: impl Into<String>) -> Self {
        Self { status: 2, ..Self::new(problem) }
    }

    /// Somebody interrupted it: the exit status that shells give that.
    pub fn interrupted(problem: impl Into<String>) -> Self {
        Self { status: 130, ..Self::new(problem) }
    }

    /// Several things are wrong.
    #[must_use]
    pub fn all(problems: Vec<String>) -> Self {
        Self { problems: problems.into_iter().map(Problem::from).collect(), hint: None, status: 1 }
    }

    /// AWS did not answer as hoped.
    pub fn aws(action: &str, code: Option<&str>, error: &(dyn Error + 'static)) -> Self {
        let problem = code.map_or_else(|| sources(error), str::to_owned);
        let hint = if code.is_some_and(|code| code.starts_with("AccessDenied")) {
            "your AWS identity may not do that: check AWS_PROFILE, and which of the stack's policies it has"
        } else {
            "check AWS_PROFILE, AWS_REGION, that you are logged in, and what you may do"
        };
        Self::new(format!("{action} failed: {problem}")).hint(hint)
    }

    /// A file that was named can't be opened or read: it was used wrongly.
    #[must_use]
    pub fn unreadable(file: &Path, error: &io::Error) -> Self {
        let name = file.display();
        Self::usage(match error.kind() {
            io::ErrorKind::NotFound => format!("there is no file `{name}`"),
            io::ErrorKind::PermissionDenied => format!("you may not read the file `{name}`"),
            io::ErrorKind::IsADirectory => format!("`{name}` is a folder, not a file"),
            _ => format!("the file `{name}` could not be read: {error}"),
        })
    }

    /// With what to do about it, or about all of it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        match &mut *self.problems {
            [only] => only.hint = Some(hint.into()),
            _ => self.hint = Some(hint.into()),
        }
        self
    }

    /// Several failures as one, each with its hint; none if there are none.
    ///
    /// # Errors
    /// That one.
    pub fn together(failures: Vec<Self>) -> Result<(), Self> {
        let all = failures.into_iter().reduce(|one, other| Self {
            problems: one.problems.into_iter().chain(other.problems).collect(),
            hint: one.hint.or(other.hint),
            status: one.status.max(other.status),
        });
        all.map_or(Ok(()), Err)
    }

    /// Says what each problem is about.
    #[must_use]
    pub fn about(mut self, what: &str) -> Self {
        for problem in &mut self.problems {
            problem.text = format!("{what}: {}", problem.text);
        }
        self
    }

    /// What is wrong, in one line, and what to do.
    #[must_use]
    pub fn told(&self) -> (String, Option<String>) {
        let problems: Vec<&str> = self.problems.iter().map(|problem| &*problem.text).collect();
        let mut hints: Vec<&str> = self
            .problems
            .iter()
            .filter_map(|problem| problem.hint.as_deref())
            .chain(self.hint.as_deref())
            .collect();
        hints.dedup();
        (problems.join("; "), (!hints.is_empty()).then(|| hints.join("; ")))
    }

    /// The exit status.
    #[must_use]
    pub const fn status(&self) -> u8 {
        self.status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A hint that several problems share comes after the last of them.
        for problems in self.problems.chunk_by(|one, next| one.hint == next.hint) {
            for Problem { text, .. } in problems {
                writeln!(f, "error: {text}")?;
            }
            problems[0].hint.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))?;
        }
        self.hint.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Denied { key, action } => Self::new(format!("AWS denies to {action} {key}"))
                .hint("your AWS identity needs to read and write the bucket, and to use its key"),
            StoreError::Changed { .. } | StoreError::Failed { .. } => Self::new(error.to_string()),
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Store(error) => error.into(),
            StateError::Version { .. } => {
                Self::new(error.to_string()).hint("this `segue` may be older than the stack: upgrade it")
            }
            StateError::Malformed { .. } => Self::new(error.to_string()),
        }
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Denied(name) => Self::new(format!("AWS denies access to the secret `{name}`"))
                .hint("your AWS identity needs to read and write secrets under the stack's name"),
            SecretError::Deleted(name) => Self::new(format!("the secret `{name}` is marked for deletion"))
                .hint(format!("have it back with: aws secretsmanager restore-secret --secret-id {name}")),
            SecretError::Missing(_) | SecretError::Changed(_) | SecretError::Failed { .. } => {
                Self::new(error.to_string())
            }
        }
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<InvokeError> for Failure {
    fn from(error: InvokeError) -> Self {
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_failures_each_keeps_its_hint() {
        let failures = ["one", "two"].map(|what| Failure::new(what).hint("mend it"));
        let other = Failure::new("three").hint("leave it");
        let all = Failure::together(failures.into_iter().chain([other]).collect()).unwrap_err();
        insta::assert_snapshot!(all.clone().hint("look again").to_string(), @r"
        error: one
        error: two
        hint: mend it
        error: three
        hint: leave it
        hint: look again
        ");
        assert_eq!(all.told(), ("one; two; three".to_owned(), Some("mend it; leave it".to_owned())));
    }

    #[test]
    fn each_problem_has_a_line_and_the_hint_comes_last() {
        let failure = Failure::all(vec!["a.yaml:1:2: no".into(), "a.yaml:3:4: nor this".into()]).hint("mend");
        insta::assert_snapshot!(failure.to_string(), @r"
        error: a.yaml:1:2: no
        error: a.yaml:3:4: nor this
        hint: mend
        ");
        assert_eq!((failure.status(), Failure::usage("x").status()), (1, 2));
    }
}
