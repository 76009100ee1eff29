//! CSV tables: kinds, vocabularies and missing values; and what each kind of damage says.

mod common;

use common::write;
use data::{Column, Encoder, Encoding, Error, Kind, Table, TableOptions};
use proptest::prelude::*;

const SHOP: &str = "size,colour,price,code\n1.5,red,10,1\nNA,\"light, blue\",12.5,2\n3,,9,1\n4,red,8,2\n";

fn parse(text: &str, options: &TableOptions) -> data::Result<Table> {
    Table::parse(text.as_bytes(), "shop.csv", options)
}

fn shop() -> Table {
    parse(SHOP, &TableOptions::default()).unwrap()
}

/// The line and column an error names, and what it says.
fn refused(text: &[u8], options: &TableOptions) -> (u64, Option<String>, String) {
    match Table::parse(text, "shop.csv", options) {
        Err(Error::Csv { file, line, column, problem }) => {
            assert_eq!(file, "shop.csv");
            (line, column, problem)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn columns_have_the_kind_of_their_cells() {
    let table = shop();
    assert_eq!((table.rows(), table.names().len()), (4, 4));
    let Column::Numbers(sizes) = table.column("size").unwrap() else { panic!("no numbers") };
    assert!(sizes[1].is_nan());
    assert_eq!((sizes[0], sizes[2], sizes[3]), (1.5, 3.0, 4.0));
    let Column::Categories { codes, names } = table.column("colour").unwrap() else { panic!("no names") };
    assert_eq!(names, &["light, blue", "red"]);
    assert_eq!(codes, &[Some(1), Some(0), None, Some(1)]);
    assert_eq!(table.targets("price").unwrap(), [10.0, 12.5, 9.0, 8.0]);
}

#[test]
fn options_say_what_the_file_does_not() {
    let options = TableOptions {
        header: false,
        delimiter: b'\t',
        missing: vec!["-".into()],
        kinds: vec![("1".into(), Kind::Categories)],
    };
    let table = parse("1\t10\n-\t9\r\n3\t10\n", &options).unwrap();
    assert_eq!(table.names(), ["0", "1"]);
    assert_eq!(table.classes("1").unwrap(), ["10", "9"]);
    assert_eq!(table.labels("1", table.classes("1").unwrap()).unwrap(), [0, 1, 0]);
    assert!(table.targets("0").unwrap_err().to_string().contains("row 1"));
    let table = parse("\u{feff}a,b\n 1 , x y \n", &TableOptions::default()).unwrap();
    assert_eq!(
        (table.targets("a").unwrap(), table.classes("b").unwrap()),
        (vec![1.0], &["x y".to_string()][..])
    );
}

#[test]
fn reads_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.csv");
    write(&path, SHOP.as_bytes());
    assert_eq!(Table::read(&path, &TableOptions::default()).unwrap().rows(), 4);
    write(&path, b"a\n1\nx\n");
    let options = TableOptions { kinds: vec![("a".into(), Kind::Numbers)], ..TableOptions::default() };
    let error = Table::read(&path, &options).unwrap_err().to_string();
    assert!(error.ends_with("shop.csv, line 3, column \"a\": \"x\" is not a number"), "{error}");
    assert!(matches!(Table::read(dir.path().join("no.csv"), &options), Err(Error::Read { .. })));
}

#[test]
fn damage_names_its_place() {
    let options = TableOptions::default();
    let numbers = TableOptions { kinds: vec![("b".into(), Kind::Numbers)], ..options.clone() };
    let place = |text: &str, options| refused(text.as_bytes(), options);
    let b = || Some("b".to_string());
    assert_eq!(place("a,b\n1,2\n\n3\n", &options), (4, None, "1 cells, but 2 in the lines before".into()));
    assert_eq!(place("a,b\r\n\r\n1,x\r\n", &numbers), (3, b(), "\"x\" is not a number".into()));
    assert_eq!(place("a,b\n1,\"2\n3\"\n1,x\n", &numbers), (2, b(), "\"2\\n3\" is not a number".into()));
    assert_eq!(place("a,b\n1,1e99\n", &options), (2, b(), "\"1e99\" is not finite".into()));
    assert_eq!(place("a,b\n1,-inf\n", &options), (2, b(), "\"-inf\" is not finite".into()));
    assert_eq!(place("a,b\n", &options), (1, None, "there are no rows".into()));
    assert_eq!(place("a,a\n1,2\n", &options), (1, None, "two columns are called \"a\"".into()));
    assert_eq!(place("a\n1\n", &numbers), (1, None, "there is no column \"b\"".into()));
    assert!(place("", &options).2.contains("0 columns"));
    assert!(
        place(&",".repeat(1 << 16), &TableOptions { header: false, ..options.clone() }).2.contains("65537")
    );
    assert_eq!(refused(b"a,b\n1,\xff\n", &options), (2, b(), "the cell is not UTF-8".into()));
    assert_eq!(refused(b"a,\xff\n1,2\n", &options), (1, None, "the cell is not UTF-8".into()));
}

#[test]
fn columns_that_are_not_what_is_asked_for_say_so() {
    let table = shop();
    let says = |error: Error, what: &str| {
        assert!(matches!(error, Error::Table(_)) && error.to_string().contains(what), "{error}");
    };
    says(table.column("weight").unwrap_err(), "no column \"weight\"");
    says(table.targets("colour").unwrap_err(), "has no numbers");
    says(table.targets("size").unwrap_err(), "row 1 of column \"size\" is missing");
    says(table.classes("size").unwrap_err(), "has no categories");
    says(table.labels("colour", table.classes("colour").unwrap()).unwrap_err(), "row 2 of column");
    says(table.labels("colour", &["red".into()]).unwrap_err(), "\"light, blue\"");
    says(Encoder::fit(&table, &[4], &["size"], Encoding::Codes).unwrap_err(), "no row 4");
    says(Encoder::fit(&table, &[0], &[], Encoding::Codes).unwrap_err(), "no columns");
    let encoder = Encoder::fit(&table, &[0], &["colour"], Encoding::OneHot).unwrap();
    says(
        encoder.transform(&parse("colour\n1\n", &TableOptions::default()).unwrap()).unwrap_err(),
        "has numbers",
    );
    says(encoder.transform(&parse("size\n1\n", &TableOptions::default()).unwrap()).unwrap_err(), "no column");
    let none = Encoder::fit(&table, &[2], &["colour"], Encoding::OneHot).unwrap();
    assert!(matches!(none.transform(&table), Err(Error::Matrix(_))), "no names, no features");
}

#[test]
fn another_table_is_encoded_by_the_names_learned() {
    let table = shop();
    let other = parse("price,colour,size\n1,green,7\n2,red,\n", &TableOptions::default()).unwrap();
    let one_hot =
        Encoder::fit(&table, &[0, 1, 2, 3], &["size", "colour", "price"], Encoding::OneHot).unwrap();
    assert_eq!(one_hot.names(), ["size", "colour=light, blue", "colour=red", "price"]);
    let matrix = one_hot.transform(&other).unwrap();
    assert_eq!(matrix.row(0), [7.0, 0.0, 0.0, 1.0]);
    assert!(matrix.row(1)[0].is_nan());
    assert_eq!(matrix.row(1)[1..], [0.0, 1.0, 2.0]);
    let codes = Encoder::fit(&table, &[0, 1], &["colour", "price"], Encoding::Codes).unwrap();
    assert_eq!(codes.transform(&table).unwrap().values(), [2.0, 10.0, 1.0, 12.5, 0.0, 9.0, 2.0, 8.0]);
    assert_eq!(codes.transform(&other).unwrap().values(), [0.0, 1.0, 2.0, 2.0]);
}

#[test]
fn a_file_cut_or_flipped_anywhere_is_a_table_or_an_error() {
    let whole = SHOP.as_bytes();
    let check = |bytes: &[u8]| match Table::parse(bytes, "shop.csv", &TableOptions::default()) {
        Ok(table) => assert!((1..=4).contains(&table.rows())),
        Err(error) => assert!(matches!(error, Error::Csv { .. }), "{error}"),
    };
    (0..whole.len()).for_each(|keep| check(&whole[..keep]));
    for (place, bit) in (0..whole.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut flipped = whole.to_vec();
        flipped[place] ^= 1 << bit;
        check(&flipped);
    }
}

proptest! {
    #[test]
    fn numbers_come_back(values in prop::collection::vec(prop::option::of(-1e30f32..1e30), 1..30)) {
        let cell = |value: &Option<f32>| value.map_or("0,\n".into(), |value| format!("0,{value}\n"));
        let text = format!("i,x\n{}", values.iter().map(cell).collect::<String>());
        let table = parse(&text, &TableOptions::default()).unwrap();
        let Column::Numbers(found) = table.column("x").unwrap() else { panic!("no numbers") };
        for (found, value) in found.iter().zip(&values) {
            prop_assert!(value.map_or(found.is_nan(), |value| *found == value));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), header: bool) {
        let options = TableOptions { header, ..TableOptions::default() };
        if let Ok(table) = Table::parse(&bytes, "noise", &options) {
            let names: Vec<&str> = table.names().iter().map(String::as_str).collect();
            let encoder = Encoder::fit(&table, &[0], &names, Encoding::Codes).unwrap();
            prop_assert_eq!(encoder.transform(&table).unwrap().rows(), table.rows());
        }
    }
}
