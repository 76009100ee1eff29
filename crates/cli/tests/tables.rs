//! `wgrad train` on tables as a user runs it.

mod common;

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use common::{fails, wgrad};

const CONFIG: &str = "[data]\nkind = \"table\"\npath = \"shop.csv\"\ntarget = \"price\"\nbatch = 16\n\n[model]\nkind = \"mlp\"\nwidth = 16\n\n\
                      [optimizer]\nlr = 0.01\n\n[train]\nepochs = 60\n";

fn json(directory: &Path, args: &[&str]) -> Value {
    let output = wgrad(directory, &[&["--json"], args].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// 200 goods: prices are `1000 * size + 500` for red ones and `1000 * size` for others; `big` is 1 for sizes of 5 or more.
fn shop() -> String {
    let row = |i: usize| {
        let (size, colour) = ((i * 37 % 100) as f64 / 10.0, ["red", "blue", "green"][i % 3]);
        let price = 1000.0 * size + if colour == "red" { 500.0 } else { 0.0 };
        // Some sizes are missing.
        let cell = if i % 50 == 49 { String::new() } else { size.to_string() };
        format!("{cell},{colour},{price},{}\n", u8::from(size >= 5.0))
    };
    "size,colour,price,big\n".to_owned() + &(0..200).map(row).collect::<String>()
}

fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("shop.csv"), shop()).unwrap();
    std::fs::write(directory.path().join("shop.toml"), CONFIG).unwrap();
    directory
}

#[test]
fn numbers_are_predicted_in_their_unit() {
    let directory = directory();
    let at = directory.path();
    let trained = json(at, &["train", "shop.toml"]);
    assert_eq!(
        (trained["steps"].as_u64(), trained["best"]["figure"].as_str()),
        (Some(600), Some("test loss"))
    );
    let measured = json(at, &["eval", "runs/shop"]);
    assert!(measured["test r2"].as_f64().unwrap() > 0.9, "{measured}");
    let (rmse, loss) = (measured["test rmse"].as_f64().unwrap(), measured["test loss"].as_f64().unwrap());
    // Prices deviate by about 2900.
    assert!((2000.0..4000.0).contains(&(rmse / loss.sqrt())), "{measured}");
    // Without the target, with a colour that was not trained on and a size that is missing.
    std::fs::write(at.join("new.csv"), "colour,size,big\nblue,9.5,1\nblue,0.5,0\npink,,0\n").unwrap();
    let predicted = json(at, &["predict", "runs/shop", "new.csv"]);
    let rows: Vec<f64> =
        predicted[0]["rows"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert!(
        rows.len() == 3 && (rows[0] - 9500.0).abs() < 1500.0 && (rows[1] - 500.0).abs() < 1500.0,
        "{rows:?}"
    );
    let again = json(at, &["eval", "runs/shop", "--data", "shop.csv"]);
    assert!(again["test r2"].as_f64().unwrap() > 0.9, "{again}");
    assert!(json(at, &["summary", "runs/shop"])["parameters"].as_u64().unwrap() > 300);
    assert!(json(at, &["profile", "shop.toml", "--steps", "1"])["launches"].as_u64().unwrap() > 3);
    std::fs::write(at.join("wrong.csv"), "colour,size\nblue,9.5\n").unwrap();
    assert!(fails(at, &["predict", "runs/shop", "wrong.csv"]).contains("big"));
}

#[test]
fn classes_are_predicted() {
    let directory = directory();
    let at = directory.path();
    // Classes by numbers, and by names.
    for (target, extra, classes) in
        [("big", "features = [\"size\", \"colour\"]\ncategories = [\"big\"]", 2), ("colour", "", 3)]
    {
        let text = CONFIG
            .replace("\"price\"", &format!("{target:?}\n{extra}"))
            .replace("epochs = 60", "epochs = 20");
        std::fs::write(at.join("class.toml"), text).unwrap();
        let trained = json(at, &["train", "class.toml"]);
        assert_eq!(trained["best"]["figure"], "test accuracy");
        let measured = json(at, &["eval", "runs/class"]);
        assert_eq!(measured["test accuracy"], trained["best"]["value"]);
        assert_eq!(measured["confusion"].as_array().unwrap().len(), classes);
        if target == "big" {
            assert!(measured["test accuracy"].as_f64().unwrap() > 0.85, "{measured}");
            let predicted = json(at, &["predict", "runs/class", "shop.csv", "--top", "1"]);
            assert_eq!(predicted[0]["rows"].as_array().unwrap().len(), 200);
        }
    }
}

#[test]
fn mistakes_are_explained() {
    let directory = directory();
    let at = directory.path();
    for (from, to, want) in [
        ("\"price\"", "\"prize\"", "data.target: shop.csv has no column \"prize\"; did you mean \"price\""),
        (
            "\"price\"",
            "\"price\"\nfeatures = [\"sise\"]",
            "data.features: shop.csv has no column \"sise\"; did you mean \"size\"",
        ),
        ("\"price\"", "\"price\"\nfeatures = [\"price\"]", "data.features contains the target"),
        ("\"price\"", "\"price\"\nfeatures = []", "there is no column to predict"),
        ("\"price\"", "\"price\"\nfeatures = [\"size\", \"size\"]", "names a column twice"),
        ("\"price\"", "\"size\"", "of column \"size\" is missing"),
        ("\"price\"", "\"price\"\ntest = 1.0", "data.test = 1 of 200 rows"),
        ("\"price\"", "\"price\"\ndelimiter = \"é\"", "give an ASCII character"),
        ("\"price\"", "\"price\"\naugment = {}", "unknown field `augment`"),
        ("batch = 16", "batch = 161", "a batch of 161 is more than the 160 rows"),
        ("batch = 16", "batch = 0", "data.batch"),
        ("\"mlp\"\nwidth = 16", "\"lenet\"", "no model \"lenet\" for tables"),
        ("epochs = 60", "epochs = 60\nlabel_smoothing = 0.1", "train.label_smoothing is for classes"),
        ("shop.csv", "shop.txt", "cannot read shop.txt"),
    ] {
        std::fs::write(at.join("wrong.toml"), CONFIG.replacen(from, to, 1)).unwrap();
        let complaint = fails(at, &["train", "wrong.toml"]);
        assert!(complaint.contains(want), "{to}: {complaint}");
    }
    std::fs::write(at.join("shop.csv"), shop().replace("0.7,", "0.7")).unwrap();
    assert!(fails(at, &["train", "shop.toml"]).contains("shop.csv, line"));
}
