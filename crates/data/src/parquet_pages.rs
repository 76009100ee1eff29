//! The headers of a Parquet file's pages, checked before anything is decoded: the decoder allocates what a page claims at once.

/// The header in front of a page, in Thrift's compact protocol.
#[derive(Default)]
struct Header {
    /// Bytes after the header.
    stored: u64,
    /// Bytes when expanded.
    expanded: u64,
    /// Values, of a page of data or a dictionary.
    values: u64,
    encoding: u64,
    /// Bytes of the levels of nesting, which pages of version 2 store uncompressed.
    levels: [u64; 2],
    dictionary: bool,
}

/// Delta encodings of texts: the decoder does not check the number of lengths in them.
const DELTA_TEXTS: [u64; 2] = [6, 7];

/// The totals that a column's pages claim.
#[derive(Default)]
pub(crate) struct Claims {
    /// Bytes of all of them, expanded.
    pub expanded: u64,
    /// Values of the pages of data.
    pub values: u64,
}

/// Reads the headers of a column's pages, one after another, until they have `values` values, or says what is wrong.
pub(crate) fn claims(mut bytes: &[u8], values: u64) -> Result<Claims, String> {
    let mut claims = Claims::default();
    while claims.values < values && !bytes.is_empty() {
        let mut parser = Parser { rest: bytes };
        let header = parser.header().ok_or("a page's header is damaged")?;
        let stored = usize::try_from(header.stored).ok().filter(|&stored| stored <= parser.rest.len());
        let stored = stored.ok_or("a page is cut")?;
        if DELTA_TEXTS.contains(&header.encoding) {
            return Err("texts in delta encodings are not read; write them plain or with a dictionary".into());
        }
        if header.dictionary && header.values > header.expanded {
            return Err(format!(
                "a dictionary of {} bytes cannot have {} values",
                header.expanded, header.values
            ));
        }
        if header.levels[0].saturating_add(header.levels[1]) > header.expanded.min(header.stored) {
            return Err("a page's levels are longer than the page".into());
        }
        claims.expanded = claims.expanded.saturating_add(header.expanded);
        if !header.dictionary {
            claims.values = claims.values.saturating_add(header.values);
        }
        bytes = &parser.rest[stored..];
    }
    match claims.values == values {
        true => Ok(claims),
        false => Err(format!("its pages have {} values, {values} are declared", claims.values)),
    }
}

/// Structures may be nested this deep.
const DEPTH: usize = 8;

struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    fn header(&mut self) -> Option<Header> {
        let mut header = Header::default();
        self.structure(0, &mut |path, value| match path {
            [1] => header.dictionary = value == 2,
            [2] => header.expanded = value,
            [3] => header.stored = value,
            [5 | 7 | 8, 1] => header.values = value,
            [5 | 7, 2] | [8, 4] => header.encoding = value,
            [8, 5] => header.levels[0] = value,
            [8, 6] => header.levels[1] = value,
            _ => {}
        })?;
        Some(header)
    }

    /// Calls `visit` for every whole number, with its field numbers from the outermost on; negative ones are `u64::MAX`.
    fn structure(&mut self, depth: usize, visit: &mut dyn FnMut(&[u64], u64)) -> Option<()> {
        self.fields(&mut [0; DEPTH], depth, visit)
    }

    fn fields(
        &mut self,
        path: &mut [u64; DEPTH],
        depth: usize,
        visit: &mut dyn FnMut(&[u64], u64),
    ) -> Option<()> {
        *path.get_mut(depth)? = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            path[depth] = match head >> 4 {
                0 => self.zigzag()?.try_into().ok()?,
                step => path[depth].checked_add(u64::from(step))?,
            };
            self.value(head & 15, path, depth, visit)?;
        }
    }

    fn value(
        &mut self,
        kind: u8,
        path: &mut [u64; DEPTH],
        depth: usize,
        visit: &mut dyn FnMut(&[u64], u64),
    ) -> Option<()> {
        match kind {
            1 | 2 => {}
            3 => drop(self.byte()?),
            // Sizes and counts below 0 are as wrong as those that are too large.
            4..=6 => visit(&path[..=depth], self.zigzag()?.try_into().unwrap_or(u64::MAX)),
            7 => self.skip(8)?,
            8 => {
                let length = self.varint()?;
                self.skip(length)?;
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                for _ in 0..count {
                    // Truth values take a byte in lists.
                    let kind = if head & 15 <= 2 { 3 } else { head & 15 };
                    self.value(kind, path, depth, &mut |_, _| {})?;
                }
            }
            12 => {
                let outer = path[depth];
                self.fields(path, depth + 1, visit)?;
                path[depth] = outer;
            }
            _ => return None, // maps are in no header
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zigzag(number: i64) -> Vec<u8> {
        let mut rest = (number << 1 ^ number >> 63) as u64;
        let mut bytes = vec![];
        while rest >= 128 {
            bytes.push(rest as u8 | 128);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes
    }

    /// A page's header (its type, sizes, and the numbers of values and encoding) and as many bytes as it says.
    fn page(kind: i64, expanded: i64, stored: i64, values: i64, encoding: i64) -> Vec<u8> {
        let field = |number: i64| [vec![0x15], zigzag(number)].concat();
        let inner = if kind == 2 { 0x4c } else { 0x2c };
        let head = [field(kind), field(expanded), field(stored), vec![inner], field(values), field(encoding)];
        [head.concat(), vec![0, 0], vec![7; stored.clamp(0, 100) as usize]].concat()
    }

    #[test]
    fn claims_are_added_up() {
        let column = [page(2, 40, 30, 5, 0), page(0, 1000, 10, 60, 8), page(0, 2000, 20, 40, 8)].concat();
        let found = claims(&column, 100).unwrap();
        assert_eq!((found.expanded, found.values), (3040, 100));
        assert_eq!(claims(&page(0, i32::MAX.into(), 1, 1, 0), 1).unwrap().expanded, i32::MAX as u64);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let problem = |bytes: &[u8], values| claims(bytes, values).err().unwrap();
        assert!(problem(&page(0, 9, 9, 3, 0), 4).contains("3 values, 4 are declared"));
        assert!(problem(&page(0, 9, 9, 5, 0), 4).contains("5 values, 4 are declared"));
        assert!(problem(&page(0, 9, 101, 4, 0), 4).contains("cut"));
        assert!(problem(&page(0, 9, -1, 4, 0), 4).contains("cut"));
        assert!(problem(&page(2, 9, 9, 1 << 30, 0), 4).contains("dictionary"));
        assert!(problem(&page(0, 9, 9, 4, 7), 4).contains("delta"));
        assert!(problem(&[], 1).contains("0 values"));
        for bytes in [
            &[0x15][..],
            &[0x1c; 40],
            &[0x19, 0xf3, 255, 255, 255, 255, 127],
            &[0x15, 255, 255, 255],
            &[0x1b, 0],
        ] {
            assert!(problem(bytes, 1).contains("damaged"), "{bytes:?}");
        }
    }
}
