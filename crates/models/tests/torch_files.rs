//! Files of `torch.save` (`tests/pytorch/checkpoints.py`): their tensors, into a network, and damaged ones.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use autograd::Device;
use models::{BatchNorm1d, Error, Linear, Params, torch_to_safetensors};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch").join(name)
}

fn read(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    torch_to_safetensors(Path::new("test.pt"), bytes).map(|file| file.unwrap_or_default())
}

/// The values of a tensor as f64, and PyTorch's name of its type.
fn values(view: &safetensors::tensor::TensorView) -> (Vec<f64>, &'static str) {
    fn each<const N: usize>(data: &[u8], of: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        data.as_chunks::<N>().0.iter().map(|b| of(*b)).collect()
    }
    let data = view.data();
    match view.dtype() {
        Dtype::F32 => (each(data, |b| f32::from_le_bytes(b).into()), "float32"),
        Dtype::F16 => (each(data, |b| half::f16::from_le_bytes(b).into()), "float16"),
        Dtype::BF16 => (each(data, |b| half::bf16::from_le_bytes(b).into()), "bfloat16"),
        Dtype::F64 => (each(data, f64::from_le_bytes), "float64"),
        Dtype::I8 => (each(data, |[b]| f64::from(b as i8)), "int8"),
        Dtype::U8 => (each(data, |[b]| b.into()), "uint8"),
        Dtype::I16 => (each(data, |b| i16::from_le_bytes(b).into()), "int16"),
        Dtype::I32 => (each(data, |b| i32::from_le_bytes(b).into()), "int32"),
        Dtype::I64 => (each(data, |b| i64::from_le_bytes(b) as f64), "int64"),
        Dtype::BOOL => (each(data, |[b]| b.into()), "bool"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_tensor_is_read() {
    let expected: Value = serde_json::from_slice(&std::fs::read(fixture("expected.json")).unwrap()).unwrap();
    for (file, tensors) in expected.as_object().unwrap() {
        let found = read(&std::fs::read(fixture(file)).unwrap()).unwrap();
        let found = SafeTensors::deserialize(&found).unwrap();
        let tensors = tensors.as_object().unwrap();
        assert_eq!(found.len(), tensors.len(), "{file}: {:?}", found.names());
        for (name, wanted) in tensors {
            let view = found.tensor(name).unwrap_or_else(|_| panic!("{file}: {name}"));
            let (values, dtype) = values(&view);
            assert_eq!(wanted["type"], dtype, "{file}: {name}");
            assert_eq!(wanted["shape"], serde_json::json!(view.shape()), "{file}: {name}");
            assert_eq!(wanted["values"], serde_json::json!(values), "{file}: {name}");
        }
    }
}

fn net() -> Params {
    let params = Params::new(&Device::named("cpu").unwrap(), 0);
    Linear::new(&params.path("fc1"), 3, 4);
    BatchNorm1d::new(&params.path("bn1"), 4);
    Linear::new(&params.path("fc2"), 4, 2);
    params
}

#[test]
fn the_models_part_of_any_file_is_loaded() {
    let plain = net();
    plain.load(fixture("state_dict.pt")).unwrap();
    assert_eq!(plain.get("bn1.running_mean").unwrap().value().shape(), [4]);
    let of = |params: &Params| -> Vec<Vec<f32>> {
        params.matching("*").iter().map(|p| p.value().to_vec().unwrap()).collect()
    };
    for file in ["before_1_6.pt", "protocol_5.pt", "module.pt", "checkpoint.pt"] {
        let params = net();
        assert_ne!(of(&params), of(&plain));
        params.load(fixture(file)).unwrap();
        assert_eq!(of(&params), of(&plain), "{file}");
        assert!(net().load_partial(fixture(file), &["fc2.*"]).unwrap().missing.is_empty());
    }
    let error = net().load(fixture("views.pt")).unwrap_err();
    assert!(matches!(error, Error::Unexpected { .. }), "{error}");
}

/// The file with another pickle.
fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let original = std::fs::read(fixture("state_dict.pt")).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(&original)).unwrap();
    let mut writer = ZipWriter::new(Cursor::new(vec![]));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).unwrap();
        let name = entry.name().unwrap().into_owned();
        writer.start_file(name.as_str(), stored).unwrap();
        if name.ends_with("data.pkl") {
            writer.write_all(pickle).unwrap();
        } else {
            std::io::copy(&mut entry, &mut writer).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn nothing_is_executed() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("executed");
    let command = format!("touch {}", target.display());
    // os.system(command), as a value beside a storage's tensor would be.
    let mut pickle = b"\x80\x02}(X\x01\x00\x00\x00acposix\nsystem\nX".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.bytes());
    pickle.extend(b"\x85Ru.");
    let error = read(&with_pickle(&pickle)).unwrap_err().to_string();
    assert!(error.contains("it has no tensors") && !target.exists(), "{error}");
}

