//! Tables from CSV files, with typed columns.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::{ErrorKind, Position, ReaderBuilder, StringRecord, Trim};

use crate::error::{Error, Result, short};

/// Files may have this many bytes.
pub(crate) const LIMIT: u64 = 1 << 30;

/// Tables may have this many columns.
pub(crate) const MAX_COLUMNS: usize = 1 << 16;

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Finite numbers in f32.
    Numbers,
    /// Any texts, which form the column's vocabulary.
    Categories,
}

/// How a CSV file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// Whether the first line names the columns. Otherwise they are called `0`, `1` and so on.
    pub header: bool,
    /// The byte between cells.
    pub delimiter: u8,
    /// The cells, without space around them, that stand for a missing value.
    pub missing: Vec<String>,
    /// Columns' kinds by name. Those not listed are numbers if all their cells are.
    pub kinds: Vec<(String, Kind)>,
}

impl Default for TableOptions {
    /// A header, commas, and the empty cell, `NA`, `N/A`, `NaN`, `nan`, `null` and `?` for missing values.
    fn default() -> TableOptions {
        let missing = ["", "NA", "N/A", "NaN", "nan", "null", "?"].map(String::from).into();
        TableOptions { header: true, delimiter: b',', missing, kinds: vec![] }
    }
}

/// The cells of a column, `[N]`.
#[derive(Debug, Clone)]
pub enum Column {
    /// Finite numbers, and NaN for missing ones.
    Numbers(Vec<f32>),
    /// Indices into `names`, which are in alphabetical order; `None` for missing cells.
    Categories {
        /// A position in `names` for each row.
        codes: Vec<Option<u32>>,
        /// The categories.
        names: Vec<String>,
    },
}

/// Rows of named columns.
///
/// ```
/// use data::{Column, Table, TableOptions};
/// let text = b"size,colour,price\n1.5,red,10\n,blue,12.5\n3,red,9\n";
/// let table = Table::parse(text, "shop.csv", &TableOptions::default())?;
/// assert_eq!((table.rows(), table.names()), (3, &["size", "colour", "price"].map(String::from)[..]));
/// assert_eq!(table.targets("price")?, [10.0, 12.5, 9.0]);
/// assert_eq!(table.classes("colour")?, ["blue", "red"]);
/// assert_eq!(table.labels("colour", table.classes("colour")?)?, [1, 0, 1]);
/// assert!(matches!(table.column("size")?, Column::Numbers(sizes) if sizes[1].is_nan()));
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) names: Vec<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: usize,
}

impl Table {
    /// Reads a file of at most 1 GiB in UTF-8: cells between delimiters, quoted if need be (RFC 4180). Empty lines are skipped.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::TooLarge`], and [`Error::Csv`] if rows have different numbers of cells, two columns have one
    /// name, there are no rows, a number cannot be read or is not finite in f32, or a column of the options does not exist.
    pub fn read(path: impl AsRef<Path>, options: &TableOptions) -> Result<Table> {
        let path = path.as_ref();
        let fault = |source| Error::Read { path: path.into(), source };
        let (file, mut bytes) = (File::open(path).map_err(fault)?, vec![]);
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(fault)?;
        Table::parse(&bytes, &path.display().to_string(), options)
    }

