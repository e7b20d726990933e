//! What a tree says, as the type that it is to be. An error says which value is wrong, and not what stands there.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

use super::node::{Field, Node, Value};
use super::positions::Place;
use crate::nearest;

/// What is wrong with a value.
#[derive(Debug)]
pub(super) struct Wrong {
    /// Which value it is: of each list or map around it the number of the item or field, the innermost first.
    pub(super) path: Vec<usize>,
    pub(super) what: What,
    pub(super) text: String,
}

/// How it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// It is not what is needed there.
    Value,
    /// Its name is none that there is; perhaps this one was meant.
    Unknown(Option<&'static str>),
    /// A field of this name is not there.
    Missing(&'static str),
}

impl Wrong {
    fn new(what: What, text: String) -> Self {
        Self { path: Vec::new(), what, text }
    }

    fn inside(mut self, index: usize) -> Self {
        self.path.push(index);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Wrong {}

impl Error for Wrong {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(What::Value, text.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Value, needed(&expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Value, needed(&expected.to_string()))
    }

    fn unknown_variant(value: &str, values: &'static [&'static str]) -> Self {
        Self::new(What::Value, format!("`{value}` is none of what this may be: {}", values.join(", ")))
    }

    fn unknown_field(field: &str, fields: &'static [&'static str]) -> Self {
        let meant = nearest::meant(field, fields);
        let text = meant.map_or_else(
            || format!("there is no field `{field}` here: there are {}", fields.join(", ")),
            |meant| format!("there is no field `{field}` here; did you mean `{meant}`?"),
        );
        let meant = fields.iter().find(|known| meant == Some(**known)).copied();
        Self::new(What::Unknown(meant), text)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing(field), format!("missing field `{field}`"))
    }
}

/// What a type expects, for people who have never seen one.
fn needed(expected: &str) -> String {
    match expected {
        "a sequence" => "a list is needed here".to_owned(),
        "a map" => "fields are needed here, one a line, each as `name: value`".to_owned(),
        "a string" => "text is needed here".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number is needed here".to_owned(),
        "f32" | "f64" => "a number is needed here".to_owned(),
        "a boolean" => "true or false is needed here".to_owned(),
        other if other.starts_with("struct ") => needed("a map"),
        other => format!("{other} is needed here"),
    }
}

/// Numbers: one that is written as only YAML writes it, such as `2_000_000`, is text in a tree.
macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match &self.value {
                Value::Anything => visitor.$visit(<$number>::default()),
                Value::Text(text) => match serde_saphyr::from_str::<$number>(text) {
                    Ok(number) => visitor.$visit(number),
                    Err(_) => self.deserialize_any(visitor),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.value {
            Value::Null | Value::Anything => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Signed(value) => visitor.visit_i64(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_str(value),
            Value::List(items) => visitor.visit_seq(Items { items, at: 0 }),
            Value::Map(fields) => visitor.visit_map(Fields { fields, at: 0 }),
        }
    }

    numbers! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_i64 visit_i64 i64;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.value {
            Value::Anything => visitor.visit_bool(false),
            Value::Text(text) => match serde_saphyr::from_str::<bool>(text) {
                Ok(value) => visitor.visit_bool(value),
                Err(_) => self.deserialize_any(visitor),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    /// Ids may be numbers.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.value {
            Value::Anything => visitor.visit_str(""),
            Value::Bool(value) => visitor.visit_string(value.to_string()),
            Value::Signed(value) => visitor.visit_string(value.to_string()),
            Value::Unsigned(value) => visitor.visit_string(value.to_string()),
            Value::Float(value) => visitor.visit_string(value.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.value {
            Value::Null | Value::Anything => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.value {
            Value::Anything => visitor.visit_seq(Items { items: &[], at: 0 }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.value {
            Value::Anything => visitor.visit_map(Fields { fields: &[], at: 0 }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match &self.value {
            Value::Anything => visitor.visit_map(Everything { fields, at: 0 }),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match (&self.value, variants) {
            (Value::Anything, [first, ..]) => visitor.visit_enum((*first).into_deserializer()),
            (Value::Text(text), _) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => {
                Err(Wrong::new(What::Value, format!("one of these is needed here: {}", variants.join(", "))))
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items<'de> {
    items: &'de [Node],
    at: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some(node) = self.items.get(self.at) else { return Ok(None) };
        let value = seed.deserialize(node).map_err(|wrong| wrong.inside(self.at))?;
        self.at += 1;
        Ok(Some(value))
    }
}

struct Fields<'de> {
    fields: &'de [Field],
    at: usize,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some(field) = self.fields.get(self.at) else { return Ok(None) };
        let name: StrDeserializer<'de, Wrong> = field.name.as_str().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|wrong| wrong.inside(self.at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some(field) = self.fields.get(self.at) else {
            return Err(Wrong::custom("a value was read before its name"));
        };
        let value = seed.deserialize(&field.node).map_err(|wrong| wrong.inside(self.at))?;
        self.at += 1;
        Ok(value)
    }
}

/// All fields that a type has.
struct Everything {
    fields: &'static [&'static str],
    at: usize,
}

impl<'de> MapAccess<'de> for Everything {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some(name) = self.fields.get(self.at) else { return Ok(None) };
        let name: StrDeserializer<'de, Wrong> = name.into_deserializer();
        self.at += 1;
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        static ANYTHING: Node = Node::anything(Place { line: 0, column: 0 });
        seed.deserialize(&ANYTHING).map_err(|wrong| wrong.inside(self.at))
    }
}
