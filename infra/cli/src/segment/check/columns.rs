//! Which columns look like those that an export maps: by their values where that can be told, else by their names.

use segue_segment::Email;
use segue_source::{ColumnError, Fields, Rows};
use serde::Serialize;

use super::file::{File, Go, Outcome};
use crate::Failure;

/// Rows that are looked at.
const LOOKED_AT: u64 = 1000;
/// Columns that are looked at.
const MOST: usize = 100;

/// Columns that could be mapped.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Candidates {
    /// More than half of their values are addresses.
    pub(super) email: Vec<String>,
    /// Named like first names.
    pub(super) first_name: Vec<String>,
    /// Named like last names.
    pub(super) last_name: Vec<String>,
}

/// Looks at the first rows of a file with these columns.
pub(super) fn candidates(file: &mut File, names: &[String]) -> Result<Candidates, Failure> {
    let names = &names[..names.len().min(MOST)];
    let mut look = Look { names, filled: vec![0; names.len()], addresses: vec![0; names.len()], rows: 0 };
    file.read(&mut look, |look| Ok(if look.rows < LOOKED_AT { Go::On } else { Go::Stop }))?;
    let email = look.filled.iter().zip(&look.addresses).zip(names);
    let email = email.filter(|((filled, addresses), _)| **addresses * 2 > **filled);
    let like = |known: &[&str]| names.iter().filter(|name| is_like(name, known)).cloned().collect();
    Ok(Candidates {
        email: email.map(|(_, name)| name.clone()).collect(),
        first_name: like(&["firstname", "fname", "givenname", "forename", "vorname", "prenom", "nombre"]),
        last_name: like(&["lastname", "lname", "surname", "familyname", "nachname", "nom", "apellido"]),
    })
}

/// Whether the last part of a path is one of these, whatever its case and its separators.
fn is_like(name: &str, known: &[&str]) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let plain: String = last.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    known.contains(&plain.replace('é', "e").as_str())
}

struct Look<'a> {
    names: &'a [String],
    /// For each column, values that are not empty, and how many of them are addresses.
    filled: Vec<u32>,
    addresses: Vec<u32>,
    rows: u64,
}

impl Rows for Look<'_> {
    fn wanted(&mut self) -> Vec<String> {
        self.names.to_vec()
    }

    fn missing(&mut self, _: usize, _: ColumnError) {}

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        self.rows = row;
        if row > LOOKED_AT {
            return;
        }
        let mut buffer = String::new();
        for (index, (filled, addresses)) in self.filled.iter_mut().zip(&mut self.addresses).enumerate() {
            let value = fields.get(index);
            *filled += u32::from(!value.is_empty());
            *addresses += u32::from(!value.is_empty() && Email::normalise(value, &mut buffer).is_ok());
        }
    }
}

/// The names of a file's columns, and what the file is.
pub(super) fn names(file: &mut File) -> Result<Outcome, Failure> {
    file.read(&mut First(0), |rows| Ok(if rows.0 == 0 { Go::On } else { Go::Stop }))
}

/// Counts rows and wants nothing of them.
struct First(u64);

impl Rows for First {
    fn wanted(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn missing(&mut self, _: usize, _: ColumnError) {}

    fn row(&mut self, row: u64, _: &Fields<'_>) {
        self.0 = row;
    }
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn names_are_known_whatever_their_case_and_separators() {
        for name in ["first_name", "FirstName", "traits.first-name", "First Name"] {
            assert!(is_like(name, &["firstname"]), "{name}");
        }
        assert!(!is_like("first", &["firstname"]) && !is_like("name", &["firstname"]));
        assert!(is_like("Prénom", &["prenom"]));
    }
}
