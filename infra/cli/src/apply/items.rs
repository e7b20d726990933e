//! The items of a list, each parsed by itself, so that one mistake does not hide the next.

use serde::de::DeserializeOwned;

use super::file::{Item, parsed};
use super::positions::{Place, Positions};

/// Mistakes of one item that are told at the most.
const MOST: usize = 50;

/// What was found.
pub(super) struct Items<T> {
    /// Those that were understood.
    pub(super) understood: Vec<Item<T>>,
    /// What is wrong with the others.
    pub(super) problems: Vec<(Place, String)>,
    /// Whether that is all of them.
    pub(super) is_complete: bool,
    /// The first and the last line of each item that is wrong.
    pub(super) told: Vec<(u64, u64)>,
}

/// Parses each item of a list. `required` are the fields that each needs.
pub(super) fn items<T: DeserializeOwned>(
    list: &str,
    text: &str,
    positions: &Positions,
    required: &[&str],
) -> Items<T> {
    let mut found =
        Items { understood: Vec::new(), problems: Vec::new(), is_complete: true, told: Vec::new() };
    let prefix = format!("{list}[");
    let is_item = |path: &str| {
        let index = path.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(']'));
        index.is_some_and(|index| index.parse::<u32>().is_ok())
    };
    for (path, place) in positions.iter().filter(|(path, _)| is_item(path)) {
        let before = (found.understood.len(), found.problems.len());
        if let Some(lines) = alone(text, place) {
            let last = lines.len() as u64;
            item(&mut found, lines, path, place, positions, required);
            if found.problems.len() > before.1 {
                found.told.push((place.line, last));
            }
        }
        found.is_complete &= found.understood.len() > before.0;
    }
    found
}

/// Parses one item, again and again without the field that was wrong, until nothing more is.
fn item<T: DeserializeOwned>(
    found: &mut Items<T>,
    mut lines: Vec<String>,
    path: &str,
    place: Place,
    positions: &Positions,
    required: &[&str],
) {
    for round in 0..MOST {
        let (at, problem) = match parsed::<T>(&lines.join("\n")) {
            Ok(spec) if round == 0 => return found.understood.push(Item { path: path.to_owned(), spec }),
            Ok(_) => return,
            Err(problem) => problem,
        };
        if problem.contains("unknown anchor") {
            // What an alias stands for may be in another item.
            return;
        }
        // Told at the last field that there is.
        if problem.starts_with("missing field") && at.column == place.column {
            let missing = required.iter().filter(|field| !positions.has(&format!("{path}.{field}")));
            found.problems.extend(missing.map(|field| (place, format!("missing field `{field}`"))));
            return;
        }
        found.problems.push((at, problem));
        if !without(&mut lines, at, place) {
            return;
        }
    }
}

/// Blanks the field that stands around `at`; `false` if it is not to be found.
fn without(lines: &mut [String], at: Place, item: Place) -> bool {
    let (Ok(line), Ok(column), Ok(first)) =
        (usize::try_from(at.line), usize::try_from(item.column), usize::try_from(item.line))
    else {
        return false;
    };
    let indent = column.saturating_sub(1);
    let starts = |line: &String| depth(line) == Some(indent);
    let Some(start) = (first.saturating_sub(1)..line.min(lines.len())).rev().find(|&n| starts(&lines[n]))
    else {
        return false;
    };
    let end = (start + 1..lines.len()).find(|&n| starts(&lines[n])).unwrap_or(lines.len());
    lines[start..end].iter_mut().for_each(String::clear);
    // An item without any field is no item.
    lines.iter().any(|line| depth(line).is_some())
}

/// How far a line is indented; `None` for one without content.
fn depth(line: &str) -> Option<usize> {
    let content = line.trim_start();
    let blank = content.is_empty() || content.starts_with('#');
    (!blank).then(|| line.len() - line.trim_start_matches(' ').len())
}

/// The file with nothing but the item that begins at `place`; `None` if it is written in one line, as JSON is.
fn alone(text: &str, place: Place) -> Option<Vec<String>> {
    let (line, indent) =
        (usize::try_from(place.line).ok()?, usize::try_from(place.column).ok()?.checked_sub(1)?);
    let mut kept = vec![String::new(); line.checked_sub(1)?];
    for (number, content) in text.lines().skip(line - 1).enumerate() {
        if number == 0 {
            let first: String = content.chars().skip(indent).collect();
            if first.starts_with(['{', '[', '&', '*']) {
                return None;
            }
            kept.push(format!("{}{first}", " ".repeat(indent)));
        } else if depth(content).is_none_or(|depth| depth >= indent) {
            kept.push(content.to_owned());
        } else {
            break;
        }
    }
    Some(kept)
}