    /// [`read`](Self::read) from a file's bytes; errors name it `file`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(bytes: &[u8], file: &str, options: &TableOptions) -> Result<Table> {
        if bytes.len() as u64 > LIMIT {
            return Err(Error::TooLarge { what: file.into(), limit: LIMIT });
        }
        let mut source = Source { bytes, file, options, names: vec![] };
        source.names = source.read_names()?;
        let mut kinds = source.given_kinds()?;
        let mut rows = 0;
        source.each_row(|_, record| {
            rows += 1;
            for (kind, cell) in kinds.iter_mut().zip(record).filter(|(kind, _)| kind.is_none()) {
                if !source.is_missing(cell) && cell.parse::<f32>().is_err() {
                    *kind = Some(Kind::Categories);
                }
            }
            Ok(())
        })?;
        if rows == 0 {
            return Err(source.fault(1, None, "there are no rows"));
        }
        let mut builders: Vec<Builder> = kinds.into_iter().map(Builder::new).collect();
        source.each_row(|line, record| {
            for (column, (builder, cell)) in builders.iter_mut().zip(record).enumerate() {
                let cell = (!source.is_missing(cell)).then_some(cell);
                builder.push(cell).map_err(|problem| source.fault(line, Some(column), &problem))?;
            }
            Ok(())
        })?;
        let columns = builders.into_iter().map(Builder::finish).collect();
        Ok(Table { names: source.names, columns, rows })
    }

    /// N
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The cells of a column, `[N]`.
    ///
    /// # Errors
    /// [`Error::Table`] if there is no such column.
    pub fn column(&self, name: &str) -> Result<&Column> {
        match self.names.iter().position(|other| other == name) {
            Some(place) => Ok(&self.columns[place]),
            None => Err(Error::Table(format!("no column {name:?}"))),
        }
    }

    /// Numbers to predict, `[N]`.
    ///
    /// # Errors
    /// [`Error::Table`] if there is no such column of numbers, or a number is missing.
    pub fn targets(&self, name: &str) -> Result<Vec<f32>> {
        match self.column(name)? {
            Column::Numbers(values) => match values.iter().position(|value| value.is_nan()) {
                Some(row) => Err(Error::Table(format!("row {row} of column {name:?} is missing"))),
                None => Ok(values.clone()),
            },
            Column::Categories { codes, names } => {
                let text = |code: &Option<u32>| {
                    Some(&names[(*code)? as usize]).filter(|n| n.parse::<f32>().is_err())
                };
                let (row, cell) =
                    codes.iter().map(text).enumerate().find_map(|(i, cell)| Some((i, cell?))).unzip();
                Err(Error::Table(format!(
                    "column {name:?} has no numbers: {:?} in row {}; correct the cell, or list it in TableOptions::missing",
                    short(cell.map_or("", String::as_str)),
                    row.unwrap_or(0)
                )))
            }
        }
    }

    /// The different cells of a column of categories, in alphabetical order.
    ///
    /// # Errors
    /// [`Error::Table`] if there is no such column of categories; [`TableOptions::kinds`] can make numbers categories.
    pub fn classes(&self, name: &str) -> Result<&[String]> {
        Ok(self.categories(name)?.1)
    }

    /// Classes to predict, `[N]`, as places in `classes`, which may come from another table.
    ///
    /// # Errors
    /// [`Error::Table`] if there is no such column of categories, or a cell is missing or not in `classes`.
    pub fn labels(&self, name: &str, classes: &[String]) -> Result<Vec<u32>> {
        let (codes, names) = self.categories(name)?;
        let places: HashMap<&String, u32> = classes.iter().zip(0..).collect();
        let label = |(row, code): (usize, &Option<u32>)| {
            let cell = code.map(|code| &names[code as usize]);
            let place = cell.and_then(|cell| places.get(cell).copied());
            place.ok_or_else(|| match cell {
                Some(cell) => Error::Table(format!("row {row} of column {name:?} is no class: {cell:?}")),
                None => Error::Table(format!("row {row} of column {name:?} is missing")),
            })
        };
        codes.iter().enumerate().map(label).collect()
    }

    fn categories(&self, name: &str) -> Result<(&[Option<u32>], &[String])> {
        match self.column(name)? {
            Column::Categories { codes, names } => Ok((codes, names)),
            Column::Numbers(_) => Err(Error::Table(format!("column {name:?} has no categories"))),
        }
    }
}

/// A file that is read twice: for the columns' kinds, and for their cells.
struct Source<'a> {
    bytes: &'a [u8],
    file: &'a str,
    options: &'a TableOptions,
    names: Vec<String>,
}

