//! Tables.

use data::{Column, Table, TableOptions};

use crate::campaign::{File, Reader, Sample};

/// CSV, with and without a header.
pub fn csv() -> Reader {
    Reader {
        name: "csv",
        samples: || {
            vec![
                Sample::plain("size,colour,price\n1.5,red,10\nNA,\"light, blue\",12.5\n3,,9\n4,red,8\n"),
                Sample::plain("1,2,x\r\n-3e-2,.5,y\r\n1e10,0,z\r\n"),
                Sample::plain("a\n1\n2\n3\n"),
            ]
        },
        check: |file| {
            let options = TableOptions { header: file.sample != 1, ..TableOptions::default() };
            file.judge(
                |bytes| Table::parse(bytes, "table.csv", &options),
                |file, table| {
                    sound(&table)?;
                    match std::str::from_utf8(&file.bytes) {
                        Ok(text) if !text.contains(['"', '\r']) => cells(&table, text, &options),
                        _ => Ok(()),
                    }
                },
            )
        },
        memory: (1 << 20, 400),
    }
}

/// Parquet files that PyArrow wrote, of all types and encodings.
#[cfg(feature = "parquet")]
pub fn parquet() -> Reader {
    const FILES: [&str; 8] =
        ["shop", "shop_checked", "shop_gzip", "shop_lz4", "shop_v2", "types", "int96", "many"];
    Reader {
        name: "parquet",
        samples: || {
            let path = |name| format!("{}/tests/fixtures/parquet/{name}.parquet", env!("CARGO_MANIFEST_DIR"));
            FILES.map(|name| Sample::plain(std::fs::read(path(name)).unwrap())).into()
        },
        check: |file| {
            file.judge(
                |bytes| {
                    Table::parse_parquet(bytes.to_vec(), "table.parquet", &data::ParquetOptions::default())
                },
                |_, table| sound(&table),
            )
        },
        memory: (256 << 20, 4000),
    }
}

/// Columns are of one length, numbers finite or missing, names sorted and all codes among them.
fn sound(table: &Table) -> Result<(), String> {
    for name in table.names() {
        let (count, sound) = match table.column(name).map_err(|error| error.to_string())? {
            Column::Numbers(values) => (values.len(), values.iter().all(|value| !value.is_infinite())),
            Column::Categories { codes, names } => {
                let known = codes.iter().flatten().all(|&code| (code as usize) < names.len());
                (codes.len(), known && names.is_sorted_by(|a, b| a < b))
            }
        };
        File::must(count == table.rows(), "columns differ in length")?;
        File::must(sound, "a number that is infinite, or a code without a name")?;
    }
    Ok(())
}

/// The cells are those between commas, in a text without quotes.
fn cells(table: &Table, text: &str, options: &TableOptions) -> Result<(), String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split('\n').filter(|line| !line.is_empty());
    if options.header {
        let names: Vec<&str> = lines.next().unwrap_or("").split(',').map(str::trim).collect();
        File::must(names == table.names(), "other names than the file's")?;
    }
    let mut rows = 0;
    for (row, line) in lines.enumerate() {
        rows += 1;
        for (name, cell) in table.names().iter().zip(line.split(',').map(str::trim)) {
            let missing = options.missing.iter().any(|missing| missing == cell);
            let same = match table.column(name).map_err(|error| error.to_string())? {
                Column::Numbers(values) if missing => values[row].is_nan(),
                Column::Numbers(values) => {
                    let number = cell.parse::<f32>();
                    number
                        .is_ok_and(|number| number == values[row] || number.is_nan() && values[row].is_nan())
                }
                Column::Categories { codes, .. } if missing => codes[row].is_none(),
                Column::Categories { codes, names } => {
                    codes[row].is_some_and(|code| names[code as usize] == cell)
                }
            };
            File::must(same, &format!("row {row}, column {name:?} is not {cell:?}"))?;
        }
    }
    File::must(rows == table.rows(), "another number of rows than the file's")
}
