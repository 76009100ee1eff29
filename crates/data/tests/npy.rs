//! NumPy's files: those that NumPy wrote, and the same cut, flipped and lying.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::write as write_bytes;
use data::Error;
use data::npy::{Array, Values, read, read_npz, write};
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/npy").join(name)
}

fn f32s(shape: &[usize], values: &[f32]) -> Array {
    Array { shape: shape.into(), values: Values::F32(values.into()) }
}

fn i32s(shape: &[usize], values: &[i32]) -> Array {
    Array { shape: shape.into(), values: Values::I32(values.into()) }
}

#[test]
fn reads_what_numpy_wrote() {
    let array = |name: &str| read(fixture(&format!("{name}.npy"))).unwrap();
    let ramp = f32s(&[2, 3], &[0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
    assert_eq!((array("f4"), array("f8_big_fortran")), (ramp.clone(), ramp));
    assert_eq!(array("i4_fortran"), i32s(&[2, 3, 4], &(0..24).collect::<Vec<_>>()));
    assert_eq!(array("i1"), i32s(&[2], &[-128, 127]));
    assert_eq!(array("i2_big"), i32s(&[2], &[-32768, 258]));
    assert_eq!(array("i8"), i32s(&[2], &[i32::MIN, i32::MAX]));
    assert_eq!(array("u1"), i32s(&[1, 2], &[0, 255]));
    assert_eq!(array("u4"), i32s(&[1], &[i32::MAX]));
    assert_eq!(array("b1"), i32s(&[2], &[1, 0]));
    assert_eq!(array("scalar"), f32s(&[], &[2.5]));
    assert_eq!(array("empty"), f32s(&[0, 3], &[]));
    assert_eq!((array("version2"), array("version3")), (i32s(&[3], &[1, 2, 3]), i32s(&[3], &[1, 2, 3])));
    let Values::F32(halves) = array("f2").values else { panic!("not floats") };
    let tiny = 2f32.powi(-24);
    assert_eq!(halves[..6], [1.5, -2.0, tiny, 65504.0, f32::INFINITY, f32::NEG_INFINITY]);
    assert!(halves[6].is_nan() && halves[7] == 0.0);
}

#[test]
fn what_is_no_array_of_numbers_in_range_says_why() {
    for (name, problem) in [
        ("i8_beyond", "value 1 is out of the range"),
        ("u8_beyond", "value 0 is out of the range"),
        ("f8_beyond", "value 1 is out of the range"),
        ("strings", "\"<U2\""),
        ("objects", "\"|O\""),
    ] {
        let error = read(fixture(&format!("{name}.npy"))).unwrap_err();
        assert!(matches!(error, Error::Npy { .. }), "{error}");
        assert!(error.to_string().contains(problem) && error.to_string().contains(name), "{error}");
    }
    assert!(matches!(read("no.npy"), Err(Error::Read { .. })));
}

#[test]
fn reads_archives() {
    let ramp = f32s(&[2, 3], &[0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
    let mut expected = BTreeMap::from([("x".to_string(), ramp), ("labels".to_string(), i32s(&[2], &[1, 0]))]);
    assert_eq!(read_npz(fixture("stored.npz")).unwrap(), expected);
    expected.insert("zeros".into(), i32s(&[100], &[0; 100]));
    assert_eq!(read_npz(fixture("deflated.npz")).unwrap(), expected);
    assert!(read_npz(fixture("f4.npy")).unwrap_err().to_string().contains("not a whole archive"));
}

#[test]
fn writes_what_numpy_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("written.npy");
    for name in ["f4.npy", "scalar.npy", "empty.npy"] {
        write(&path, &read(fixture(name)).unwrap()).unwrap();
        let (ours, theirs) = (fs::read(&path).unwrap(), fs::read(fixture(name)).unwrap());
        assert_eq!((ours.len(), ours.len() % 4), (theirs.len(), 0), "{name}");
        assert_eq!(ours[128..], theirs[128..], "{name}");
        assert_eq!(read(&path).unwrap(), read(fixture(name)).unwrap());
    }
    assert!(matches!(write(&path, &f32s(&[2], &[0.0])), Err(Error::Npy { .. })));
    assert!(matches!(write(&path, &f32s(&[usize::MAX, 2], &[0.0])), Err(Error::Npy { .. })));
    assert!(matches!(write(dir.path(), &f32s(&[], &[0.0])), Err(Error::Write { .. })));
}

#[test]
fn a_file_cut_anywhere_is_an_error_and_one_flipped_anywhere_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.npy");
    for name in ["f4.npy", "f8_big_fortran.npy", "version2.npy"] {
        let whole = fs::read(fixture(name)).unwrap();
        for keep in 0..whole.len() {
            write_bytes(&path, &whole[..keep]);
            assert!(matches!(read(&path), Err(Error::Npy { .. })), "{name} cut to {keep}");
        }
        write_bytes(&path, &[&whole[..], &[0]].concat());
        assert!(matches!(read(&path), Err(Error::Npy { .. })), "{name} and one more");
        for (place, bits) in
            (0..whole.len()).flat_map(|place| [1 << (place % 8), 0xff].map(|bits| (place, bits)))
        {
            let mut flipped = whole.clone();
            flipped[place] ^= bits;
            write_bytes(&path, &flipped);
            match read(&path) {
                Ok(array) => assert_eq!(
                    array.shape.iter().product::<usize>(),
                    match &array.values {
                        Values::F32(values) => values.len(),
                        Values::I32(values) => values.len(),
                    }
                ),
                Err(error) => assert!(matches!(error, Error::Npy { .. }), "{error}"),
            }
        }
    }
}

#[test]
fn a_damaged_archive_is_an_error_or_equal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.npz");
    for name in ["stored.npz", "deflated.npz"] {
        let whole = fs::read(fixture(name)).unwrap();
        let arrays: Vec<Array> = read_npz(fixture(name)).unwrap().into_values().collect();
        for keep in 0..whole.len() {
            write_bytes(&path, &whole[..keep]);
            assert!(matches!(read_npz(&path), Err(Error::Npy { .. })), "{name} cut to {keep}");
        }
        for (place, bits) in
            (0..whole.len()).flat_map(|place| [1 << (place % 8), 0xff].map(|bits| (place, bits)))
        {
            let mut flipped = whole.clone();
            flipped[place] ^= bits;
            write_bytes(&path, &flipped);
            match read_npz(&path) {
                // Names have no checksum.
                Ok(found) => {
                    assert_eq!(found.len(), arrays.len(), "{name}, byte {place}, bits {bits}");
                    assert!(
                        found.values().all(|array| arrays.contains(array)),
                        "{name}, byte {place}, bits {bits}"
                    );
                }
                Err(error) => assert!(matches!(error, Error::Npy { .. } | Error::TooLarge { .. }), "{error}"),
            }
        }
    }
}

#[test]
fn headers_that_lie_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lie.npy");
    let with = |text: &str, data: &[u8]| {
        let length = (text.len() as u32).to_le_bytes();
        write_bytes(&path, &[b"\x93NUMPY\x02\x00", &length[..], text.as_bytes(), data].concat());
        read(&path)
    };
    let header = |shape: &str| format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}");
    assert_eq!(with(&header("(1L,)"), &[0; 4]).unwrap(), f32s(&[1], &[0.0]));
    assert_eq!(with(&header("()").replace('\'', "\""), &[0; 4]).unwrap(), f32s(&[], &[0.0]));
    for (text, problem) in [
        (header("(18446744073709551615, 4)"), "does not need"),
        (header("(9223372036854775807, 0, 9)"), "does not need"),
        (header("(99999999999999999999,)"), "an extent"),
        (header(&format!("({})", "1,".repeat(65))), "dimensions"),
        (header("(-1,)"), "an extent"),
        (header("(01,)"), "an extent"),
        (header("(1"), "belongs"),
        (header("(1,)").replace("'shape'", "'other'"), "\"other\""),
        (header("(1,)").replace("False", "Maybe"), "False"),
        (header("(1,)").replace("<f4", "é"), "elements"),
        (header("(1,)").replace("<f4", "|f4"), "elements"),
        (header("(1,)") + "1", "alone"),
        ("{}".into(), "alone"),
        (String::new(), "belongs"),
    ] {
        let error = with(&text, &[0; 4]).unwrap_err().to_string();
        assert!(error.contains(problem), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(values in prop::collection::vec(any::<i32>(), 0..60), columns in 1usize..5) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("array.npy");
        let rows = values.len() / columns;
        let array = i32s(&[rows, columns, 1], &values[..rows * columns]);
        write(&path, &array).unwrap();
        prop_assert_eq!(read(&path).unwrap(), array);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("noise");
        write_bytes(&path, &bytes);
        prop_assert!(read_npz(&path).is_err());
        write_bytes(&path, &[b"\x93NUMPY\x01\x00", &bytes[..]].concat());
        prop_assert!(read(&path).is_err());
    }
}
