//! Finding a mapped column in a header.

use crate::shown::{Names, Shown, are_values, shown};

/// A mapped column that can't be told.
///
/// Where a file has no names but paths, a column is one: `traits.email` is the field `email` of the object `traits`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// There is none of that name.
    #[error("the file has no column `{wanted}`; {}", listed(.columns))]
    Missing {
        /// The mapped name.
        wanted: String,
        /// The columns that there are.
        columns: Vec<String>,
    },
    /// There is no column at that position.
    #[error(
        "the file is read without a header, so its {columns} columns are called by position; there is no `{wanted}`"
    )]
    NoPosition {
        /// The mapped name.
        wanted: String,
        /// How many there are.
        columns: usize,
    },
    /// No object of the file has it.
    #[error("the file has no field `{wanted}`; {}", paths(.names))]
    NoPath {
        /// The mapped path.
        wanted: String,
        /// Paths of the fields that there are.
        names: Vec<String>,
    },
    /// It holds more fields, not text.
    #[error(
        "`{wanted}` is an object or an array in all rows; map a field inside it, such as `{wanted}.NAME`"
    )]
    NotText {
        /// The mapped path.
        wanted: String,
    },
    /// It holds what is no text, and can't be turned into it without doubt.
    #[error("the column `{wanted}` holds {kind}; map a column of text")]
    Kind {
        /// The mapped name.
        wanted: String,
        /// What it holds.
        kind: &'static str,
    },
    /// There are several of that name.
    #[error("the file has more than one column `{wanted}`; rename all but one")]
    Ambiguous {
        /// The mapped name.
        wanted: String,
    },
}

/// The index of the column `wanted`: an exact match first, then one that differs in case only.
///
/// # Errors
/// [`ColumnError`] when there is no such column, or more than one.
pub fn find(columns: &[String], wanted: &str) -> Result<usize, ColumnError> {
    let only = |matches: &dyn Fn(&str) -> bool| {
        let mut found = columns.iter().enumerate().filter(|(_, name)| matches(name)).map(|(index, _)| index);
        (found.next(), found.next())
    };
    let lower = wanted.to_lowercase();
    for found in [only(&|name| name == wanted), only(&|name| name.to_lowercase() == lower)] {
        match found {
            (Some(index), None) => return Ok(index),
            (Some(_), Some(_)) => return Err(ColumnError::Ambiguous { wanted: wanted.to_owned() }),
            (None, _) => {}
        }
    }
    Err(ColumnError::Missing { wanted: wanted.to_owned(), columns: columns.to_vec() })
}

/// Of a file without a header, people are in the first line, and then nothing of it is shown.
fn listed(columns: &[String]) -> String {
    if are_values(columns) {
        return format!(
            "its first line looks like a row of {} fields: is the header missing? If so, set `header` to false and map columns by position",
            columns.len()
        );
    }
    let may = shown(columns, Names::Headings);
    if may.names.is_empty() {
        return format!(
            "too few of its {} columns have a heading that is known to be one, so they are not shown here: its first line may be a person's. `segue segment check` shows them",
            columns.len()
        );
    }
    format!("its columns are {}", shortened(&may))
}

/// The same for names of fields, among which there are people where an object is a dictionary of them.
fn paths(names: &[String]) -> String {
    let may = shown(names, Names::Paths);
    if may.names.is_empty() {
        return "the names of its fields are not shown here, since they may be people's: map a path that every row has; `segue segment check` shows them".to_owned();
    }
    format!("its first rows have {}", shortened(&may))
}

/// So many names, so long.
fn shortened(may: &Shown) -> String {
    const LISTED: usize = 40;
    let mut listed: Vec<String> =
        may.names.iter().take(LISTED).map(|name| name.chars().take(60).collect()).collect();
    let more = may.names.len().saturating_sub(LISTED) + may.left_out;
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn an_exact_match_wins_over_one_without_case() {
        assert_eq!(find(&columns(&["Email", "email"]), "email"), Ok(1));
        assert_eq!(find(&columns(&["id", "E-Mail"]), "e-mail"), Ok(1));
    }

    #[test]
    fn a_missing_column_names_those_that_there_are() {
        let error = find(&columns(&["id", "mail"]), "email").unwrap_err();
        assert_eq!(error.to_string(), "the file has no column `email`; its columns are id, mail");
    }

    #[test]
    fn a_doubled_column_is_refused() {
        for names in [["email", "email"], ["Email", "EMAIL"]] {
            assert!(matches!(find(&columns(&names), "email"), Err(ColumnError::Ambiguous { .. })));
        }
    }

    #[test]
    fn a_first_line_with_people_in_it_is_not_shown() {
        for row in [
            &["jane@example.com", "Jane"][..],
            &["", "Jane", "+4477009"],
            &["Jane", "Doe", "", "Berlin"],
            &["jane", "doe", "unknown"],
        ] {
            let text = find(&columns(row), "email").unwrap_err().to_string();
            assert!(!text.to_lowercase().contains("jane"), "{text}");
        }
    }

    #[test]
    fn keys_that_are_people_are_not_shown() {
        let told = |names: &[&str]| {
            ColumnError::NoPath { wanted: "email".into(), names: columns(names) }.to_string()
        };
        let text = told(&["Jane Doe.plan", "John Roe.plan"]);
        assert!(text.contains("may be people's") && !text.contains("Jane"), "{text}");
        let text = told(&["id", "traits.mail", "friends.jane", "friends.john"]);
        assert_eq!(text, "the file has no field `email`; its first rows have id, traits.mail, and 2 more");
    }
}
