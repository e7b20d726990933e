//! Segue's documents in the state bucket, and the only place that knows their keys.
//!
//! Creation is `If-None-Match: *`, change is `If-Match`. Every step may run twice, also side by side.

pub mod applied;
pub mod audience;
pub mod config;
pub mod configured;
pub mod document;
pub mod finish;
pub mod keys;
pub mod lane;
pub mod message;
pub mod permit;
pub mod progress;
pub mod receipt;
pub mod run;
pub mod run_id;
pub mod store;
pub mod summary;

pub use applied::{Applied, AppliedItem};
pub use audience::{AudienceRecord, LookUp};
pub use config::{
    Connection, Consent, ExistingContacts, Export, Fields, Limits, NewContacts, PeopleWhoLeft, Role,
    SharedWith, Source, Triggers,
};
pub use document::{Broken, Lying, StateError, Versioned};
pub use lane::LaneRecord;
pub use message::{ChunkMessage, MessageError, Op};
pub use permit::{Halt, permit, permit_connection, permit_run};
pub use progress::{CallRecord, Piece, Progress};
pub use receipt::{Outcome, Receipt, Rejected};
pub use run::{
    Cancel, Drop, Ended, Head, Health, Open, Part, Run, Sealed, SourceRecord, Trigger, TriggerKind,
};
pub use run_id::RunId;
pub use store::State;
pub use summary::{Status, Summary};
