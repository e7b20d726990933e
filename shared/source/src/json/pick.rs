//! Picking the wanted fields out of an object, by path.
//!
//! The path `traits.email` is the field of that very name, or else the field `email` of the object `traits`. A name
//! that matches exactly wins over one that differs in case only, and of two of the latter neither is taken. Of a
//! name that is repeated the last counts, as everywhere in JSON.

use memchr::memchr;

use super::cursor::{Cursor, Stop, Text, unescape};
use crate::columns::ColumnError;
use crate::rows::Span;

/// What a match costs that differs in case.
const INEXACT: u8 = 128;
/// No match.
const NONE: u8 = u8::MAX;

/// Picks from one object after the other.
pub(super) struct Pick {
    wanted: Vec<Wanted>,
    /// A stack: the paths that go on in the objects that are being walked over.
    live: Vec<Live>,
    /// The fields of the last object, in the order in which they are wanted.
    pub(super) spans: Vec<Span>,
    /// Texts that had escapes in them.
    pub(super) unquoted: Vec<u8>,
    name: Vec<u8>,
}

struct Wanted {
    path: String,
    is_ascii: bool,
    /// In the last object: how far the best match was from a perfect one, and whether there were two of it.
    cost: u8,
    doubled: bool,
    /// In any object: what there was at best, and whether there were two equally good matches.
    seen: Seen,
    ambiguous: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Nothing,
    Nested,
    Value,
}

#[derive(Clone, Copy)]
struct Live {
    wanted: usize,
    /// Where the rest of its path begins.
    rest: usize,
    cost: u8,
}

enum Value {
    Text(Span),
    Null,
    /// An object or an array, which are no text of a field.
    Nested,
}

impl Pick {
    pub(super) fn new(paths: Vec<String>) -> Self {
        let wanted = paths.into_iter().map(|path| Wanted {
            is_ascii: path.is_ascii(),
            path,
            cost: NONE,
            doubled: false,
            seen: Seen::Nothing,
            ambiguous: false,
        });
        let wanted: Vec<Wanted> = wanted.collect();
        Self {
            live: Vec::new(),
            spans: vec![Span::default(); wanted.len()],
            unquoted: Vec::new(),
            name: Vec::new(),
            wanted,
        }
    }

