//! Finding a mapped column in a header.

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

/// A header is a stranger's text too: so many names, so long. A file without a header has people in its first line,
/// and then nothing of it is shown.
fn listed(columns: &[String]) -> String {
    if are_values(columns) {
        return format!(
            "its first line looks like a row of {} fields: is the header missing? If so, set `header` to false and map columns by position",
            columns.len()
        );
    }
    if !columns.iter().any(|name| is_heading(name)) {
        return format!(
            "none of its {} columns has a heading that is known to be one, so they are not shown here: its first line may be a person's. `segue segment check` shows them",
            columns.len()
        );
    }
    format!("its columns are {}", shortened(columns))
}

/// The same for names of fields, among which there are people where an object is a dictionary of them.
fn paths(names: &[String]) -> String {
    if are_values(names) {
        return "the names of its fields look like values; map a path that every row has".to_owned();
    }
    format!("its first rows have {}", shortened(names))
}

/// Whether these names look like the values of a row, so that they must not be shown.
#[must_use]
pub fn are_values(names: &[String]) -> bool {
    names.iter().any(|name| is_value(name))
}

fn is_value(name: &str) -> bool {
    // Read in an encoding that it is not in, a whole file may be one name.
    const LONGEST: usize = 100;
    if name.chars().nth(LONGEST).is_some() {
        return true;
    }
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    name.contains('@') || letters < name.chars().filter(char::is_ascii_digit).count()
}

/// Whether this is surely a heading and nobody's name: one of its words is what segment files call their columns.
///
/// A first row whose address is missing has neither an `@` nor digits (`Jane,Doe,unknown`), and would pass for headings.
fn is_heading(name: &str) -> bool {
    const WORDS: [&str; 24] = [
        "address",
        "city",
        "correo",
        "country",
        "courriel",
        "created",
        "customer",
        "email",
        "first",
        "id",
        "key",
        "last",
        "mail",
        "mobile",
        "name",
        "nombre",
        "phone",
        "profile",
        "segment",
        "sha256",
        "surname",
        "telephone",
        "updated",
        "user",
    ];
    // `emailAddress`, `E-Mail`, `first_name` and `FIRSTNAME` are all seen.
    let name = name.to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    name.contains("mail") || name.ends_with("name") || words.any(|word| WORDS.contains(&word))
}

fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 40;
    let mut shown: Vec<String> =
        names.iter().take(SHOWN).map(|name| name.chars().take(60).collect()).collect();
    if names.len() > SHOWN {
        shown.push(format!("and {} more", names.len() - SHOWN));
    }
    shown.join(", ")
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
        let error = find(&columns(&["jane@example.com", "Jane"]), "email").unwrap_err();
        let text = error.to_string();
        assert!(!text.contains("jane@") && !text.contains("Jane"), "{text}");
        assert!(are_values(&columns(&["id", &"慣".repeat(101)])));
        for row in
            [&["", "Jane", "+4477009"][..], &["Jane", "Doe", "", "Berlin"], &["jane", "doe", "unknown"]]
        {
            let text = find(&columns(row), "email").unwrap_err().to_string();
            assert!(!text.to_lowercase().contains("jane"), "{text}");
        }
    }

    #[test]
    fn what_files_call_their_columns_is_shown() {
        for heading in
            ["E-Mail", "emailAddress", "FIRSTNAME", "Vorname", "Customer ID", "user_id", "メール (mail)"]
        {
            let text = find(&columns(&[heading, "x"]), "wanted").unwrap_err().to_string();
            assert!(text.ends_with(&format!("its columns are {heading}, x")), "{text}");
        }
    }
}
