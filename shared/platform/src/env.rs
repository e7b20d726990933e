//! The environment of a process, read once, through a lookup that tests replace.

use std::fmt::Display;
use std::str::FromStr;

/// A variable that is missing or makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    /// It is not set, or empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// Its text was not understood.
    #[error("the environment variable {name} is malformed: {problem}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Looks variables up.
pub struct Env<'a>(Box<Lookup<'a>>);

impl Env<'static> {
    /// The environment of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn process() -> Self {
        Self(Box::new(|name| std::env::var(name).ok()))
    }
}

impl<'a> Env<'a> {
    /// An environment made of pairs, for tests.
    #[must_use]
    pub fn of(pairs: &'a [(&'a str, &'a str)]) -> Self {
        Self(Box::new(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }))
    }

    /// The text of a variable; `None` if it is not set or empty.
    #[must_use]
    pub fn optional(&self, name: &'static str) -> Option<String> {
        self.named(name)
    }

    /// The text of a variable that somebody else chose; `None` if it is not set or empty.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The text of a variable.
    ///
    /// # Errors
    /// [`EnvError::Missing`].
    pub fn required(&self, name: &'static str) -> Result<String, EnvError> {
        self.optional(name).ok_or(EnvError::Missing(name))
    }

    /// The base URL of a destination, without a slash at its end.
    ///
    /// # Errors
    /// [`EnvError::Malformed`] for anything that is not https, unless it is loopback: personal data goes there.
    pub fn base_url(&self, name: &'static str, default: &str) -> Result<String, EnvError> {
        let url = self.optional(name).unwrap_or_else(|| default.to_owned());
        if is_private(&url) {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        Err(EnvError::Malformed { name, problem: "use https; http is taken for 127.0.0.1 only".to_owned() })
    }

    /// A variable of some type.
    ///
    /// # Errors
    /// [`EnvError::Malformed`] if its text was not understood.
    pub fn parsed<T: FromStr<Err: Display>>(&self, name: &'static str) -> Result<Option<T>, EnvError> {
        self.optional(name)
            .map(|text| {
                text.parse().map_err(|error: T::Err| EnvError::Malformed { name, problem: error.to_string() })
            })
            .transpose()
    }
}

fn is_private(url: &str) -> bool {
    if url.starts_with("https://") {
        return true;
    }
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.strip_prefix("[::1]").map_or_else(|| authority.split(':').next(), |_| Some("[::1]"));
    matches!(host, Some("127.0.0.1" | "localhost" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_malformed_are_told_apart_and_name_the_variable() {
        let env = Env::of(&[("EMPTY", ""), ("PORT", "eighty")]);
        assert_eq!(
            env.required("EMPTY").unwrap_err().to_string(),
            "the environment variable EMPTY is not set"
        );
        let error = env.parsed::<u16>("PORT").unwrap_err().to_string();
        assert!(error.starts_with("the environment variable PORT is malformed"), "{error}");
    }

    #[test]
    fn clear_text_is_sent_to_loopback_only() {
        for url in ["https://a.klaviyo.com", "http://127.0.0.1:81/x/", "http://localhost", "http://[::1]:8/"]
        {
            assert!(Env::of(&[("URL", url)]).base_url("URL", "").is_ok(), "{url}");
        }
        for url in
            ["http://a.klaviyo.com", "http://127.0.0.1.evil.org", "http://127.0.0.1@evil.org", "ftp://x"]
        {
            assert!(Env::of(&[("URL", url)]).base_url("URL", "").is_err(), "{url}");
        }
    }
}
