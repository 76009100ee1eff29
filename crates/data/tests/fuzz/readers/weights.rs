//! Weights in safetensors files.

use autograd::{Device, Tensor};
use models::{Linear, Params, WeightsFile};
use serde_json::Value;

use super::holds;
use crate::campaign::{File, Reader, Sample, Verdict};
use crate::common::write;

/// A small model of known numbers.
fn model(seed: u64) -> Params {
    let params = Params::new(&Device::named("cpu").unwrap(), seed);
    Linear::new(&params.path("first"), 3, 2);
    Linear::new(&params.path("second"), 2, 1);
    params
}

/// A saved model with an optimizer's state and a note, and a checksum of everything.
fn saved() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (path, params) = (directory.path().join("weights"), model(7));
    let state = Tensor::from_slice(params.device(), &[1.0f32, 2.0, 3.0], &[3]).unwrap();
    let snapshot = params.snapshot(&[("momentum".into(), state)]).unwrap();
    snapshot.write(&path, "{\"step\": 7}").unwrap();
    std::fs::read(&path).unwrap()
}

/// The same as another program would save it: without a checksum that is known.
fn foreign() -> Vec<u8> {
    let mut bytes = saved();
    let place = bytes.windows(7).position(|window| window == b"\"wgrad\"").unwrap();
    bytes[place + 1..place + 6].copy_from_slice(b"other");
    bytes
}

/// Weights and checkpoints.
pub fn safetensors() -> Reader {
    Reader {
        name: "safetensors",
        samples: || vec![Sample::plain(foreign()), Sample::plain(saved())],
        check: |file| {
            let path = file.directory.join("weights.safetensors");
            write(&path, &file.bytes);
            let params = model(8);
            let before = values(&params);
            let verdict = file.judge(
                |_| WeightsFile::open(&path, &params).and_then(|open| Ok((params.load_from(&open)?, open))),
                |file, (others, open)| {
                    let found = values(&params);
                    for (name, found) in &found {
                        let theirs = tensor(&file.bytes, name);
                        File::must(theirs.as_ref() == Some(found), "other weights than the file's")?;
                    }
                    for (name, other) in &others {
                        let found = other.to_vec::<f32>().map_err(|error| error.to_string())?;
                        let found = found.iter().flat_map(|value| value.to_le_bytes()).collect();
                        let theirs = tensor(&file.bytes, &format!("/{name}"));
                        File::must(theirs == Some(found), "another state than the file's")?;
                    }
                    let checked = metadata(&file.bytes).is_some();
                    let whole =
                        found == values(&model(7)) && others.len() == 1 && open.note() == "{\"step\": 7}";
                    File::must(!checked || whole, "damage in spite of the checksum")
                },
            )?;
            let unchanged = values(&params) == before;
            File::must(!matches!(verdict, Verdict::Refused) || unchanged, "refused, but changed")?;
            Ok(verdict)
        },
        memory: (4 << 20, 32),
    }
}

/// Files of `torch.save`: of a state dictionary, with an older and a newer pickle, and of a whole module.
pub fn torch() -> Reader {
    Reader {
        name: "torch",
        samples: || {
            let files: [&[u8]; 4] = [
                include_bytes!("../../../../models/tests/fixtures/torch/state_dict.pt"),
                include_bytes!("../../../../models/tests/fixtures/torch/before_1_6.pt"),
                include_bytes!("../../../../models/tests/fixtures/torch/protocol_5.pt"),
                include_bytes!("../../../../models/tests/fixtures/torch/module.pt"),
            ];
            files.map(Sample::plain).into()
        },
        check: |file| {
            let path = file.directory.join("model.pt");
            file.judge(
                |bytes| models::torch_to_safetensors(&path, bytes),
                |file, found| {
                    let Some(found) = found else { return Ok(()) };
                    let (header, _) = header(&found).ok_or("no safetensors file")?;
                    for name in header.as_object().ok_or("no safetensors file")?.keys() {
                        let bytes = tensor(&found, name).ok_or("a tensor without values")?;
                        // Views that are not dense have the storage's elements in another order.
                        let elements = bytes.chunks(4).all(|element| holds(&file.bytes, element));
                        File::must(elements, "other values than the file's")?;
                    }
                    Ok(())
                },
            )
        },
        memory: (68 << 20, 1024),
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

/// The header, and where it ends, found without the reader.
fn header(file: &[u8]) -> Option<(Value, usize)> {
    let end = 8 + u64::from_le_bytes(file.get(..8)?.try_into().ok()?) as usize;
    Some((serde_json::from_slice(file.get(8..end)?).ok()?, end))
}

fn metadata(file: &[u8]) -> Option<String> {
    Some(header(file)?.0.get("__metadata__")?.get("wgrad")?.as_str()?.to_owned())
}

/// The bytes of a tensor.
fn tensor(file: &[u8], name: &str) -> Option<Vec<u8>> {
    let (header, end) = header(file)?;
    let offsets = header.get(name)?.get("data_offsets")?;
    let place = |i: usize| Some(end + offsets.get(i)?.as_u64()? as usize);
    Some(file.get(place(0)?..place(1)?)?.to_vec())
}
