//! What a command about exports asks of the stack and of AWS, beside what the state bucket has.

use async_trait::async_trait;
use segue_state::{Connection, Role, Source};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::audience::{Audiences, audiences};
use crate::{App, Failure, ask};

/// Who can be asked. Answers hold names and ids, never values of people.
#[async_trait]
pub trait Surroundings {
    /// The AWS identity that the command runs as.
    ///
    /// # Errors
    /// [`Failure`] if STS does not say.
    async fn caller(&self) -> Result<String, Failure>;

    /// What that identity may be: a contributor may not invoke fan-out itself.
    ///
    /// # Errors
    /// [`Failure`] if fan-out can't be asked.
    async fn role(&self) -> Result<Role, Failure>;

    /// The segments that the bucket has drops of.
    ///
    /// # Errors
    /// [`Failure`] if fan-out can't be asked.
    async fn segments(&self) -> Result<Vec<String>, Failure>;

    /// The columns of a segment's latest drop, read as `source` says.
    ///
    /// # Errors
    /// [`Failure`] if there is no drop, or it can't be read.
    async fn columns(&self, segment: &str, source: &Source) -> Result<Columns, Failure>;

    /// The audiences of a connection's account.
    ///
    /// # Errors
    /// [`Failure`] if the destination does not tell.
    async fn audiences(&self, connection: &Connection) -> Result<Audiences, Failure>;
}

/// The stack that a command works with.
pub struct AtStack<'a> {
    app: &'a App,
    segments: OnceCell<Vec<String>>,
}

/// What fan-out tells of a drop's columns.
#[derive(Debug, Default, Deserialize)]
pub struct Columns {
    /// Those whose names may be shown.
    pub columns: Vec<String>,
    /// Why there are others whose names may not, and what to do. An older stack does not say.
    #[serde(default)]
    pub note: Option<String>,
}

impl<'a> AtStack<'a> {
    /// Asks this one.
    #[must_use]
    pub fn new(app: &'a App) -> Self {
        Self { app, segments: OnceCell::new() }
    }
}

#[async_trait]
impl Surroundings for AtStack<'_> {
    async fn caller(&self) -> Result<String, Failure> {
        self.app.caller().await
    }

    async fn role(&self) -> Result<Role, Failure> {
        ask::role(self.app).await
    }

    async fn segments(&self) -> Result<Vec<String>, Failure> {
        let asked = async {
            let offers = ask::segments(self.app).await?;
            Ok(offers.into_iter().map(|offer| offer.segment).collect())
        };
        self.segments.get_or_try_init(|| asked).await.cloned()
    }

    async fn columns(&self, segment: &str, source: &Source) -> Result<Columns, Failure> {
        let mut request = json!({"request": "columns", "segment": segment});
        if !source.is_default() {
            request["source"] =
                serde_json::to_value(source).map_err(|error| Failure::new(error.to_string()))?;
        }
        ask::understood(ask::fan_out(self.app, &request).await?, "columns")
    }

    async fn audiences(&self, connection: &Connection) -> Result<Audiences, Failure> {
        audiences(self.app, connection).await
    }
}
