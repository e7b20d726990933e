//! `segue segment put`: drops a local file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use fan_out::catalog::{Place, place};
use jiff::Timestamp;
use segue_state::{State, Summary};
use serde::Serialize;

use crate::output::Screen;
use crate::run::watch::{Patience, seen};
use crate::run::which::{Dropped, Which};
use crate::{App, Failure};

/// S3 takes no more in one request.
const MAX_SIZE: u64 = 5 << 30;

/// Drop a file: upload it to the segment bucket, which starts the exports that want it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  segue segment put vip vip.csv --wait
  segue segment put vip /tmp/export.csv --name 2026-11-22.csv")]
pub struct Args {
    /// The segment.
    pub segment: String,
    /// The file: delimited text, JSON or Parquet, compressed or not.
    pub file: PathBuf,
    /// What the drop is called; the file's own name if not given.
    #[arg(long)]
    pub name: Option<String>,
    /// Wait for the runs that it starts to end. Exit status 0 if all completed.
    #[arg(long)]
    pub wait: bool,
    /// Stop waiting after so many seconds. The runs go on.
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub timeout: Option<u64>,
}

/// What was uploaded.
#[derive(Debug, Serialize)]
struct Uploaded {
    bucket: String,
    key: String,
    size: u64,
    /// When it was there, as the bucket has it.
    at: Timestamp,
    /// The exports that it starts.
    exports: Vec<String>,
    /// Their runs, where they were waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<Vec<Summary>>,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub async fn run(stack: &str, args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let file = args.file.display();
    let size = size(&args.file).map_err(|failure| {
        // Nobody remembers which comes first.
        let exchanged = Path::new(&args.segment).is_file() && !args.file.exists();
        if exchanged { failure.hint("the segment comes first, then the file") } else { failure }
    })?;
    let name = match &args.name {
        Some(name) => name.as_str(),
        None => args.file.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Failure::usage(format!("the name of {file} is not UTF-8"))
                .hint("give the drop another one with --name")
        })?,
    };
    let app = App::open(stack).await?;
    let bucket = app.stack.output("SegmentBucket")?;
    let key = key(app.stack.output("SegmentPrefix")?, &args.segment, name)?;
    let body = ByteStream::from_path(&args.file).await;
    let body = body.map_err(|error| Failure::new(format!("{file} could not be read: {error}")))?;
    // Before the drop is there: what is saved meanwhile is started by the next one.
    let exports = wanting(&app.state, &args.segment).await?;
    let began = Timestamp::now();
    let request = app.aws.s3().put_object().bucket(bucket).key(&key).body(body);
    let put = request.send().await.map_err(|error| {
        Failure::aws(&format!("uploading {file} to s3://{bucket}/{key}"), error.code(), &error)
    })?;
    let at = stored_at(&app, bucket, &key).await.unwrap_or(began);
    let dropped = Dropped { at, key: key.clone(), etag: put.e_tag().map(str::to_owned) };
    let mut uploaded = Uploaded { bucket: bucket.to_owned(), key, size, at, exports, runs: None };
    screen.line(&format!("uploaded {file} ({size} bytes) to s3://{}/{}", uploaded.bucket, uploaded.key))?;
    if uploaded.exports.is_empty() {
        uploaded.runs = args.wait.then(Vec::new);
        screen.json(&uploaded)?;
        return screen
            .line(&format!("no enabled export wants `{}` on upload, so nothing starts", args.segment));
    }
    screen.line(&format!("exports that it starts: {}", uploaded.exports.join(", ")))?;
    if args.wait {
        let runs: Vec<_> =
            uploaded.exports.iter().map(|export| (export.clone(), Which::Of(dropped.clone()))).collect();
        let ended = seen(&app, &runs, Patience::new(args.timeout), screen).await?;
        uploaded.runs = Some(ended.runs);
        screen.json(&uploaded)?;
        return Failure::together(ended.failures);
    }
    screen.json(&uploaded)?;
    let at = at.strftime("%FT%TZ");
    uploaded.exports.iter().try_for_each(|export| {
        let watch = app.stack.command(&format!("run watch {export} --after {at}"));
        screen.line(&format!("watch with: {watch}"))
    })
}

/// When the bucket has an object from: clocks differ, and ids of runs have its.
async fn stored_at(app: &App, bucket: &str, key: &str) -> Option<Timestamp> {
    let found = app.aws.s3().head_object().bucket(bucket).key(key).send().await.ok()?;
    Timestamp::from_second(found.last_modified()?.secs()).ok()
}

fn size(file: &Path) -> Result<u64, Failure> {
    let found = std::fs::metadata(file).map_err(|error| Failure::unreadable(file, &error))?;
    if !found.is_file() {
        return Err(Failure::unreadable(file, &ErrorKind::IsADirectory.into()));
    }
    if found.len() > MAX_SIZE {
        let problem = format!("{}: it has {} bytes, an upload takes 5 GiB", file.display(), found.len());
        return Err(Failure::usage(problem).hint("split it"));
    }
    Ok(found.len())
}

/// The key of a drop, as long as fan-out takes it for one.
fn key(prefix: &str, segment: &str, name: &str) -> Result<String, Failure> {
    let key = format!("{prefix}{segment}/{name}");
    match place(prefix, &key) {
        Place::Drop { segment: found } if found == segment => Ok(key),
        Place::Drop { .. } | Place::Marker { .. } | Place::Part | Place::Elsewhere => {
            Err(Failure::usage(format!("`{segment}/{name}` is no place for a drop")).hint(
                "neither a segment's nor a drop's name has slashes in it, and a drop's does not begin with . or _",
            ))
        }
    }
}

/// The exports that an upload of this segment starts.
async fn wanting(state: &State, segment: &str) -> Result<Vec<String>, Failure> {
    let (exports, _) = state.exports().await?;
    let wants = exports.into_iter().map(|(_, export)| export).filter(|export| {
        export.is_active() && export.triggers.upload && export.segments.iter().any(|wanted| wanted == segment)
    });
    Ok(wants.map(|export| export.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_lies_where_fan_out_looks_for_it() {
        assert_eq!(key("segments/", "vip", "a b.csv").unwrap(), "segments/vip/a b.csv");
        for (segment, name) in
            [("vip", "x/a.csv"), ("vip/x", "a.csv"), ("vip", "_SUCCESS"), ("vip", ""), ("", "a")]
        {
            assert_eq!(key("segments/", segment, name).unwrap_err().status(), 2, "{segment}/{name}");
        }
    }

    #[test]
    fn what_is_no_file_was_used_wrongly() {
        assert_eq!(size(Path::new("/nowhere/at/all")).unwrap_err().status(), 2);
        assert_eq!(size(Path::new("/")).unwrap_err().status(), 2);
    }
}
