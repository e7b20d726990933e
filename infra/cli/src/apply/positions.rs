//! Where each value of a YAML file stands, so that whatever is wrong with it can be said with line and column.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

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
    /// Of a file; of none of its values if it is no YAML, which whoever parses it says.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut found = BTreeMap::new();
        if let Ok(root) = serde_saphyr::from_str::<Spanned<Node>>(text) {
            root.value.place_all("", &mut found);
        }
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

/// A value of which only the structure is kept: there may be something secret in it.
enum Node {
    Scalar,
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

impl Node {
    fn place_all(&self, path: &str, found: &mut BTreeMap<String, Place>) {
        let mut add = |path: String, node: &Spanned<Self>| {
            let at = node.referenced;
            found.insert(path.clone(), Place { line: at.line(), column: at.column() });
            node.value.place_all(&path, found);
        };
        match self {
            Self::Scalar => {}
            Self::List(items) => {
                for (index, node) in items.iter().enumerate() {
                    add(format!("{path}[{index}]"), node);
                }
            }
            Self::Map(fields) => {
                for (name, node) in fields {
                    add(if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, node);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Structure)
    }
}

struct Structure;

impl<'de> Visitor<'de> for Structure {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Node, D::Error> {
        Node::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(node) = list.next_element()? {
            items.push(node);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            fields.push((name, map.next_value()?));
        }
        Ok(Node::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_what_is_missing_is_where_it_should_be() {
        let text = "connections:\n  - id: one\n    credentials:\n      env: X\nexports:\n  - id: two\n    limits: {profiles: 5}\n";
        let positions = Positions::of(text);
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

    #[test]
    fn what_is_no_yaml_has_no_places() {
        assert_eq!(Positions::of("a: [").iter().count(), 0);
    }
}
