//! What is done with a file for `segue apply`: nothing may panic, what is wrong is said with a place that there is,
//! and an export that is understood can be saved.
#![allow(clippy::unwrap_used, reason = "a finding is told by panicking")]

use segue::apply::file::File;
use segue_state::document::encode;

/// A file.
pub(crate) fn apply(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // YAML counts a lone carriage return as the end of a line, too.
    let lines = text.matches(['\r', '\n']).count() as u64 + 1;
    let file = match File::parse("segue.yaml", text) {
        Ok(file) => file,
        Err(failure) => {
            let said = failure.to_string();
            assert!(said.contains("segue.yaml"), "{said}");
            return;
        }
    };
    for number in 0..file.connections.len() {
        let (place, said) = file.problem(&format!("connections[{number}].id"), "wrong");
        assert!((1..=lines).contains(&place.line), "{said} of {lines}");
    }
    for item in &file.exports {
        let (place, said) = file.problem(&format!("{}.limits.profiles", item.path), "wrong");
        assert!((1..=lines).contains(&place.line), "{said} of {lines}");
        encode("export", &item.spec.export(), "writer").unwrap();
    }
}