    /// Walks over the object that begins at the cursor. If that works, `spans` are its fields.
    pub(super) fn object(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Stop> {
        self.unquoted.clear();
        self.live.clear();
        for (index, wanted) in self.wanted.iter_mut().enumerate() {
            (wanted.cost, wanted.doubled) = (NONE, false);
            self.live.push(Live { wanted: index, rest: 0, cost: 0 });
        }
        self.spans.fill(Span::default());
        self.members(cursor, 0)?;
        for (wanted, span) in self.wanted.iter_mut().zip(&mut self.spans) {
            if wanted.doubled {
                wanted.ambiguous = true;
                *span = Span::default();
            }
        }
        Ok(())
    }

    /// What can't be told, after the last object.
    pub(super) fn missing(&self, names: &[String]) -> Vec<(usize, ColumnError)> {
        let errors = self.wanted.iter().enumerate().filter_map(|(index, wanted)| {
            let path = wanted.path.clone();
            Some((
                index,
                match wanted {
                    Wanted { ambiguous: true, .. } => ColumnError::Ambiguous { wanted: path },
                    Wanted { seen: Seen::Value, .. } => return None,
                    Wanted { seen: Seen::Nested, .. } => ColumnError::NotText { wanted: path },
                    _ => ColumnError::NoPath { wanted: path, names: names.to_vec() },
                },
            ))
        });
        errors.collect()
    }

    /// Walks over an object in which the paths from `from` on in the stack go on.
    fn members(&mut self, cursor: &mut Cursor<'_>, from: usize) -> Result<(), Stop> {
        let to = self.live.len();
        cursor.members(|cursor, name| {
            let mut deeper = false;
            let mut here = false;
            for index in from..to {
                match self.matching(cursor, name, self.live[index])? {
                    Matching::No => {}
                    Matching::Whole(_) => here = true,
                    Matching::Start(live) => {
                        self.live.push(live);
                        deeper = true;
                    }
                }
            }
            if !here && !deeper {
                return cursor.skip();
            }
            let value = self.value(cursor, to)?;
            if here {
                for index in from..to {
                    let live = self.live[index];
                    if let Matching::Whole(cost) = self.matching(cursor, name, live)? {
                        self.place(live.wanted, cost, &value);
                    }
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Walks over a value; the paths from `from` on in the stack go on in it if it is an object.
    fn value(&mut self, cursor: &mut Cursor<'_>, from: usize) -> Result<Value, Stop> {
        let start = cursor.at;
        let value = match cursor.text.get(start) {
            Some(b'"') => Value::Text(self.text(cursor)?),
            Some(b'{') if self.live.len() > from => {
                self.members(cursor, from)?;
                Value::Nested
            }
            Some(&first) => {
                cursor.skip()?;
                match first {
                    b'{' | b'[' => Value::Nested,
                    b'n' => Value::Null,
                    _ => Value::Text(Span { from: start, to: cursor.at, unquoted: false }),
                }
            }
            None => return Err(Stop::More),
        };
        self.live.truncate(from);
        Ok(value)
    }

    fn text(&mut self, cursor: &mut Cursor<'_>) -> Result<Span, Stop> {
        let Text { from, to, escaped } = cursor.string()?;
        if !escaped {
            return Ok(Span { from, to, unquoted: false });
        }
        let start = self.unquoted.len();
        unescape(&cursor.text[from..to], &mut self.unquoted)?;
        Ok(Span { from: start, to: self.unquoted.len(), unquoted: true })
    }

    #[inline]
    fn matching(&mut self, cursor: &Cursor<'_>, name: Text, live: Live) -> Result<Matching, Stop> {
        let mut bytes = &cursor.text[name.from..name.to];
        if name.escaped {
            self.name.clear();
            unescape(bytes, &mut self.name)?;
            bytes = &self.name;
        }
        let wanted = &self.wanted[live.wanted];
        Ok(live.matching(&wanted.path, wanted.is_ascii, bytes))
    }

    fn place(&mut self, index: usize, cost: u8, value: &Value) {
        let wanted = &mut self.wanted[index];
        if let Value::Nested = value {
            wanted.seen = wanted.seen.max(Seen::Nested);
            return;
        }
        wanted.seen = Seen::Value;
        if cost > wanted.cost {
            return;
        }
        wanted.doubled = cost == wanted.cost && cost >= INEXACT;
        wanted.cost = cost;
        self.spans[index] = if let Value::Text(span) = value { *span } else { Span::default() };
    }
}

/// How a name fits a path.
enum Matching {
    No,
    /// It is the rest of it.
    Whole(u8),
    /// It is the next part of it.
    Start(Live),
}

impl Live {
    #[inline]
    fn matching(self, path: &str, is_ascii: bool, name: &[u8]) -> Matching {
        let rest = &path.as_bytes()[self.rest..];
        // Nearly every name is another one altogether, which its length tells.
        if name.len() == rest.len() {
            if name == rest {
                return Matching::Whole(self.cost);
            }
            if name.eq_ignore_ascii_case(rest) {
                return Matching::Whole(self.cost | INEXACT);
            }
        } else if rest.get(name.len()) == Some(&b'.') && memchr(b'.', name).is_none() {
            let first = &rest[..name.len()];
            if name == first {
                return Matching::Start(self.deeper(name.len(), self.cost));
            }
            if name.eq_ignore_ascii_case(first) {
                return Matching::Start(self.deeper(name.len(), self.cost | INEXACT));
            }
        }
        if is_ascii { Matching::No } else { self.matching_letters(&path[self.rest..], name) }
    }

    /// Without case, where that changes the length.
    #[cold]
    fn matching_letters(self, rest: &str, name: &[u8]) -> Matching {
        let lower = String::from_utf8_lossy(name).to_lowercase();
        if rest.to_lowercase() == lower {
            return Matching::Whole(self.cost | INEXACT);
        }
        match rest.split_once('.') {
            Some((first, _)) if first.to_lowercase() == lower => {
                Matching::Start(self.deeper(first.len(), self.cost | INEXACT))
            }
            _ => Matching::No,
        }
    }

    /// Each step costs one, so that a name with the dots in it wins.
    const fn deeper(self, name: usize, cost: u8) -> Self {
        let steps = cost & (INEXACT - 1);
        let cost = if steps < INEXACT - 2 { cost + 1 } else { cost };
        Self { wanted: self.wanted, rest: self.rest + name + 1, cost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(paths: &[&str], object: &str) -> Vec<String> {
        let mut pick = Pick::new(paths.iter().map(|&path| path.to_owned()).collect());
        pick.object(&mut Cursor::new(object.as_bytes(), 0)).unwrap();
        let fields =
            crate::Fields { record: object.as_bytes(), unquoted: &pick.unquoted, spans: &pick.spans };
        (0..paths.len()).map(|i| String::from_utf8(fields.get(i).to_vec()).unwrap()).collect()
    }

    #[test]
    fn paths_lead_into_objects() {
        let object = r#"{"id": 7, "traits": {"name": {"first": "Jörg"}, "email": "a@b.example"}, "x": [1]}"#;
        assert_eq!(
            picked(&["traits.email", "traits.name.first", "id"], object),
            ["a@b.example", "Jörg", "7"]
        );
        assert_eq!(
            picked(&["email", "traits", "traits.name", "traits.name.last", "x", "id.x"], object),
            [""; 6]
        );
    }

    #[test]
    fn a_name_with_the_dot_in_it_wins() {
        for object in [
            r#"{"traits.email": "literal", "traits": {"email": "nested"}}"#,
            r#"{"traits": {"email": "nested"}, "traits.email": "literal"}"#,
        ] {
            assert_eq!(picked(&["traits.email"], object), ["literal"]);
        }
        assert_eq!(picked(&["a.b.c"], r#"{"a": {"b.c": "1", "b": {"c": "2"}}}"#), ["1"]);
        assert_eq!(picked(&["a.b.c"], r#"{"a.b": {"c": "2"}, "A.B": {"c": "2"}}"#), [""]);
    }

    #[test]
    fn an_exact_name_wins_over_one_without_case() {
        for object in [r#"{"Email": "1", "email": "2"}"#, r#"{"email": "2", "EMAIL": "1"}"#] {
            assert_eq!(picked(&["email"], object), ["2"]);
        }
        assert_eq!(picked(&["traits.e-mail"], r#"{"Traits": {"E-Mail": "1"}}"#), ["1"]);
        assert_eq!(picked(&["größe"], r#"{"GRÖSSE": "0", "GRÖßE": "1"}"#), ["1"]);
        assert_eq!(picked(&["a.größe"], r#"{"A": {"GRÖßE": "1"}}"#), ["1"]);
    }

    #[test]
    fn two_names_that_differ_in_case_only_are_refused() {
        let mut pick = Pick::new(vec!["email".to_owned()]);
        let object = r#"{"Email": "1", "EMAIL": "2"}"#;
        pick.object(&mut Cursor::new(object.as_bytes(), 0)).unwrap();
        assert_eq!((pick.spans[0].from, pick.spans[0].to), (0, 0));
        assert!(matches!(pick.missing(&[])[..], [(0, ColumnError::Ambiguous { .. })]));
    }

    #[test]
    fn numbers_and_words_keep_their_text_and_null_is_empty() {
        let object = r#"{"a": 1.50, "b": 12345678901234567890123, "c": true, "d": null, "e": -0 }"#;
        assert_eq!(
            picked(&["a", "b", "c", "d", "e", "f"], object),
            ["1.50", "12345678901234567890123", "true", "", "-0", ""]
        );
    }

    #[test]
    fn the_last_of_a_repeated_name_counts() {
        assert_eq!(picked(&["a"], r#"{"a": "1", "a": "2"}"#), ["2"]);
        assert_eq!(picked(&["a"], r#"{"a": "1", "a": null}"#), [""]);
    }

    #[test]
    fn one_path_may_be_wanted_twice_and_lead_to_another() {
        let object = r#"{"e\u006dail": "a\n\"b", "t": {"u": {"v": "1"}}}"#;
        assert_eq!(picked(&["email", "t.u.v", "email", "t.u"], object), ["a\n\"b", "1", "a\n\"b", ""]);
    }
}
