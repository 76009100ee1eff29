//! Folders of `transformers` and `peft`: outputs, gradients, and what is saved. `tests/pytorch/huggingface.py` makes the fixtures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use autograd::{Device, Gradients, Tensor};
use gpu_core::testing;
use models::hf::{self, Network, Pretrained};
use models::{Lora, LoraOptions, Mode, Module, Param};
use safetensors::tensor::SafeTensors;
use serde_json::Value;

const MODELS: [&str; 12] = [
    "gpt2",
    "llama",
    "qwen2",
    "bert",
    "bert_classifier",
    "distilbert",
    "distilbert_classifier",
    "roberta",
    "roberta_classifier",
    "vit",
    "resnet_basic",
    "resnet_bottleneck",
];

const ADAPTED: [&str; 3] = ["gpt2", "llama", "bert"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hf").join(name)
}

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn expected(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder(name).join("expected.json")).unwrap()).unwrap()
}

fn shape(value: &Value) -> Vec<usize> {
    value["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

fn numbers(value: &Value) -> Vec<f32> {
    value["values"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32).collect()
}

/// The recorded input: tokens or images.
fn input(device: &Device, name: &str) -> Tensor {
    let recorded = &expected(name)["input"];
    let (shape, values) = (shape(recorded), numbers(recorded));
    if shape.len() == 4 {
        return Tensor::from_slice(device, &values, &shape).unwrap();
    }
    let tokens: Vec<i32> = values.iter().map(|&v| v as i32).collect();
    Tensor::from_slice(device, &tokens, &shape).unwrap()
}

/// Asserts that two lists are equal, relative to the largest number.
fn assert_close(found: &Tensor, recorded: &Value, bound: f32, what: &str) {
    assert_eq!(found.shape(), shape(recorded), "{what}");
    let (found, wanted) = (found.to_vec::<f32>().unwrap(), numbers(recorded));
    let largest = wanted.iter().fold(0f32, |m, v| m.max(v.abs()));
    let error = found.iter().zip(&wanted).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / largest;
    assert!(error < bound, "{what}: relative error {error}");
}

/// Names, types, shapes and bytes of all tensors in the safetensors files of a folder.
fn tensors(folder: &Path) -> BTreeMap<String, (String, Vec<usize>, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            let bytes = std::fs::read(&path).unwrap();
            for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
                let content = (format!("{:?}", view.dtype()), view.shape().to_vec(), view.data().to_vec());
                all.insert(name, content);
            }
        }
    }
    all
}

#[test]
fn outputs_are_those_of_transformers() {
    for device in testing::devices() {
        for name in MODELS {
            let model = hf::load(&device, folder(name)).unwrap();
            let logits = model.forward(&input(&device, name), Mode::Eval);
            assert_close(&logits, &expected(name)["logits"], 1e-5, &format!("{name} on {}", device.info()));
        }
    }
}

#[test]
fn weights_in_several_files_are_one_network() {
    let model = hf::load(&cpu(), folder("bert_sharded")).unwrap();
    let logits = model.forward(&input(&cpu(), "bert"), Mode::Eval);
    assert_close(&logits, &expected("bert")["logits"], 1e-5, "bert_sharded");
}

#[test]
fn saved_folders_have_the_same_bits() {
    let kept = std::env::var_os("WGRAD_KEEP").map(PathBuf::from);
    let directory = tempfile::tempdir().unwrap();
    for name in MODELS {
        let to = kept.as_deref().unwrap_or(directory.path()).join(name);
        let model = hf::load(&cpu(), folder(name)).unwrap();
        model.save(&to).unwrap();
        assert_eq!(tensors(&to), tensors(&folder(name)), "{name}");
        hf::load(&cpu(), &to).unwrap();
        if ADAPTED.contains(&name) {
            let lora = model.load_adapters(folder(name).join("adapters")).unwrap();
            model.save_adapters(&lora, to.join("adapters")).unwrap();
            assert_eq!(tensors(&to.join("adapters")), tensors(&folder(name).join("adapters")), "{name}");
            assert!(model.save(directory.path().join("with")).is_err(), "{name}: saved with adapters");
        }
    }
}

fn loss(model: &Pretrained, tokens: &Tensor) -> Tensor {
    model.forward(tokens, Mode::Eval).flatten(0, 1).cross_entropy(&tokens.flatten(0, 1))
}