impl<'a> Source<'a> {
    fn reader(&self) -> csv::Reader<&'a [u8]> {
        ReaderBuilder::new()
            .has_headers(false)
            .delimiter(self.options.delimiter)
            .trim(Trim::All)
            .from_reader(self.bytes)
    }

    fn read_names(&self) -> Result<Vec<String>> {
        let mut first = StringRecord::new();
        self.reader().read_record(&mut first).map_err(|error| self.csv_fault(&error))?;
        if first.is_empty() || first.len() > MAX_COLUMNS {
            let problem = format!("{} columns; 1 to {MAX_COLUMNS} can be read", first.len());
            return Err(self.fault(1, None, &problem));
        }
        if !self.options.header {
            return Ok((0..first.len()).map(|column| column.to_string()).collect());
        }
        let mut seen = HashSet::new();
        if let Some(name) = first.iter().find(|name| !seen.insert(*name)) {
            return Err(self.fault(1, None, &format!("two columns are called {:?}", short(name))));
        }
        Ok(first.iter().map(String::from).collect())
    }

    fn given_kinds(&self) -> Result<Vec<Option<Kind>>> {
        let mut kinds = vec![None; self.names.len()];
        for (name, kind) in &self.options.kinds {
            let Some(place) = self.names.iter().position(|other| other == name) else {
                return Err(self.fault(1, None, &format!("there is no column {name:?}")));
            };
            kinds[place] = Some(*kind);
        }
        Ok(kinds)
    }

    fn each_row(&self, mut visit: impl FnMut(u64, &StringRecord) -> Result<()>) -> Result<()> {
        let (mut reader, mut record) = (self.reader(), StringRecord::new());
        if self.options.header {
            reader.read_record(&mut record).map_err(|error| self.csv_fault(&error))?;
        }
        while reader.read_record(&mut record).map_err(|error| self.csv_fault(&error))? {
            visit(record.position().map_or(0, |position| self.line(position)), &record)?;
        }
        Ok(())
    }

    /// The line on which a record begins; `position` is that before line breaks.
    fn line(&self, position: &Position) -> u64 {
        let rest = self.bytes.get(position.byte() as usize..).unwrap_or_default();
        let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        position.line() + breaks.filter(|&&byte| byte == b'\n').count() as u64
    }

    fn is_missing(&self, cell: &str) -> bool {
        self.options.missing.iter().any(|missing| missing == cell)
    }

    fn fault(&self, line: u64, column: Option<usize>, problem: &str) -> Error {
        let column = column.map(|column| short(&self.names[column]));
        Error::Csv { file: self.file.into(), line, column, problem: problem.into() }
    }

    fn csv_fault(&self, error: &csv::Error) -> Error {
        let line = error.position().map_or(1, |position| self.line(position));
        match error.kind() {
            ErrorKind::Utf8 { err, .. } => Error::Csv {
                file: self.file.into(),
                line,
                column: self.names.get(err.field()).map(|name| short(name)),
                problem: "the cell is not UTF-8".into(),
            },
            ErrorKind::UnequalLengths { expected_len, len, .. } => {
                self.fault(line, None, &format!("{len} cells, but {expected_len} in the lines before"))
            }
            _ => self.fault(line, None, &error.to_string()),
        }
    }
}

/// A column while it is read.
pub(crate) enum Builder {
    Numbers(Vec<f32>),
    /// Codes in the order of appearance.
    Categories(Vec<Option<u32>>, HashMap<String, u32>),
}

impl Builder {
    pub(crate) fn new(kind: Option<Kind>) -> Builder {
        match kind {
            Some(Kind::Categories) => Builder::Categories(vec![], HashMap::new()),
            Some(Kind::Numbers) | None => Builder::Numbers(vec![]),
        }
    }

    /// Adds a cell, or a missing one; an error is what is wrong with it.
    pub(crate) fn push(&mut self, cell: Option<&str>) -> Result<(), String> {
        match (self, cell) {
            (Builder::Numbers(values), None) => values.push(f32::NAN),
            (Builder::Numbers(values), Some(cell)) => match cell.parse::<f32>() {
                Ok(value) if value.is_infinite() => return Err(format!("{:?} is not finite", short(cell))),
                Ok(value) => values.push(value),
                Err(_) => return Err(format!("{:?} is not a number", short(cell))),
            },
            (Builder::Categories(codes, _), None) => codes.push(None),
            (Builder::Categories(codes, places), Some(cell)) => {
                let next = places.len() as u32;
                let code = match places.get(cell) {
                    Some(&code) => code,
                    None => *places.entry(cell.into()).or_insert(next),
                };
                codes.push(Some(code));
            }
        }
        Ok(())
    }

    /// Adds a number, NaN if it is missing; a column of categories gets its `written` form.
    #[cfg(feature = "parquet")]
    pub(crate) fn push_number(&mut self, value: f32, written: &impl std::fmt::Display) -> Result<(), String> {
        match self {
            Builder::Numbers(_) if value.is_infinite() => Err(format!("{written} is not finite")),
            Builder::Numbers(values) => {
                values.push(value);
                Ok(())
            }
            Builder::Categories(..) if value.is_nan() => self.push(None),
            Builder::Categories(..) => self.push(Some(&written.to_string())),
        }
    }

    pub(crate) fn finish(self) -> Column {
        match self {
            Builder::Numbers(values) => Column::Numbers(values),
            Builder::Categories(mut codes, places) => {
                let mut names: Vec<(String, u32)> = places.into_iter().collect();
                names.sort_unstable();
                let mut place = vec![0; names.len()];
                for (sorted, (_, code)) in (0..).zip(&names) {
                    place[*code as usize] = sorted;
                }
                codes.iter_mut().flatten().for_each(|code| *code = place[*code as usize]);
                Column::Categories { codes, names: names.into_iter().map(|(name, _)| name).collect() }
            }
        }
    }
}
