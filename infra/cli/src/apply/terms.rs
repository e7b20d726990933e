//! What somebody agrees to who lets personal data leave for a destination.

use std::collections::BTreeMap;

use segue_segment::Destination;
use segue_segment::destination::Form;
use segue_state::Connection;

/// The ids of these connections, by whose terms they are under.
#[must_use]
pub fn by_terms<'a>(connections: impl Iterator<Item = &'a Connection>) -> BTreeMap<Destination, Vec<String>> {
    let mut found: BTreeMap<Destination, Vec<String>> = BTreeMap::new();
    for Connection { id, destination, .. } in connections {
        found.entry(*destination).or_default().push(id.clone());
    }
    found
}

/// The terms of connections to a destination. Who changes what they say raises [`Connection::TERMS`], which asks
/// everybody again.
#[must_use]
pub fn terms(destination: Destination) -> String {
    let (company, policy) = match destination {
        Destination::Snapchat => ("Snap Inc.", "https://values.snap.com/privacy/privacy-policy"),
        Destination::Mailchimp => {
            ("The Rocket Science Group LLC, of Intuit Inc.", "https://www.intuit.com/privacy/statement/")
        }
        Destination::Klaviyo => ("Klaviyo, Inc.", "https://www.klaviyo.com/legal/privacy/privacy-notice"),
    };
    let shape = destination.shape();
    let (what, personal) = match shape.form {
        Form::Hashes => (
            "SHA-256 hashes of e-mail addresses",
            "This is personal data as a rule: whoever knows an address can tell its\n     hash.",
        ),
        Form::Profiles => (
            "e-mail addresses, and first and last names where an export maps them",
            "This is personal data as a rule.",
        ),
    };
    format!(
        "Terms of a connection to {name}, version {version}
  1. Exports over this connection send data out of your AWS account to
     {name}, which is {company}:
     {what}.
  2. {personal}
  3. You answer for it: that these people may be sent there, that they were
     told, and that you fulfil the privacy and security obligations that apply
     to you and to your account at {name}. Segue checks none of this.
  4. What {name} does with it is between you and {name}.
     Its privacy policy: {policy}",
        name = shape.display_name,
        version = Connection::TERMS,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_leaves_and_who_answers_for_it() {
        insta::assert_snapshot!(terms(Destination::Snapchat), @r"
        Terms of a connection to Snapchat, version 1
          1. Exports over this connection send data out of your AWS account to
             Snapchat, which is Snap Inc.:
             SHA-256 hashes of e-mail addresses.
          2. This is personal data as a rule: whoever knows an address can tell its
             hash.
          3. You answer for it: that these people may be sent there, that they were
             told, and that you fulfil the privacy and security obligations that apply
             to you and to your account at Snapchat. Segue checks none of this.
          4. What Snapchat does with it is between you and Snapchat.
             Its privacy policy: https://values.snap.com/privacy/privacy-policy
        ");
        for destination in Destination::ALL {
            let text = terms(destination);
            assert!(text.contains(destination.shape().display_name) && text.contains("https://"), "{text}");
            assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        }
        assert!(terms(Destination::Klaviyo).contains("last names"));
    }
}