fn gradient(gradients: &Gradients, param: &Param) -> Tensor {
    gradients.get(&param.value()).unwrap_or_else(|| panic!("no gradient of {}", param.name())).clone()
}

#[test]
fn adapters_have_the_outputs_and_gradients_of_peft() {
    for device in testing::devices() {
        for name in ADAPTED {
            let model = hf::load(&device, folder(name)).unwrap();
            let lora = model.load_adapters(folder(name).join("adapters")).unwrap();
            let (x, recorded) = (input(&device, name), &expected(name)["adapted"]);
            let what = format!("{name} on {}", device.info());
            assert_close(&model.forward(&x, Mode::Eval), &recorded["logits"], 1e-5, &what);
            let loss = loss(&model, &x);
            let gradients = loss.backward();
            assert!(
                (loss.item().unwrap() as f64 - recorded["loss"].as_f64().unwrap()).abs() < 1e-5,
                "{what}"
            );
            // The adapters' own tensors, in the form of PEFT, are the gradients after this.
            let trained = model.params.trainable();
            let found: Vec<Tensor> = trained.iter().map(|param| gradient(&gradients, param)).collect();
            found.iter().for_each(|g| _ = g.to_vec::<f32>().unwrap());
            trained.iter().zip(&found).for_each(|(param, gradient)| param.set(gradient));
            let directory = tempfile::tempdir().unwrap();
            model.save_adapters(&lora, directory.path()).unwrap();
            let saved = tensors(directory.path());
            let wanted = recorded["gradients"].as_object().unwrap();
            assert_eq!(saved.len(), wanted.len(), "{what}");
            for (key, wanted) in wanted {
                let (_, shape, bytes) = &saved[&format!("base_model.model.{key}")];
                let values: Vec<f32> = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                let found = Tensor::from_slice(&cpu(), &values, shape).unwrap();
                assert_close(&found, wanted, 1e-4, &format!("{what}, {key}"));
            }
        }
    }
}

#[test]
fn adapters_are_trained_merged_and_removed() {
    for (name, modules) in
        [("gpt2", &["c_attn", "c_fc"][..]), ("bert", &["query", "value"]), ("llama", &["q_proj"])]
    {
        let model = hf::load(&cpu(), folder(name)).unwrap();
        let x = input(&cpu(), name);
        let count = model.params.count();
        let before = model.forward(&x, Mode::Eval).to_vec::<f32>().unwrap();
        let lora = model.adapt(modules, LoraOptions { rank: 2, alpha: 4.0, rank_stabilized: true });
        assert_eq!(model.params.count(), count + lora.count(), "{name}");
        let unchanged = model.forward(&x, Mode::Eval).to_vec::<f32>().unwrap();
        assert!(before.iter().zip(&unchanged).all(|(a, b)| (a - b).abs() < 1e-5), "{name}: B is 0");
        let mut optimizer = models::AdamW::new(&model.params);
        let first = loss(&model, &x).item().unwrap();
        for _ in 0..10 {
            optimizer.step(loss(&model, &x).backward(), 0.01).unwrap();
        }
        let last = loss(&model, &x).item().unwrap();
        assert!(last < first - 0.05, "{name}: {first} to {last}");
        let adapted = model.forward(&x, Mode::Eval).to_vec::<f32>().unwrap();
        lora.merge().unwrap();
        assert_eq!((model.params.count(), model.params.trainable().len()), (count, model.params.all().len()));
        let merged = model.forward(&x, Mode::Eval).to_vec::<f32>().unwrap();
        assert!(adapted.iter().zip(&merged).all(|(a, b)| (a - b).abs() < 1e-4), "{name}");
        model.adapt(modules, LoraOptions::default()).remove();
        assert_eq!(model.forward(&x, Mode::Eval).to_vec::<f32>().unwrap(), merged, "{name}");
    }
}

#[test]
fn a_cache_gives_the_same_logits() {
    for device in testing::devices() {
        let model = hf::load(&device, folder("llama")).unwrap();
        let Network::Llama(net) = &model.net else { panic!("a Llama") };
        let tokens = input(&device, "llama");
        let whole = net.forward(&tokens, Mode::Eval).to_vec::<f32>().unwrap();
        let mut cache = net.cache(2);
        let first = net.forward_cached(&tokens.narrow(1, 0, 4), &mut cache);
        let mut parts = vec![first];
        for t in 4..9 {
            parts.push(net.forward_cached(&tokens.narrow(1, t, 1), &mut cache));
        }
        let joined = autograd::cat(&parts.iter().collect::<Vec<_>>(), 1).to_vec::<f32>().unwrap();
        let error = whole.iter().zip(&joined).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(error < 1e-4, "{error} on {}", device.info());
    }
}

