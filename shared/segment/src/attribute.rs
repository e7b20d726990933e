//! First and last names: the rules for what is sent of them.

use std::borrow::Cow;

/// Longest name that is sent, in characters: what a Mailchimp text merge field holds.
const MAX_NAME: usize = 255;

/// What is sent for a mapped attribute: trimmed, without control characters, at most 255 characters long.
/// `None` means that nothing is sent, so that an empty field never erases what the destination has.
#[must_use]
pub fn name(raw: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(raw).ok()?.trim();
    let plain = text.len() <= MAX_NAME && !text.chars().any(char::is_control);
    let kept = if plain {
        Cow::Borrowed(text)
    } else {
        let printable: String = text.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        Cow::Owned(printable.trim_end().to_owned())
    };
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_names_as_people_write_them() {
        assert_eq!(name(" Zoë-Marie ".as_bytes()).as_deref(), Some("Zoë-Marie"));
        assert_eq!(name("O\u{0}'Brien\n".as_bytes()).as_deref(), Some("O'Brien"));
    }

    #[test]
    fn sends_nothing_for_an_empty_name() {
        assert_eq!(name(b""), None);
        assert_eq!(name(b" \t"), None);
        assert_eq!(name(b"\x01\x02"), None);
        assert_eq!(name(b"\xff\xfe"), None);
    }

    #[test]
    fn cuts_at_characters() {
        assert_eq!(name("é".repeat(300).as_bytes()).unwrap().chars().count(), 255);
    }
}
