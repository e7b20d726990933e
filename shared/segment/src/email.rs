//! The e-mail address: its rules, its normal form, and a type that keeps it out of logs.

use std::fmt;

use crate::Reason;

/// Longest address, in characters (RFC 5321, 4.5.3.1.3, less the angle brackets).
const MAX_ADDRESS: usize = 254;
/// Longest local part, in characters (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// Longest label of a domain, in characters (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

/// A normalised, valid e-mail address. `Debug` is redacted and there is no `Display`: only code that builds a
/// payload may [`expose`](Self::expose) it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Email<'a>(&'a str);

impl<'a> Email<'a> {
    /// Normalises `raw` into `buffer` (trimmed, lower case) and checks it.
    ///
    /// Nothing that could change whom an address belongs to is done to it: dots and plus tags stay.
    ///
    /// # Errors
    /// The [`Reason`] why `raw` is no address that every destination takes. The rules are the strictest customer's:
    /// Klaviyo refuses a whole call for one malformed address.
    pub fn normalise(raw: &[u8], buffer: &'a mut String) -> Result<Self, Reason> {
        let trimmed = trim(raw);
        buffer.clear();
        if trimmed.is_empty() {
            return Err(Reason::Empty);
        }
        if trimmed.iter().any(u8::is_ascii_control) {
            return Err(Reason::ControlCharacters);
        }
        let text = std::str::from_utf8(trimmed).map_err(|_| Reason::NotAnAddress)?;
        if !text.is_ascii() {
            return Err(Reason::NotAscii);
        }
        check(trimmed)?;
        buffer.push_str(text);
        buffer.make_ascii_lowercase();
        Ok(Self(buffer))
    }

    /// Takes what a chunk holds, which [`normalise`](Self::normalise) let through before.
    #[must_use]
    pub(crate) const fn staged(address: &'a str) -> Self {
        Self(address)
    }

    /// The address in clear, for a payload and for nothing else.
    #[must_use]
    pub const fn expose(self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for Email<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// Trims white space at both ends, Unicode's as well as ASCII's.
fn trim(raw: &[u8]) -> &[u8] {
    let trimmed = raw.trim_ascii();
    match (trimmed.first(), trimmed.last()) {
        (Some(first), Some(last)) if first.is_ascii() && last.is_ascii() => trimmed,
        _ => std::str::from_utf8(trimmed).map_or(trimmed, |text| text.trim().as_bytes()),
    }
}

fn check(address: &[u8]) -> Result<(), Reason> {
    let at = address.iter().position(|&b| b == b'@').ok_or(Reason::NotAnAddress)?;
    let (local, domain) = (&address[..at], &address[at + 1..]);
    if !is_local(local) || !is_domain(domain) {
        return Err(Reason::NotAnAddress);
    }
    if address.len() > MAX_ADDRESS || local.len() > MAX_LOCAL {
        return Err(Reason::TooLong);
    }
    Ok(())
}

/// A dot-atom of RFC 5322, 3.2.3. Quoted local parts are legal and, in practice, mistakes: they are refused.
fn is_local(local: &[u8]) -> bool {
    let mut after_dot = true;
    for &byte in local {
        match byte {
            b'.' if after_dot => return false,
            b'.' => after_dot = true,
            _ if ATEXT[byte as usize] => after_dot = false,
            _ => return false,
        }
    }
    !after_dot
}

/// At least two labels of letters, digits and inner hyphens; the last one of letters, or punycode.
fn is_domain(domain: &[u8]) -> bool {
    let mut labels = 0;
    let mut last: &[u8] = &[];
    for label in domain.split(|&b| b == b'.') {
        let edges = label.first().zip(label.last());
        if label.len() > MAX_LABEL
            || !edges.is_some_and(|(a, z)| *a != b'-' && *z != b'-')
            || !label.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-')
        {
            return false;
        }
        labels += 1;
        last = label;
    }
    let punycode = last.len() > 4 && last[..4].eq_ignore_ascii_case(b"xn--");
    labels >= 2 && last.len() >= 2 && (punycode || last.iter().all(u8::is_ascii_alphabetic))
}

/// `atext` of RFC 5322, 3.2.3.
const ATEXT: [bool; 256] = {
    const OTHERS: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut other = 0;
    while other < OTHERS.len() {
        table[OTHERS[other] as usize] = true;
        other += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(raw: &str) -> Result<String, Reason> {
        let mut buffer = String::new();
        Email::normalise(raw.as_bytes(), &mut buffer).map(|email| email.expose().to_owned())
    }

    #[test]
    fn trims_and_lowers_and_leaves_the_rest_alone() {
        assert_eq!(normal(" \tJane.Doe+News@Example.COM \r").unwrap(), "jane.doe+news@example.com");
        assert_eq!(normal("\u{a0}o'brien@example.co.uk\u{2003}").unwrap(), "o'brien@example.co.uk");
        assert_eq!(normal("a@xn--mnchen-3ya.xn--p1ai").unwrap(), "a@xn--mnchen-3ya.xn--p1ai");
    }

    #[test]
    fn says_why_a_text_is_no_address() {
        for (raw, reason) in [
            ("", Reason::Empty),
            ("  \u{a0} ", Reason::Empty),
            ("jane", Reason::NotAnAddress),
            ("jane@", Reason::NotAnAddress),
            ("@example.com", Reason::NotAnAddress),
            ("jane@example", Reason::NotAnAddress),
            ("jane@example.c", Reason::NotAnAddress),
            ("jane@example.123", Reason::NotAnAddress),
            ("jane@-example.com", Reason::NotAnAddress),
            ("jane@example..com", Reason::NotAnAddress),
            ("jane@@example.com", Reason::NotAnAddress),
            (".jane@example.com", Reason::NotAnAddress),
            ("jane.@example.com", Reason::NotAnAddress),
            ("ja..ne@example.com", Reason::NotAnAddress),
            ("ja ne@example.com", Reason::NotAnAddress),
            ("\"jane\"@example.com", Reason::NotAnAddress),
            ("Jane <jane@example.com>", Reason::NotAnAddress),
            ("ja\u{0}ne@example.com", Reason::ControlCharacters),
            ("jané@example.com", Reason::NotAscii),
            ("jane@exämple.com", Reason::NotAscii),
        ] {
            assert_eq!(normal(raw), Err(reason), "{raw:?}");
        }
    }

    #[test]
    fn counts_the_lengths_of_rfc_5321() {
        let local = "a".repeat(64);
        assert!(normal(&format!("{local}@example.com")).is_ok());
        assert_eq!(normal(&format!("{local}a@example.com")), Err(Reason::TooLong));
        let domain = format!("{0}.{0}.{0}.com", "d".repeat(61));
        assert_eq!(normal(&format!("{local}@{domain}")).map(|a| a.len()), Ok(254));
        assert_eq!(normal(&format!("{local}@d{domain}")), Err(Reason::TooLong));
        assert_eq!(normal(&format!("a@{}.com", "d".repeat(64))), Err(Reason::NotAnAddress));
    }

    #[test]
    fn debug_is_redacted() {
        let mut buffer = String::new();
        let email = Email::normalise(b"jane@example.com", &mut buffer).unwrap();
        assert_eq!(format!("{email:?}"), "Email(…)");
    }

    proptest! {
        #[test]
        fn never_panics_and_its_normal_form_is_stable(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut buffer = String::new();
            if let Ok(email) = Email::normalise(&raw, &mut buffer) {
                let first = email.expose().to_owned();
                prop_assert_eq!(normal(&first).unwrap(), first);
            }
        }
    }
}
