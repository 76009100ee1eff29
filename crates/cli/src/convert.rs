//! `wgrad convert`

mod map;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use map::Map;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::json;

use crate::say::Say;

#[derive(Args)]
pub struct Arguments {
    /// A safetensors file from any program, or a file of torch.save
    from: PathBuf,

    /// The file to write; without it the tensors are listed
    to: Option<PathBuf>,

    /// OLD=NEW: replaces OLD in names, as in module.= (dropped) or encoder.=backbone.; may be given several times
    #[arg(long, value_name = "OLD=NEW")]
    rename: Vec<String>,

    /// Keep only tensors whose names begin with PREFIX; may be given several times
    #[arg(long, value_name = "PREFIX")]
    only: Vec<String>,

    /// Rules in TOML that rename, transpose, join and drop tensors, after --only and --rename; see docs/from-pytorch.md
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,

    /// Convert f16, bf16 and f64 values to f32
    #[arg(long)]
    f32: bool,
}

/// Type, shape and bytes of a tensor.
type Tensor = (Dtype, Vec<usize>, Vec<u8>);

type Tensors = BTreeMap<String, Tensor>;

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    let path = &arguments.from;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bytes = models::torch_to_safetensors(path, &bytes)?.unwrap_or(bytes);
    let file = SafeTensors::deserialize(&bytes)
        .with_context(|| format!("{} is not a valid safetensors file", path.display()))?;
    let rules: Vec<(&str, &str)> = arguments.rename.iter().map(|rule| parse(rule)).collect::<Result<_>>()?;
    let map = arguments.map.as_deref().map(Map::read).transpose()?;
    let mut tensors = Tensors::new();
    for (name, view) in file.tensors() {
        let wanted =
            arguments.only.is_empty() || arguments.only.iter().any(|prefix| name.starts_with(prefix));
        if !wanted {
            continue;
        }
        let (renamed, tensor) = (renamed(&name, &rules), converted(&name, &view, arguments.f32)?);
        let taken = tensors.insert(renamed.clone(), tensor);
        ensure!(taken.is_none(), "two tensors would be called \"{renamed}\"; change the --rename rules");
    }
    ensure!(!tensors.is_empty() || file.is_empty(), "no tensor's name begins with {:?}", arguments.only);
    if let Some(map) = map {
        tensors = map.apply(tensors).with_context(|| format!("cannot map {}", path.display()))?;
    }
    match &arguments.to {
        Some(to) => write(to, &tensors)?,
        None => tensors
            .iter()
            .for_each(|(name, (dtype, shape, _))| say.text(format!("{name} {dtype:?} {shape:?}"))),
    }
    let listed = tensors.iter().map(
        |(name, (dtype, shape, _))| json!({ "name": name, "dtype": format!("{dtype:?}"), "shape": shape }),
    );
    say.result(&json!({ "written": arguments.to, "tensors": listed.collect::<Vec<_>>() }));
    Ok(())
}

fn parse(rule: &str) -> Result<(&str, &str)> {
    let parts = rule.split_once('=').filter(|(old, _)| !old.is_empty());
    parts.with_context(|| format!("--rename {rule}: write OLD=NEW"))
}

fn renamed(name: &str, rules: &[(&str, &str)]) -> String {
    rules.iter().fold(name.to_owned(), |name, (old, new)| name.replace(old, new))
}

/// A tensor's type, shape and bytes, converted to f32 if requested and possible.
fn converted(name: &str, view: &TensorView, to_f32: bool) -> Result<Tensor> {
    let (shape, data) = (view.shape().to_vec(), view.data());
    let floats: Option<Vec<f32>> = match view.dtype() {
        Dtype::F16 => Some(pairs(data).map(|b| half::f16::from_le_bytes(b).to_f32()).collect()),
        Dtype::BF16 => Some(pairs(data).map(|b| half::bf16::from_le_bytes(b).to_f32()).collect()),
        Dtype::F64 => Some(doubles(data).map(|x| x as f32).collect()),
        _ => None,
    };
    let too_large = |x: f64| x.is_finite() && (x as f32).is_infinite();
    ensure!(
        !to_f32 || view.dtype() != Dtype::F64 || !doubles(data).any(too_large),
        "\"{name}\" has numbers beyond the range of f32; scale them down, or leave out --f32"
    );
    Ok(match floats.filter(|_| to_f32) {
        Some(floats) => (Dtype::F32, shape, floats.iter().flat_map(|x| x.to_le_bytes()).collect()),
        None => (view.dtype(), shape, data.to_vec()),
    })
}

fn pairs(data: &[u8]) -> impl Iterator<Item = [u8; 2]> + '_ {
    data.chunks_exact(2).map(|b| [b[0], b[1]])
}

fn doubles(data: &[u8]) -> impl Iterator<Item = f64> + '_ {
    data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("8 bytes")))
}

fn write(to: &Path, tensors: &Tensors) -> Result<()> {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?))
    });
    let views: Vec<(&str, TensorView)> = views.collect::<Result<_>>()?;
    let file = safetensors::serialize(views, None)?;
    gpu_core::write_atomically(to, &file).with_context(|| format!("cannot write {}", to.display()))
}
