//! What operators configure: connections and exports.

mod check;
mod connection;
mod export;
mod source;

pub use check::{Problem, check_connection, check_export, is_id};
pub use connection::{Account, Connection, Consent, SharedWith};
pub use export::{ExistingContacts, Export, Fields, Limits, NewContacts, PeopleWhoLeft, Role, Triggers};
pub use source::Source;
