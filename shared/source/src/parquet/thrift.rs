//! Thrift's compact protocol, as much of it as Parquet's footer and page headers use.
//!
//! Nothing is allocated by what a stranger's bytes claim: a list is read item by item, and each item takes bytes.

/// Deepest nesting of structs and lists; Parquet's own go five deep.
const MAX_DEPTH: u8 = 16;

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// They end too early: more of them may help.
    Short,
    /// They are no Thrift, or none of what was expected.
    Wrong,
}

/// The type of a field or an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    /// 16, 32 and 64 bits are written alike.
    Int,
    Double,
    Binary,
    List,
    Map,
    Struct,
    Uuid,
}

impl Kind {
    const fn of(nibble: u8) -> Result<Self, Broken> {
        Ok(match nibble {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Int,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            13 => Self::Uuid,
            _ => return Err(Broken::Wrong),
        })
    }
}

/// Reads values one after another.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u8,
}

impl<'a> Thrift<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    /// How many bytes were read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Reads a struct. `field` gets each field's number and type, and must read or [`skip`](Self::skip) it.
    pub(super) fn fields(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, Kind) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.enter()?;
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                self.depth -= 1;
                return Ok(());
            }
            id = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| Broken::Wrong)?,
                delta => id.checked_add(i16::from(delta)).ok_or(Broken::Wrong)?,
            };
            field(self, id, Kind::of(head & 15)?)?;
        }
    }

    /// Reads a list. `item` must read each item.
    pub(super) fn items(
        &mut self,
        kind: Kind,
        mut item: impl FnMut(&mut Self, Kind) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        if kind != Kind::List {
            return Err(Broken::Wrong);
        }
        self.enter()?;
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        for _ in 0..count {
            // An empty list may name no type.
            item(self, Kind::of(head & 15)?)?;
        }
        self.depth -= 1;
        Ok(())
    }

    pub(super) fn int(&mut self, kind: Kind) -> Result<i64, Broken> {
        match kind {
            Kind::Int => self.zigzag(),
            Kind::Byte => Ok(i64::from(self.byte()?.cast_signed())),
            _ => Err(Broken::Wrong),
        }
    }

    /// A number that is no negative one: a size, a count, a place.
    pub(super) fn size(&mut self, kind: Kind) -> Result<u64, Broken> {
        u64::try_from(self.int(kind)?).map_err(|_| Broken::Wrong)
    }

    /// In a struct the type of a truth value says it already.
    pub(super) fn bool(kind: Kind) -> Result<bool, Broken> {
        match kind {
            Kind::True => Ok(true),
            Kind::False => Ok(false),
            _ => Err(Broken::Wrong),
        }
    }

    pub(super) fn text(&mut self, kind: Kind) -> Result<&'a str, Broken> {
        if kind != Kind::Binary {
            return Err(Broken::Wrong);
        }
        let length = self.varint()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Broken::Wrong)
    }

    /// Reads past a value of any type.
    pub(super) fn skip(&mut self, kind: Kind) -> Result<(), Broken> {
        match kind {
            Kind::True | Kind::False => Ok(()),
            Kind::Byte => self.take(1).map(drop),
            Kind::Int => self.varint().map(drop),
            Kind::Double => self.take(8).map(drop),
            Kind::Uuid => self.take(16).map(drop),
            Kind::Binary => {
                let length = self.varint()?;
                self.take(length).map(drop)
            }
            Kind::Struct => self.fields(|thrift, _, kind| thrift.skip(kind)),
            Kind::List => self.items(kind, Self::skip_item),
            Kind::Map => self.skip_map(),
        }
    }

    /// In a list, unlike in a struct, a truth value takes a byte.
    fn skip_item(&mut self, kind: Kind) -> Result<(), Broken> {
        match kind {
            Kind::True | Kind::False => self.take(1).map(drop),
            kind => self.skip(kind),
        }
    }

    fn skip_map(&mut self) -> Result<(), Broken> {
        self.enter()?;
        let count = self.varint()?;
        if count > 0 {
            let kinds = self.byte()?;
            for _ in 0..count {
                self.skip_item(Kind::of(kinds >> 4)?)?;
                self.skip_item(Kind::of(kinds & 15)?)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Broken> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Broken::Wrong) } else { Ok(()) }
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        let byte = *self.bytes.get(self.at).ok_or(Broken::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Broken> {
        let length = usize::try_from(length).map_err(|_| Broken::Wrong)?;
        let end = self.at.checked_add(length).ok_or(Broken::Wrong)?;
        let bytes = self.bytes.get(self.at..end).ok_or(Broken::Short)?;
        self.at = end;
        Ok(bytes)
    }

    fn varint(&mut self) -> Result<u64, Broken> {
        let (value, length) = varint(self.bytes.get(self.at..).unwrap_or_default())?;
        self.at += length;
        Ok(value)
    }

    fn zigzag(&mut self) -> Result<i64, Broken> {
        self.varint().map(zigzag)
    }
}

/// A number of seven bits a byte (LEB128), and how many bytes it took.
pub(super) fn varint(bytes: &[u8]) -> Result<(u64, usize), Broken> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    Err(if bytes.len() < 10 { Broken::Short } else { Broken::Wrong })
}

/// A signed number out of an unsigned one: 0, -1, 1, -2, …
pub(super) const fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_written() {
        assert_eq!(varint(&[0xac, 0x02, 9]), Ok((300, 2)));
        assert_eq!(varint(&[0x80]), Err(Broken::Short));
        assert_eq!(varint(&[0xff; 11]), Err(Broken::Wrong));
        assert_eq!([0, 1, 2, 3, u64::MAX].map(zigzag), [0, -1, 1, -2, i64::MIN]);
    }

    #[test]
    fn unknown_fields_are_skipped() {
        // 1: i32 -1, 2: list of two booleans, 3: struct { 1: binary "x" }, 4: binary "ok"
        let bytes = [0x15, 1, 0x19, 0x21, 1, 2, 0x1c, 0x18, 1, b'x', 0, 0x18, 2, b'o', b'k', 0];
        let mut thrift = Thrift::new(&bytes);
        let mut text = "";
        thrift
            .fields(|thrift, id, kind| {
                if id == 4 {
                    text = thrift.text(kind)?;
                    return Ok(());
                }
                thrift.skip(kind)
            })
            .unwrap();
        assert_eq!((text, thrift.at()), ("ok", bytes.len()));
    }

    #[test]
    fn nesting_has_an_end() {
        assert_eq!(Thrift::new(&[0x1c; 1000]).skip(Kind::Struct), Err(Broken::Wrong));
        assert_eq!(Thrift::new(&[0x19; 1000]).skip(Kind::List), Err(Broken::Wrong));
    }
}
