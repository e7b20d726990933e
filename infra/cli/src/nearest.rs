//! What to say about a name that there is not: the one that was probably meant, or those that there are.

/// Names that are told at once.
const MOST: usize = 10;
/// How alike two names are, from 0 to 1, if one is meant by the other.
const ALIKE: f64 = 0.85;

/// The name that was probably meant.
#[must_use]
pub(crate) fn meant<'a>(wanted: &str, known: &'a [impl AsRef<str>]) -> Option<&'a str> {
    let alike = known.iter().map(|name| (strsim::jaro_winkler(wanted, name.as_ref()), name.as_ref()));
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(alike, _)| *alike >= ALIKE).map(|(_, name)| name)
}

/// A hint for somebody who named one of the `things` (exports, say) that there is not.
#[must_use]
pub(crate) fn hint(wanted: &str, known: &[impl AsRef<str>], things: &str) -> String {
    if let Some(name) = meant(wanted, known) {
        return format!("did you mean `{name}`?");
    }
    let mut names: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    names.sort_unstable();
    let told = names[..names.len().min(MOST)].join(", ");
    match names.len() {
        0 => format!("there are no {things} yet"),
        1..=MOST => format!("the {things} are {told}"),
        all => format!("the {things} are {told} and {} more", all - MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_told_what_was_meant() {
        let known = ["vip-to-klaviyo", "vip-to-mailchimp", "winter-to-mailchimp", "klaviyo-main"];
        for (wanted, found) in [
            ("vip-to-klavyio", Some("vip-to-klaviyo")),
            ("vip-klaviyo", Some("vip-to-klaviyo")),
            ("winter-to-mailchmp", Some("winter-to-mailchimp")),
            ("klaviyo", Some("klaviyo-main")),
            ("snapchat", None),
            ("", None),
        ] {
            assert_eq!(meant(wanted, &known), found, "{wanted}");
        }
        assert_eq!(hint("vip-to-klavyio", &known, "exports"), "did you mean `vip-to-klaviyo`?");
    }

    #[test]
    fn otherwise_the_first_ones_are_told() {
        assert_eq!(hint("x", &["b", "a"], "exports"), "the exports are a, b");
        assert_eq!(hint("x", &[] as &[&str], "connections"), "there are no connections yet");
        let many: Vec<String> = (10..25).map(|number| format!("e-{number}")).collect();
        let told = hint("zzz", &many, "exports");
        assert!(told.ends_with("e-18, e-19 and 5 more"), "{told}");
    }
}
