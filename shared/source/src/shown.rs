//! What may be shown of the names of a file's columns.
//!
//! They are a stranger's text: the first line of a file without a header is a person, and so are the keys of an object
//! that is a dictionary of people. So names are shown only among others that are known to be headings.

use std::collections::{BTreeSet, HashMap};

/// What the names of a file's columns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// The first line of delimited text, or the columns of a table.
    Headings,
    /// Paths of the fields of objects.
    Paths,
    /// Positions, of delimited text that is read without a header. They are nobody's.
    Positions,
}

/// What may be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// These names.
    pub names: Vec<String>,
    /// How many there are besides.
    pub left_out: usize,
}

/// What may be shown of these names: of headings all or none, of paths those that lead through objects whose fields
/// have known headings among them.
#[must_use]
pub fn shown(names: &[String], what: Names) -> Shown {
    let may: Vec<String> = match what {
        Names::Positions => names.to_vec(),
        Names::Headings if are_headings("", names.iter().map(String::as_str)) => names.to_vec(),
        Names::Headings => Vec::new(),
        Names::Paths => {
            let mut objects: HashMap<&str, BTreeSet<&str>> = HashMap::new();
            for (object, field) in names.iter().flat_map(|name| steps(name)) {
                objects.entry(object).or_default().insert(field);
            }
            let known: HashMap<&str, bool> = objects
                .into_iter()
                .map(|(object, fields)| (object, are_headings(last(object), fields.into_iter())))
                .collect();
            let leads = |(object, field): (&str, &str)| known.get(object) == Some(&true) && is_field(field);
            names.iter().filter(|name| steps(name).all(leads)).cloned().collect()
        }
    };
    Shown { left_out: names.len() - may.len(), names: may }
}

/// Whether these names look like the values of a row.
#[must_use]
pub fn are_values(names: &[String]) -> bool {
    names.iter().any(|name| is_value(name))
}

/// The objects that a path leads through, each with the field that it takes there.
fn steps(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    let mut from = 0;
    ends.map(move |end| {
        let step = (&path[..from.max(1) - 1], &path[from..end]);
        from = end + 1;
        step
    })
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Whether names that stand side by side, in the object `object` if in one, are surely headings: no value is among
/// them, and at least two are known, or half of them. One alone may be a word in a row (`Jane,Doe,email`).
fn are_headings<'a>(object: &str, names: impl Iterator<Item = &'a str>) -> bool {
    const ENOUGH: usize = 2;
    let (mut all, mut known) = (0, 0);
    for name in names.filter(|name| !name.trim().is_empty()) {
        if is_value(name) {
            return false;
        }
        all += 1;
        known += usize::from(is_heading(object, name));
    }
    known > 0 && (known >= ENOUGH || known * 2 >= all)
}

fn is_value(name: &str) -> bool {
    // Read in an encoding that it is not in, a whole file may be one name.
    const LONGEST: usize = 100;
    if name.chars().nth(LONGEST).is_some() {
        return true;
    }
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    // JSON that is read as delimited text has braces and quotes in it.
    name.contains(['@', '{', '}', '"', '\n', '\r'])
        || letters < name.chars().filter(char::is_ascii_digit).count()
}

/// Whether this may be the name of a field: programs give names without blanks, unless they took a known heading.
fn is_field(name: &str) -> bool {
    !name.contains(char::is_whitespace) || is_heading("", name)
}

/// Words that are headings by themselves. A person's name is none of them.
const HEADINGS: &str = "\
    address adresse apellido apellidos attributes birthdate birthday city consent context correo country \
    courriel created customerid dob familyname firstname fname forename fullname gender givenname id \
    identifier language lastname lname locale ltv mail mailadresse mailaddress md5 metadata middlename \
    nachname name nickname nom nombre phone phonenumber plz postcode prenom prénom properties score sha256 \
    strasse straße street surname telefon telefono telephone teléfono timestamp traits updated url userid \
    username uuid vorname zip zipcode メール";

/// Words that stand beside those in headings. By themselves they may be values.
const BESIDE: &str = "\
    account active at billing birth code contact count customer date day display e external family first full \
    given hash hashed home in internal is key last lifetime line lower lowercase main middle mobile no nr \
    number of on opt order orders personal postal preferred primary profile secondary segment shipping signup \
    source state status subscriber time title total type user work";

