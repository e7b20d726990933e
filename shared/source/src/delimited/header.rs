//! Which columns of a file are wanted, and where their fields go.

use crate::columns::{ColumnError, find};
use crate::rows::{Rows, Span};

/// What the first line said.
pub(super) struct Header {
    names: Vec<String>,
    /// For each column up to the last wanted one: its place among the wanted ones.
    slots: Vec<Option<usize>>,
    /// Wanted columns that repeat an earlier one: (place, place of the earlier).
    repeated: Vec<(usize, usize)>,
}

impl Header {
    /// From the fields of the first line, which are names if the file has a header. Tells `rows` what is missing.
    pub(super) fn new(
        mut names: Vec<String>,
        has_header: bool,
        wanted: &[String],
        rows: &mut dyn Rows,
    ) -> Self {
        if !has_header {
            names = (1..=names.len()).map(|number| number.to_string()).collect();
        }
        let mut slots = vec![None; names.len()];
        let mut repeated = Vec::new();
        for (place, name) in wanted.iter().enumerate() {
            match find(&names, name) {
                Ok(column) => match slots[column] {
                    None => slots[column] = Some(place),
                    Some(earlier) => repeated.push((place, earlier)),
                },
                Err(ColumnError::Missing { wanted, columns }) if !has_header => {
                    rows.missing(place, ColumnError::NoPosition { wanted, columns: columns.len() });
                }
                Err(error) => rows.missing(place, error),
            }
        }
        slots.truncate(slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1));
        Self { names, slots, repeated }
    }

    pub(super) const fn columns(&self) -> usize {
        self.names.len()
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// For each column up to the last wanted one: its place among the wanted ones.
    pub(super) fn places(&self) -> &[Option<usize>] {
        &self.slots
    }

    pub(super) fn place(&self, column: usize, span: Span, spans: &mut [Span]) {
        if let Some(&Some(place)) = self.slots.get(column) {
            spans[place] = span;
        }
    }

    /// Fills the places of columns that are wanted more than once.
    pub(super) fn repeat(&self, spans: &mut [Span]) {
        for &(place, earlier) in &self.repeated {
            spans[place] = spans[earlier];
        }
    }
}
