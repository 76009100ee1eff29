//! The plots, as files: sizes, what is in them, and input that shows nothing.

use std::path::Path;

use image::RgbImage;
use plot::{Error, GridImage, PANEL_SIZE, Panel, Series, curves, image_grid};

const TITLE: u32 = 52;

fn drawn(draw: impl FnOnce(&Path) -> plot::Result<()>) -> RgbImage {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plot.png");
    draw(&path).unwrap();
    let names: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["plot.png"], "nothing but the picture is left");
    image::open(&path).unwrap().into_rgb8()
}

fn panel_of(points: impl IntoIterator<Item = (f64, f64)>) -> Panel {
    Panel::new("Loss", "step", "cross entropy").with(Series::new("train", points))
}

fn count(picture: &RgbImage, color: [u8; 3]) -> usize {
    picture.pixels().filter(|pixel| pixel.0 == color).count()
}

const BLUE: [u8; 3] = [0, 114, 178];

#[test]
fn curves_have_the_promised_size_and_colours() {
    let train = || Series::new("train", (0..20).map(|x| (f64::from(x), f64::from(x).sqrt())));
    let test = || Series::new("test", (0..20).map(|x| (f64::from(x), f64::from(x) / 9.0)));
    let both = Panel::new("Both", "epoch", "accuracy").with(train()).with(test());
    let one = Panel::new("One", "epoch", "accuracy").with(test());
    let picture = drawn(|path| curves(path, "A run", &[both, one]));
    assert_eq!(picture.dimensions(), (1200, 500));

    let panel = |index| {
        let (x, (width, height)) = (index * PANEL_SIZE.0, PANEL_SIZE);
        image::imageops::crop_imm(&picture, x, TITLE, width, height).to_image()
    };
    let vermillion = [213, 94, 0];
    assert!(count(&panel(0), BLUE) > 500 && count(&panel(0), vermillion) > 500);
    assert_eq!(count(&panel(1), BLUE), 0, "a line has its name's colour in every panel");
    assert!(count(&panel(1), vermillion) > 500);
}

#[test]
fn a_rising_line_rises() {
    let picture = drawn(|path| curves(path, "", &[panel_of([(0.0, 0.0), (1.0, 1.0)])]));
    // Below the legend.
    let line = picture.enumerate_pixels().filter(|(_, y, pixel)| *y > TITLE + 60 && pixel.0 == BLUE);
    let (left, right): (Vec<_>, Vec<_>) = line.map(|(x, y, _)| (x, y)).partition(|(x, _)| *x < 300);
    let highest = |points: &[(u32, u32)]| points.iter().map(|point| point.1).min().unwrap();
    let lowest = |points: &[(u32, u32)]| points.iter().map(|point| point.1).max().unwrap();
    assert!(highest(&left) > lowest(&right));
}

#[test]
fn noise_goes_pale_behind_its_mean() {
    let noisy = (0..1000).map(|x| (f64::from(x), 1.0 + f64::from(x * 7919 % 101) / 101.0));
    let picture = drawn(|path| curves(path, "", &[panel_of(noisy)]));
    assert!(count(&picture, BLUE) > 300);
    assert!(count(&picture, [179, 213, 232]) > 3000, "pale blue");
}

#[test]
fn degenerate_curves_are_drawn() {
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let panels = [
        Panel::default(),
        panel_of([]),
        panel_of([(nan, 1.0), (1.0, nan), (infinite, 0.0), (0.0, -infinite)]),
        panel_of([(3.0, 0.5)]),
        panel_of([(0.0, 0.0)]),
        panel_of([(7.0, 1.0), (7.0, 2.0)]),
        panel_of((0..5000).map(|x| (f64::from(x), 0.1))),
        panel_of([(0.0, 1.0), (1.0, nan), (2.0, 1.5), (3.0, 2.0), (4.0, infinite), (5.0, 1.0)]),
        panel_of([(-f64::MAX, -f64::MAX), (f64::MAX, f64::MAX), (0.0, 1.0)]),
        panel_of([(-9e99, -9e99), (9e99, 9e99), (0.0, 1.0)]),
        panel_of([(0.0, 5e-324), (5e-324, 0.0), (1e-99, 2e-99)]),
        panel_of([(0.0, 1.0), (1.0, 1.0 + f64::EPSILON)]),
        panel_of([(1e15, 1e15), (1e15 + 1.0, 1e15 + 1.0)]),
        panel_of([(1e9, -4.0), (1e9 + 10.0, -0.0)]),
        panel_of(
            (0..1000).map(|x| (f64::from(x), if x == 300 { 1e90 } else { 1.0 + f64::from(x * 7919 % 101) })),
        ),
        panel_of((0..300_000).map(|x| (f64::from(x), f64::from(x % 1000)))),
    ];
    for panel in panels {
        for panel in [panel.clone(), panel.log_y()] {
            let picture = drawn(|path| curves(path, "Odd", std::slice::from_ref(&panel)));
            assert_eq!(picture.dimensions(), (PANEL_SIZE.0, PANEL_SIZE.1 + TITLE));
        }
    }
    assert_eq!(drawn(|path| curves(path, "", &[])).dimensions(), (600, 500));
}

#[test]
fn logarithmic_curves_leave_out_what_has_no_logarithm() {
    let spans = [[1e-12, 1e12], [1e-90, 1e90], [0.9, 1.1], [3.0, 40.0], [2.0, 2.0], [-1.0, 0.0]];
    for [low, high] in spans {
        let panel = panel_of([(0.0, low), (1.0, 0.0), (2.0, high), (3.0, -1.0), (4.0, high)]).log_y();
        drawn(|path| curves(path, "Logarithmic", &[panel]));
    }
}

