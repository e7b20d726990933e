//! What operators configure: connections and exports.

mod check;
mod connection;
mod export;

pub use check::{Problem, check_connection, check_export};
pub use connection::{Account, Connection, Consent, SharedWith};
pub use export::{Export, Fields, Limits, NewContacts, Role, Triggers};
