//! Damage to files, as by faulty disks, broken transfers and attackers.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One change of a file. Places are shares of its length.
#[derive(Clone, Debug)]
pub enum Mutation {
    Flip(Index, u8),
    Set(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    /// A piece several times over: entries repeated and nested.
    Repeat(Index, usize, usize),
    /// A piece of this or another sample, put somewhere else.
    Splice {
        sample: Index,
        from: Index,
        length: usize,
        to: Index,
        over: bool,
    },
    /// A number of this many bytes: sizes and counts that claim much.
    Number {
        at: Index,
        bytes: usize,
        big_endian: bool,
        value: u64,
    },
    /// Another number in the place of one that is written out.
    Digits(Index, &'static str),
    Insert(Index, Vec<u8>),
    Zeros(Index, usize),
}

const VALUES: [u64; 14] = [
    0,
    1,
    2,
    127,
    255,
    65_535,
    1 << 20,
    1 << 24,
    (1 << 31) - 1,
    (1 << 32) - 1,
    1 << 40,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX,
];

const NUMERALS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "7",
    "3.5",
    "255",
    "65536",
    "00000000001",
    "4294967296",
    "18446744073709551615",
    "1e999",
    "77777777777",
];

const TEXTS: [&str; 26] = [
    "../",
    "/",
    "..",
    "\\",
    "C:",
    "\"",
    "'",
    ",",
    "\n",
    "\r\n",
    "\0",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\t",
    "NaN",
    "inf",
    "null",
    "\u{feff}",
    "é",
    "🙂",
    "__proto__",
    "\\u0000",
];

/// A few changes, mostly one.
pub fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    prop_oneof![
        4 => prop::collection::vec(mutation(), 1..2),
        3 => prop::collection::vec(mutation(), 2..6),
        1 => prop::collection::vec(mutation(), 6..30),
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let short = || prop_oneof![4 => 1usize..16, 2 => 16usize..600, 1 => 600usize..6000];
    let number = (at(), select(&[1usize, 2, 3, 4, 8][..]), any::<bool>(), select(&VALUES[..]));
    let splice = (at(), at(), short(), at(), any::<bool>());
    let nested = (select(&["[", "{\"a\":", "(", "\"", "\\"][..]), 1usize..3000);
    prop_oneof![
        6 => (at(), 0u8..8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        3 => (at(), any::<u8>()).prop_map(|(at, value)| Mutation::Set(at, value)),
        2 => at().prop_map(Mutation::Cut),
        2 => (at(), short()).prop_map(|(at, length)| Mutation::Remove(at, length)),
        2 => (at(), short(), 1usize..8).prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
        3 => splice.prop_map(|(sample, from, length, to, over)| Mutation::Splice { sample, from, length, to, over }),
        5 => number.prop_map(|(at, bytes, big_endian, value)| Mutation::Number { at, bytes, big_endian, value }),
        4 => (at(), select(&NUMERALS[..])).prop_map(|(at, numeral)| Mutation::Digits(at, numeral)),
        3 => (at(), select(&TEXTS[..])).prop_map(|(at, text)| Mutation::Insert(at, text.into())),
        1 => (at(), nested).prop_map(|(at, (text, times))| Mutation::Insert(at, text.repeat(times).into())),
        1 => (at(), 1usize..3000).prop_map(|(at, length)| Mutation::Zeros(at, length)),
    ]
}

/// Zeros that compress to a thousandth.
pub fn bomb() -> impl Strategy<Value = Vec<Mutation>> {
    (any::<Index>(), 18u32..23).prop_map(|(at, bits)| vec![Mutation::Zeros(at, 1 << bits)])
}

impl Mutation {
    /// Changes `file`; `samples` are whole ones to take pieces of.
    pub fn apply(&self, file: &mut Vec<u8>, samples: &[&[u8]]) {
        let length = file.len();
        let place = |at: &Index| at.index(length + 1);
        match self {
            Mutation::Flip(at, bit) if length > 0 => file[at.index(length)] ^= 1 << bit,
            Mutation::Set(at, value) if length > 0 => file[at.index(length)] = *value,
            Mutation::Flip(..) | Mutation::Set(..) => {}
            Mutation::Cut(at) => file.truncate(place(at)),
            Mutation::Remove(at, count) => drop(file.drain(place(at)..length.min(place(at) + count))),
            Mutation::Repeat(at, count, times) => {
                let piece = file[place(at)..length.min(place(at) + count)].repeat(*times);
                file.splice(place(at)..place(at), piece);
            }
            Mutation::Splice { sample, from, length: count, to, over } => {
                let source = sample.get(samples);
                let from = from.index(source.len() + 1);
                let piece = &source[from..source.len().min(from + count)];
                let end = if *over { length.min(place(to) + piece.len()) } else { place(to) };
                file.splice(place(to)..end, piece.iter().copied());
            }
            Mutation::Number { at, bytes, big_endian, value } => {
                let mut number = value.to_le_bytes()[..*bytes].to_vec();
                if *big_endian {
                    number.reverse();
                }
                let start = place(at);
                file[start..].iter_mut().zip(number).for_each(|(byte, new)| *byte = new);
            }
            Mutation::Digits(at, numeral) => digits(file, at, numeral),
            Mutation::Insert(at, piece) => drop(file.splice(place(at)..place(at), piece.iter().copied())),
            Mutation::Zeros(at, count) => {
                file.splice(place(at)..place(at), std::iter::repeat_n(0, *count));
            }
        }
    }
}

/// Replaces one of the runs of digits.
fn digits(file: &mut Vec<u8>, at: &Index, numeral: &str) {
    let starts: Vec<usize> = (0..file.len())
        .filter(|&i| file[i].is_ascii_digit() && (i == 0 || !file[i - 1].is_ascii_digit()))
        .collect();
    if starts.is_empty() {
        return;
    }
    let start = *at.get(&starts);
    let count = file[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    file.splice(start..start + count, numeral.bytes());
}
