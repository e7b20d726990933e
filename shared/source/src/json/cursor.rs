//! A walk over JSON text, value by value, that copies nothing.
//!
//! The text may end anywhere, since it comes in pieces. A number or a word at its very end is then not over.

/// Deepest nesting. Values are walked over by recursion.
const MAX_DEPTH: u32 = 128;

/// Why a walk goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The text ends here.
    More,
    /// This is no JSON.
    Wrong(&'static str),
}

/// The text between two quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether there are backslashes in it.
    pub(super) escaped: bool,
}

pub(super) struct Cursor<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    depth: u32,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at, depth: 0 }
    }

    /// The next byte that is no blank, if there is one. It is not taken.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let &byte = self.text.get(self.at)?;
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn next(&mut self) -> Result<u8, Stop> {
        self.peek().ok_or(Stop::More)
    }

    /// Walks over the object that begins here. `member` is called with each name, and walks over its value.
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, Text) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.enter()?;
        if self.next()? != b'}' {
            loop {
                if self.next()? != b'"' {
                    return Err(Stop::Wrong("a name in double quotes is missing"));
                }
                let name = self.string()?;
                if self.next()? != b':' {
                    return Err(Stop::Wrong("a colon is missing behind a name"));
                }
                self.at += 1;
                self.next()?;
                member(self, name)?;
                match self.next()? {
                    b',' => self.at += 1,
                    b'}' => break,
                    _ => return Err(Stop::Wrong("a comma or a closing brace is missing")),
                }
            }
        }
        self.leave();
        Ok(())
    }

    fn elements(&mut self) -> Result<(), Stop> {
        self.enter()?;
        if self.next()? != b']' {
            loop {
                self.skip()?;
                match self.next()? {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return Err(Stop::Wrong("a comma or a closing bracket is missing")),
                }
            }
        }
        self.leave();
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Stop> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Stop::Wrong("it is nested more than 128 deep")) } else { Ok(()) }
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Walks over the value that begins here, whatever it is.
    pub(super) fn skip(&mut self) -> Result<(), Stop> {
        match self.next()? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.members(|cursor, _| cursor.skip()),
            b'[' => self.elements(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Stop::Wrong("a value is missing, or a text is not in double quotes")),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Stop> {
        let rest = &self.text[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(if word.starts_with(rest) { Stop::More } else { Stop::Wrong("a text is not in double quotes") })
    }

    fn number(&mut self) -> Result<(), Stop> {
        const WRONG: Stop = Stop::Wrong("a number is not written as JSON has it");
        let byte = |at: usize| self.text.get(at).copied().ok_or(Stop::More);
        let digits = |mut at: usize| {
            let from = at;
            while byte(at)?.is_ascii_digit() {
                at += 1;
            }
            if at == from { Err(WRONG) } else { Ok(at) }
        };
        let mut at = self.at + usize::from(byte(self.at)? == b'-');
        at = if byte(at)? == b'0' { at + 1 } else { digits(at)? };
        if byte(at)? == b'.' {
            at = digits(at + 1)?;
        }
        if matches!(byte(at)?, b'e' | b'E') {
            at += 1;
            at += usize::from(matches!(byte(at)?, b'+' | b'-'));
            at = digits(at)?;
        }
        self.at = at;
        Ok(())
    }

    /// Walks over the text in quotes that begins here.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Text, Stop> {
        let from = self.at + 1;
        let mut at = from;
        let mut escaped = false;
        loop {
            at = special(self.text, at).ok_or(Stop::More)?;
            match self.text[at] {
                b'"' => {
                    self.at = at + 1;
                    return Ok(Text { from, to: at, escaped });
                }
                b'\\' => {
                    escaped = true;
                    at = self.escape(at + 1)?;
                }
                _ => return Err(Stop::Wrong("a text holds a line ending or another control character")),
            }
        }
    }

    /// Answers where the escape ends whose letter is at `at`.
    fn escape(&self, at: usize) -> Result<usize, Stop> {
        match self.text.get(at).ok_or(Stop::More)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
            b'u' => {
                let digits = &self.text[at + 1..self.text.len().min(at + 5)];
                match digits.iter().all(u8::is_ascii_hexdigit) {
                    true if digits.len() == 4 => Ok(at + 5),
                    true => Err(Stop::More),
                    false => Err(Stop::Wrong(ESCAPE)),
                }
            }
            _ => Err(Stop::Wrong(ESCAPE)),
        }
    }
}

