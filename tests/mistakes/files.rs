//! Weights and data in files.

use std::fs;
use std::path::Path;

use wgrad::prelude::*;

use super::{Mistake, params};

/// Saves a network of two inputs.
fn saved(directory: &Path) -> wgrad::Result<std::path::PathBuf> {
    let (params, path) = (params(), directory.join("weights.safetensors"));
    Linear::new(&params.path("fc"), 2, 3);
    params.save(&path)?;
    Ok(path)
}

fn load(path: &Path, network: impl FnOnce(&Params)) -> wgrad::Result<()> {
    let params = params();
    network(&params);
    Ok(params.load(path)?)
}

pub const MISTAKES: &[Mistake] = &[
    ("Weights that are not there", "missing_file", |dir| {
        load(&dir.join("weights.safetensors"), |p| drop(Linear::new(p, 2, 3)))
    }),
    ("Weights of a network with other names", "other_names", |dir| {
        load(&saved(dir)?, |p| drop(Linear::new(&p.path("head"), 2, 3)))
    }),
    ("Weights of another shape", "other_shape", |dir| {
        load(&saved(dir)?, |p| drop(Linear::new(&p.path("fc"), 2, 10)))
    }),
    ("Weights with a layer that the network lacks", "left_over", |dir| {
        load(&saved(dir)?, |p| drop(Linear::no_bias(&p.path("fc"), 2, 3)))
    }),
    ("A file that holds no weights", "no_weights", |dir| {
        let path = dir.join("weights.safetensors");
        fs::write(&path, "weights")?;
        load(&path, |p| drop(Linear::new(p, 2, 3)))
    }),
    ("Saving to a directory that is not there", "save", |dir| {
        let params = params();
        Linear::new(&params, 2, 3);
        Ok(params.save(dir.join("missing/weights.safetensors"))?)
    }),
    ("A data set that is not there", "no_data", |dir| Ok(wgrad::data::load(dir.join("photos")).map(drop)?)),
    ("A directory without a data set", "empty_data", |dir| Ok(wgrad::data::load(dir).map(drop)?)),
    ("A file in an image folder that is no image", "no_image", |dir| {
        for split in ["train", "test"] {
            fs::create_dir_all(dir.join(split).join("cat"))?;
            fs::write(dir.join(split).join("cat/1.jpg"), "no picture")?;
        }
        Ok(wgrad::data::load(dir).map(drop)?)
    }),
    ("Text in a column of numbers", "csv", |dir| {
        let path = dir.join("table.csv");
        fs::write(&path, "size,price\n1,10\n2,cheap\n")?;
        let table = wgrad::data::Table::read(&path, &wgrad::data::TableOptions::default())?;
        Ok(table.targets("price").map(drop)?)
    }),
];
