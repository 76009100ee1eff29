//! Weights of other programs and other networks: types other than f32, and files that fit in part.

use autograd::Device;
use models::{BatchNorm2d, Error, Init, Linear, Params, Skipped};

/// The bytes of a safetensors file.
fn file(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let (mut header, mut data) = (vec![], vec![]);
    for (name, dtype, shape, bytes) in tensors {
        let (start, end) = (data.len(), data.len() + bytes.len());
        header.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#
        ));
        data.extend_from_slice(bytes);
    }
    let header = format!("{{{}}}", header.join(","));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

fn halves(bits: [u16; 6]) -> Vec<u8> {
    bits.iter().flat_map(|b| b.to_le_bytes()).collect()
}

fn doubles(values: [f64; 6]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// The bits of the formats, from the tables of IEEE 754 and of bfloat16.
#[test]
fn halves_and_doubles_are_converted() {
    let f16 = [0x3c00, 0xc100, 0x7bff, 0x0001, 0x7c00, 0x3555];
    let bf16 = [0x3f80, 0xc020, 0x4049, 0x0001, 0xff80, 0x3eab];
    let f64 = [0.1, -2.5, 1.0 / 3.0, 1e-60, f64::INFINITY, 16_777_217.0];
    let cases = [
        ("F16", halves(f16), [1.0, -2.5, 65504.0, 5.960_464_5e-8, f32::INFINITY, 0.333_251_95]),
        ("BF16", halves(bf16), [1.0, -2.5, 3.140_625, 9.183_55e-41, f32::NEG_INFINITY, 0.333_984_38]),
        ("F64", doubles(f64), [0.1, -2.5, 0.333_333_34, 0.0, f32::INFINITY, 16_777_216.0]),
    ];
    let (directory, name) = (tempfile::tempdir().unwrap(), "w");
    let path = directory.path().join("weights.safetensors");
    for device in gpu_core::testing::devices() {
        for (dtype, bytes, want) in &cases {
            std::fs::write(&path, file(&[(name, dtype, &[3, 2], bytes.clone())])).unwrap();
            for partial in [false, true] {
                let params = Params::new(&device, 0);
                let param = params.param(name, &[3, 2], Init::ZEROS);
                match partial {
                    true => assert_eq!(params.load_partial(&path, &[]).unwrap().loaded, [name]),
                    false => params.load(&path).unwrap(),
                }
                let got = param.value().to_vec::<f32>().unwrap();
                let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&got), bits(want), "{dtype} on {}", device.info());
            }
        }
    }
}

#[test]
fn other_types_and_numbers_too_large_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weights.safetensors");
    let params = Params::new(&Device::named("cpu").unwrap(), 0);
    let param = params.param("w", &[6], Init::ONES);
    std::fs::write(&path, file(&[("w", "F64", &[6], doubles([0.0, 1.0, 1e39, 0.0, 0.0, 0.0]))])).unwrap();
    let error = params.load(&path).unwrap_err();
    assert!(matches!(&error, Error::Range { name, .. } if name == "w"), "{error}");
    std::fs::write(&path, file(&[("w", "I16", &[6], halves([1; 6]))])).unwrap();
    assert!(matches!(params.load(&path), Err(Error::Mismatch { .. })));
    assert!(matches!(params.load_partial(&path, &[]), Err(Error::Mismatch { .. })));
    assert_eq!(param.value().to_vec::<f32>().unwrap(), [1.0; 6]);
}

/// A network with another head, and a layer that the file lacks.
#[test]
fn what_fits_is_loaded_and_the_rest_is_reported() {
    let device = Device::named("cpu").unwrap();
    let network = |seed: u64, head: &str, classes: usize| {
        let params = Params::new(&device, seed);
        Linear::new(&params.path("body"), 3, 4);
        BatchNorm2d::new(&params.path("bn"), 4);
        Linear::new(&params.path(head), 4, classes);
        params
    };
    let values = |params: &Params, name: &str| params.get(name).unwrap().value().to_vec::<f32>().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weights.safetensors");
    let (old, fresh) = (network(1, "fc", 10), network(2, "fc", 3));
    old.save(&path).unwrap();

    let new = network(2, "fc", 3);
    let error = new.load_partial(&path, &[]).unwrap_err();
    assert!(
        matches!(&error, Error::Mismatch { name, got, .. } if name == "fc.weight" && got.contains("[10, 4]"))
    );
    assert_eq!(values(&new, "body.weight"), values(&fresh, "body.weight"), "an error changes nothing");

    let report = new.load_partial(&path, &["fc.*"]).unwrap();
    assert_eq!(report.loaded.len(), 7, "{report:?}");
    assert!(report.loaded.contains(&"bn.num_batches_tracked".to_owned()));
    let weight = Skipped { name: "fc.weight".into(), shape: vec![3, 4], in_file: Some(vec![10, 4]) };
    assert_eq!(report.skipped[0], weight);
    assert_eq!(values(&new, "body.weight"), values(&old, "body.weight"));
    assert_eq!(values(&new, "fc.weight"), values(&fresh, "fc.weight"));

    let renamed = network(3, "head", 3);
    let report = renamed.load_partial(&path, &[]).unwrap();
    assert_eq!(report.missing, ["head.weight", "head.bias"]);
    assert_eq!(report.unexpected, ["fc.bias", "fc.weight"]);
    assert!(report.skipped.is_empty());
    // A part of the tree, whose names are full names in the file.
    let report = network(4, "fc", 3).path("body").load_partial(&path, &[]).unwrap();
    assert_eq!((report.loaded.len(), report.unexpected.len()), (2, 7));
}