const ESCAPE: &str = "a backslash is followed by what is no escape";

/// The next quote, backslash or control character. Eight bytes at once: names and values are too short for a search
/// that has to be set up first.
#[inline]
fn special(text: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let mut at = from;
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let quote = zeros(word ^ (ONES * u64::from(b'"')));
        let backslash = zeros(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (quote | backslash | control) & (ONES * 0x80);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let tail = text.get(at..)?.iter().position(|&byte| matches!(byte, b'"' | b'\\') || byte < 0x20)?;
    Some(at + tail)
}

/// Appends a text, whose escapes were walked over, without them.
pub(super) fn unescape(mut text: &[u8], to: &mut Vec<u8>) -> Result<(), Stop> {
    while let Some(backslash) = memchr::memchr(b'\\', text) {
        to.extend_from_slice(&text[..backslash]);
        let rest = &text[backslash + 1..];
        let plain = match rest.first() {
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let (character, length) = character(rest)?;
                to.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                text = &rest[length..];
                continue;
            }
            Some(&same) => same,
            None => return Err(Stop::Wrong(ESCAPE)),
        };
        to.push(plain);
        text = &rest[1..];
    }
    to.extend_from_slice(text);
    Ok(())
}

/// The character that begins with `u` and four digits, and how many bytes it takes: characters outside the first
/// plane are two escapes.
fn character(escape: &[u8]) -> Result<(char, usize), Stop> {
    const HALF: Stop = Stop::Wrong("an escape is one half of a character without the other");
    let unit = |at: usize| {
        let digits = escape.get(at..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(HALF)
    };
    let first = unit(1)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Ok((char::from_u32(first).ok_or(HALF)?, 5));
    }
    if escape.get(5..7) != Some(b"\\u") {
        return Err(HALF);
    }
    let second = unit(7)?;
    if !(0xdc00..0xe000).contains(&second) {
        return Err(HALF);
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Ok((char::from_u32(code).ok_or(HALF)?, 11))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether the text is one value; a blank at the end tells a number that it is over.
    fn is_json(text: &str) -> bool {
        let text = format!("{text} ");
        let mut cursor = Cursor::new(text.as_bytes(), 0);
        cursor.skip().is_ok() && cursor.peek().is_none()
    }

    proptest! {
        #[test]
        fn what_is_json_is_what_another_parser_says(
            text in r#"([\[\]{}:,] ?|"a"|"\\"|\\u00e9|true|null|-?[0-9.eE+-]{1,4}|"[a-z\\"]{0,3}"){0,8}"#,
        ) {
            prop_assert_eq!(is_json(&text), serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
        }

        #[test]
        fn any_string_is_found_and_unescaped(text in any::<String>(), ascii in any::<bool>()) {
            let mut written = serde_json::to_string(&text).unwrap();
            if ascii {
                let escapes: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                written = format!("\"{}\"", escapes.concat());
            }
            let mut cursor = Cursor::new(written.as_bytes(), 0);
            let found = cursor.string().unwrap();
            prop_assert_eq!(cursor.at, written.len());
            let mut plain = Vec::new();
            unescape(&written.as_bytes()[found.from..found.to], &mut plain).unwrap();
            prop_assert_eq!(String::from_utf8(plain).unwrap(), text);
        }

        #[test]
        fn the_next_special_byte_is_found(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let simple = text.iter().position(|&b| matches!(b, b'"' | b'\\') || b < 0x20);
            prop_assert_eq!(special(&text, 0), simple);
        }
    }

    #[test]
    fn half_a_character_is_no_text() {
        for text in [r"\ud83d", r"\ude00", r"\ud83dx", r"\ud83d\u0041", r"\ud83d\n12345"] {
            assert!(unescape(text.as_bytes(), &mut Vec::new()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_is_not_called_wrong() {
        let text = r#"{"a": [1.5e+3, true, null, {"b": "\u00e9\n"}, -0], "c": false}"#;
        for end in 0..text.len() {
            assert_eq!(Cursor::new(&text.as_bytes()[..end], 0).skip(), Err(Stop::More), "{}", &text[..end]);
        }
        assert_eq!(Cursor::new(text.as_bytes(), 0).skip(), Ok(()));
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_json(&deep(128)));
        assert!(!is_json(&deep(129)));
    }
}
