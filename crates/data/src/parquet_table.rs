//! Tables from Parquet files.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescPtr;

use crate::error::{Error, Result, short};
use crate::parquet_cells::{Cell, Meaning, Value};
use crate::parquet_pages::claims;
use crate::table::{Builder, Kind, LIMIT, MAX_COLUMNS, Table};

/// Values decoded at a time.
const CHUNK: usize = 4096;

/// A file may expand to this many times its size, or to [`EXPANSION_FLOOR`] if that is more: runs of one value take hardly any
/// space, but a table of nothing else is not worth reading.
const EXPANSION: u64 = 1000;
const EXPANSION_FLOOR: u64 = 64 << 20;

/// How a Parquet file is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParquetOptions {
    /// The columns to read, in this order; all if not given. A structure's field is `structure.field`.
    pub columns: Option<Vec<String>>,
    /// Columns' kinds by name, for texts that are numbers and numbers that are names of something. The type decides for the others.
    pub kinds: Vec<(String, Kind)>,
}

impl Table {
    /// Reads a Parquet file of at most 1 GiB, compressed with Snappy, LZ4, gzip or not at all, which may expand to 1000 times its
    /// size or 64 MiB if that is more.
    ///
    /// Texts become categories; truth values, whole numbers, floats and decimals become numbers, and so do dates (days since the
    /// beginning of 1970), timestamps (seconds since then, in UTC) and times (seconds). Numbers are rounded to the nearest f32: to
    /// 128 seconds for a timestamp of this century. NULL and NaN are missing values.
    ///
    /// ```
    /// use data::{Column, ParquetOptions, Table};
    /// let table = Table::read_parquet("tests/fixtures/parquet/shop.parquet", &ParquetOptions::default())?;
    /// assert_eq!((table.rows(), &table.names()[..2]), (4, &["size", "colour"].map(String::from)[..]));
    /// assert_eq!(table.classes("colour")?, ["light, blue", "red"]);
    /// assert!(matches!(table.column("size")?, Column::Numbers(sizes) if sizes[0] == 1.5 && sizes[1].is_nan()));
    /// # Ok::<(), data::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::TooLarge`], and [`Error::Parquet`] if the file is damaged, encrypted or compressed otherwise,
    /// has no rows, two columns of one name, lists or other types (which can be left out), a number that is not finite in f32, a
    /// text that is not UTF-8, or lacks a column of the options.
    pub fn read_parquet(path: impl AsRef<Path>, options: &ParquetOptions) -> Result<Table> {
        let path = path.as_ref();
        let fault = |source| Error::Read { path: path.into(), source };
        let (file, mut bytes) = (File::open(path).map_err(fault)?, vec![]);
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(fault)?;
        Table::parse_parquet(bytes, &path.display().to_string(), options)
    }

    /// [`read_parquet`](Self::read_parquet) from a file's bytes; errors name it `file`.
    ///
    /// # Errors
    /// As [`read_parquet`](Self::read_parquet).
    pub fn parse_parquet(bytes: Vec<u8>, file: &str, options: &ParquetOptions) -> Result<Table> {
        if bytes.len() as u64 > LIMIT {
            return Err(Error::TooLarge { what: file.into(), limit: LIMIT });
        }
        let bytes = Bytes::from(bytes);
        // The decoder does not check everything: it panics on unexpected input.
        catch_unwind(AssertUnwindSafe(|| Source::open(bytes, file)?.table(options))).unwrap_or_else(|_| {
            let problem = "it is damaged: the decoder gave up".into();
            Err(Error::Parquet { file: file.into(), column: None, problem })
        })
    }
}

struct Source<'a> {
    file: &'a str,
    bytes: Bytes,
    reader: SerializedFileReader<Bytes>,
    names: Vec<String>,
    rows: u64,
}

impl<'a> Source<'a> {
    fn open(bytes: Bytes, file: &'a str) -> Result<Source<'a>> {
        let fault = |problem: String| Error::Parquet { file: file.into(), column: None, problem };
        let reader = SerializedFileReader::new(bytes.clone()).map_err(|error| fault(shown(&error)))?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let count = schema.num_columns();
        if !(1..=MAX_COLUMNS).contains(&count) {
            return Err(fault(format!("{count} columns; 1 to {MAX_COLUMNS} can be read")));
        }
        let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(fault(format!("two columns are called {:?}", short(name))));
        }
        let rows = reader.metadata().row_groups().iter().map(|group| u64::try_from(group.num_rows()).ok());
        let rows = rows.sum::<Option<u64>>().filter(|&rows| rows > 0);
        let rows = rows.ok_or_else(|| fault("there are no rows".into()))?;
        Ok(Source { file, bytes, reader, names, rows })
    }

    fn table(&self, options: &ParquetOptions) -> Result<Table> {
        let place = |name: &String| {
            let place = self.names.iter().position(|other| other == name);
            place.ok_or_else(|| self.fault(None, format!("there is no column {name:?}")))
        };
        let places = match &options.columns {
            Some(columns) => columns.iter().map(place).collect::<Result<Vec<_>>>()?,
            None => (0..self.names.len()).collect(),
        };
        let meanings = places.iter().map(|&column| self.meaning(column)).collect::<Result<Vec<_>>>()?;
        let mut kinds = vec![None; self.names.len()];
        for (name, kind) in &options.kinds {
            kinds[place(name)?] = Some(*kind);
        }
        let most = EXPANSION_FLOOR.max(self.bytes.len() as u64 * EXPANSION);
        let mut left = most;
        for &column in &places {
            let claimed = self.claimed(column)?;
            let what = || format!("{}, expanded,", self.file);
            left = left.checked_sub(claimed).ok_or_else(|| Error::TooLarge { what: what(), limit: most })?;
        }
        let columns = places.iter().zip(meanings).map(|(&column, meaning)| {
            let builder = self.column(column, meaning, kinds[column])?;
            Ok(builder.finish())
        });
        let columns = columns.collect::<Result<_>>()?;
        let names = places.iter().map(|&column| self.names[column].clone()).collect();
        Ok(Table { names, columns, rows: self.rows as usize })
    }

