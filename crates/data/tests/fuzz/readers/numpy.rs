//! NumPy's arrays.

use std::io::{Cursor, Write};

use data::npy::{self, Array, Values};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::holds;
use crate::campaign::{File, Reader, Sample};
use crate::common::write;

/// The bytes of an array with this header and data.
fn npy_bytes(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
}

fn arrays() -> Vec<Vec<u8>> {
    let floats: Vec<u8> = (0..12).flat_map(|i| (i as f32 / 7.0).to_le_bytes()).collect();
    let doubles: Vec<u8> = (0..6).flat_map(|i| (f64::from(i) / 3.0).to_be_bytes()).collect();
    let whole: Vec<u8> = (0..24i64).flat_map(i64::to_le_bytes).collect();
    vec![
        npy_bytes("<f4", "False", "(3, 4)", &floats),
        npy_bytes(">f8", "True", "(2, 3)", &doubles),
        npy_bytes("<i8", "True", "(2, 3, 4)", &whole),
        npy_bytes("<i4", "False", "(6,)", &floats[..24]),
        npy_bytes("|u1", "False", "()", &[7]),
    ]
}

/// Single arrays.
pub fn npy() -> Reader {
    Reader {
        name: "npy",
        samples: || arrays().into_iter().map(Sample::plain).collect(),
        check: |file| {
            let path = file.directory.join("array.npy");
            write(&path, &file.bytes);
            file.judge(|_| npy::read(&path), |file, array| from_file(&array, &file.bytes))
        },
        memory: (1 << 20, 16),
    }
}

/// There are as many values as the shape says, and those of four bytes are the file's last ones.
fn from_file(array: &Array, bytes: &[u8]) -> Result<(), String> {
    let (count, little) = match &array.values {
        Values::F32(values) => {
            (values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
        }
        Values::I32(values) => (values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect()),
    };
    File::must(array.shape.iter().product::<usize>() == count, "not as many values as the shape says")?;
    let extents: String = array.shape.iter().map(|extent| extent.to_string()).collect();
    let length = usize::from(bytes[8]) | usize::from(bytes[9]) << 8;
    let header = &bytes[10..(10 + length).min(bytes.len())];
    let said: String = header.iter().filter(|byte| byte.is_ascii_digit()).map(|&byte| byte as char).collect();
    File::must(bytes[6] != 1 || said.contains(&extents), "another shape than the header's")?;
    let as_it_lies =
        bytes[6] == 1 && holds(header, b"False") && (holds(header, b"<f4") || holds(header, b"<i4"));
    File::must(!as_it_lies || bytes.ends_with(&little), "other values than the file's")
}

/// An archive with the array twice, among others, stored and deflated.
fn zipped(array: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    let entries = [("x.npy", array), ("labels.npy", &arrays()[3]), ("again.npy", array)];
    for ((name, bytes), method) in entries.into_iter().zip([
        CompressionMethod::Deflated,
        CompressionMethod::Stored,
        CompressionMethod::Stored,
    ]) {
        zip.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Archives, with checksums of every array.
pub fn npz() -> Reader {
    Reader {
        name: "npz",
        samples: || arrays().into_iter().map(|content| Sample { content, wrap: zipped }).collect(),
        check: |file| {
            let (path, loose) = (file.directory.join("arrays.npz"), file.directory.join("loose.npy"));
            write(&path, &file.bytes);
            file.judge(
                |_| npy::read_npz(&path),
                |file, found| {
                    let read = |bytes: &[u8]| {
                        write(&loose, bytes);
                        npy::read(&loose).map(bits).ok()
                    };
                    // Pieces of the other samples' archives are whole, too.
                    let known: Vec<_> =
                        arrays().iter().chain([&file.content]).filter_map(|bytes| read(bytes)).collect();
                    let sound = found.into_values().all(|array| known.contains(&bits(array)));
                    File::must(sound, "an array that was not put into the archive")
                },
            )
        },
        memory: (1 << 20, 1032 * 16),
    }
}

/// An array that compares, also with NaN.
fn bits(array: Array) -> (Vec<usize>, bool, Vec<i32>) {
    match array.values {
        Values::F32(values) => {
            (array.shape, true, values.iter().map(|value| value.to_bits() as i32).collect())
        }
        Values::I32(values) => (array.shape, false, values),
    }
}
