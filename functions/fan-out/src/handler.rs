//! From an invocation to the work that it asks for.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use segue_platform::Deadline;
use segue_state::finish::stop;
use segue_state::{Export, Halt, Role, Run, RunId, Status, Trigger, TriggerKind};
use serde_json::{Value, json};

use crate::admission::admit;
use crate::catalog::{self, Exports, Place, place};
use crate::error::FanOutError;
use crate::invocation::{Invocation, Request, Upload};
use crate::offers::NoColumns;
use crate::opening::{Wish, end_cancelled, open, refusal};
use crate::parts::Found;
use crate::preview::preview;
use crate::selection::{Selected, Selection};
use crate::staging::stage;
use crate::{App, offers, resume};

/// Most runs that one reading of a drop serves. The administrators' come first, and are not slowed down by any number
/// of others.
const MOST_A_PASS: usize = 64;

/// Handles one invocation, by somebody of this role. A question is answered; what is refused is answered by why:
/// `{"refused": "…"}`.
///
/// # Errors
/// [`FanOutError`]; whatever was done by then is found and taken up by the next try.
pub async fn handle(app: &App, event: &Value, role: Role, deadline: Deadline) -> Result<Value, FanOutError> {
    let result = dispatch(app, event, role, deadline).await;
    if let Err(error) = &result {
        tracing::error!(%error, "the invocation failed");
    }
    result
}

async fn dispatch(app: &App, event: &Value, role: Role, deadline: Deadline) -> Result<Value, FanOutError> {
    let invocation = Invocation::parse(event)?;
    let unattended = matches!(&invocation, Invocation::Request(Request::Run { trigger, .. })
        if *trigger == TriggerKind::Schedule);
    let invocation = match admit(app, role, invocation).await? {
        Ok(invocation) => invocation,
        // Nobody reads this answer: the event goes where failed ones go, and somebody hears of it.
        Err(why) if unattended => return Err(FanOutError::Refused(why)),
        Err(why) => return Ok(refused(&why)),
    };
    match invocation {
        Invocation::Uploads(uploads) => {
            for upload in &uploads {
                take_upload(app, upload, deadline).await?;
            }
        }
        Invocation::Request(Request::Refresh { scheduled_time }) => {
            let Exports { usable, unread } = catalog::exports(app).await?;
            let due = usable.into_iter().filter(|(_, export)| export.is_active() && export.triggers.schedule);
            let trigger = Trigger { kind: TriggerKind::Schedule, at: scheduled_time, by: None };
            let id = format!("schedule/{scheduled_time}");
            run(app, due.collect(), trigger, &id, &Selection::default(), deadline).await?;
            unread?;
        }
        Invocation::Request(Request::Run {
            exports,
            id,
            requested_by,
            requested_at,
            trigger,
            segment,
            drop,
        }) => {
            let selection = Selection { segment, drop };
            let mut wanted = wanted(app, exports.clone(), &selection).await?;
            let missing =
                exports.into_iter().flatten().find(|name| !wanted.iter().any(|(_, e)| e.id == *name));
            if trigger == TriggerKind::Schedule {
                // An export's own schedule goes on while the export pauses; nobody asked for this run.
                wanted.retain(|(_, export)| export.is_active());
            }
            let trigger = Trigger { kind: trigger, at: requested_at, by: requested_by };
            run(app, wanted, trigger, &id, &selection, deadline).await?;
            if let Some(name) = missing.filter(|_| unattended) {
                return Err(FanOutError::NoExport(name));
            }
        }
        Invocation::Request(Request::Preview { exports, segment, drop }) => {
            let selection = Selection { segment, drop };
            let wanted = wanted(app, Some(exports), &selection).await?;
            return Ok(json!({"exports": preview(app, wanted, &selection, deadline).await?}));
        }
        Invocation::Request(Request::Segments) => {
            return Ok(json!({"segments": offers::segments(app).await?}));
        }
        Invocation::Request(Request::Columns { segment, source }) => {
            return Ok(match offers::columns(app, &segment, &source.unwrap_or_default()).await {
                Ok(columns) => json!(columns),
                Err(NoColumns::Store(error)) => return Err(error.into()),
                Err(why) => refused(&why),
            });
        }
        Invocation::Request(Request::Resume { stuck_after_seconds }) => {
            let after = stuck_after_seconds.map(|seconds| Duration::from_secs(seconds.into()));
            resume::resume(app, after.unwrap_or(resume::STUCK_AFTER)).await?;
        }
        Invocation::Request(Request::Restage { export, run }) => {
            restage(app, &export, &run, deadline).await?;
        }
    }
    Ok(Value::Null)
}

/// The answer to a question that is not answered.
fn refused(why: &dyn Display) -> Value {
    tracing::warn!(%why, "a request is refused");
    json!({"refused": why.to_string()})
}

