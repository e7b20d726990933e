//! What becomes of chunks that nobody sends: they are dropped, or kept in a folder.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use fan_out::intake::Staged;
use segue_state::Rejected;

use crate::Failure;

/// What a chunk begins with.
const MAGIC: &[u8; 4] = b"SGCH";
/// Invalid rows that are told.
const TOLD: usize = 5;

/// Takes chunks as soon as they are made.
pub(super) struct Chunks {
    folder: Option<PathBuf>,
    written: Vec<PathBuf>,
    /// The first invalid rows.
    pub(super) invalid: Vec<Rejected>,
}

impl Chunks {
    /// Into this folder, made anew from the chunks of an earlier check; dropped if there is none.
    pub(super) fn new(folder: Option<&Path>) -> Result<Self, Failure> {
        if let Some(folder) = folder {
            made(folder).and_then(|()| clear(folder)).map_err(|error| failed(folder, &error))?;
        }
        Ok(Self { folder: folder.map(Path::to_owned), written: Vec::new(), invalid: Vec::new() })
    }

    pub(super) fn take(&mut self, staged: Vec<Staged>) -> Result<(), Failure> {
        for staged in staged {
            match (staged, &self.folder) {
                (Staged::Chunk { number, bytes, .. }, Some(folder)) => {
                    let path = folder.join(format!("{number:06}"));
                    self.written.push(write(path, &bytes)?);
                }
                (Staged::Chunk { .. }, None) => {}
                (Staged::Invalid { lines, .. }, _) => {
                    let left = TOLD - self.invalid.len();
                    let rows = lines.split(|&byte| byte == b'\n').take(left);
                    self.invalid.extend(rows.filter_map(|row| serde_json::from_slice::<Rejected>(row).ok()));
                }
            }
        }
        Ok(())
    }

    /// A run would send them: they stay.
    pub(super) fn keep(&mut self) {
        self.written.clear();
    }
}

/// A guard stopped the run, or the check failed: nothing is staged then, and no people are left behind.
impl Drop for Chunks {
    fn drop(&mut self) {
        for path in self.written.drain(..) {
            // Somebody may have taken it away already.
            let _ = fs::remove_file(&path);
        }
    }
}

/// There are people in it: nobody else may look into it.
fn made(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let mut options = OpenOptions::new();
    // Whatever lies there already is none of ours, nor is what a link leads to.
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).map_err(|error| failed(&path, &error))?;
    if let Err(error) = file.write_all(bytes) {
        // Half a chunk is none.
        let _ = fs::remove_file(&path);
        return Err(failed(&path, &error));
    }
    Ok(path)
}

/// Removes chunks, and nothing else: a file is one if it has the name and the first bytes of one.
fn clear(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.len() == 6 && name.bytes().all(|b| b.is_ascii_digit()) {
            let mut first = [0; MAGIC.len()];
            if fs::File::open(&path)?.read_exact(&mut first).is_ok() && &first == MAGIC {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} could not be written: {error}", path.display()))
}
