//! LoRA adapters in the form of PEFT: `adapter_config.json` and `adapter_model.safetensors`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use autograd::Tensor;
use safetensors::tensor::{Dtype, SafeTensors};
use serde_json::json;

use super::config::Config;
use super::folder::{Part, pytorch};
use super::{Pretrained, write_json};
use crate::lora::Target;
use crate::snapshot::{Stored, write_with};
use crate::weights::{floats, read_limited, short};
use crate::{Error, Lora, LoraOptions, Param, Result};

/// What PEFT writes before the names of modules.
const PREFIX: &str = "base_model.model.";

impl Pretrained {
    /// Adapts the modules that PEFT's `target_modules` would choose: those whose name in Hugging Face's network is, or ends with, one of
    /// `modules`, such as `"c_attn"` of GPT-2, or `"query"` and `"value"` of BERT. All other parameters are frozen; see [`Lora::attach`].
    ///
    /// # Panics
    /// When one of `modules` is no linear layer of the network, or the rank is 0.
    #[doc(alias = "get_peft_model")]
    #[track_caller]
    pub fn adapt(&self, modules: &[&str], options: LoraOptions) -> Lora {
        let all = self.modules();
        let chosen = |module: &str, wanted: &str| {
            module == wanted || module.strip_suffix(wanted).is_some_and(|before| before.ends_with('.'))
        };
        for wanted in modules {
            let some: Vec<&str> = all.iter().take(8).map(|(module, _)| module.as_str()).collect();
            let any = all.iter().any(|(module, _)| chosen(module, wanted));
            assert!(any, "adapt: no linear layer is called \"{wanted}\", but {}, ..", some.join(", "));
        }
        let targets =
            all.into_iter().filter(|(module, _)| modules.iter().any(|wanted| chosen(module, wanted)));
        Lora::at(&self.params, targets.map(|(_, target)| target).collect(), options)
    }

    /// All modules that can be adapted, by their names in Hugging Face's network, in the order of the weights.
    fn modules(&self) -> Vec<(String, Target)> {
        let mut all = vec![];
        for weight in self.params.all().into_iter().filter(|weight| weight.adapters().is_some()) {
            let place = self.names.find(weight.name()).expect("each weight of a family has a name");
            let (parts, rows) = (place.parts.len(), weight.value().shape()[0]);
            for (p, name) in place.parts.iter().enumerate() {
                let module = name.strip_suffix(".weight").unwrap_or(name).to_owned();
                let under = if parts == 1 {
                    crate::lora::layer(&weight).to_owned()
                } else {
                    format!("{}.{p}", crate::lora::layer(&weight))
                };
                let target = Target {
                    weight: weight.clone(),
                    name: under,
                    start: p * (rows / parts),
                    count: rows / parts,
                };
                all.push((module, target));
            }
        }
        all
    }

