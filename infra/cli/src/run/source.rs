//! The rows of a drop that were refused, read from it once more, on the operator's own machine.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fan_out::options::options;
use futures::StreamExt;
use segue_platform::objects::Opened;
use segue_platform::{Objects, StoreError};
use segue_source::parquet::Progress;
use segue_source::{ColumnError, Fields, Format, Options, Parquet, Reader, Rows, is_parquet};
use segue_state::{Part, Run};

use crate::Failure;

/// What stands in the mapped columns of a row, by their names.
pub(super) type Row = BTreeMap<String, String>;

/// Where a row stands: its part, and its number in it.
type At = (u32, u64);

/// What was found.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) rows: BTreeMap<At, Row>,
    /// Parts that can't be read any more, or by this identity.
    pub(super) problems: Vec<Failure>,
}

/// Reads these rows. A part that was replaced meanwhile is not read: its rows are others.
pub(super) async fn read(bucket: &dyn Objects, run: &Run, wanted: impl Iterator<Item = At>) -> Sources {
    let mut by_part: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for (part, row) in wanted {
        by_part.entry(part).or_default().insert(row);
    }
    let mut sources = Sources::default();
    for (number, part) in (0..).zip(run.parts()) {
        let Some(rows) = by_part.remove(&number) else { continue };
        match one(bucket, run, part, rows).await {
            Ok(found) => sources.rows.extend(found.into_iter().map(|(row, fields)| ((number, row), fields))),
            Err(failure) => sources.problems.push(failure.about(&part.key)),
        }
    }
    sources
}

async fn one(
    bucket: &dyn Objects,
    run: &Run,
    part: &Part,
    rows: BTreeSet<u64>,
) -> Result<BTreeMap<u64, Row>, Failure> {
    let options = options(&run.export.source)
        .map_err(|problems| Failure::all(problems.iter().map(ToString::to_string).collect()))?;
    let opened = bucket.open(&part.key, part.etag.as_deref()).await.map_err(lost)?;
    let Opened { size, etag, pieces } =
        opened.ok_or_else(|| Failure::new("it is not there any more, so its rows can't be shown"))?;
    // A short one is at its end once its first bytes were looked for, and is then asked for more.
    let mut pieces = pieces.fuse().boxed();
    let mapping = &run.export.fields;
    let names = [Some(&mapping.email), mapping.first_name.as_ref(), mapping.last_name.as_ref()];
    let mut picked = Picked {
        names: names.into_iter().flatten().cloned().collect(),
        last: rows.last().copied().unwrap_or_default(),
        rows,
        found: BTreeMap::new(),
        seen: 0,
    };
    let mut head = Bytes::new();
    while head.len() < 4
        && let Some(piece) = pieces.next().await
    {
        head = [head, piece.map_err(lost)?].concat().into();
    }
    let parquet = options.format.map_or_else(|| is_parquet(&head), |format| format == Format::Parquet);
    if parquet {
        by_footer(bucket, part, (size, &etag), &mut picked).await?;
    } else {
        front_to_back(head, pieces, options, &mut picked).await?;
    }
    Ok(picked.found)
}

async fn front_to_back(
    head: Bytes,
    mut pieces: futures::stream::BoxStream<'static, Result<Bytes, StoreError>>,
    options: Options,
    picked: &mut Picked,
) -> Result<(), Failure> {
    let mut reader = Reader::new(options);
    let broken = |error: segue_source::SourceError| Failure::new(error.to_string());
    reader.feed(&head, picked).map_err(broken)?;
    while !picked.is_done() {
        let Some(piece) = pieces.next().await else {
            reader.finish(picked).map_err(broken)?;
            return Ok(());
        };
        reader.feed(&piece.map_err(lost)?, picked).map_err(broken)?;
    }
    Ok(())
}

async fn by_footer(
    bucket: &dyn Objects,
    part: &Part,
    (size, etag): (u64, &str),
    picked: &mut Picked,
) -> Result<(), Failure> {
    let mut parquet = Parquet::new(size);
    let broken = |error: segue_source::ParquetError| Failure::new(error.to_string());
    while !picked.is_done() {
        for range in parquet.wanted() {
            let bytes = bucket.read(&part.key, etag, range.clone()).await.map_err(lost)?;
            parquet.give(range.start, &bytes).map_err(broken)?;
        }
        if let Progress::Done { .. } = parquet.advance(picked).map_err(broken)? {
            break;
        }
    }
    Ok(())
}

fn lost(error: StoreError) -> Failure {
    match error {
        StoreError::Changed { .. } => Failure::new("it was replaced since, so its rows are others now"),
        StoreError::Denied { .. } => Failure::new("AWS denies you to read it").hint(
            "showing rows needs s3:GetObject on the segment bucket, which the administrators' policy gives",
        ),
        error @ StoreError::Failed { .. } => error.into(),
    }
}

/// Keeps the rows that are asked for.
struct Picked {
    names: Vec<String>,
    rows: BTreeSet<u64>,
    last: u64,
    found: BTreeMap<u64, Row>,
    seen: u64,
}

impl Picked {
    /// Whether there is nothing left to look for.
    const fn is_done(&self) -> bool {
        self.seen >= self.last
    }
}

impl Rows for Picked {
    fn wanted(&mut self) -> Vec<String> {
        self.names.clone()
    }

    fn missing(&mut self, _wanted: usize, _error: ColumnError) {}

    fn row(&mut self, row: u64, fields: &Fields<'_>) {
        self.seen = row;
        if self.rows.contains(&row) {
            let text = |place| String::from_utf8_lossy(fields.get(place)).into_owned();
            let named = self.names.iter().enumerate().map(|(place, name)| (name.clone(), text(place)));
            self.found.insert(row, named.collect());
        }
    }
}
