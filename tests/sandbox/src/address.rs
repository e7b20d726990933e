//! The sandbox's own idea of a well-formed e-mail address, and rules that single some addresses out.
use crate::seed::Rule;

/// Whether a destination would take `address` as syntactically valid. The vendors publish no rule; this is the
/// common ground of what they were seen to refuse.
pub(crate) fn plausible(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else { return false };
    let local_ok = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let dots_ok = |text: &str| !text.starts_with('.') && !text.ends_with('.') && !text.contains("..");
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    address.len() <= 254
        && (1..=64).contains(&local.len())
        && local.bytes().all(local_ok)
        && dots_ok(local)
        && domain.contains('.')
        && domain.split('.').all(label_ok)
        && top.len() >= 2
        && (top.bytes().all(|byte| byte.is_ascii_alphabetic()) || top.starts_with("xn--"))
}

/// The first rule that singles `address` out.
pub(crate) fn singled_out<'a>(rules: &'a [Rule], address: &str) -> Option<&'a Rule> {
    let lower = address.to_ascii_lowercase();
    let (local, domain) = lower.split_once('@').unwrap_or((&lower, ""));
    rules.iter().find(|rule| {
        let local_fits = rule.local_prefix.as_deref().is_none_or(|prefix| local.starts_with(prefix));
        let domain_fits = rule.domain.as_deref().is_none_or(|wanted| domain == wanted);
        local_fits && domain_fits && (rule.local_prefix.is_some() || rule.domain.is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        for good in ["jane.doe@example.com", "o'brien+x@a-b.co.uk", "x@y.zz", "a@xn--bcher-kva.xn--p1ai"] {
            assert!(plausible(good), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "", "jane", "@x.de", "a@b", "a@b.c", "a b@c.de", "a@b..de", ".a@b.de", "a@@b.de", " a@b.de",
            &long,
        ] {
            assert!(!plausible(bad), "{bad}");
        }
        assert!(!plausible("jané@example.com"));
    }

    #[test]
    fn a_rule_needs_all_its_parts_and_an_empty_one_fits_nothing() {
        let rule = |prefix: Option<&str>, domain: Option<&str>| Rule {
            local_prefix: prefix.map(Into::into),
            domain: domain.map(Into::into),
            text: None,
        };
        assert!(singled_out(&[rule(Some("fake"), None)], "Fake1@example.com").is_some());
        assert!(singled_out(&[rule(Some("fake"), Some("x.de"))], "fake1@example.com").is_none());
        assert!(singled_out(&[rule(None, None)], "fake1@example.com").is_none());
    }
}
