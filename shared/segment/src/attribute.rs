//! First and last names: the rules for what is sent of them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Longest name that is sent, in characters: what a Mailchimp text merge field holds.
const MAX_NAME: usize = 255;

/// A name as it is sent, and what was done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name<'a> {
    /// What is sent.
    pub text: Cow<'a, str>,
    /// It was longer than a destination takes.
    pub shortened: bool,
    /// There were control characters in it.
    pub cleaned: bool,
}

/// How many attributes are not sent as they stood in the drop. White space around them does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Longer than a destination takes, so cut.
    pub shortened: u64,
    /// With control characters, which were taken out.
    pub cleaned: u64,
}

impl Changed {
    /// Whether all were sent as they stood there.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.shortened == 0 && self.cleaned == 0
    }

    /// Counts one.
    pub fn add(&mut self, name: &Name<'_>) {
        self.shortened += u64::from(name.shortened);
        self.cleaned += u64::from(name.cleaned);
    }
}

/// What is sent for a mapped attribute: trimmed, without control characters, at most 255 characters long.
/// `None` means that nothing is sent, so that an empty field never erases what the destination has.
#[must_use]
pub fn name(raw: &[u8]) -> Option<Name<'_>> {
    let text = std::str::from_utf8(raw).ok()?.trim();
    if text.is_empty() {
        return None;
    }
    // Nearly all names end here: short, and of printable ASCII.
    let plain = text.len() <= MAX_NAME
        && (text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(char::is_control));
    if plain {
        return Some(Name { text: Cow::Borrowed(text), shortened: false, cleaned: false });
    }
    let cleaned = text.chars().any(char::is_control);
    let mut printable = text.chars().filter(|c| !c.is_control());
    // A control character at either end may have hidden white space.
    let kept: String = printable.by_ref().skip_while(|c| c.is_whitespace()).take(MAX_NAME).collect();
    let shortened = printable.any(|c| !c.is_whitespace());
    let kept = kept.trim_end();
    (!kept.is_empty()).then(|| Name { text: Cow::Owned(kept.to_owned()), shortened, cleaned })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(raw: &str) -> Option<(String, bool, bool)> {
        name(raw.as_bytes()).map(|name| (name.text.into_owned(), name.shortened, name.cleaned))
    }

    #[test]
    fn keeps_names_as_people_write_them() {
        for (raw, kept) in
            [(" Zoë-Marie ", "Zoë-Marie"), ("\u{3000}山田 太郎\n", "山田 太郎"), ("O'Brien", "O'Brien")]
        {
            assert_eq!(sent(raw), Some((kept.to_owned(), false, false)));
        }
    }

    #[test]
    fn takes_control_characters_out_and_says_so() {
        for raw in ["O\u{0}'Brien\n", "O'\u{85}Brien", "\u{1} O'Brien \u{1b}", "O\n'\r\nBrien"] {
            assert_eq!(sent(raw), Some(("O'Brien".to_owned(), false, true)), "{raw:?}");
        }
    }

    #[test]
    fn sends_nothing_for_an_empty_name() {
        for raw in ["", " \t", "\u{1}\u{2}", "\u{1} \u{2}"] {
            assert_eq!(sent(raw), None);
        }
        assert_eq!(name(b"\xff\xfe"), None);
    }

    #[test]
    fn cuts_at_characters_and_says_so() {
        let cut =
            |raw: &str| name(raw.as_bytes()).map(|name| (name.text.chars().count(), name.shortened)).unwrap();
        assert_eq!(cut(&"é".repeat(300)), (255, true));
        assert_eq!(cut(&"é".repeat(255)), (255, false));
        assert_eq!(cut(&format!("{}\u{1}", "e".repeat(255))), (255, false), "nothing is lost");
        assert_eq!(cut(&format!("{} e", "e".repeat(254))), (254, true), "no white space at the end");
    }

    #[test]
    fn counts_what_was_changed() {
        let mut changed = Changed::default();
        for raw in ["Ann", " Ann ", "A\u{7}nn", &"a".repeat(300), &format!("\u{7}{}", "a".repeat(300))] {
            changed.add(&name(raw.as_bytes()).unwrap());
        }
        assert_eq!(changed, Changed { shortened: 2, cleaned: 2 });
    }
}
