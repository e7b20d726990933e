//! What the stack has where a file's connections and exports belong.

use segue_state::{Connection, Export, Lying, Role, State, StateError};

use super::file::File;
use crate::at_once::at_once;

/// What lies where an export belongs under one role.
pub(super) type LyingExport = Result<Lying<Export>, StateError>;

/// What lies where they belong, in the file's order.
pub(super) struct Present {
    /// Of connections.
    pub(super) connections: Vec<Result<Lying<Connection>, StateError>>,
    /// Of exports, under each role.
    pub(super) exports: Vec<Vec<(Role, LyingExport)>>,
}

impl Present {
    /// Reads it.
    pub(super) async fn read(file: &File, state: &State) -> Self {
        let connections = file.connections.iter().map(|item| state.lying_connection(&item.spec.id));
        let exports = file.exports.iter().map(async |item| {
            let id = &item.spec.id;
            let each = Role::ALL.map(async |role| (role, state.lying_export(role, id).await));
            at_once(each).await
        });
        Self { connections: at_once(connections).await, exports: at_once(exports).await }
    }
}
