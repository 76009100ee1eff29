//! The headers of a Parquet file's pages, looked at before anything is decoded: what a page claims to become is allocated at once
//! by the reader behind it.

/// What is written of a page in front of it: Thrift's compact protocol.
#[derive(Default)]
struct Header {
    /// Bytes behind the header.
    stored: u64,
    /// Bytes when expanded.
    expanded: u64,
    /// Values, of a page of data or a dictionary.
    values: u64,
    encoding: u64,
    /// Levels of nesting, of the second version's pages: they are not compressed.
    levels: [u64; 2],
    dictionary: bool,
}

/// Encodings of texts by the lengths of what they share, of which the reader believes any number of lengths.
const DELTA_TEXTS: [u64; 2] = [6, 7];

/// What a column's pages come to.
#[derive(Default)]
pub(crate) struct Claims {
    /// Bytes of all of them, expanded.
    pub expanded: u64,
    /// Values of the pages of data.
    pub values: u64,
}

/// Looks at the headers of a column's pages, one behind the other, until they have `values` values, or says what is wrong.
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

    /// Calls `visit` with the fields' numbers, from the outermost on, of every whole number that is not below 0.
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
