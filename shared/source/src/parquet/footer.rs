//! The footer: which columns there are, and where the mapped ones lie.

use std::ops::Range;

use super::error::ParquetError;
use super::thrift::{Broken, Thrift};

const DAMAGED: ParquetError = ParquetError::Damaged("footer");
/// Largest footer in MiB, and most that its columns may take once their paths are put together.
pub(super) const MAX_FOOTER_MIB: usize = 32;

/// What a column holds of which a row has any number of values.
pub(super) const LIST: &str = "a list";

/// A column that holds values: a leaf of the schema's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Names from the root on, joined by dots.
    pub(super) path: String,
    pub(super) values: Values,
    /// The definition level of a value that is there: how many of the names may be missing.
    pub(super) defined: u64,
    /// Why its values are no text, if they are not.
    pub(super) unfit: Option<&'static str>,
}

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    Boolean,
    /// 32 or 64 bits, signed or not.
    Int {
        bytes: usize,
        signed: bool,
    },
    Float,
    Double,
    Bytes,
    /// So many bytes each.
    Fixed(usize),
}

/// A column's values within a row group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) values: u64,
    pub(super) codec: i64,
}

/// The columns, in the order of the file.
pub(super) fn columns(footer: &[u8]) -> Result<Vec<Leaf>, ParquetError> {
    let mut tree = Tree::default();
    let read = Thrift::new(footer).fields(|thrift, id, kind| match id {
        2 => thrift.items(kind, |thrift, _| tree.add(thrift)),
        _ => thrift.skip(kind),
    });
    if tree.is_too_large() {
        return Err(ParquetError::FooterTooLarge { limit: MAX_FOOTER_MIB });
    }
    if read.is_err() || !tree.open.is_empty() || tree.leaves.is_empty() {
        return Err(DAMAGED);
    }
    Ok(tree.leaves)
}

/// The schema is a tree, written depth first.
#[derive(Default)]
struct Tree {
    leaves: Vec<Leaf>,
    open: Vec<Group>,
    rooted: bool,
    /// Bytes that all paths take: a group's name is part of the path of everything in it.
    held: usize,
}

struct Group {
    path: String,
    left: u64,
    defined: u64,
    repeated: bool,
}

#[derive(Default)]
struct Element<'a> {
    physical: Option<i64>,
    length: u64,
    repetition: i64,
    name: &'a str,
    children: u64,
    converted: Option<i64>,
    logical: Option<i16>,
    unsigned: bool,
}

impl Tree {
    fn add(&mut self, thrift: &mut Thrift<'_>) -> Result<(), Broken> {
        let element = Element::read(thrift)?;
        if !self.rooted {
            // The root has a name too, but it is no part of any path.
            self.rooted = true;
            self.open.push(Group {
                path: String::new(),
                left: element.children,
                defined: 0,
                repeated: false,
            });
            self.close();
            return Ok(());
        }
        let parent = self.open.last_mut().ok_or(Broken::Wrong)?;
        parent.left -= 1;
        let path = if parent.path.is_empty() {
            element.name.to_owned()
        } else {
            format!("{}.{}", parent.path, element.name)
        };
        let defined = parent.defined + u64::from(element.repetition != 0);
        let repeated = parent.repeated || element.repetition == 2;
        self.held += path.len() + size_of::<Leaf>();
        if self.is_too_large() {
            return Err(Broken::Wrong);
        }
        if element.physical.is_none() {
            // Parquet's own nesting ends much earlier; paths get longer with each group.
            if self.open.len() > 32 {
                return Err(Broken::Wrong);
            }
            self.open.push(Group { path, left: element.children, defined, repeated });
        } else {
            let (values, mut unfit) = element.values()?;
            if repeated {
                unfit = Some(LIST);
            }
            self.leaves.push(Leaf { path, values, defined, unfit });
        }
        self.close();
        Ok(())
    }

    const fn is_too_large(&self) -> bool {
        self.held > MAX_FOOTER_MIB << 20
    }

    fn close(&mut self) {
        while self.open.last().is_some_and(|group| group.left == 0) {
            self.open.pop();
        }
    }
}