async fn take_upload(app: &App, upload: &Upload, deadline: Deadline) -> Result<(), FanOutError> {
    if upload.bucket != app.config.segment_bucket {
        tracing::warn!(bucket = %upload.bucket, "an event of another bucket is ignored");
        return Ok(());
    }
    let (segment, folder) = match place(&app.config.segment_prefix, &upload.key) {
        Place::Drop { segment } => (segment, None),
        Place::Marker { segment, folder } => (segment, Some(folder)),
        Place::Part => {
            tracing::debug!(key = %upload.key, "a part waits for what closes its drop");
            return Ok(());
        }
        Place::Elsewhere => return Ok(()),
    };
    let Exports { usable: mut wanting, unread } = catalog::exports(app).await?;
    wanting.retain(|(_, export)| {
        export.is_active() && export.triggers.upload && export.segments.iter().any(|s| s == segment)
    });
    if wanting.is_empty() {
        tracing::info!(%segment, "no export wants this segment on upload");
        return Ok(unread?);
    }
    let found = match folder {
        None => Found { drop: catalog::uploaded(segment, upload), obstacle: None },
        Some(folder) => match catalog::closed(app, segment, folder, upload).await? {
            Some(found) => found,
            None => return Ok(()),
        },
    };
    let wishes = wanting.into_iter().map(|(role, export)| Wish {
        role,
        export,
        trigger: Trigger { kind: TriggerKind::Upload, at: upload.at, by: None },
        drops: vec![found.drop.clone()],
        cause: vec![upload.bucket.clone(), upload.key.clone(), upload.sequencer.clone()],
        obstacle: found.obstacle.as_ref().map(ToString::to_string),
    });
    open_and_stage(app, wishes.collect(), deadline).await?;
    Ok(unread?)
}

/// The exports of a request: those named, or all that are enabled and send what was chosen.
async fn wanted(
    app: &App,
    names: Option<Vec<String>>,
    selection: &Selection,
) -> Result<Vec<(Role, Export)>, FanOutError> {
    let exports = catalog::exports(app).await?.usable;
    let Some(names) = names else {
        let prefix = &app.config.segment_prefix;
        let wants = |export: &Export| export.is_active() && selection.obstacle(export, prefix).is_none();
        return Ok(exports.into_iter().filter(|(_, export)| wants(export)).collect());
    };
    for name in names.iter().filter(|name| !exports.iter().any(|(_, export)| export.id == **name)) {
        tracing::error!(export = %name, "a run was asked for of an export that does not exist");
    }
    Ok(exports.into_iter().filter(|(_, export)| names.contains(&export.id)).collect())
}

/// Runs exports over the latest drops of their segments. Those that read the same drops are served by one pass; each
/// further group gets an invocation of its own, so that none reads everything.
async fn run(
    app: &App,
    exports: Vec<(Role, Export)>,
    trigger: Trigger,
    id: &str,
    selection: &Selection,
    deadline: Deadline,
) -> Result<(), FanOutError> {
    let prefix = &app.config.segment_prefix;
    let mut groups: BTreeMap<Vec<String>, Vec<(Role, Export)>> = BTreeMap::new();
    for (role, export) in exports {
        groups.entry(selection.segments(&export, prefix)).or_default().push((role, export));
    }
    if groups.len() > 1 {
        let mut outcome = Ok(());
        for group in groups.into_values() {
            let request = Request::Run {
                exports: Some(group.into_iter().map(|(_, export)| export.id).collect()),
                id: id.to_owned(),
                requested_by: trigger.by.clone(),
                requested_at: trigger.at,
                trigger: trigger.kind,
                segment: selection.segment.clone(),
                drop: selection.drop.clone(),
            };
            outcome = resume::start(app, &request).await.and(outcome);
        }
        return Ok(outcome?);
    }
    let Some((segments, group)) = groups.into_iter().next() else { return Ok(()) };
    let Selected { drops, obstacle } = selection.find(app, &segments).await?;
    let wishes = group.into_iter().map(|(role, export)| {
        let obstacle = selection.obstacle(&export, prefix).or_else(|| obstacle.clone());
        Wish {
            role,
            export,
            trigger: trigger.clone(),
            drops: drops.clone(),
            cause: vec![id.to_owned()],
            obstacle: obstacle.map(|guard| guard.to_string()),
        }
    });
    open_and_stage(app, wishes.collect(), deadline).await
}

async fn open_and_stage(app: &App, wishes: Vec<Wish>, deadline: Deadline) -> Result<(), FanOutError> {
    let (mut runs, mut outcome) = (Vec::new(), Ok(()));
    for wish in wishes {
        // One that can't be opened does not keep the drop from the others: the event comes again for it.
        match open(app, wish).await {
            Ok(opened) => runs.extend(opened),
            Err(error) => outcome = Err(error),
        }
    }
    // A repeated event finds runs that were opened over an older state of the latest drops: each reads its own. So do
    // those that are told to read the same files in another way.
    let mut passes: Vec<Vec<Run>> = Vec::new();
    for run in runs {
        let same = |pass: &Vec<Run>| {
            pass.len() < MOST_A_PASS
                && pass[0].drops == run.drops
                && pass[0].export.source == run.export.source
        };
        match passes.iter_mut().find(|pass| same(pass)) {
            Some(pass) => pass.push(run),
            None => passes.push(vec![run]),
        }
    }
    let enough = deadline.left() / 2;
    for pass in passes {
        if deadline.left() < enough {
            for run in pass {
                resume::start(app, &Request::Restage { export: run.export.id, run: run.run }).await?;
            }
        } else {
            stage(app, &pass, deadline).await?;
        }
    }
    Ok(outcome?)
}

async fn restage(app: &App, export: &str, id: &RunId, deadline: Deadline) -> Result<(), FanOutError> {
    let Some(run) = app.state.run(export, id).await? else { return Ok(()) };
    if let Some(sealed) = app.state.sealed(export, id).await? {
        return Ok(crate::queueing::resume(app, &run, &sealed).await?);
    }
    if let Some(cancel) = app.state.cancel(export, id).await? {
        return Ok(end_cancelled(app, &run, &cancel).await?);
    }
    let gone = || Halt::no_connection(&run.export).to_string();
    let obstacle = run.obstacle.clone().or_else(|| run.destination.is_none().then(gone));
    if let Some(message) = obstacle {
        stop(&app.state, &run, refusal(Status::Refused, message)).await?;
        return Ok(());
    }
    Ok(stage(app, &[run], deadline).await?)
}
