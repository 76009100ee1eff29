//! Parquet tables that PyArrow wrote: types, codecs and encodings; and what is refused.
#![cfg(feature = "parquet")]

use std::fs;
use std::path::{Path, PathBuf};

use data::{Column, Error, Kind, ParquetOptions, Table};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parquet").join(format!("{name}.parquet"))
}

fn read(name: &str) -> Table {
    Table::read_parquet(fixture(name), &ParquetOptions::default()).unwrap()
}

fn numbers(table: &Table, name: &str) -> Vec<f32> {
    let Column::Numbers(values) = table.column(name).unwrap() else { panic!("{name} has no numbers") };
    values.clone()
}

/// The column that an error names, and what it says.
fn refused(name: &str, options: &ParquetOptions) -> (Option<String>, String) {
    match Table::read_parquet(fixture(name), options) {
        Err(Error::Parquet { column, problem, .. }) => (column, problem),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_codec_page_version_and_grouping_gives_the_same_table() {
    for name in ["", "_none", "_gzip", "_lz4", "_v2", "_groups", "_checked"] {
        let table = read(&format!("shop{name}"));
        assert_eq!(
            (table.rows(), table.names()),
            (4, &["size", "colour", "price", "sold"].map(String::from)[..])
        );
        let sizes = numbers(&table, "size");
        assert!(sizes[1].is_nan(), "{name}");
        assert_eq!((sizes[0], sizes[2], sizes[3]), (1.5, 3.0, 4.0));
        let Column::Categories { codes, names } = table.column("colour").unwrap() else { panic!("no names") };
        assert_eq!(names, &["light, blue", "red"]);
        assert_eq!(codes, &[Some(1), Some(0), None, Some(1)]);
        assert_eq!(table.targets("price").unwrap(), [10.0, 12.0, 9.0, 8.0]);
        let sold = numbers(&table, "sold");
        assert!((sold[0], sold[1], sold[3]) == (1.0, 0.0, 1.0) && sold[2].is_nan());
    }
}

#[test]
fn types_become_numbers_and_names() {
    let table = read("types");
    let second = 1_709_208_000.0;
    for (name, values) in [
        ("i8", [-128.0, 127.0]),
        ("u8", [0.0, 255.0]),
        ("i16", [-32768.0, 258.0]),
        ("u32", [0.0, 4_294_967_295.0]),
        ("u64", [0.0, 18_446_744_073_709_551_615.0]),
        ("f16", [1.5, -2.0]),
        ("decimal", [-12.34, 0.05]),
        ("date", [1.0, -1.0]),
        ("s", [0.0, second]),
        ("ms", [0.0, second]),
        ("us", [-0.5, second]),
        ("ns", [0.0, second]),
        ("time", [1.5, 43_200.0]),
    ] {
        assert_eq!(numbers(&table, name), values, "{name}");
    }
    let missing = |name| numbers(&table, name).iter().map(|value| value.is_nan()).collect::<Vec<_>>();
    assert_eq!((missing("f32"), missing("nan")), (vec![false, true], vec![true, false]));
    assert_eq!((missing("nothing"), missing("structure.x")), (vec![true, true], vec![false, true]));
    assert_eq!(table.classes("dictionary").unwrap(), ["a", "b"]);
    assert_eq!(table.classes("structure.y").unwrap(), ["p"]);
    assert_eq!(numbers(&read("int96"), "ns"), [0.0, second]);
}

#[test]
fn options_pick_columns_and_kinds() {
    let options = ParquetOptions {
        columns: Some(vec!["words".into(), "u64".into(), "ms".into()]),
        kinds: vec![("words".into(), Kind::Numbers), ("u64".into(), Kind::Categories)],
    };
    let table = Table::read_parquet(fixture("types"), &options).unwrap();
    assert_eq!(table.names(), ["words", "u64", "ms"]);
    assert_eq!(table.targets("words").unwrap(), [10.0, 2.0]);
    // Names are exact where an f32 is not.
    assert_eq!(table.classes("u64").unwrap(), ["0", "18446744073709551615"]);
    let lists = ParquetOptions { columns: Some(vec!["a".into()]), kinds: vec![] };
    assert_eq!(Table::read_parquet(fixture("lists"), &lists).unwrap().targets("a").unwrap(), [1.0, 2.0]);
    assert_eq!(read("types").classes("words").unwrap(), ["10", "2"]);
}

#[test]
fn many_values_span_pages_and_chunks() {
    let table = read("many");
    assert!(numbers(&table, "n").iter().enumerate().all(|(i, &n)| n == i as f32));
    assert!(numbers(&table, "even").iter().enumerate().all(|(i, &even)| even == ((i + 1) % 2) as f32));
}

#[test]
fn what_is_not_read_says_why() {
    let all = ParquetOptions::default();
    let only = |name: &str| ParquetOptions { columns: Some(vec![name.into()]), kinds: vec![] };
    for (file, options, column, problem) in [
        ("lists", &all, Some("list.list.element"), "lists"),
        ("lists", &only("raw"), Some("raw"), "row 0: the text is not UTF-8"),
        ("lists", &only("b"), None, "no column \"b\""),
        ("beyond", &all, Some("a"), "row 1: 1e300 is not finite"),
        ("empty", &all, None, "no rows"),
        ("delta", &all, Some("text"), "delta"),
        ("shop_zstd", &all, Some("size"), "zstd"),
    ] {
        let (named, said) = refused(file, options);
        let named = named.as_deref().map(|named| named.replace("list.item", "list.element"));
        let named = named.map(|named| named.replace("list.list.list", "list.list"));
        assert_eq!(named.as_deref(), column, "{file}: {said}");
        assert!(said.to_lowercase().contains(&problem.to_lowercase()), "{file}: {said}");
    }
    let letters = ParquetOptions { columns: None, kinds: vec![("colour".into(), Kind::Numbers)] };
    let (column, said) = refused("shop", &letters);
    assert_eq!((column.as_deref(), &said[..]), (Some("colour"), "row 0: \"red\" is not a number"));
    assert!(matches!(Table::read_parquet("no.parquet", &all), Err(Error::Read { .. })));
    assert!(matches!(Table::parse_parquet(vec![1; 20], "x", &all), Err(Error::Parquet { .. })));
}

#[test]
fn a_page_checksum_tells_of_a_flipped_bit() {
    let whole = fs::read(fixture("shop_checked")).unwrap();
    let place = whole.windows(11).position(|window| window == b"light, blue").unwrap();
    for bit in 0..8 {
        let mut flipped = whole.clone();
        flipped[place + 3] ^= 1 << bit;
        let error = Table::parse_parquet(flipped, "flipped", &ParquetOptions::default()).unwrap_err();
        assert!(error.to_string().contains("CRC"), "{error}");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = fs::read(fixture("types")).unwrap();
    for keep in 0..whole.len() {
        let cut = Table::parse_parquet(whole[..keep].to_vec(), "cut", &ParquetOptions::default());
        assert!(matches!(cut, Err(Error::Parquet { .. })), "{keep}");
    }
}
