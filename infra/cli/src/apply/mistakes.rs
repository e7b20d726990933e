//! All mistakes in the form of a file, and not only the first one: what is wrong is replaced by what is needed there,
//! until nothing more is wrong.

use serde::de::DeserializeOwned;

use super::node::{Field, Node, Value};
use super::positions::Place;
use super::typed::{What, Wrong};

/// Mistakes that are told at the most.
const MOST: usize = 200;

/// Something that is wrong.
pub(super) struct Mistake {
    pub(super) place: Place,
    /// The fields that lead there, the outermost first.
    pub(super) fields: Vec<String>,
    pub(super) text: String,
}

/// What keeps a tree from being a `T`.
pub(super) fn mistakes<T: DeserializeOwned>(root: &Node) -> Vec<Mistake> {
    let mut root = root.clone();
    let mut found = Vec::new();
    while found.len() < MOST
        && let Err(wrong) = T::deserialize(&root)
    {
        let fields = fields(&root, &wrong);
        let Some(place) = put_right(&mut root, &wrong) else { break };
        found.push(Mistake { place, fields, text: wrong.text });
    }
    found
}

fn fields(root: &Node, wrong: &Wrong) -> Vec<String> {
    let mut node = Some(root);
    let mut names = Vec::new();
    for &index in wrong.path.iter().rev() {
        node = match node.map(|node| &node.value) {
            Some(Value::List(items)) => items.get(index),
            Some(Value::Map(fields)) => fields.get(index).map(|field| {
                names.push(field.name.clone());
                &field.node
            }),
            _ => None,
        };
    }
    names
}

/// Puts right what is wrong, and says where it stands; `None` if that can't be done.
fn put_right(root: &mut Node, wrong: &Wrong) -> Option<Place> {
    let mut path = wrong.path.iter().rev().copied();
    match wrong.what {
        What::Value => {
            let node = path.try_fold(root, inside)?;
            if matches!(node.value, Value::Anything) {
                return None;
            }
            *node = Node::anything(node.place);
            Some(node.place)
        }
        What::Missing(name) => {
            let node = path.try_fold(root, inside)?;
            let place = node.place;
            let Value::Map(fields) = &mut node.value else { return None };
            fields.push(Field { place, name: name.to_owned(), node: Node::anything(place) });
            Some(place)
        }
        What::Unknown(meant) => {
            let last = wrong.path.first()?;
            let Value::Map(fields) = &mut path.take(wrong.path.len() - 1).try_fold(root, inside)?.value
            else {
                return None;
            };
            let unknown = fields.remove(*last);
            let is_there = |name: &str| fields.iter().any(|field| field.name == name);
            if let Some(meant) = meant.filter(|meant| !is_there(meant)) {
                let node = Node::anything(unknown.place);
                fields.push(Field { place: unknown.place, name: meant.to_owned(), node });
            }
            Some(unknown.place)
        }
    }
}

fn inside(node: &mut Node, index: usize) -> Option<&mut Node> {
    match &mut node.value {
        Value::List(items) => items.get_mut(index),
        Value::Map(fields) => fields.get_mut(index).map(|field| &mut field.node),
        _ => None,
    }
}
