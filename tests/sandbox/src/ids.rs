//! Identifiers that look like the vendors' own. They are random, never secret.

/// `count` lower-case hex digits.
pub(crate) fn hex(count: usize) -> String {
    std::iter::repeat_with(|| fastrand::digit(16)).take(count).collect()
}

/// A version-4 UUID in its usual writing.
pub(crate) fn uuid() -> String {
    let variant = ['8', '9', 'a', 'b'][fastrand::usize(..4)];
    format!("{}-{}-4{}-{variant}{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}

/// URL-safe text of `count` characters.
pub(crate) fn opaque(count: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(count).collect()
}