    /// The bytes that a column claims to take: its expanded pages, and its cells.
    fn claimed(&self, column: usize) -> Result<u64> {
        let mut claimed = self.rows.saturating_mul(4);
        for group in self.reader.metadata().row_groups() {
            let fault = |problem| self.fault(Some(column), problem);
            let chunk = group.columns().get(column).ok_or_else(|| fault("a part of it is missing".into()))?;
            let pages = self.pages(chunk).ok_or_else(|| fault("it lies outside of the file".into()))?;
            let found = claims(pages, group.num_rows() as u64).map_err(fault)?;
            claimed = claimed.saturating_add(found.expanded);
        }
        Ok(claimed)
    }

    /// The bytes of a column's pages.
    fn pages(&self, chunk: &ColumnChunkMetaData) -> Option<&[u8]> {
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let (start, length) = (usize::try_from(start).ok()?, usize::try_from(chunk.compressed_size()).ok()?);
        self.bytes.get(start..start.checked_add(length)?)
    }

    fn described(&self, column: usize) -> ColumnDescPtr {
        self.reader.metadata().file_metadata().schema_descr().column(column)
    }

    fn meaning(&self, column: usize) -> Result<Meaning> {
        Meaning::of(&self.described(column)).map_err(|problem| self.fault(Some(column), problem))
    }

    fn column(&self, column: usize, meaning: Meaning, kind: Option<Kind>) -> Result<Builder> {
        let fault = |problem| self.fault(Some(column), problem);
        let (metadata, described) = (self.reader.metadata(), self.described(column));
        let texts = if meaning == Meaning::Text { Kind::Categories } else { Kind::Numbers };
        let mut builder = Builder::new(Some(kind.unwrap_or(texts)));
        for (number, group) in metadata.row_groups().iter().enumerate() {
            let reader = self.reader.get_row_group(number).and_then(|group| group.get_column_reader(column));
            let reader = reader.map_err(|error| fault(shown(&error)))?;
            let part = Part { rows: group.num_rows() as usize, present: described.max_def_level(), meaning };
            match reader {
                ColumnReader::BoolColumnReader(reader) => part.read(reader, &mut builder),
                ColumnReader::Int32ColumnReader(reader) => part.read(reader, &mut builder),
                ColumnReader::Int64ColumnReader(reader) => part.read(reader, &mut builder),
                ColumnReader::Int96ColumnReader(reader) => part.read(reader, &mut builder),
                ColumnReader::FloatColumnReader(reader) => part.read(reader, &mut builder),
                ColumnReader::DoubleColumnReader(reader) => part.read(reader, &mut builder),
                ColumnReader::ByteArrayColumnReader(reader) => part.read(reader, &mut builder),
                ColumnReader::FixedLenByteArrayColumnReader(reader) => part.read(reader, &mut builder),
            }
            .map_err(fault)?;
        }
        Ok(builder)
    }

    fn fault(&self, column: Option<usize>, problem: String) -> Error {
        let column = column.map(|column| short(&self.names[column]));
        Error::Parquet { file: self.file.into(), column, problem }
    }
}

/// A row group's part of a column.
struct Part {
    rows: usize,
    /// The definition level of a value that is not NULL.
    present: i16,
    meaning: Meaning,
}

impl Part {
    fn read<T: DataType>(&self, mut reader: ColumnReaderImpl<T>, builder: &mut Builder) -> Result<(), String>
    where
        T::T: Value,
    {
        let (mut values, mut levels, mut left) = (vec![], vec![], self.rows);
        while left > 0 {
            values.clear();
            levels.clear();
            let (rows, ..) = reader
                .read_records(left.min(CHUNK), Some(&mut levels), None, &mut values)
                .map_err(|error| shown(&error))?;
            if rows == 0 || rows > left || self.present > 0 && levels.len() != rows {
                return Err(format!("{} rows are declared, but {left} of them are missing", self.rows));
            }
            levels.resize(rows, 0); // none are stored for a column without NULL
            let mut values = values.iter();
            for (row, level) in levels.iter().enumerate() {
                let fault = |problem| format!("row {}: {problem}", self.rows - left + row);
                let value = if *level == self.present { values.next() } else { None };
                match value.map(|value| value.cell(self.meaning)).transpose().map_err(fault)? {
                    None => builder.push(None),
                    Some(Cell::Text(text)) => builder.push(Some(text)),
                    Some(Cell::Whole(number)) => builder.push_number(number as f32, &number),
                    Some(Cell::Real(number)) => {
                        builder.push_number(number as f32, &format_args!("{number:?}"))
                    }
                }
                .map_err(fault)?;
            }
            left -= rows;
        }
        Ok(())
    }
}

fn shown(error: &parquet::errors::ParquetError) -> String {
    error.to_string().chars().take(300).collect()
}
