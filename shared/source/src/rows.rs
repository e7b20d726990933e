//! What a parser asks for and hands on: the wanted names once a file, then row after row, wanted fields only.

use crate::columns::ColumnError;

/// Takes the rows of one file.
pub trait Rows {
    /// The names that are wanted: columns of a header, or paths into JSON objects and Parquet schemas.
    /// [`Fields`] has them in this order.
    fn wanted(&mut self) -> Vec<String>;

    /// Whether the text of the wanted name at this place is looked at, and not only whether the file has it. It is
    /// asked after [`wanted`](Self::wanted).
    fn reads(&self, wanted: usize) -> bool {
        let _ = wanted;
        true
    }

    /// The wanted name at place `wanted` can't be told; its field is empty in all rows. This comes before the first
    /// row where the file says up front what it has, and after the last one where it does not (JSON).
    fn missing(&mut self, wanted: usize, error: ColumnError);

    /// One row. Rows count from 1; the header and empty lines are not counted.
    fn row(&mut self, row: u64, fields: &Fields<'_>);
}

/// The wanted fields of one row, without quotes and escapes, as bytes that are valid UTF-8.
pub struct Fields<'a> {
    pub(crate) record: &'a [u8],
    pub(crate) unquoted: &'a [u8],
    pub(crate) spans: &'a [Span],
}

/// Where a field's bytes are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// In the buffer of unquoted text rather than in the record.
    pub(crate) unquoted: bool,
}

impl Fields<'_> {
    /// The field of the wanted name `index`; nothing if that many were not wanted.
    #[must_use]
    pub fn get(&self, index: usize) -> &[u8] {
        self.spans.get(index).map_or(&[], |span| {
            let bytes = if span.unquoted { self.unquoted } else { self.record };
            &bytes[span.from..span.to]
        })
    }
}
