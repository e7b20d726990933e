//! Cursor paging and the filters that the sandbox understands.
use serde_json::{Value, json};

use super::errors::Problem;
use crate::call::Call;

/// What page is asked for.
pub(super) struct Page {
    size: usize,
    from: usize,
}

impl Page {
    /// Reads `page[size]` and `page[cursor]`.
    pub(super) fn of(call: &Call, usual: usize, most: usize) -> Result<Self, Problem> {
        let size = call.param("page[size]").map_or(Some(usual), |size| size.parse().ok());
        let Some(size) = size.filter(|size| (1..=most).contains(size)) else {
            let detail = format!("Page size must be an integer between 1 and {most}.");
            return Err(Problem::invalid(&detail).in_parameter("page[size]"));
        };
        let from = match call.param("page[cursor]") {
            None => Some(0),
            Some(cursor) => cursor.strip_prefix("bmV4d").and_then(|hex| usize::from_str_radix(hex, 16).ok()),
        };
        let invalid = || Problem::invalid("Invalid page cursor.").in_parameter("page[cursor]");
        Ok(Self { size, from: from.ok_or_else(invalid)? })
    }

    /// The page's items, and the links to it and the ones around it.
    pub(super) fn cut<T>(&self, items: impl Iterator<Item = T>, call: &Call) -> (Vec<T>, Value) {
        let mut items: Vec<T> = items.skip(self.from).take(self.size + 1).collect();
        let more = items.len() > self.size;
        items.truncate(self.size);
        let next = more.then(|| link(call, self.from + self.size));
        let previous = (self.from > 0).then(|| link(call, self.from.saturating_sub(self.size)));
        let here = format!("{}/klaviyo{}?{}", call.origin, call.path, call.query);
        (items, json!({ "self": here, "next": next, "prev": previous }))
    }
}

fn link(call: &Call, from: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(call.query.as_bytes()) {
        if name != "page[cursor]" {
            query.append_pair(&name, &value);
        }
    }
    query.append_pair("page[cursor]", &format!("bmV4d{from:x}"));
    format!("{}/klaviyo{}?{}", call.origin, call.path, query.finish())
}

/// The values of `any(field,["a","b"])` or `equals(field,"a")`, where the filter is one of those for that field.
pub(super) fn one_of(filter: &str, field: &str) -> Option<Vec<String>> {
    let inner = |operator: &str| {
        let rest = filter.trim().strip_prefix(operator)?.strip_prefix('(')?.strip_suffix(')')?;
        rest.trim_start().strip_prefix(field)?.trim_start().strip_prefix(',')?.trim().parse::<Value>().ok()
    };
    match (inner("any"), inner("equals")) {
        (Some(Value::Array(values)), _) => {
            values.into_iter().map(|value| value.as_str().map(str::to_owned)).collect()
        }
        (_, Some(Value::String(value))) => Some(vec![value]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::one_of;

    #[test]
    fn filters_are_read_with_their_escapes() {
        let values = one_of(r#"any(email,["a+b@c.de","\"q\"@c.de"])"#, "email").unwrap();
        assert_eq!(values, ["a+b@c.de", "\"q\"@c.de"]);
        assert_eq!(one_of(r#"equals(email,"a@c.de")"#, "email").unwrap(), ["a@c.de"]);
        assert!(one_of(r#"any(email,["a@c.de")"#, "email").is_none());
        assert!(one_of("any(email,[1])", "email").is_none());
        assert!(one_of(r#"contains(email,"a")"#, "email").is_none());
    }
}
