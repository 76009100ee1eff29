//! Columns of tables as features.

use crate::error::{Error, Result};
use crate::images::MAX_PIXEL_BYTES;
use crate::matrix::Matrix;
use crate::table::{Column, Table};

/// How categories become numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// One feature per name: 1 for the cell's name, 0 for the others; all 0 if the cell is missing or its name was not learned.
    OneHot,
    /// One feature: the name's index from 1 on, as the rows of an embedding; 0 if the cell is missing or its name was not learned.
    Codes,
}

/// Makes features `[N, F]` from columns of tables. Numbers stay as they are, NaN if missing; names of categories are learned from
/// training rows.
///
/// ```
/// use data::{Encoder, Encoding, Table, TableOptions};
/// let text = b"size,colour\n1,red\n2,blue\n3,\n4,green\n";
/// let table = Table::parse(text, "shop.csv", &TableOptions::default())?;
/// let encoder = Encoder::fit(&table, &[0, 1, 2], &["colour", "size"], Encoding::OneHot)?;
/// assert_eq!(encoder.names(), ["colour=blue", "colour=red", "size"]);
/// let matrix = encoder.transform(&table)?;
/// assert_eq!(matrix.row(0), [0.0, 1.0, 1.0]);
/// assert_eq!(matrix.row(2), [0.0, 0.0, 3.0]);
/// assert_eq!(matrix.row(3), [0.0, 0.0, 4.0]);
/// let codes = Encoder::fit(&table, &[0, 1, 2], &["colour"], Encoding::Codes)?;
/// assert_eq!(codes.transform(&table)?.values(), [2.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), data::Error>(())
/// ```
#[doc(alias("OneHotEncoder", "ColumnTransformer"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// Columns' names, each with the names of its categories in alphabetical order if it has categories.
    columns: Vec<(String, Option<Vec<String>>)>,
    encoding: Encoding,
}

impl Encoder {
    /// Learns the names in `rows` of the columns called `features`.
    ///
    /// # Errors
    /// [`Error::Table`] if a row or column does not exist, or `features` is empty.
    pub fn fit(table: &Table, rows: &[usize], features: &[&str], encoding: Encoding) -> Result<Encoder> {
        if let Some(row) = rows.iter().find(|&&row| row >= table.rows()) {
            return Err(Error::Table(format!("no row {row}: there are {}", table.rows())));
        }
        if features.is_empty() {
            return Err(Error::Table("features of no columns".into()));
        }
        let learn = |&feature: &&str| -> Result<(String, Option<Vec<String>>)> {
            let names = match table.column(feature)? {
                Column::Numbers(_) => None,
                Column::Categories { codes, names } => {
                    let mut seen = vec![false; names.len()];
                    rows.iter().filter_map(|&row| codes[row]).for_each(|code| seen[code as usize] = true);
                    let known = names.iter().zip(seen).filter(|(_, seen)| *seen);
                    Some(known.map(|(name, _)| name.clone()).collect())
                }
            };
            Ok((feature.to_string(), names))
        };
        Ok(Encoder { columns: features.iter().map(learn).collect::<Result<_>>()?, encoding })
    }

    /// The features' names, `[F]`: a column's, or `column=name`.
    pub fn names(&self) -> Vec<String> {
        let one = |(column, names): &(String, Option<Vec<String>>)| match (names, self.encoding) {
            (Some(names), Encoding::OneHot) => names.iter().map(|name| format!("{column}={name}")).collect(),
            _ => vec![column.clone()],
        };
        self.columns.iter().flat_map(one).collect()
    }

    /// The features of all rows, `[N, F]`, of the table that was learned from or another one with the same columns.
    ///
    /// # Errors
    /// [`Error::Table`] if a column is missing or not of the kind that was learned, [`Error::Matrix`] if there are no
    /// features, [`Error::TooLarge`] for more than 16 GiB of them.
    pub fn transform(&self, table: &Table) -> Result<Matrix> {
        let width = self.columns.iter().map(|(_, names)| self.width(names)).sum::<usize>();
        let count = (width as u64).saturating_mul(table.rows() as u64);
        if count.saturating_mul(4) > MAX_PIXEL_BYTES {
            let what = format!("the matrix of {} rows and {width} features", table.rows());
            return Err(Error::TooLarge { what, limit: MAX_PIXEL_BYTES });
        }
        let mut values = vec![0.0; count as usize];
        let mut first = 0;
        for (name, learned) in &self.columns {
            let rows = values.chunks_exact_mut(width.max(1)).map(|row| &mut row[first..]);
            match (table.column(name)?, learned) {
                (Column::Numbers(numbers), None) => {
                    rows.zip(numbers).for_each(|(row, number)| row[0] = *number);
                }
                (Column::Categories { codes, names }, Some(learned)) => {
                    let places: Vec<_> = names.iter().map(|name| learned.binary_search(name).ok()).collect();
                    for (row, code) in rows.zip(codes) {
                        match (code.and_then(|code| places[code as usize]), self.encoding) {
                            (Some(place), Encoding::OneHot) => row[place] = 1.0,
                            (Some(place), Encoding::Codes) => row[0] = place as f32 + 1.0,
                            (None, _) => {}
                        }
                    }
                }
                (found, _) => {
                    let found = if matches!(found, Column::Numbers(_)) { "numbers" } else { "categories" };
                    return Err(Error::Table(format!(
                        "column {name:?} has {found}, unlike the one learned from; give its kind when reading"
                    )));
                }
            }
            first += self.width(learned);
        }
        Matrix::new(values, width)
    }

    /// How many features a column has.
    fn width(&self, names: &Option<Vec<String>>) -> usize {
        match (names, self.encoding) {
            (Some(names), Encoding::OneHot) => names.len(),
            _ => 1,
        }
    }
}
