//! What may be said about a file beforehand. Whatever is left out is found out from the file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How to read a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The format; found out from the first character if not given.
    pub format: Option<Format>,
    /// What separates the fields of delimited text; found out from the first line if not given.
    pub delimiter: Option<Delimiter>,
    /// The encoding of text without a byte order mark; UTF-8 if not given. A byte order mark wins.
    pub encoding: Option<Encoding>,
    /// Whether delimited text starts with a header. Without one, columns are named `1`, `2` and so on.
    pub header: bool,
    /// Most bytes that one byte of a compressed file may unpack to, looked at from [`Options::GRACE`] bytes on.
    pub max_ratio: u32,
    /// Most bytes that a compressed file may unpack to.
    pub max_bytes: u64,
}

impl Options {
    /// Unpacked bytes up to which no ratio is looked at: small files of few different words compress very well.
    pub const GRACE: u64 = 16 << 20;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: None,
            delimiter: None,
            encoding: None,
            header: true,
            max_ratio: 250,
            max_bytes: 64 << 30,
        }
    }
}

/// An option that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No such format.
    #[error("`{0}` is no format; use one of delimited, ndjson, json, parquet")]
    Format(String),
    /// Nothing that can separate fields.
    #[error(
        "{0:?} can't be a delimiter; use one ASCII character that is no letter, digit, quote, @ or line ending"
    )]
    Delimiter(String),
    /// No such encoding.
    #[error(
        "`{0}` is no encoding; use a label of the WHATWG, such as utf-8, utf-16le, windows-1252, shift_jis"
    )]
    Encoding(String),
}

/// What rows are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines of fields with a delimiter in between, as RFC 4180 has them.
    Delimited,
    /// JSON objects one after the other, as a rule one a line.
    Ndjson,
    /// One JSON array of objects.
    Json,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delimited => "delimited",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Parquet => "parquet",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = OptionError;

    fn from_str(name: &str) -> Result<Self, OptionError> {
        [Self::Delimited, Self::Ndjson, Self::Json, Self::Parquet]
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| OptionError::Format(name.to_owned()))
    }
}

/// What separates fields: one ASCII character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Delimiter(u8);

impl Delimiter {
    /// Those that are found out without being declared; the rest must be.
    pub const USUAL: [Self; 4] = [Self(b','), Self(b';'), Self(b'\t'), Self(b'|')];

    /// The byte that it is.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    pub(crate) const fn of(byte: u8) -> Option<Self> {
        if byte.is_ascii()
            && !byte.is_ascii_alphanumeric()
            && !matches!(byte, b'"' | b'\n' | b'\r' | b'@' | 0)
        {
            Some(Self(byte))
        } else {
            None
        }
    }

    /// How messages write it.
    #[must_use]
    pub fn shown(self) -> String {
        if self.0 == b'\t' { "tab".to_owned() } else { format!("`{}`", char::from(self.0)) }
    }
}

impl Default for Delimiter {
    fn default() -> Self {
        Self(b',')
    }
}

impl FromStr for Delimiter {
    type Err = OptionError;

    /// One character, or the word `tab`.
    fn from_str(text: &str) -> Result<Self, OptionError> {
        let delimiter = match text.as_bytes() {
            b"tab" | br"\t" => Some(Self(b'\t')),
            &[byte] => Self::of(byte),
            _ => None,
        };
        delimiter.ok_or_else(|| OptionError::Delimiter(text.to_owned()))
    }
}

impl TryFrom<String> for Delimiter {
    type Error = OptionError;

    fn try_from(text: String) -> Result<Self, OptionError> {
        text.parse()
    }
}

impl From<Delimiter> for String {
    fn from(delimiter: Delimiter) -> Self {
        char::from(delimiter.0).into()
    }
}

/// A character encoding, by its name in the WHATWG's Encoding Standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    /// UTF-8, which is what text is if nothing says otherwise.
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);
    pub(crate) const UTF_16LE: Self = Self(encoding_rs::UTF_16LE);
    pub(crate) const UTF_16BE: Self = Self(encoding_rs::UTF_16BE);

    /// Its name, such as `windows-1252`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    pub(crate) fn decoder(self) -> encoding_rs::Decoder {
        self.0.new_decoder_without_bom_handling()
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoding {
    type Err = OptionError;

    /// Any label of the standard, such as `latin1`, which the web means `windows-1252` by.
    fn from_str(label: &str) -> Result<Self, OptionError> {
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes())
            .map(Self)
            .ok_or_else(|| OptionError::Encoding(label.to_owned()))
    }
}

impl TryFrom<String> for Encoding {
    type Error = OptionError;

    fn try_from(label: String) -> Result<Self, OptionError> {
        label.parse()
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> Self {
        encoding.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_one_character_that_can_separate() {
        for (text, byte) in [(",", b','), ("|", b'|'), ("\t", b'\t'), ("tab", b'\t'), ("\u{1}", 1)] {
            assert_eq!(text.parse::<Delimiter>().unwrap().byte(), byte);
        }
        for text in ["", ",,", "\"", "\n", "a", "7", "é", "@", "\0"] {
            assert!(text.parse::<Delimiter>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn encodings_are_known_by_their_labels() {
        for (label, name) in [("latin1", "windows-1252"), ("UTF8", "UTF-8"), ("utf-16", "UTF-16LE")] {
            assert_eq!(label.parse::<Encoding>().unwrap().name(), name);
        }
        assert!("utf-7".parse::<Encoding>().is_err());
        assert!("hz-gb-2312".parse::<Encoding>().is_err());
    }

    #[test]
    fn options_are_written_as_they_are_read() {
        let read = |text: &str| serde_json::from_str::<Delimiter>(text);
        assert_eq!(serde_json::to_string(&read("\"tab\"").unwrap()).unwrap(), "\"\\t\"");
        assert!(read("\"xx\"").unwrap_err().to_string().contains("can't be a delimiter"));
        assert_eq!(serde_json::to_string(&Encoding::UTF_8).unwrap(), "\"UTF-8\"");
        assert_eq!(serde_json::to_string(&Format::Ndjson).unwrap(), "\"ndjson\"");
        assert_eq!("parquet".parse(), Ok(Format::Parquet));
        assert!("csv".parse::<Format>().is_err());
    }
}
