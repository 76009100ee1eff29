//! The header of a `.npy` file: magic bytes, version, and a Python dictionary of three entries.

use crate::error::short;

/// Every array begins with this.
const MAGIC: &[u8] = b"\x93NUMPY";

/// The most dimensions of a NumPy array.
pub(crate) const MAX_DIMS: usize = 64;

/// How an element's bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    Signed,
    Unsigned,
}

/// The array's description in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub kind: Kind,
    /// Bytes an element: 1, 2, 4 or 8.
    pub size: usize,
    pub big_endian: bool,
    /// Whether elements are contiguous along the first dimension.
    pub fortran: bool,
    pub shape: Vec<usize>,
}

impl Header {
    /// The header and the bytes after it, or what is wrong.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Header, &[u8]), String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as a .npy file does")?;
        let cut = || "its header is cut".to_string();
        let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let (length, rest) = match version {
            [1, 0] => {
                let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
                (u16::from_le_bytes(*length) as usize, rest)
            }
            [2 | 3, 0] => {
                let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
                (u32::from_le_bytes(*length) as usize, rest)
            }
            [major, minor] => return Err(format!("version {major}.{minor} of the format is not known")),
        };
        let (text, data) = rest.split_at_checked(length).ok_or_else(cut)?;
        let text = std::str::from_utf8(text).map_err(|_| "its header is no text")?;
        Ok((dictionary(text)?, data))
    }

    /// The bytes before the elements of an array in C order, a multiple of 64.
    pub(crate) fn write(descr: &str, shape: &[usize]) -> Vec<u8> {
        let extents: String = shape.iter().map(|extent| format!("{extent},")).collect();
        let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({extents}), }}");
        let before = MAGIC.len() + 4;
        let length = (before + text.len() + 1).next_multiple_of(64) - before;
        let mut bytes = [MAGIC, &[1, 0], &(length as u16).to_le_bytes()].concat();
        bytes.extend(format!("{text:<0$}\n", length - 1).bytes());
        bytes
    }
}

fn dictionary(text: &str) -> Result<Header, String> {
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    let mut parser = Parser { rest: text };
    parser.expect("{")?;
    while !parser.accept("}") {
        let key = parser.string()?;
        parser.expect(":")?;
        match key {
            "descr" => descr = Some(element(parser.string()?)?),
            "fortran_order" => fortran = Some(parser.truth()?),
            "shape" => shape = Some(parser.tuple()?),
            _ => return Err(format!("its header has an entry {:?}", short(key))),
        }
        if !parser.accept(",") {
            parser.expect("}")?;
            break;
        }
    }
    match (descr, fortran, shape, parser.rest.trim_ascii()) {
        (Some((kind, size, big_endian)), Some(fortran), Some(shape), "") => {
            Ok(Header { kind, size, big_endian, fortran, shape })
        }
        _ => Err(format!(
            "its header is not 'descr', 'fortran_order' and 'shape' alone: {:?}",
            short(text.trim_end())
        )),
    }
}

/// Kind, size and whether the first byte is the most significant, of an element such as `<f4`.
fn element(descr: &str) -> Result<(Kind, usize, bool), String> {
    let unread = || {
        format!(
            "elements {:?} are not f2, f4, f8, i1 to i8, u1 to u8 or b1 with '<', '>' or '|'",
            short(descr)
        )
    };
    let big_endian = match descr.as_bytes().first() {
        Some(b'<' | b'|') => false,
        Some(b'>') => true,
        _ => return Err(unread()),
    };
    let (kind, size) = match &descr[1..] {
        "f2" => (Kind::Float, 2),
        "f4" => (Kind::Float, 4),
        "f8" => (Kind::Float, 8),
        "i1" => (Kind::Signed, 1),
        "i2" => (Kind::Signed, 2),
        "i4" => (Kind::Signed, 4),
        "i8" => (Kind::Signed, 8),
        "u1" | "b1" => (Kind::Unsigned, 1),
        "u2" => (Kind::Unsigned, 2),
        "u4" => (Kind::Unsigned, 4),
        "u8" => (Kind::Unsigned, 8),
        _ => return Err(unread()),
    };
    if size > 1 && descr.starts_with('|') {
        return Err(unread());
    }
    Ok((kind, size, big_endian))
}

/// Reads the few Python literals that headers consist of.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn accept(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_ascii_start().strip_prefix(token);
        rest.is_some_and(|rest| {
            self.rest = rest;
            true
        })
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.accept(token) { Ok(()) } else { Err(self.fault(token)) }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = if self.accept("'") { '\'' } else { '"' };
        if quote == '"' && !self.accept("\"") {
            return Err(self.fault("a string"));
        }
        let (string, rest) = self.rest.split_once(quote).ok_or_else(|| self.fault("the end of a string"))?;
        self.rest = rest;
        Ok(string)
    }

    fn truth(&mut self) -> Result<bool, String> {
        if self.accept("True") {
            return Ok(true);
        }
        self.expect("False").map(|()| false)
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        let mut numbers = vec![];
        self.expect("(")?;
        while !self.accept(")") {
            if numbers.len() == MAX_DIMS {
                return Err(format!("it has more than {MAX_DIMS} dimensions"));
            }
            numbers.push(self.number()?);
            if !self.accept(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(numbers)
    }

    fn number(&mut self) -> Result<usize, String> {
        let rest = self.rest.trim_ascii_start();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = &rest[..end];
        // Python has no literals with zeros in front.
        let number = if digits.len() > 1 && digits.starts_with('0') { None } else { digits.parse().ok() };
        let number = number.ok_or_else(|| self.fault("an extent"))?;
        self.rest = &rest[end..];
        self.accept("L"); // a long integer of Python 2
        Ok(number)
    }

    fn fault(&self, wanted: &str) -> String {
        let found: String = self.rest.trim_ascii_start().chars().take(20).collect();
        format!("its header has {found:?} where {wanted} belongs")
    }
}