    /// Writes the adapters in the form of PEFT, for [`load_adapters`](Pretrained::load_adapters) and `PeftModel.from_pretrained`.
    ///
    /// # Errors
    /// [`Error::Io`] when a file can't be written; [`Error::Device`] when values can't be read.
    pub fn save_adapters(&self, lora: &Lora, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|source| Error::Io {
            doing: "create",
            path: folder.into(),
            source,
        })?;
        let (mut tensors, mut targets): (Vec<Stored>, Vec<String>) = (vec![], vec![]);
        for (weight, adapter) in lora.adapters() {
            // An adapter of a whole joined weight is one of each part, with the same A.
            for (module, target) in
                self.modules().into_iter().filter(|(_, t)| t.weight.name() == weight.name())
            {
                let end = adapter.start + adapter.count;
                if target.start < adapter.start || target.start + target.count > end {
                    continue;
                }
                let b = adapter.b.value().narrow(0, target.start - adapter.start, target.count);
                for (letter, value) in [("A", adapter.a.value()), ("B", b)] {
                    let bytes = bytemuck::cast_slice(&value.to_vec::<f32>()?).to_vec();
                    let name = format!("{PREFIX}{module}.lora_{letter}.weight");
                    tensors.push((name, value.shape().to_vec(), Dtype::F32, bytes));
                }
                targets.push(module);
            }
        }
        write_with(&folder.join("adapter_model.safetensors"), &tensors, pytorch())?;
        let LoraOptions { rank, alpha, rank_stabilized } = lora.options();
        let turned =
            lora.adapters().any(|(weight, _)| self.names.find(weight.name()).is_some_and(|p| p.turned));
        let config = json!({
            "base_model_name_or_path": self.config.get("_name_or_path"),
            "bias": "none",
            "fan_in_fan_out": turned,
            "inference_mode": true,
            "lora_alpha": alpha,
            "lora_dropout": 0.0,
            "modules_to_save": null,
            "peft_type": "LORA",
            "r": rank,
            "target_modules": targets,
            "task_type": null,
            "use_dora": false,
            "use_rslora": rank_stabilized,
        });
        write_json(&folder.join("adapter_config.json"), &config)
    }

    /// Adapts the network as a folder of PEFT says, with the folder's adapters. A dropout of their inputs, which PEFT applies in training, is
    /// left out.
    ///
    /// # Errors
    /// [`Error::Io`] when a file can't be read; [`Error::Config`] when the adapters are of a kind that is not supported;
    /// [`Error::Format`], [`Error::Missing`], [`Error::Unexpected`] or [`Error::Mismatch`] when they are damaged or belong to another network.
    /// Nothing has changed then.
    ///
    /// # Panics
    /// When a layer is adapted already.
    #[doc(alias = "PeftModel")]
    #[track_caller]
    pub fn load_adapters(&self, folder: impl AsRef<Path>) -> Result<Lora> {
        let folder = folder.as_ref();
        let options = options(&Config::read(&folder.join("adapter_config.json"))?)?;
        let path = folder.join("adapter_model.safetensors");
        let bytes = read_limited(&path, &self.params.entries())?;
        let fault = |reason: String| Error::Format { path: path.clone(), reason: short(&reason) };
        let file = SafeTensors::deserialize(&bytes).map_err(|e| fault(e.to_string()))?;
        let mut found = Found::read(&path, &file)?;
        let (mut targets, mut values) = (vec![], vec![]);
        for (module, target) in self.modules() {
            let Some(pair) = found.modules.remove(&module) else { continue };
            let inputs = target.weight.value().shape()[1];
            for (letter, want) in [("A", [options.rank, inputs]), ("B", [target.count, options.rank])] {
                let name = || format!("{PREFIX}{module}.lora_{letter}.weight");
                let missing = || Error::Missing { path: path.clone(), name: name(), shape: want.to_vec() };
                let (shape, numbers) = pair.get(letter).ok_or_else(missing)?;
                if *shape != want {
                    let (got, want) = (format!("{shape:?}"), format!("{want:?}"));
                    return Err(Error::Mismatch { path: path.clone(), name: name(), got, want });
                }
                values.push(Tensor::from_slice(self.params.device(), numbers, shape)?);
            }
            targets.push(target);
        }
        if let Some(name) = found.modules.into_keys().next() {
            return Err(Error::Unexpected { path, name: short(&name) });
        }
        let lora = Lora::at(&self.params, targets, options);
        let pairs: Vec<[Param; 2]> = lora.adapters().map(|(_, a)| [a.a.clone(), a.b.clone()]).collect();
        pairs.iter().flatten().zip(&values).for_each(|(param, value)| param.set(value));
        Ok(lora)
    }
}

fn options(config: &Config) -> Result<LoraOptions> {
    config.only("peft_type", "LORA")?;
    config.only("bias", "none")?;
    for key in ["use_dora", "lora_bias", "use_qalora"] {
        config.only(key, false)?;
    }
    for key in ["modules_to_save", "layer_replication", "trainable_token_indices", "target_parameters"] {
        if config.get(key).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty())) {
            return Err(config.fault(format!("\"{key}\" is not supported")));
        }
    }
    for key in ["rank_pattern", "alpha_pattern"] {
        if config.get(key).and_then(|value| value.as_object()).is_some_and(|map| !map.is_empty()) {
            return Err(config.fault(format!("\"{key}\" is not supported")));
        }
    }
    let rank = config.count("r")?;
    Ok(LoraOptions {
        rank,
        alpha: config.number_or("lora_alpha", 8.0)? as f32,
        rank_stabilized: config.flag_or("use_rslora", false)?,
    })
}

/// The matrices of a file, by module and letter.
struct Found {
    modules: BTreeMap<String, HashMap<String, Part>>,
}

impl Found {
    fn read(path: &Path, file: &SafeTensors) -> Result<Found> {
        let mut modules: BTreeMap<String, HashMap<String, Part>> = BTreeMap::new();
        for (name, view) in file.tensors() {
            let inner = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(".weight"));
            let Some((module, letter)) = inner.and_then(|name| name.rsplit_once(".lora_")) else {
                return Err(Error::Unexpected { path: path.into(), name: short(&name) });
            };
            let values = (view.shape().to_vec(), floats(path, &name, &view)?);
            modules.entry(module.into()).or_default().insert(letter.into(), values);
        }
        Ok(Found { modules })
    }
}
