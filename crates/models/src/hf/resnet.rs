//! ResNet.

use super::Network;
use super::config::Config;
use super::names::Names;
use crate::{Params, ResNet, Result};

const TABLE: &[(&str, &[&str])] = &[
    ("conv1.*", &["{}embedder.embedder.convolution.*"]),
    ("bn1.*", &["{}embedder.embedder.normalization.*"]),
    ("fc.*", &["classifier.1.*"]),
];

pub fn build(params: &Params, config: &Config) -> Result<(Network, Names)> {
    let (widths, depths) = config.stages("hidden_sizes", "depths")?;
    let kind = config.get("layer_type").and_then(|v| v.as_str()).unwrap_or("bottleneck");
    let bottlenecks = match kind {
        "bottleneck" => true,
        "basic" => false,
        other => return Err(config.fault(format!("layers of the kind {other:?} are not supported"))),
    };
    config.only("hidden_act", "relu")?;
    config.only("num_channels", 3)?;
    config.only("downsample_in_first_stage", false)?;
    config.only("downsample_in_bottleneck", false)?;
    let expansion = if bottlenecks { 4 } else { 1 };
    let stem = config.count("embedding_size")?;
    let fits = widths.len() == depths.len() && widths.iter().all(|w| w.is_multiple_of(expansion));
    if !fits || widths.first().is_none_or(|w| w / expansion != stem) {
        let sizes =
            format!("\"hidden_sizes\" {widths:?}, \"depths\" {depths:?} and \"embedding_size\" {stem}");
        return Err(config.fault(format!("{sizes} do not fit")));
    }
    let stages: Vec<(usize, usize)> = widths.iter().map(|w| w / expansion).zip(depths).collect();
    let net = ResNet::of_stages(params, &stages, bottlenecks, config.classes()?);
    let mut names = Names::new("resnet.", &[], TABLE);
    for s in 0..stages.len() {
        let (ours, theirs) = (format!("layer{}.*", s + 1), format!("{{}}encoder.stages.{s}.layers.*"));
        let mut add = |ours_end: String, theirs_end: String| {
            names.add(&format!("{ours}.{ours_end}.*"), &[&format!("{theirs}.{theirs_end}.*")], false);
        };
        for i in 0..3 {
            add(format!("conv{}", i + 1), format!("layer.{i}.convolution"));
            add(format!("bn{}", i + 1), format!("layer.{i}.normalization"));
        }
        add("downsample.0".into(), "shortcut.convolution".into());
        add("downsample.1".into(), "shortcut.normalization".into());
    }
    Ok((Network::ResNet(net), names))
}
