//! What an operator is offered to choose from: the segments that have a drop, and the columns of the latest one. Names
//! only, never a value.

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use segue_platform::StoreError;
use segue_platform::objects::Opened;
use segue_source::parquet::Progress;
use segue_source::shown::are_values;
use segue_source::{
    ColumnError, Fields, Format, Names, Options, Parquet, Reader, Rows, Shown, SourceError, is_parquet, shown,
};
use segue_state::{Part, Source};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::catalog::{self, Newest};
use crate::options::options;

/// Segments that are looked through at once.
const AT_ONCE: usize = 8;
/// Bytes of a file that are read to find its columns.
const BEGINNING: usize = 1 << 20;
/// Parts without anything in them that are passed over.
const EMPTY_PARTS: usize = 10;

/// A segment that has a drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its name.
    pub segment: String,
    /// Its latest drop: the key of its file, or its folder with the slash at the end.
    pub drop: String,
    /// When that was put.
    pub at: Timestamp,
    /// Its size in bytes, all parts together.
    pub size: u64,
}

/// The columns of a segment's latest drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// The drop, as in [`Offer::drop`].
    pub drop: String,
    /// The format of its files.
    pub format: String,
    /// Their names, in the file's order; of objects the paths of the first ones' fields. Names that may be people's are
    /// left out.
    pub columns: Vec<String>,
    /// What was left out, and what to do.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// Columns that are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many.
    pub left_out: usize,
    /// Why, and what to do.
    pub note: String,
}

/// Why there are no columns to offer.
#[derive(Debug, thiserror::Error)]
pub enum NoColumns {
    /// The segment has no drop that could be looked at.
    #[error("the segment `{0}` has no drop yet; put a file with `segue segment put {0} FILE`")]
    NoDrop(String),
    /// It has one that can't be read, or its file can't.
    #[error("{0}")]
    Unreadable(String),
    /// There is nothing in it.
    #[error("{0} has no row, hence no columns")]
    Empty(String),
    /// Its first line is a person.
    #[error(
        "{0} begins with a line that looks like values: is the header missing? If so, set `source.header` to false and \
         map columns by position"
    )]
    Values(String),
    /// The segment bucket failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The segments that have a drop, by name.
///
/// # Errors
/// [`StoreError`] if the segment bucket can't be listed, or a manifest not be read.
pub async fn segments(app: &App) -> Result<Vec<Offer>, StoreError> {
    let names = app.segments.folders(&app.config.segment_prefix).await?;
    let offers = names.into_iter().map(async |segment| {
        let newest = catalog::newest(app, &segment).await?;
        Ok(newest.map(|Newest { found, key, put_ms }| Offer {
            size: found.drop.parts.iter().map(|part| part.size).sum(),
            at: i64::try_from(put_ms)
                .ok()
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .unwrap_or_default(),
            drop: key,
            segment,
        }))
    });
    let mut found: Vec<Offer> = stream::iter(offers)
        .buffer_unordered(AT_ONCE)
        .try_filter_map(async |offer| Ok(offer))
        .try_collect()
        .await?;
    found.sort_by(|one, other| one.segment.cmp(&other.segment));
    Ok(found)
}

/// The columns of a segment's latest drop, read as `source` says. Only the beginning of a file is read, and of Parquet
/// the footer.
///
/// # Errors
/// See [`NoColumns`].
pub async fn columns(app: &App, segment: &str, source: &Source) -> Result<Columns, NoColumns> {
    let options = options(source).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        NoColumns::Unreadable(texts.join("; "))
    })?;
    let newest = catalog::newest(app, segment).await?;
    let Newest { found, key, .. } = newest.ok_or_else(|| NoColumns::NoDrop(segment.to_owned()))?;
    if let Some(guard) = found.obstacle {
        return Err(NoColumns::Unreadable(guard.to_string()));
    }
    for part in found.drop.parts.iter().take(EMPTY_PARTS) {
        let Some((format, names)) = look(app, part, &options).await? else { continue };
        let what = match format {
            Format::Delimited if !options.header => Names::Positions,
            Format::Delimited if are_values(&names) => return Err(NoColumns::Values(part.key.clone())),
            Format::Delimited => Names::Headings,
            // Whatever is said of a header.
            Format::Ndjson | Format::Json | Format::Parquet => Names::Paths,
        };
        let Shown { names, left_out } = shown(&names, what);
        let left_out = (left_out > 0).then(|| LeftOut { left_out, note: note(&part.key, left_out, &names) });
        return Ok(Columns { drop: key, format: format.name().to_owned(), columns: names, left_out });
    }
    Err(NoColumns::Empty(key))
}