/// A copy of a folder with some texts of its configuration replaced.
fn changed(name: &str, changes: &[(&str, Value)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut config: Value =
        serde_json::from_slice(&std::fs::read(folder(name).join("config.json")).unwrap()).unwrap();
    for (key, value) in changes {
        config[*key] = value.clone();
    }
    std::fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
    let weights = "model.safetensors";
    std::fs::copy(folder(name).join(weights), directory.path().join(weights)).unwrap();
    directory
}

#[test]
fn what_is_not_supported_is_said() {
    for (name, key, value, want) in [
        (
            "gpt2",
            "architectures",
            serde_json::json!(["T5Model"]),
            "T5Model is not supported, but GPT2LMHeadModel,",
        ),
        ("gpt2", "n_head", serde_json::json!(5), "32 is not a multiple of 5 heads"),
        ("gpt2", "n_embd", serde_json::json!(null), "\"n_embd\" is missing"),
        ("gpt2", "n_layer", serde_json::json!("two"), "\"n_layer\" is \"two\""),
        ("gpt2", "n_layer", serde_json::json!(3), "has no tensor \"transformer.h.2."),
        ("gpt2", "n_layer", serde_json::json!(1), "has a tensor \"transformer.h.1."),
        ("gpt2", "n_positions", serde_json::json!(16), "\"transformer.wpe.weight\""),
        ("bert", "hidden_act", serde_json::json!("tanh"), "an activation that is not supported"),
        ("llama", "rope_parameters", serde_json::json!({"rope_type": "yarn"}), "\"yarn\" are not supported"),
        ("resnet_basic", "layer_type", serde_json::json!("wide"), "\"wide\" are not supported"),
    ] {
        let directory = changed(name, &[(key, value)]);
        let error = hf::load(&cpu(), directory.path()).err().unwrap().to_string();
        assert!(error.contains(want), "{name}, {key}: {error}");
    }
    let model = hf::load(&cpu(), folder("gpt2")).unwrap();
    let error = model.load_adapters(folder("bert").join("adapters")).err().unwrap().to_string();
    assert!(error.contains("has a tensor \"bert.encoder"), "{error}");
    assert_eq!(model.params.trainable().len(), model.params.all().len(), "nothing has changed");
}

#[test]
fn absurd_sizes_are_errors() {
    for name in ["gpt2", "llama", "bert", "distilbert", "roberta", "vit", "resnet_basic"] {
        let text = std::fs::read_to_string(folder(name).join("config.json")).unwrap();
        let config: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        for (key, value) in config {
            let numbers = |n: u64| match &value {
                Value::Number(number) if number.is_u64() => Some(n.into()),
                Value::Array(list) if list.iter().all(Value::is_u64) => Some(vec![n; list.len()].into()),
                _ => None,
            };
            for n in [1 << 14, 1 << 23, 1 << 31, u64::MAX] {
                // The key may be one that is not read.
                let Some(absurd) = numbers(n) else { continue };
                let _ = hf::load(&cpu(), changed(name, &[(&key, absurd)]).path());
            }
        }
    }
}

#[test]
fn modules_that_are_not_there_are_named() {
    let model = hf::load(&cpu(), folder("gpt2")).unwrap();
    let message = |attach: &dyn Fn()| {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attach)).unwrap_err();
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap().to_owned()
    };
    let adapt =
        |modules: &[&str], rank| drop(model.adapt(modules, LoraOptions { rank, ..LoraOptions::default() }));
    let found = message(&|| adapt(&["query"], 8));
    assert!(
        found.starts_with("adapt: no linear layer is called \"query\", but transformer.h.0.attn.c_attn,"),
        "{found}"
    );
    assert!(message(&|| adapt(&["c_attn"], 0)).contains("rank 0"));
    let attach = |patterns: &[&str]| drop(Lora::attach(&model.params, patterns, LoraOptions::default()));
    assert!(
        message(&|| attach(&["*.query"]))
            .contains("\"*.query\" matches no layer that can be adapted: blocks.0.attn.qkv,")
    );
    let _lora = Lora::attach(&model.params, &["*.qkv"], LoraOptions::default());
    assert!(message(&|| attach(&["*.qkv"])).contains("blocks.0.attn.qkv.weight is adapted already"));
}
