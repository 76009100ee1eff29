//! The report: well-formed, self-contained, with all given content, escaped.

use train::Error;
use train::metrics::Confusion;
use train::plot::{Figure, GridImage, Panel, Series};
use train::report::{Checkpoint, HeatMap, Histogram, Png, ProfileRow, Report, RunReport};

const HOSTILE: &str = "<script>alert('x')</script> & \"quoted\"";
const ESCAPED: &str = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quoted&quot;";

/// Checks that elements are properly nested; returns their names.
fn elements(page: &str) -> Vec<String> {
    let void = ["meta", "img", "source", "input", "br"];
    let (mut open, mut all): (Vec<String>, Vec<String>) = (vec![], vec![]);
    let mut rest = page.strip_prefix("<!doctype html>").expect("a doctype");
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[..end];
        let name: String = tag.trim_start_matches('/').chars().take_while(|c| c.is_alphanumeric()).collect();
        assert!(!name.is_empty(), "markup <{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "closing </{name}>");
        } else {
            all.push(name.clone());
            // The content of these elements is not markup.
            if name == "script" || name == "style" {
                rest = &rest[rest.find(&format!("</{name}")).expect("its end")..];
            }
            if !void.contains(&name.as_str()) {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    all
}

/// The data of the page's charts, each of which must be JSON.
fn data(page: &str) -> Vec<serde_json::Value> {
    let parts = page.split("<script type=\"application/json\">").skip(1);
    parts.map(|part| serde_json::from_str(part.split("</script>").next().unwrap()).unwrap()).collect()
}

fn series(name: &str) -> Series {
    Series::new(
        name,
        (0..3000).map(|x| (f64::from(x), if x == 7 { f64::NAN } else { 1.0 / f64::from(x + 1) })),
    )
}

fn full<'a>(pixels: &'a [u8]) -> RunReport<'a> {
    let pair = |name: &str| (name.to_owned(), HOSTILE.to_owned());
    RunReport {
        title: HOSTILE.into(),
        config: vec![pair("lr"), pair(HOSTILE)],
        environment: vec![pair("device")],
        steps: vec![series("loss"), series("lr")],
        evaluations: vec![
            Series::new("loss/validation", [(100.0, 0.5)]),
            Series::new("accuracy", [(100.0, 0.75)]),
        ],
        confusion: Some((vec!["cat".into(), HOSTILE.into()], Confusion::of(&[0, 0, 1, 1], &[0, 1, 1, 1], 2))),
        samples: vec![
            GridImage { pixels, height: 2, width: 2, label: HOSTILE.into(), ok: Some(true) },
            GridImage { pixels: &pixels[..4], height: 2, width: 2, label: "grey".into(), ok: Some(false) },
        ],
        histograms: vec![Histogram::of(HOSTILE, &[0.0, 1.0, 1.0], 4)],
        gradient_norms: Some(HeatMap {
            rows: vec!["conv1".into(), HOSTILE.into()],
            columns_label: "step".into(),
            columns: vec![0.0, 100.0, 200.0],
            values: vec![1.0, 0.1, 0.01, f32::NAN, 0.0, 2.0],
            log: true,
        }),
        profile: vec![
            ProfileRow {
                kernel: "matmul".into(),
                shape: "64x64".into(),
                runs: 10,
                seconds: 0.03,
                gflops: 5.0,
                gbytes: 1.0,
            },
            ProfileRow { kernel: HOSTILE.into(), seconds: 0.01, ..ProfileRow::default() },
        ],
        checkpoints: vec![Checkpoint {
            step: 100,
            path: HOSTILE.into(),
            bytes: 1_500_000,
            note: "best".into(),
        }],
    }
}