#[test]
fn hostile_pickles_are_errors() {
    let repeated = |start: &[u8], middle: &[u8], count: usize, end: &[u8]| {
        [b"\x80\x02", start, &middle.repeat(count), end, b"."].concat()
    };
    let storage = b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu";
    let tensor = |count: &[u8], shape: &[u8], strides: &[u8]| {
        [
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n",
            &storage[..],
            count,
            b"tQK\x00(",
            shape,
            b"t(",
            strides,
            b"t\x89N",
            b"tR.",
        ]
        .concat()
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("early end", b"\x80\x02}".to_vec(), "ends early"),
        ("deep lists", repeated(b"]", b"]a", 0, b""), "no tensors"),
        ("nested", repeated(b"", b"]", 3000, &b"a".repeat(2999)), "nested too deeply"),
        (
            "itself",
            b"\x80\x02}q\x00(X\x01\x00\x00\x00ah\x00X\x01\x00\x00\x00bh\x00u.".to_vec(),
            "refer to themselves",
        ),
        ("many values", repeated(b"", b"N", 2 << 20, b""), "more than"),
        ("text protocol", b"I1\n.".to_vec(), "opcode 0x49"),
        ("no mark", b"\x80\x02t.".to_vec(), "mark"),
        ("no memo", b"\x80\x02h\x05.".to_vec(), "memo"),
        ("long text", b"\x80\x02X\xff\xff\xff\x7fabc.".to_vec(), "ends early"),
        ("beyond its storage", tensor(b"K\x0c", b"K\x04K\x04", b"K\x04K\x01"), "beyond its 12 elements"),
        (
            "larger than its file",
            tensor(b"J\xff\xff\xff\x7f", b"K\x01", b"K\x01"),
            "bytes for 2147483647 elements",
        ),
        (
            "expanded",
            tensor(b"K\x0c", b"J\xff\xff\xff\x7fK\x04", b"K\x00K\x01"),
            "many times the file's bytes",
        ),
        (
            "overflow",
            tensor(b"K\x0c", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f", b"K\x00K\x00K\x00"),
            "beyond",
        ),
        ("negative", tensor(b"K\x0c", b"J\xff\xff\xff\xff", b"K\x01"), "a size of -1"),
        ("strides missing", tensor(b"K\x0c", b"K\x01", b""), "strides []"),
    ];
    for (name, pickle, reason) in cases {
        let error = read(&with_pickle(&pickle)).unwrap_err().to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
    // The tensor of these cases is right if its numbers are.
    let right = read(&with_pickle(&tensor(b"K\x0c", b"K\x03K\x04", b"K\x04K\x01"))).unwrap();
    assert_eq!(SafeTensors::deserialize(&right).unwrap().tensor("tensor").unwrap().shape(), [3, 4]);

    let error = read(b"PK\x03\x04 and no archive").unwrap_err();
    assert!(matches!(error, Error::Format { .. }), "{error}");
    assert!(torch_to_safetensors(Path::new("x"), b"other").unwrap().is_none());
}

#[test]
fn damaged_files_do_not_panic() {
    for file in ["state_dict.pt", "before_1_6.pt", "checkpoint.pt"] {
        let bytes = std::fs::read(fixture(file)).unwrap();
        for end in (0..bytes.len()).step_by(7) {
            let _ = read(&bytes[..end]);
        }
        let mut changed = bytes.clone();
        for at in (0..bytes.len()).step_by(if file == "checkpoint.pt" { 5 } else { 1 }) {
            for bits in [0x01, 0x80, 0xff] {
                changed[at] = bytes[at] ^ bits;
                let _ = read(&changed);
            }
            changed[at] = bytes[at];
        }
    }
}
