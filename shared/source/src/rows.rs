//! What a parser hands on: the header once, then row after row, mapped fields only.

/// Takes the rows of one file.
pub trait Rows {
    /// The header was read. Answers the indexes of the columns that are wanted; [`Fields`] has them in this order.
    fn header(&mut self, columns: &[String]) -> Vec<usize>;

    /// One row. Rows count from 1; the header and empty lines are not counted.
    fn row(&mut self, row: u64, fields: &Fields<'_>);
}

/// The wanted fields of one row, unquoted, as bytes that are valid UTF-8.
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
    /// The field of the wanted column `index`; nothing if that many were not wanted.
    #[must_use]
    pub fn get(&self, index: usize) -> &[u8] {
        self.spans.get(index).map_or(&[], |span| {
            let bytes = if span.unquoted { self.unquoted } else { self.record };
            &bytes[span.from..span.to]
        })
    }
}
