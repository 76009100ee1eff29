//! What the values of a Parquet file's columns mean.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::schema::types::ColumnDescriptor;

use crate::npy::half;

/// A value as a table takes it.
pub(crate) enum Cell<'a> {
    Whole(i128),
    Real(f64),
    Text(&'a str),
}

/// How a column's values become cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// Truth values, whole numbers and floats, as they are.
    Signed,
    Unsigned,
    /// Whole numbers to divide by this: parts of a second, or decimals.
    Parts(f64),
    Half,
    Text,
}

impl Meaning {
    /// The meaning that a column's type gives, or why it is not read.
    pub(crate) fn of(column: &ColumnDescriptor) -> Result<Meaning, String> {
        if column.max_rep_level() > 0 {
            return Err("lists and maps are not read; leave the column out".into());
        }
        let physical = column.physical_type();
        let meaning = match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Integer(int)), _) if !int.is_signed => Meaning::Unsigned,
            (Some(LogicalType::Time(time) | LogicalType::Timestamp(time)), _) => {
                Meaning::Parts(match time.unit {
                    TimeUnit::MILLIS => 1e3,
                    TimeUnit::MICROS => 1e6,
                    TimeUnit::NANOS => 1e9,
                })
            }
            (Some(LogicalType::Decimal(decimal)), _) => Meaning::Parts(10f64.powi(decimal.scale)),
            (Some(LogicalType::Float16), _) => Meaning::Half,
            (Some(LogicalType::Integer(_) | LogicalType::Date), _) => Meaning::Signed,
            (Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _) => Meaning::Text,
            (None, ConvertedType::TIME_MILLIS | ConvertedType::TIMESTAMP_MILLIS) => Meaning::Parts(1e3),
            (None, ConvertedType::TIME_MICROS | ConvertedType::TIMESTAMP_MICROS) => Meaning::Parts(1e6),
            (None, ConvertedType::DECIMAL) => Meaning::Parts(10f64.powi(column.type_scale())),
            (
                None,
                ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64,
            ) => Meaning::Unsigned,
            // Old writers do not say that bytes are text.
            (None | Some(LogicalType::Unknown), _) if physical == Type::BYTE_ARRAY => Meaning::Text,
            (None | Some(LogicalType::Unknown), _) => Meaning::Signed,
            (Some(other), _) => {
                return Err(format!("values of type {other:?} are not read; leave the column out"));
            }
        };
        let fits = match physical {
            Type::BOOLEAN | Type::FLOAT | Type::DOUBLE | Type::INT96 => meaning == Meaning::Signed,
            Type::INT32 | Type::INT64 => !matches!(meaning, Meaning::Half | Meaning::Text),
            Type::BYTE_ARRAY => matches!(meaning, Meaning::Text | Meaning::Parts(_)),
            Type::FIXED_LEN_BYTE_ARRAY => {
                matches!(meaning, Meaning::Parts(_)) || meaning == Meaning::Half && column.type_length() == 2
            }
        };
        if fits { Ok(meaning) } else { Err(format!("{physical} is not read here; leave the column out")) }
    }

    fn whole(self, value: i128) -> Cell<'static> {
        match self {
            Meaning::Parts(parts) => Cell::Real(value as f64 / parts),
            _ => Cell::Whole(value),
        }
    }
}

/// A physical value.
pub(crate) trait Value {
    /// What it means, or what is wrong with it.
    fn cell(&self, meaning: Meaning) -> Result<Cell<'_>, String>;
}

impl Value for bool {
    fn cell(&self, _: Meaning) -> Result<Cell<'_>, String> {
        Ok(Cell::Whole((*self).into()))
    }
}

impl Value for i32 {
    fn cell(&self, meaning: Meaning) -> Result<Cell<'_>, String> {
        let unsigned = meaning == Meaning::Unsigned;
        Ok(meaning.whole(if unsigned { (*self as u32).into() } else { (*self).into() }))
    }
}

impl Value for i64 {
    fn cell(&self, meaning: Meaning) -> Result<Cell<'_>, String> {
        let unsigned = meaning == Meaning::Unsigned;
        Ok(meaning.whole(if unsigned { (*self as u64).into() } else { (*self).into() }))
    }
}

impl Value for Int96 {
    /// Nanoseconds of a day, and the day by the Julian calendar.
    fn cell(&self, _: Meaning) -> Result<Cell<'_>, String> {
        const EPOCH: i64 = 2_440_588;
        let [low, high, day] = [self.data()[0], self.data()[1], self.data()[2]];
        let nanoseconds = (u64::from(high) << 32 | u64::from(low)) as f64;
        Ok(Cell::Real((i64::from(day) - EPOCH) as f64 * 86_400.0 + nanoseconds / 1e9))
    }
}

impl Value for f32 {
    fn cell(&self, _: Meaning) -> Result<Cell<'_>, String> {
        Ok(Cell::Real((*self).into()))
    }
}

impl Value for f64 {
    fn cell(&self, _: Meaning) -> Result<Cell<'_>, String> {
        Ok(Cell::Real(*self))
    }
}

impl Value for ByteArray {
    fn cell(&self, meaning: Meaning) -> Result<Cell<'_>, String> {
        match meaning {
            Meaning::Text => {
                Ok(Cell::Text(std::str::from_utf8(self.data()).map_err(|_| "the text is not UTF-8")?))
            }
            _ => Ok(meaning.whole(big_endian(self.data())?)),
        }
    }
}

impl Value for FixedLenByteArray {
    fn cell(&self, meaning: Meaning) -> Result<Cell<'_>, String> {
        match (meaning, self.data()) {
            (Meaning::Half, &[low, high]) => Ok(Cell::Real(half(u16::from_le_bytes([low, high])).into())),
            (_, bytes) => Ok(meaning.whole(big_endian(bytes)?)),
        }
    }
}

/// A decimal's digits.
fn big_endian(bytes: &[u8]) -> Result<i128, String> {
    if bytes.is_empty() || bytes.len() > 16 {
        return Err(format!("a decimal of {} bytes; 1 to 16 are read", bytes.len()));
    }
    let sign = if bytes[0] >> 7 == 1 { -1 } else { 0 };
    Ok(bytes.iter().fold(sign, |number, &byte| number << 8 | i128::from(byte)))
}
