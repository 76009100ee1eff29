//! `wgrad convert` with a map of rules, as a user runs it.

mod common;

use std::path::Path;

use autograd::Device;
use models::{Gpt, GptOptions, Params};
use safetensors::tensor::{Dtype, TensorView, serialize};
use tempfile::TempDir;

use common::{fails, wgrad};

const MAP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/gpt2-map.toml");

/// Names and shapes of GPT-2 with a width of 4, a context of 3 and 5 tokens, as Hugging Face saves it.
fn gpt2() -> Vec<(String, Vec<usize>)> {
    let block = |i: usize| {
        let layers: [(&str, &[usize]); 13] = [
            ("ln_1.weight", &[4]),
            ("ln_1.bias", &[4]),
            ("attn.bias", &[1, 1, 3, 3]),
            ("attn.c_attn.weight", &[4, 12]),
            ("attn.c_attn.bias", &[12]),
            ("attn.c_proj.weight", &[4, 4]),
            ("attn.c_proj.bias", &[4]),
            ("ln_2.weight", &[4]),
            ("ln_2.bias", &[4]),
            ("mlp.c_fc.weight", &[4, 16]),
            ("mlp.c_fc.bias", &[16]),
            ("mlp.c_proj.weight", &[16, 4]),
            ("mlp.c_proj.bias", &[4]),
        ];
        layers.map(|(name, shape)| (format!("h.{i}.{name}"), shape.to_vec()))
    };
    let rest: [(&str, &[usize]); 4] =
        [("wte.weight", &[5, 4]), ("wpe.weight", &[3, 4]), ("ln_f.weight", &[4]), ("ln_f.bias", &[4])];
    let rest = rest.map(|(name, shape)| (name.to_owned(), shape.to_vec()));
    rest.into_iter().chain(block(0)).chain(block(1)).collect()
}

/// A file of bf16 tensors, each with the values 0, 1, 2 and so on.
fn write(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let bytes = |shape: &[usize]| -> Vec<u8> {
        (0..shape.iter().product::<usize>())
            .flat_map(|i| half::bf16::from_f32(i as f32).to_le_bytes())
            .collect()
    };
    let stored: Vec<Vec<u8>> = tensors.iter().map(|(_, shape)| bytes(shape)).collect();
    let views = tensors
        .iter()
        .zip(&stored)
        .map(|((name, shape), bytes)| (name, TensorView::new(Dtype::BF16, shape.clone(), bytes).unwrap()));
    std::fs::write(path, serialize(views, None).unwrap()).unwrap();
}

#[test]
fn gpt2_gets_the_names_and_layouts_of_gpt() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    write(&at.join("hf.safetensors"), &gpt2());
    for types in [&[][..], &["--f32"]] {
        let output =
            wgrad(at, &[&["convert", "hf.safetensors", "gpt2.safetensors", "--map", MAP], types].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let params = Params::new(&Device::named("cpu").unwrap(), 0);
        let sizes = GptOptions { vocab: 5, context: 3, width: 4, heads: 2, depth: 2, dropout: 0.0 };
        Gpt::new(&params, sizes);
        params.load(at.join("gpt2.safetensors")).unwrap();
        let qkv = params.get("blocks.1.attn.qkv.weight").unwrap().value();
        assert_eq!(qkv.shape(), [12, 4]);
        assert_eq!(qkv.to_vec::<f32>().unwrap()[..5], [0.0, 12.0, 24.0, 36.0, 1.0]);
    }
}

#[test]
fn no_tensor_is_lost_and_no_file_is_half_written() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    let mut tensors = gpt2();
    tensors.push(("lm_head.weight".into(), vec![5, 4]));
    write(&at.join("hf.safetensors"), &tensors);
    std::fs::write(at.join("out.safetensors"), "an earlier file").unwrap();
    let convert = |map: &str| {
        std::fs::write(at.join("map.toml"), map).unwrap();
        fails(at, &["convert", "hf.safetensors", "out.safetensors", "--map", "map.toml"])
    };
    let map = std::fs::read_to_string(MAP).unwrap();
    for (map, want) in [
        (map.clone(), "cannot map hf.safetensors: 1 tensors match no rule: lm_head.weight. Add rules"),
        (
            map.replace("wpe.weight", "wpos.weight"),
            "no tensor is left that \"wpos.weight\" matches; did you mean \"wpe.weight\"",
        ),
        (
            map.replace("\"ln_f.*\"", "\"ln_f.*\"\ntranspose = true"),
            "\"ln_f.bias\" of shape [4] cannot be transposed",
        ),
        (map.replace("transpose = true", "transposed = true"), "unknown field `transposed`"),
        (map.replace("blocks.*.ln2.*", "blocks.ln2.*"), "has 1 stars"),
    ] {
        let complaint = convert(&map);
        assert!(complaint.contains(want), "{complaint}");
    }
    assert!(
        fails(at, &["convert", "hf.safetensors", "--map", "none.toml"]).contains("cannot read none.toml")
    );
    assert_eq!(std::fs::read(at.join("out.safetensors")).unwrap(), b"an earlier file");
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 3, "no temporary file is left");
    // Told to, it keeps or drops the rest.
    for (rest, count) in [("keep", 29), ("drop", 28)] {
        std::fs::write(at.join("map.toml"), format!("rest = \"{rest}\"\n{map}")).unwrap();
        let output = wgrad(at, &["--json", "convert", "hf.safetensors", "--map", "map.toml"]);
        let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(listed["tensors"].as_array().unwrap().len(), count, "{rest}");
    }
}
