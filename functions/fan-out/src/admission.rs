//! Who asks, and for what they may ask.
//!
//! A payload proves nobody's role. IAM lets contributors invoke the alias `contributors` only, and Lambda says as which
//! function this one was invoked: that is what counts here.

use jiff::{SignedDuration, Timestamp};
use segue_state::{Role, StateError};

use crate::App;
use crate::invocation::{Invocation, Request};

/// How far clocks may be apart.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// How long ago something may have been asked for: EventBridge Scheduler tries for a day, then Lambda for six hours.
const OLDEST: SignedDuration = SignedDuration::from_hours(48);

/// Why somebody does not get what they asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Contributors may not ask for that at all.
    #[error("contributors may not have fan-out {0}; ask an administrator")]
    NotTheirs(&'static str),
    /// The export is an administrators' one.
    #[error("the export `{0}` is the administrators', who alone run it; contributors run those of their own")]
    AnAdministrators(String),
    /// The run would count as newer than all that really come after it.
    #[error("`requested_at` is in the future; say when it is asked for")]
    Future,
    /// The run would hide behind all that really came since.
    #[error("`requested_at` is more than two days ago; ask anew")]
    Past,
    /// There is no such export, or it can't be read.
    #[error("there is no export `{0}` that contributors could run; see `segue export list`")]
    NoExport(String),
}

/// Lets an invocation through as `role` may have it done. "All exports" are a contributor's all.
///
/// # Errors
/// [`StateError`] if the configuration can't be read. That somebody is refused is no error: it is in the answer.
pub async fn admit(
    app: &App,
    role: Role,
    invocation: Invocation,
) -> Result<Result<Invocation, Refused>, StateError> {
    if role == Role::Administrators {
        return Ok(Ok(invocation));
    }
    if let Invocation::Request(Request::Run { requested_at, .. }) = &invocation {
        if *requested_at > Timestamp::now() + CLOCKS {
            return Ok(Err(Refused::Future));
        }
        if *requested_at < Timestamp::now() - OLDEST {
            return Ok(Err(Refused::Past));
        }
    }
    let not_theirs = |what| Ok(Err(Refused::NotTheirs(what)));
    let mut request = match invocation {
        Invocation::Uploads(_) => return not_theirs("take an event of an upload"),
        Invocation::Request(request) => request,
    };
    match &mut request {
        Request::Refresh { .. } => return not_theirs("run the exports of the stack's schedule"),
        Request::Resume { .. } => return not_theirs("look after the runs that are not finished"),
        Request::Restage { .. } => return not_theirs("stage a run again"),
        Request::Segments | Request::Columns { .. } => {}
        Request::Preview { exports, .. } | Request::Run { exports: Some(exports), .. } => {
            if let Some(refused) = refused(app, exports).await? {
                return Ok(Err(refused));
            }
        }
        Request::Run { exports: every @ None, .. } => {
            let (exports, _) = app.state.exports().await?;
            let own = exports
                .into_iter()
                .filter(|(role, export)| *role == Role::Contributors && export.is_active());
            *every = Some(own.map(|(_, export)| export.id).collect());
        }
    }
    Ok(Ok(Invocation::Request(request)))
}

/// The first of these exports that is not the contributors'.
async fn refused(app: &App, exports: &[String]) -> Result<Option<Refused>, StateError> {
    for name in exports {
        match app.state.export(name).await {
            Ok(Some((Role::Contributors, _))) => {}
            Ok(Some((Role::Administrators, _))) => return Ok(Some(Refused::AnAdministrators(name.clone()))),
            Ok(None) | Err(StateError::Malformed { .. }) => return Ok(Some(Refused::NoExport(name.clone()))),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