fn is_among(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

/// Whether this is surely a heading and nobody's name: all its words are known, and one is a heading by itself. Inside
/// an object the object's name counts as one of its words: `first` in `name`.
fn is_heading(object: &str, name: &str) -> bool {
    let mut is = false;
    for word in words(object).into_iter().chain(words(name)) {
        if word.starts_with("email") || word.ends_with("email") || is_among(HEADINGS, &word) {
            is = true;
        } else if !word.is_empty() && !is_among(BESIDE, &word) {
            return false;
        }
    }
    is
}

/// The words of a name in lower case, without numbers at their ends: `emailAddress`, `E-Mail`, `first_name`,
/// `FIRSTNAME` and `address2` are all understood.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphanumeric() || (before.is_lowercase() && c.is_uppercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    let plain = words.into_iter().map(|word| {
        if is_among(HEADINGS, &word) {
            word
        } else {
            word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
        }
    });
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], what: Names) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let found = shown(&names, what);
        assert_eq!(found.names.len() + found.left_out, names.len());
        found.names
    }

    #[test]
    fn of_a_first_line_that_may_be_a_persons_nothing_is_shown() {
        for row in [
            &["jane@example.com", "Jane"][..],
            &["", "Jane", "+4477009"],
            &["Jane", "Doe", "", "Berlin"],
            &["Jane", "Doe", "unknown"],
            &["Jane", "Doe", "email"],
            &["Jane", "Doe", "Kansas City", "12 First Street"],
            &["Jane", "Mailer", "mobile", "customer"],
            &["Emil", "Lename", ""],
            &["{\"id\":1", "\"name\":\"Jane\"", "\"phone\":null}"],
            &[
                "id",
                "email",
                "慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣慣",
            ],
        ] {
            assert_eq!(of(row, Names::Headings), [""; 0], "{row:?}");
        }
    }

    #[test]
    fn what_files_call_their_columns_is_shown() {
        for heading in [
            "E-Mail",
            "emailAddress",
            "FIRSTNAME",
            "Vorname",
            "Customer ID",
            "user_id",
            "メール (mail)",
            "userEmail",
            "email_sha256",
            "created_at",
            "Address 2",
            "traits.email",
        ] {
            assert_eq!(of(&[heading, "x"], Names::Headings), [heading, "x"]);
        }
        let usual = ["customer_id", "email", "Kundenklasse", "loyalty_tier", "opt_in", ""];
        assert_eq!(of(&usual, Names::Headings), usual);
    }

    #[test]
    fn positions_are_nobodys() {
        assert_eq!(of(&["1", "2"], Names::Positions), ["1", "2"]);
        assert_eq!(of(&["1", "2"], Names::Headings), [""; 0]);
    }

    #[test]
    fn of_objects_the_fields_are_shown_and_never_the_people_in_a_dictionary() {
        let usual = ["id", "traits.email", "traits.name.first", "traits.plan", "vip"];
        assert_eq!(of(&usual, Names::Paths), usual);
        for people in [
            &["jane@example.com.plan", "bob@example.com.plan"][..],
            &["Jane Doe.email", "John Roe.email"],
            &["jane.email", "john.email", "mary.email"],
            &["members.jane.email", "members.jane.name"],
            &["jane", "john"],
        ] {
            assert_eq!(of(people, Names::Paths), [""; 0], "{people:?}");
        }
        let mixed = [
            "id",
            "email",
            "friends.jane",
            "friends.Jane Doe.email",
            "Jane Doe",
            "by.jane@example.com",
            "tier",
        ];
        assert_eq!(of(&mixed, Names::Paths), ["id", "email", "tier"]);
        let orders = ["id", "email", "orders.10023.total", "traits.jane.email"];
        assert_eq!(of(&orders, Names::Paths), ["id", "email"]);
    }

    #[test]
    fn a_path_has_as_many_steps_as_elements() {
        let of = |path| steps(path).collect::<Vec<_>>();
        assert_eq!(of("a.b.c"), [("", "a"), ("a", "b"), ("a.b", "c")]);
        assert_eq!(of(""), [("", "")]);
        assert_eq!(of(".a."), [("", ""), ("", "a"), (".a", "")]);
    }
}
