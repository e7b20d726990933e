//! Reading: the parts of the drops one after the other, each in one state, and as what it turns out to be.
//!
//! A part is opened once: that tells its size and its first bytes. A small one is read on as it comes. A large one is
//! read by ranges, several at once, so that one connection's speed is not the limit. Of Parquet only the footer and
//! the mapped columns are read.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use segue_platform::objects::Opened;
use segue_platform::{Deadline, Objects, StoreError};
use segue_source::parquet::Progress;
use segue_source::{Format, Found, Options, Parquet, ParquetError, Reader, SourceError, is_parquet};
use segue_state::{Part, Run, SourceRecord};
use tokio::task::{JoinHandle, JoinSet};

use crate::App;
use crate::error::StagingError;
use crate::guard::Guard;
use crate::intake::Intake;
use crate::options::options;
use crate::writers::Writers;

/// What must be left of the invocation to seal and queue.
const RESERVE: Duration = Duration::from_secs(30);
/// Larger parts are read by ranges.
const LARGE: u64 = 16 << 20;
/// Bytes of one range.
const PIECE: u64 = 8 << 20;
/// Ranges that are fetched at once, ahead of the one that is being parsed.
const AHEAD: usize = 4;
/// Bytes that are parsed between two looks at the clock and at what else there is to do. Packed ones may come to 250
/// times as many, and the chunks of all of them are held until then.
const STEP: usize = 32 << 10;
/// Bytes that tell Parquet from everything else.
const MAGIC: usize = 4;

/// What came of reading all parts.
pub(crate) struct Read {
    /// What stops the runs.
    pub(crate) stopped: Option<Guard>,
    /// What the parts turned out to be.
    pub(crate) sources: Vec<SourceRecord>,
}

/// Why reading ends before its time.
enum Stop {
    /// The runs are refused.
    Refused(Guard),
    /// The invocation fails, and is repeated.
    Broken(StagingError),
}

impl From<StagingError> for Stop {
    fn from(error: StagingError) -> Self {
        Self::Broken(error)
    }
}

/// Reads all parts of a run into `intake`, and what that makes ready into `writers`.
///
/// # Errors
/// [`StagingError`] if a bucket fails. A guard is no error: it is in the answer.
pub(crate) async fn read(
    app: &App,
    run: &Run,
    intake: &mut Intake,
    writers: &mut Writers,
    deadline: Deadline,
) -> Result<Read, StagingError> {
    let options = match options(&run.export.source) {
        Ok(options) => options,
        Err(problems) => {
            let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let stopped = Some(Guard::Configuration(texts.join("; ")));
            return Ok(Read { stopped, sources: Vec::new() });
        }
    };
    let objects = &app.segments;
    let mut reading = Reading { objects, options, intake, writers, deadline, sources: Vec::new() };
    let stopped = match reading.all(run).await {
        Ok(()) => None,
        Err(Stop::Refused(guard)) => Some(guard),
        Err(Stop::Broken(error)) => return Err(error),
    };
    Ok(Read { stopped, sources: reading.sources })
}

struct Reading<'a> {
    objects: &'a Arc<dyn Objects>,
    options: Options,
    intake: &'a mut Intake,
    writers: &'a mut Writers,
    deadline: Deadline,
    sources: Vec<SourceRecord>,
}

/// A part in the one state that it is read in.
#[derive(Clone)]
struct Pinned {
    objects: Arc<dyn Objects>,
    key: String,
    etag: String,
    size: u64,
}