impl<'a> Element<'a> {
    fn read(thrift: &mut Thrift<'a>) -> Result<Self, Broken> {
        let mut element = Self::default();
        thrift.fields(|thrift, id, kind| {
            match id {
                1 => element.physical = Some(thrift.int(kind)?),
                2 => element.length = thrift.size(kind)?,
                3 => element.repetition = thrift.int(kind)?,
                4 => element.name = thrift.text(kind)?,
                5 => element.children = thrift.size(kind)?,
                6 => element.converted = Some(thrift.int(kind)?),
                10 => element.read_logical(thrift)?,
                _ => thrift.skip(kind)?,
            }
            Ok(())
        })?;
        Ok(element)
    }

    /// A union: a struct with one field, whose number is the type.
    fn read_logical(&mut self, thrift: &mut Thrift<'a>) -> Result<(), Broken> {
        thrift.fields(|thrift, logical, kind| {
            self.logical = Some(logical);
            if logical != 10 {
                return thrift.skip(kind);
            }
            thrift.fields(|thrift, id, kind| match id {
                2 => {
                    self.unsigned = !Thrift::bool(kind)?;
                    Ok(())
                }
                _ => thrift.skip(kind),
            })
        })
    }

    fn values(&self) -> Result<(Values, Option<&'static str>), Broken> {
        let signed = !self.unsigned && !matches!(self.converted, Some(11..=14));
        let values = match self.physical {
            Some(0) => Values::Boolean,
            Some(1) => Values::Int { bytes: 4, signed },
            Some(2) => Values::Int { bytes: 8, signed },
            Some(3) => return Ok((Values::Fixed(12), Some("points in time"))),
            Some(4) => Values::Float,
            Some(5) => Values::Double,
            Some(6) => Values::Bytes,
            Some(7) => Values::Fixed(usize::try_from(self.length).map_err(|_| Broken::Wrong)?),
            _ => return Err(Broken::Wrong),
        };
        let unfit = match (self.converted, self.logical) {
            (_, Some(5)) | (Some(5), _) => Some("decimal numbers"),
            (_, Some(6)) | (Some(6), _) => Some("dates"),
            (_, Some(7)) | (Some(7 | 8), _) => Some("times of day"),
            (_, Some(8)) | (Some(9 | 10), _) => Some("points in time"),
            (_, Some(13..)) | (Some(20 | 21), _) => Some("binary data"),
            _ => None,
        };
        Ok((values, unfit))
    }
}

/// Where the columns `wanted` (indexes) lie: for each of them, its chunks. All are within `data`.
pub(super) fn chunks(
    footer: &[u8],
    wanted: &[usize],
    data: Range<u64>,
) -> Result<Vec<Vec<Chunk>>, ParquetError> {
    let mut chunks = vec![Vec::new(); wanted.len()];
    let mut refused = None;
    let read = Thrift::new(footer).fields(|thrift, id, kind| match id {
        4 => thrift.items(kind, |thrift, _| group(thrift, wanted, &data, &mut chunks, &mut refused)),
        _ => thrift.skip(kind),
    });
    match (read, refused) {
        (Err(_), _) => return Err(DAMAGED),
        (Ok(()), Some(error)) => return Err(error),
        (Ok(()), None) => {}
    }
    // No byte belongs to two of them: then none is fetched twice, and fetched ones are told by their place.
    let mut all: Vec<(u64, u64)> = chunks.iter().flatten().map(|chunk| (chunk.from, chunk.to)).collect();
    all.sort_unstable();
    if all.is_sorted_by(|one, next| one.1 <= next.0) { Ok(chunks) } else { Err(DAMAGED) }
}

