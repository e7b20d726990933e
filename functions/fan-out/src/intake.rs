//! Rows to chunks: everything between a parser and a bucket, without I/O.
//!
//! One pass serves several exports. Those that map the same e-mail column share its normalising, its validation and
//! its de-duplication; the hash is made once for all that want hashes.

mod column;
mod held;
mod plan;

use segue_segment::{Counts, Destination, RowRef};
use segue_source::{ColumnError, Fields, Rows};
use segue_state::Fields as Mapping;

use column::{Column, Seen};
use held::Held;
pub use plan::Staged;
use plan::{Plan, slot};

use crate::guard::{Bounds, Guard, Totals, check};

/// What an export wants of the drops.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it goes.
    pub destination: Destination,
    /// The columns it maps.
    pub mapping: Mapping,
    /// Further columns that must be there.
    pub columns: Vec<String>,
    /// Most profiles; above it nothing more is staged, and counting goes on.
    pub limit: u64,
}

/// Takes the rows of a run's drops, and gives chunks.
pub struct Intake {
    plans: Vec<Plan>,
    columns: Vec<Column>,
    part: u32,
    read: u64,
    /// Rows read before this part.
    before: u64,
    held: Held,
    ready: Vec<Staged>,
}

/// What became of one plan.
#[derive(Debug, Clone)]
pub struct Tally {
    /// What the guards look at.
    pub totals: Totals,
    /// Read, invalid and duplicate rows; what would be sent is `pending`.
    pub counts: Counts,
    /// Why rows were invalid.
    pub invalid_by_reason: std::collections::BTreeMap<segue_segment::Reason, u64>,
    /// Chunks made.
    pub chunks: u32,
    /// The first column that was missing, and the part it was missing in.
    pub missing: Option<(u32, ColumnError)>,
    /// Attributes that are not sent as they stood there.
    pub attributes_changed: segue_segment::attribute::Changed,
}

impl Tally {
    /// Whether the run may start. `files` are the parts, in their order; `column` is the mapped e-mail column.
    ///
    /// # Errors
    /// The first [`Guard`] that stops it.
    pub fn judge(&self, bounds: Bounds, column: &str, files: &[&str]) -> Result<(), Guard> {
        if let Some((part, source)) = &self.missing {
            let file = files.get(*part as usize).copied().unwrap_or_default().to_owned();
            return Err(Guard::Column { file, source: source.clone() });
        }
        check(self.totals, bounds, column)
    }
}

impl Intake {
    /// For these exports, in their order.
    #[must_use]
    pub fn new(wanted: &[Wanted]) -> Self {
        let mut columns: Vec<Column> = Vec::new();
        let mut plans = Vec::new();
        for want in wanted {
            let name = &want.mapping.email;
            let column = columns.iter().position(|column| column.name == *name).unwrap_or_else(|| {
                columns.push(Column::new(name));
                columns.len() - 1
            });
            plans.push(Plan::new(want, column));
        }
        Self { plans, columns, part: 0, read: 0, before: 0, held: Held::default(), ready: Vec::new() }
    }

    /// The next rows are those of this part.
    pub fn begin_part(&mut self, part: u32) {
        self.end_part();
        self.part = part;
    }

    fn end_part(&mut self) {
        self.work_off();
        if self.read > self.before {
            self.plans.iter_mut().for_each(Plan::end_part);
        }
        self.before = self.read;
    }

    /// Rows read so far.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// Whether no export can use these drops, since each misses a column.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.plans.iter().all(|plan| plan.missing.is_some())
    }

    /// What is ready to be written.
    #[must_use]
    pub fn take_ready(&mut self) -> Vec<Staged> {
        std::mem::take(&mut self.ready)
    }

    /// All parts were read: hands on what is left, and tells what became of each export's rows.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Staged>, Vec<Tally>) {
        self.end_part();
        self.plans.iter_mut().for_each(Plan::end);
        for index in 0..self.columns.len() {
            self.flush_invalid(index);
        }
        for (index, plan) in self.plans.iter_mut().enumerate() {
            plan.flush(index, &mut self.ready);
        }
        let tallies = self.plans.iter().map(|plan| self.tally(plan)).collect();
        (self.ready, tallies)
    }

    fn tally(&self, plan: &Plan) -> Tally {
        let column = &self.columns[plan.column];
        let invalid = column.invalid.values().sum();
        let profiles = self.read - invalid - column.duplicate;
        Tally {
            totals: Totals { read: self.read, invalid, profiles },
            counts: Counts {
                read: self.read,
                invalid,
                duplicate: column.duplicate,
                pending: profiles,
                ..Counts::default()
            },
            invalid_by_reason: column.invalid.clone(),
            chunks: plan.chunks,
            missing: plan.missing.clone(),
            attributes_changed: plan.changed,
        }
    }

    /// Passes the held rows through everything.
    fn work_off(&mut self) {
        for column in &mut self.columns {
            column.look(&self.held);
        }
        for (place, &row) in self.held.rows().iter().enumerate() {
            let at = RowRef { part: self.part, row };
            for (index, column) in self.columns.iter_mut().enumerate() {
                let plans = self.plans.iter_mut().enumerate().filter(|(_, plan)| plan.column == index);
                match column.take(place, at) {
                    Seen::New(email) => {
                        let mut hash = None;
                        for (number, plan) in plans {
                            plan.push(number, at, email, &mut hash, self.held.fields(place), &mut self.ready);
                        }
                    }
                    Seen::Known | Seen::Unread => {}
                    Seen::Invalid => {
                        if let Some((page, lines)) = column.take_full_page() {
                            let pages =
                                plans.map(|(plan, _)| Staged::Invalid { plan, page, lines: lines.clone() });
                            self.ready.extend(pages);
                        }
                    }
                }
            }
        }
        self.held.clear();
    }

    fn flush_invalid(&mut self, column: usize) {
        let Some((page, lines)) = self.columns[column].take_page() else { return };
        for (plan, _) in self.plans.iter().enumerate().filter(|(_, plan)| plan.column == column) {
            self.ready.push(Staged::Invalid { plan, page, lines: lines.clone() });
        }
    }
}

impl Rows for Intake {
    fn wanted(&mut self) -> Vec<String> {
        self.work_off();
        let mut wanted = Vec::new();
        for column in &mut self.columns {
            column.slot = Some(slot(&mut wanted, &column.name));
        }
        for plan in &mut self.plans {
            plan.want(&mut wanted);
        }
        self.held.begin(wanted.len());
        wanted
    }

    fn reads(&self, wanted: usize) -> bool {
        self.plans.iter().any(|plan| plan.reads(wanted))
    }

    fn missing(&mut self, wanted: usize, error: ColumnError) {
        self.work_off();
        for column in &mut self.columns {
            column.slot = column.slot.filter(|&slot| slot != wanted);
        }
        for plan in &mut self.plans {
            plan.miss(wanted, self.part, &error);
        }
    }

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        self.read += 1;
        if self.held.push(row, fields) {
            self.work_off();
        }
    }
}

#[cfg(test)]
mod tests;