impl Reading<'_> {
    async fn all(&mut self, run: &Run) -> Result<(), Stop> {
        let parts = run.drops.iter().flat_map(|drop| drop.parts.iter().map(|part| (part, drop.parts.len())));
        for (number, (part, parts)) in (0..).zip(parts) {
            match self.part(number, part).await {
                // Among others of its drop, one without anything in it is fine; if none has a row, a guard says so.
                Err(Stop::Refused(Guard::Source { source: SourceError::Empty, .. })) if parts > 1 => {}
                other => other?,
            }
            if self.intake.is_hopeless() {
                // Every export says for itself which column it misses.
                return Ok(());
            }
        }
        Ok(())
    }

    async fn part(&mut self, number: u32, part: &Part) -> Result<(), Stop> {
        let file = &part.key;
        let opened = self.in_time(self.objects.open(file, part.etag.as_deref())).await?;
        let opened = opened.map_err(|error| lost(file, error))?;
        let Opened { size, etag, pieces } =
            opened.ok_or_else(|| Stop::Refused(Guard::Gone { file: file.clone() }))?;
        // A short one is at its end once its first bytes were looked for, and is then asked for more.
        let mut pieces = pieces.fuse().boxed();
        if size != part.size {
            return Err(Stop::Refused(Guard::Size { file: file.clone(), said: part.size, found: size }));
        }
        self.intake.begin_part(number);
        let head = self.head(file, &mut pieces).await?;
        let pinned = Pinned { objects: self.objects.clone(), key: file.clone(), etag, size };
        let is_parquet = self.options.format.map_or_else(|| is_parquet(&head), |it| it == Format::Parquet);
        let found = if is_parquet && !head.is_empty() {
            drop(pieces);
            Some(self.parquet(&pinned).await?)
        } else {
            let read = head.len() as u64;
            let first = stream::iter([Ok(head)]);
            let pieces = if size > LARGE {
                drop(pieces);
                first.chain(pinned.ranges(read)).boxed()
            } else {
                first.chain(pieces).boxed()
            };
            self.text(file, pieces).await?
        };
        self.sources.extend(found.map(|found| record(number, found)));
        Ok(())
    }

    /// The first bytes: enough to know Parquet by, unless there are no more.
    async fn head(
        &self,
        file: &str,
        pieces: &mut BoxStream<'static, Result<Bytes, StoreError>>,
    ) -> Result<Bytes, Stop> {
        let mut head = Bytes::new();
        while head.len() < MAGIC {
            let Some(piece) = self.in_time(pieces.next()).await? else { break };
            let piece = piece.map_err(|error| lost(file, error))?;
            head = if head.is_empty() { piece } else { [head, piece].concat().into() };
        }
        Ok(head)
    }

    /// Reads what is parsed front to back.
    async fn text(
        &mut self,
        file: &str,
        mut pieces: BoxStream<'_, Result<Bytes, StoreError>>,
    ) -> Result<Option<Found>, Stop> {
        let refused = |source| Stop::Refused(Guard::Source { file: file.to_owned(), source });
        let mut reader = Reader::new(self.options.clone());
        while let Some(piece) = self.in_time(pieces.next()).await? {
            let piece = piece.map_err(|error| lost(file, error))?;
            for step in piece.chunks(STEP) {
                reader.feed(step, self.intake).map_err(refused)?;
                if self.intake.is_hopeless() {
                    return Ok(reader.found());
                }
                self.hand_on().await?;
            }
        }
        reader.finish(self.intake).map_err(refused)?;
        Ok(reader.found())
    }

    /// Reads Parquet by its footer.
    async fn parquet(&mut self, pinned: &Pinned) -> Result<Found, Stop> {
        let file = &pinned.key;
        let refused = |error: ParquetError| {
            Stop::Refused(Guard::Source { file: file.clone(), source: SourceError::InParquet(error) })
        };
        let mut parquet = Parquet::new(pinned.size);
        let mut wanted: VecDeque<Range<u64>> = VecDeque::new();
        let mut asked = JoinSet::new();
        loop {
            wanted.extend(parquet.wanted());
            while asked.len() < AHEAD
                && let Some(range) = wanted.pop_front()
            {
                let pinned = pinned.clone();
                asked.spawn(async move { (range.start, pinned.read(range).await) });
            }
            let mut answer = match parquet.advance(self.intake).map_err(refused)? {
                Progress::Done { .. } => return Ok(parquet.found()),
                Progress::More if self.intake.is_hopeless() => return Ok(parquet.found()),
                Progress::More => {
                    self.hand_on().await?;
                    asked.try_join_next()
                }
                Progress::Waiting if asked.is_empty() => {
                    wanted.extend(parquet.wanted());
                    if wanted.is_empty() {
                        return Err(refused(ParquetError::Changed));
                    }
                    None
                }
                Progress::Waiting => self.in_time(asked.join_next()).await?,
            };
            while let Some(done) = answer {
                let (from, bytes) = done.map_err(|_| StagingError::Writer)?;
                parquet.give(from, &bytes.map_err(|error| lost(file, error))?).map_err(refused)?;
                answer = asked.try_join_next();
            }
        }
    }

    /// Has what is ready written, and lets requests go on that are under way.
    async fn hand_on(&mut self) -> Result<(), Stop> {
        if self.deadline.left() < RESERVE {
            return Err(self.no_time());
        }
        self.writers.write(self.intake.take_ready()).await?;
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Waits for something, but not so long that nothing could be sealed any more.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let left = self.deadline.left().saturating_sub(RESERVE);
        tokio::time::timeout(left, work).await.map_err(|_| self.no_time())
    }

    fn no_time(&self) -> Stop {
        Stop::Refused(Guard::NoTime { read: self.intake.read() })
    }
}

impl Pinned {
    async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.objects.read(&self.key, &self.etag, range).await
    }

    /// All bytes behind `from`, in order.
    fn ranges(self, from: u64) -> impl Stream<Item = Result<Bytes, StoreError>> {
        let size = self.size;
        let starts = std::iter::successors(Some(from), |from| from.checked_add(PIECE));
        let ranges =
            starts.take_while(move |&from| from < size).map(move |from| from..size.min(from + PIECE));
        stream::iter(ranges)
            .map(move |range| {
                let pinned = self.clone();
                Task(tokio::spawn(async move { pinned.read(range).await }), self.key.clone())
            })
            .buffered(AHEAD)
    }
}

/// A request that goes on while something else is done, and ends when nobody waits for it any more.
struct Task(JoinHandle<Result<Bytes, StoreError>>, String);

impl Future for Task {
    type Output = Result<Bytes, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|done| {
            done.unwrap_or_else(|error| {
                Err(StoreError::Failed { key: self.1.clone(), action: "read", problem: error.to_string() })
            })
        })
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn lost(file: &str, error: StoreError) -> Stop {
    match error {
        StoreError::Changed { .. } => Stop::Refused(Guard::Gone { file: file.to_owned() }),
        error => Stop::Broken(StagingError::Drop(error)),
    }
}

fn record(part: u32, found: Found) -> SourceRecord {
    SourceRecord {
        part,
        format: found.format.name().to_owned(),
        compression: found.compression.name().to_owned(),
        encoding: found.encoding.name().to_owned(),
        delimiter: found.delimiter.map(String::from),
    }
}