#[test]
fn long_texts_and_many_lines_stay_inside() {
    let long = "a very long name for this line ".repeat(2000);
    let line = |index: u32| Series::new(format!("{index} {long}"), [(0.0, f64::from(index)), (1.0, 2.0)]);
    let mut panel = Panel::new(&*long, &*long, &*long);
    panel.series = (0..40).map(line).collect();
    let picture =
        drawn(|path| curves(path, &long, &[panel.clone(), Panel { title: "\n\t→☃".into(), ..panel }]));
    assert_eq!(picture.dimensions(), (1200, 500));
    // The title alone spans both panels.
    let inner = (TITLE..500).flat_map(|y| [598, 599, 600, 601].map(|x| (x, y)));
    let outer = (0..500).flat_map(|y| [0, 1, 1198, 1199].map(|x| (x, y)));
    for (x, y) in inner.chain(outer) {
        assert_eq!(picture.get_pixel(x, y).0, [255; 3], "ink at the edge, {x},{y}");
    }
}

fn grid_image<'a>(pixels: &'a [u8], side: usize, label: &str, ok: Option<bool>) -> GridImage<'a> {
    GridImage { pixels, height: side, width: side, label: label.to_owned(), ok }
}

#[test]
fn grids_enlarge_without_smoothing() {
    let pixels: Vec<u8> = (0..3 * 32 * 32).map(|i| (i * 37 % 251) as u8).collect();
    let image = grid_image(&pixels, 32, "cat -> dog", Some(false));
    let picture = drawn(|path| image_grid(path, "", &[image], 8));
    // Margin, then a frame of 3 pixels.
    let corner = (20 + 3, TITLE + 3);
    for (y, x) in (0..96).flat_map(|y| (0..96).map(move |x| (y, x))) {
        let at = (y / 3 * 32 + x / 3) as usize;
        let expected = [pixels[at], pixels[1024 + at], pixels[2048 + at]];
        assert_eq!(picture.get_pixel(corner.0 + x, corner.1 + y).0, expected, "row {y}, column {x}");
    }
}

#[test]
fn grids_frame_right_and_wrong_and_grow_with_their_rows() {
    let grey = vec![128; 32 * 32];
    let images: Vec<GridImage> = [Some(true), Some(true), Some(false), None, Some(true)]
        .map(|ok| grid_image(&grey, 32, "automobile -> automobile", ok))
        .to_vec();
    let picture = drawn(|path| image_grid(path, "Predictions", &images, 2));
    let frame = 102 * 102 - 96 * 96;
    assert_eq!(count(&picture, [0, 140, 90]), 3 * frame);
    assert!((frame..2 * frame).contains(&count(&picture, [204, 60, 0])), "one frame and the caption's ink");
    assert!(count(&picture, [205, 205, 205]) >= frame, "letters have some of this grey too");
    let taller = drawn(|path| image_grid(path, "Predictions", &images, 1));
    assert!(taller.height() > picture.height() && taller.width() < picture.width());
}

#[test]
fn degenerate_grids_are_drawn() {
    let (tiny, wide) = (vec![9; 3], vec![9; 3 * 2 * 300]);
    let long = "supercalifragilistic ".repeat(500);
    let images = [
        grid_image(&tiny, 1, "", None),
        grid_image(&tiny, 1, &long, Some(true)),
        grid_image(&tiny, 1, &long.replace(' ', ""), Some(false)),
        GridImage { pixels: &wide, height: 2, width: 300, label: "wide\n☃".into(), ok: None },
    ];
    for columns in [0, 1, 3, usize::MAX] {
        drawn(|path| image_grid(path, &long, &images, columns));
        drawn(|path| image_grid(path, "One", &images[..1], columns));
        drawn(|path| image_grid(path, "None", &[], columns));
    }
}

#[test]
fn pixels_that_do_not_fit_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("grid.png");
    let bytes = [0; 8];
    for (height, width) in [(2, 2), (0, 0), (0, 8), (usize::MAX, usize::MAX), (usize::MAX / 2, 2)] {
        let good = grid_image(&bytes[..3], 1, "good", None);
        let bad = GridImage { pixels: &bytes, height, width, label: "bad".into(), ok: None };
        let error = image_grid(&path, "", &[good, bad], 2).unwrap_err();
        assert!(matches!(error, Error::ImageSize { index: 1, found: 8, .. }), "{error}");
    }
    let many = vec![Panel::default(); 2000];
    let error = curves(&path, "", &many).unwrap_err();
    assert!(matches!(error, Error::PictureSize { width: 1_200_000, .. }), "{error}");
    let row = vec![0; 1 << 17];
    let wide = GridImage { pixels: &row, height: 1, width: 1 << 17, label: String::new(), ok: None };
    let error = image_grid(&path, "", &[wide], 1).unwrap_err();
    assert!(matches!(error, Error::PictureSize { .. }), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_path_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = directory.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    for path in [directory.path().join("missing/plot.png"), taken] {
        for result in [curves(&path, "", &[]), image_grid(&path, "", &[], 1)] {
            let error = result.unwrap_err();
            assert!(matches!(&error, Error::Write { path: named, .. } if *named == path), "{error}");
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file is left");
}

#[cfg(unix)]
#[test]
fn others_may_read_a_plot_as_any_new_file() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let mode = |name: &str| std::fs::metadata(directory.path().join(name)).unwrap().permissions().mode();
    std::fs::write(directory.path().join("file"), "").unwrap();
    curves(directory.path().join("plot.png"), "", &[]).unwrap();
    assert_eq!(mode("plot.png"), mode("file"));
}