fn note(file: &str, left_out: usize, names: &[String]) -> String {
    let which = match (names.is_empty(), left_out) {
        (true, _) => "the names of its columns are not shown, since they".to_owned(),
        (false, 1) => "the name of one more column is not shown, since it".to_owned(),
        (false, _) => format!("the names of {left_out} more columns are not shown, since they"),
    };
    format!(
        "{file}: {which} may be people's; name the column yourself (`--email NAME`), or run `segue segment check` on the \
         file, which shows them"
    )
}

/// The format and the columns of one part; `None` if there is nothing in it.
async fn look(app: &App, part: &Part, options: &Options) -> Result<Option<(Format, Vec<String>)>, NoColumns> {
    let file = &part.key;
    let opened = app.segments.open(file, part.etag.as_deref()).await?;
    let Opened { size, etag, mut pieces } =
        opened.ok_or_else(|| NoColumns::Unreadable(format!("{file} was removed")))?;
    let wrong = |error: SourceError| NoColumns::Unreadable(format!("{file}: {error}"));
    let mut reader = Reader::new(options.clone());
    let (mut head, mut read, mut rows) = (Vec::new(), 0, First(false));
    while read < BEGINNING
        && !rows.0
        && let Some(piece) = pieces.next().await
    {
        let piece = piece?;
        read += piece.len();
        let piece = if head.len() < MAGIC {
            head.extend_from_slice(&piece);
            if head.len() < MAGIC {
                continue;
            }
            if options.format.map_or_else(|| is_parquet(&head), |format| format == Format::Parquet) {
                drop(pieces);
                return parquet(app, file, &etag, size).await.map(Some);
            }
            head.clone().into()
        } else {
            piece
        };
        if let Err(error) = reader.feed(&piece, &mut rows) {
            // What is wrong further down does not make the names wrong.
            if reader.names().is_empty() {
                return Err(wrong(error));
            }
            rows.0 = true;
        }
    }
    if !rows.0 && read < BEGINNING {
        let ended = if head.len() < MAGIC { reader.feed(&head, &mut rows) } else { Ok(()) };
        match ended.and_then(|()| reader.finish(&mut rows)) {
            Err(SourceError::Empty) => return Ok(None),
            Err(error) if reader.names().is_empty() => return Err(wrong(error)),
            Ok(_) | Err(_) => {}
        }
    }
    let names = reader.names().to_vec();
    Ok(reader.found().filter(|_| !names.is_empty()).map(|found| (found.format, names)))
}

/// Bytes that tell Parquet from everything else.
const MAGIC: usize = 4;

async fn parquet(app: &App, file: &str, etag: &str, size: u64) -> Result<(Format, Vec<String>), NoColumns> {
    let wrong = |error| NoColumns::Unreadable(format!("{file}: {}", SourceError::InParquet(error)));
    let mut parquet = Parquet::new(size);
    let mut rows = First(false);
    while parquet.names().is_empty() {
        let wanted = parquet.wanted();
        if wanted.is_empty()
            && let Progress::Done { .. } | Progress::Waiting = parquet.advance(&mut rows).map_err(wrong)?
        {
            break;
        }
        for range in wanted {
            let from = range.start;
            let bytes = app.segments.read(file, etag, range).await?;
            parquet.give(from, &bytes).map_err(wrong)?;
        }
        parquet.advance(&mut rows).map_err(wrong)?;
    }
    Ok((Format::Parquet, parquet.names().to_vec()))
}

/// Whether a row was seen; nothing of it is wanted.
struct First(bool);

impl Rows for First {
    fn wanted(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn missing(&mut self, _: usize, _: ColumnError) {}

    fn row(&mut self, _: u64, _: &Fields<'_>) {
        self.0 = true;
    }
}
