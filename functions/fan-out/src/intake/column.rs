//! One mapped e-mail column: its addresses are normalised, checked and de-duplicated once for all exports.

use std::collections::BTreeMap;

use bytes::Bytes;
use segue_segment::addresses::Addresses;
use segue_segment::unique::UniqueEmails;
use segue_segment::{Email, Reason, RowRef};
use segue_state::{Rejected, receipt};

use super::held::Held;

/// Invalid rows in one page of the rejected list: about a megabyte.
const PAGE: usize = 20_000;

/// An e-mail column and what was seen in it.
pub(super) struct Column {
    pub(super) name: String,
    /// Its place among the wanted fields of this part; `None` if the part does not have it.
    pub(super) slot: Option<usize>,
    pub(super) invalid: BTreeMap<Reason, u64>,
    pub(super) duplicate: u64,
    seen: UniqueEmails,
    /// Of the held rows.
    addresses: Addresses,
    page: Vec<Rejected>,
    pages: u32,
}

/// What a row is, by its address.
pub(super) enum Seen<'a> {
    /// Its address stands here for the first time.
    New(Email<'a>),
    /// Its address stood in an earlier row.
    Known,
    /// Its part does not have the column.
    Unread,
    /// It has no usable address.
    Invalid,
}

impl Column {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            slot: None,
            invalid: BTreeMap::new(),
            duplicate: 0,
            seen: UniqueEmails::default(),
            addresses: Addresses::default(),
            page: Vec::new(),
            pages: 0,
        }
    }

    /// Normalises and checks the addresses of the held rows.
    pub(super) fn look(&mut self, held: &Held) {
        self.addresses.clear();
        let Some(slot) = self.slot else { return };
        for index in 0..held.rows().len() {
            self.addresses.push(held.fields(index).get(slot), &self.seen);
        }
        self.addresses.fetch(&self.seen);
    }

    /// What the held row at this index is.
    pub(super) fn take(&mut self, index: usize, at: RowRef) -> Seen<'_> {
        match self.addresses.get(index, &mut self.seen) {
            None => Seen::Unread,
            Some(Ok((email, true))) => Seen::New(email),
            Some(Ok((_, false))) => {
                self.duplicate += 1;
                Seen::Known
            }
            Some(Err(reason)) => {
                *self.invalid.entry(reason).or_default() += 1;
                self.page.push(Rejected::at(at, reason));
                Seen::Invalid
            }
        }
    }

    /// The page of invalid rows, if it is full.
    pub(super) fn take_full_page(&mut self) -> Option<(u32, Bytes)> {
        if self.page.len() >= PAGE { self.take_page() } else { None }
    }

    /// The page of invalid rows so far, with its number; `None` if there are none.
    pub(super) fn take_page(&mut self) -> Option<(u32, Bytes)> {
        if self.page.is_empty() {
            return None;
        }
        let lines = Bytes::from(receipt::lines(&self.page));
        self.page.clear();
        self.pages += 1;
        Some((self.pages - 1, lines))
    }
}
