//! Where each value of a YAML file stands, so that whatever is wrong with it can be said with line and column.

use std::collections::BTreeMap;

use super::node::{Field, Node, Value};

/// A place in the file, both from 1; zero if it is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// The places of all values, by paths such as `exports[0].limits.profiles`.
#[derive(Debug, Default)]
pub struct Positions(BTreeMap<String, Place>);

impl Positions {
    /// Of all values of a tree.
    #[must_use]
    pub(super) fn of(root: &Node) -> Self {
        let mut found = BTreeMap::new();
        place_all(root, "", &mut found);
        Self(found)
    }

    /// Where a value stands, or the innermost one around it that there is.
    #[must_use]
    pub fn at(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(&place) = self.0.get(path) {
                return place;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return Place::default(),
            }
        }
    }

    /// Whether there is such a value.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// All paths with their places.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Place)> {
        self.0.iter().map(|(path, &place)| (path.as_str(), place))
    }
}

fn place_all(node: &Node, path: &str, found: &mut BTreeMap<String, Place>) {
    let mut add = |path: String, node: &Node| {
        found.insert(path.clone(), node.place);
        place_all(node, &path, found);
    };
    match &node.value {
        Value::List(items) => {
            for (index, node) in items.iter().enumerate() {
                add(format!("{path}[{index}]"), node);
            }
        }
        Value::Map(fields) => {
            for Field { name, node, .. } in fields {
                add(if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, node);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_what_is_missing_is_where_it_should_be() {
        let text = "connections:\n  - id: one\n    credentials:\n      env: X\nexports:\n  - id: two\n    limits: {profiles: 5}\n";
        let positions = Positions::of(&serde_saphyr::from_str(text).unwrap());
        let at = |path: &str| {
            let place = positions.at(path);
            (place.line, place.column)
        };
        assert_eq!(at("connections[0].id"), (2, 9));
        assert_eq!(at("connections[0].credentials.env"), (4, 12));
        assert_eq!(at("exports[0]"), (6, 5));
        assert_eq!(at("exports[0].limits.profiles"), (7, 24));
        assert_eq!(at("exports[0].new_contacts"), (6, 5));
        assert_eq!(at("nothing"), (0, 0));
    }
}
