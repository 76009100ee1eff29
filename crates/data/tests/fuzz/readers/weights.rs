//! Weights in safetensors files.

use autograd::Device;
use models::{Linear, Params};
use serde_json::Value;

use crate::campaign::{File, Reader, Sample};
use crate::common::write;

/// A small model of known numbers.
fn model() -> Params {
    let params = Params::new(&Device::named("cpu").unwrap(), 7);
    Linear::new(&params.path("first"), 3, 2);
    Linear::new(&params.path("second"), 2, 1);
    params
}

/// Files of a model and an optimizer's state.
pub fn safetensors() -> Reader {
    Reader {
        name: "safetensors",
        samples: || {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("weights");
            let (params, bytes) = (model(), || std::fs::read(&path).unwrap());
            params.save(&path).unwrap();
            let alone = Sample::plain(bytes());
            let state = autograd::Tensor::from_slice(params.device(), &[1.0f32, 2.0, 3.0], &[3]).unwrap();
            params.save_with(&path, &[("momentum".into(), state)]).unwrap();
            vec![alone, Sample::plain(bytes())]
        },
        check: |file| {
            let path = file.directory.join("weights.safetensors");
            write(&path, &file.bytes);
            let params = model();
            let before = values(&params);
            let read = file.judge(
                |_| params.load_with(&path),
                |file, others| {
                    for (name, found) in values(&params) {
                        File::must(
                            tensor(&file.bytes, &name) == Some(found),
                            "other weights than the file's",
                        )?;
                    }
                    for (name, other) in others {
                        let found = other.to_vec::<f32>().map_err(|error| error.to_string())?;
                        let found = found.iter().flat_map(|value| value.to_le_bytes()).collect();
                        let theirs = tensor(&file.bytes, &format!("/{name}"));
                        File::must(theirs == Some(found), "another state than the file's")?;
                    }
                    Ok(())
                },
            )?;
            let unchanged = values(&params) == before;
            File::must(
                !matches!(read, crate::campaign::Verdict::Refused) || unchanged,
                "refused, but changed",
            )?;
            Ok(read)
        },
        memory: (4 << 20, 32),
    }
}

/// Names and bytes of the weights.
fn values(params: &Params) -> Vec<(String, Vec<u8>)> {
    let bytes = |name: &str| {
        let values = params.get(name).unwrap().value().to_vec::<f32>().unwrap();
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    ["first.weight", "first.bias", "second.weight", "second.bias"]
        .map(|name| (name.to_string(), bytes(name)))
        .into()
}

/// The bytes of a tensor, found without the reader.
fn tensor(file: &[u8], name: &str) -> Option<Vec<u8>> {
    let length = u64::from_le_bytes(file.get(..8)?.try_into().ok()?) as usize;
    let header: Value = serde_json::from_slice(file.get(8..8 + length)?).ok()?;
    let offsets = header.get(name)?.get("data_offsets")?;
    let place = |i: usize| Some(8 + length + offsets.get(i)?.as_u64()? as usize);
    Some(file.get(place(0)?..place(1)?)?.to_vec())
}
