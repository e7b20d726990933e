//! A local file, read as fan-out reads a part.

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use segue_source::parquet::Progress;
use segue_source::{Format, Found, Options, Parquet, Reader, Rows, SourceError, is_parquet};

use crate::Failure;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// A file, and how it is to be read.
pub(super) struct File {
    name: String,
    file: std::fs::File,
    options: Options,
}

/// What a file turned out to be.
pub(super) struct Outcome {
    /// What it is, as far as that was found out.
    pub(super) found: Option<Found>,
    /// The columns that it has.
    pub(super) names: Vec<String>,
    /// What is wrong with it.
    pub(super) error: Option<SourceError>,
}

/// Whether to read on.
pub(super) enum Go {
    On,
    Stop,
}

impl File {
    /// Opens it.
    pub(super) fn open(path: &Path, options: Options) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let file = std::fs::File::open(path).map_err(|error| Failure::unreadable(path, &error))?;
        if !file.metadata().is_ok_and(|found| !found.is_dir()) {
            return Err(Failure::unreadable(path, &ErrorKind::IsADirectory.into()));
        }
        Ok(Self { name, file, options })
    }

    /// Hands its rows to `rows`, from the first one on, and asks `after` every now and then whether to go on.
    pub(super) fn read<R: Rows>(
        &mut self,
        rows: &mut R,
        after: impl FnMut(&mut R) -> Result<Go, Failure>,
    ) -> Result<Outcome, Failure> {
        let head = self.range(0, 4)?;
        let parquet =
            self.options.format.map_or_else(|| is_parquet(&head), |format| format == Format::Parquet);
        if parquet && !head.is_empty() { self.parquet(rows, after) } else { self.text(rows, after) }
    }

    fn text<R: Rows>(
        &mut self,
        rows: &mut R,
        mut after: impl FnMut(&mut R) -> Result<Go, Failure>,
    ) -> Result<Outcome, Failure> {
        let mut reader = Reader::new(self.options.clone());
        let mut piece = vec![0; PIECE];
        self.file.seek(SeekFrom::Start(0)).map_err(|error| self.lost(&error))?;
        let error = loop {
            let length = match self.file.read(&mut piece) {
                Ok(0) => break reader.finish(rows).err(),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.lost(&error)),
            };
            if let Err(error) = reader.feed(&piece[..length], rows) {
                break Some(error);
            }
            if let Go::Stop = after(rows)? {
                break None;
            }
        };
        Ok(Outcome { found: reader.found(), names: reader.names().to_vec(), error })
    }

    fn parquet<R: Rows>(
        &mut self,
        rows: &mut R,
        mut after: impl FnMut(&mut R) -> Result<Go, Failure>,
    ) -> Result<Outcome, Failure> {
        let size = self.file.metadata().map_err(|error| self.lost(&error))?.len();
        let mut parquet = Parquet::new(size);
        let error = loop {
            for range in parquet.wanted() {
                let bytes = self.range(range.start, range.end - range.start)?;
                if let Err(error) = parquet.give(range.start, &bytes.into()) {
                    return Ok(Outcome { found: None, names: Vec::new(), error: Some(error.into()) });
                }
            }
            match parquet.advance(rows) {
                Ok(Progress::Done { .. }) => break None,
                Ok(Progress::More | Progress::Waiting) => {}
                Err(error) => break Some(error.into()),
            }
            if let Go::Stop = after(rows)? {
                break None;
            }
        };
        Ok(Outcome { found: Some(parquet.found()), names: parquet.names().to_vec(), error })
    }

    fn range(&mut self, from: u64, length: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let read = self
            .file
            .seek(SeekFrom::Start(from))
            .and_then(|_| (&mut self.file).take(length).read_to_end(&mut bytes));
        read.map_err(|error| self.lost(&error))?;
        Ok(bytes)
    }

    fn lost(&self, error: &std::io::Error) -> Failure {
        Failure::new(format!("{} could not be read: {error}", self.name))
    }
}