#[test]
fn a_full_report_has_everything_and_no_markup_of_its_data() {
    let pixels: Vec<u8> = (0..12).map(|i| i * 20).collect();
    let page = full(&pixels).report().unwrap().html();
    let elements = elements(&page);
    // The page's own script, and the data of the charts.
    assert_eq!(elements.iter().filter(|name| *name == "script").count(), 1 + 3 + 1 + 1);
    assert!(!page.contains("<script>alert"), "what was given is text");
    assert!(page.contains(&format!("<h1>{ESCAPED}</h1>")));
    for heading in
        ["Summary", "Training", "Answers", "Inside", "Profile", "Checkpoints", "Configuration", "Environment"]
    {
        assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    for part in [
        "<tr><td>accuracy</td><td class=\"n\">0.75</td><td class=\"n\">100</td></tr>",
        "title=\"cat taken for cat: 1 (50.0 %)\">1</td>",
        "<tr><td>cat</td><td class=\"n\">1.0000</td><td class=\"n\">0.5000</td><td class=\"n\">0.6667</td><td class=\"n\">2</td></tr>",
        "<td>matmul</td><td class=\"n\">75.0</td><td class=\"n\">30</td><td class=\"n\">10</td><td class=\"n\">3000.0</td>",
        "<tr><td class=\"n\">100</td><td>1.50 MB</td>",
        "\u{2717} grey",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn nothing_is_fetched() {
    let pixels = [0; 12];
    let page = full(&pixels).report().unwrap().html();
    // The SVG namespace is a name, not a URL to fetch.
    assert_eq!(page.matches("://").count(), page.matches("http://www.w3.org/2000/svg").count());
    for attribute in ["src=\"", "srcset=\"", "href=\""] {
        for value in page.split(attribute).skip(1) {
            assert!(
                value.starts_with("data:image/png;base64,") || value.starts_with('#'),
                "{attribute}{value:.40}"
            );
        }
    }
    assert!(!page.contains("@import") && !page.contains("url("));
}

#[test]
fn charts_hold_their_data() {
    let pixels = [0; 12];
    let page = full(&pixels).report().unwrap().html();
    let data = data(&page);
    assert_eq!(data.len(), 5);
    let loss = &data[0];
    assert_eq!((&loss["title"], &loss["series"][1]["name"]), (&"loss".into(), &"validation".into()));
    assert_eq!(loss["series"][1]["points"], serde_json::json!([[100.0, 0.5]]));
    let points = loss["series"][0]["points"].as_array().unwrap();
    assert!((400..=800).contains(&points.len()), "thinned to {}", points.len());
    assert!(points.iter().any(|point| point[1].is_null()), "a gap where the loss was NaN");
    let norms = &data[3];
    assert_eq!(norms["values"][1], serde_json::json!([null, null, 2.0]), "no logarithm, no cell");
    assert_eq!(data[4]["counts"], serde_json::json!([1, 0, 0, 2]));
}

#[test]
fn an_empty_report_is_a_page() {
    let page = RunReport { title: "empty".into(), ..RunReport::default() }.report().unwrap().html();
    assert!(!elements(&page).contains(&"section".to_owned()));
    let odd = RunReport {
        steps: vec![Series::new("", []), Series::new("x", [(f64::NAN, f64::INFINITY)])],
        histograms: vec![Histogram::of("none", &[f32::NAN], 9)],
        gradient_norms: Some(HeatMap::default()),
        confusion: Some((vec![], Confusion::of(&[], &[], 0))),
        ..RunReport::default()
    };
    elements(&odd.report().unwrap().html());
}

#[test]
fn the_builder_makes_other_pages() {
    let png = Figure::new("x").panel(Panel::new("a", "b", "c")).png().unwrap();
    let page = Report::new("mine")
        .section("One")
        .text("first\n\nsecond <b>")
        .picture("A picture", "its caption", Png { light: &png, dark: Some(&png) })
        .section("Two")
        .bars("Times", &[("conv".into(), 2.0), ("bad".into(), f64::NAN), ("less".into(), -1.0)])
        .heat_map(
            "Map",
            &HeatMap {
                columns: (0..1000).map(f64::from).collect(),
                values: vec![1.0; 1000],
                rows: vec!["r".into()],
                ..HeatMap::default()
            },
        )
        .html();
    let names = elements(&page);
    assert_eq!(names.iter().filter(|name| *name == "section").count(), 2);
    assert!(
        page.contains("<p>first</p>\n<p>second &lt;b&gt;</p>")
            && page.contains("prefers-color-scheme: dark)\" srcset=")
    );
    assert!(page.contains("--v:1.0000\"></i><b>2</b>") && page.contains("--v:0.0000\"></i><b>NaN</b>"));
    assert!(data(&page)[0]["columns"].as_array().unwrap().len() <= 160);
}

#[test]
fn faults_are_named_and_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let bad = GridImage { pixels: &[0; 5], height: 2, width: 2, label: "bad".into(), ok: None };
    let error = RunReport { samples: vec![bad], ..RunReport::default() }
        .write(directory.path().join("a.html"))
        .unwrap_err();
    assert!(matches!(error, Error::Plot(plot::Error::ImageSize { found: 5, .. })), "{error}");
    let path = directory.path().join("missing/report.html");
    let error = Report::new("x").write(&path).unwrap_err();
    assert!(matches!(&error, Error::Write { path: named, .. } if *named == path), "{error}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