/// Reads a row group.
fn group(
    thrift: &mut Thrift<'_>,
    wanted: &[usize],
    data: &Range<u64>,
    chunks: &mut [Vec<Chunk>],
    refused: &mut Option<ParquetError>,
) -> Result<(), Broken> {
    let (mut rows, mut index) = (0, 0);
    let mut found = vec![None; wanted.len()];
    thrift.fields(|thrift, id, kind| match id {
        1 => thrift.items(kind, |thrift, kind| {
            let place = wanted.iter().position(|&wanted| wanted == index);
            index += 1;
            let Some(found) = place.and_then(|place| found.get_mut(place)) else { return thrift.skip(kind) };
            *found = Some(chunk(thrift, refused)?);
            Ok(())
        }),
        3 => {
            rows = thrift.size(kind)?;
            Ok(())
        }
        _ => thrift.skip(kind),
    })?;
    // Without rows there are no pages, and what is said of their place means nothing.
    if refused.is_some() || rows == 0 {
        return Ok(());
    }
    for (chunk, chunks) in found.into_iter().zip(chunks) {
        let chunk = chunk.ok_or(Broken::Wrong)?;
        // Flat columns have a value, or its absence, in each row.
        if chunk.values != rows || data.start > chunk.from || chunk.to > data.end {
            return Err(Broken::Wrong);
        }
        chunks.push(chunk);
    }
    Ok(())
}

fn chunk(thrift: &mut Thrift<'_>, refused: &mut Option<ParquetError>) -> Result<Chunk, Broken> {
    let mut chunk = Chunk::default();
    let (mut data, mut dictionary, mut size) = (0, None, 0);
    thrift.fields(|thrift, id, kind| match id {
        1 if !thrift.text(kind)?.is_empty() => {
            *refused = Some(ParquetError::Elsewhere);
            Ok(())
        }
        1 => Ok(()),
        3 => thrift.fields(|thrift, id, kind| {
            match id {
                4 => chunk.codec = thrift.int(kind)?,
                5 => chunk.values = thrift.size(kind)?,
                7 => size = thrift.size(kind)?,
                9 => data = thrift.size(kind)?,
                11 => dictionary = Some(thrift.size(kind)?),
                _ => thrift.skip(kind)?,
            }
            Ok(())
        }),
        8 => {
            *refused = Some(ParquetError::Encrypted);
            thrift.skip(kind)
        }
        _ => thrift.skip(kind),
    })?;
    // Some writers say that the dictionary is at 0 when there is none.
    chunk.from = dictionary.filter(|&from| from > 0 && from < data).unwrap_or(data);
    chunk.to = chunk.from.checked_add(size).ok_or(Broken::Wrong)?;
    Ok(chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(mut value: usize, out: &mut Vec<u8>) {
        while value > 0x7f {
            out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        out.push(u8::try_from(value).unwrap());
    }

    /// A footer with these elements in its schema: name, and the number of children or `None` for a column of texts.
    fn footer(elements: &[(&str, Option<usize>)]) -> Vec<u8> {
        let mut out = vec![0x29, 0xfc];
        number(elements.len(), &mut out);
        for (name, children) in elements {
            out.extend_from_slice(if children.is_some() { &[0x48] } else { &[0x15, 12, 0x38] });
            number(name.len(), &mut out);
            out.extend_from_slice(name.as_bytes());
            if let Some(children) = children {
                out.push(0x15);
                number(children * 2, &mut out);
            }
            out.push(0);
        }
        out.push(0);
        out
    }

    #[test]
    fn paths_lead_from_the_root_to_the_leaves() {
        let elements = [
            ("schema", Some(3)),
            ("a", None),
            ("b", Some(2)),
            ("c", Some(1)),
            ("d", None),
            ("e", None),
            ("f", None),
        ];
        let paths: Vec<String> =
            columns(&footer(&elements)).unwrap().into_iter().map(|leaf| leaf.path).collect();
        assert_eq!(paths, ["a", "b.c.d", "b.e", "f"]);
    }

    #[test]
    fn a_tree_that_is_not_whole_is_damage() {
        for elements in [
            &[("schema", Some(2)), ("a", None)][..],
            &[("schema", Some(1)), ("a", None), ("b", None)],
            &[("schema", Some(0))],
            &[],
        ] {
            assert_eq!(columns(&footer(elements)), Err(DAMAGED), "{elements:?}");
        }
    }

    #[test]
    fn paths_that_take_much_more_than_the_footer_are_refused() {
        let name = "n".repeat(1 << 20);
        let mut elements = vec![("schema", Some(1)), (&name, Some(40))];
        elements.extend([("leaf", None); 40]);
        assert_eq!(columns(&footer(&elements)), Err(ParquetError::FooterTooLarge { limit: MAX_FOOTER_MIB }));
    }
}
