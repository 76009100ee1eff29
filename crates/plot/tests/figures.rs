//! Figures, as pixels: where things are, in which colours, on which paper, and input that shows nothing.

use image::RgbImage;
use plot::{
    Band, Bars, ColorMap, Dimension, Field, Figure, GridImage, Note, PANEL_SIZE, Panel, Parallel, Points,
    Series, Surface, Theme, colored, overlay,
};

const TITLE: u32 = 52;
const BLUE: [u8; 3] = [0, 114, 178];
const VERMILLION: [u8; 3] = [213, 94, 0];
const PAPER: [u8; 3] = [255; 3];
const DARK: [u8; 3] = [22, 24, 28];

fn drawn(figure: &Figure) -> RgbImage {
    image::load_from_memory(&figure.png().unwrap()).unwrap().into_rgb8()
}

fn panel(panel: Panel) -> RgbImage {
    drawn(&Figure::new("").panel(panel))
}

fn empty() -> Panel {
    Panel::new("", "", "")
}

/// The places of a colour: left, right, top, bottom.
fn extent(picture: &RgbImage, color: [u8; 3]) -> Option<[u32; 4]> {
    let places = picture.enumerate_pixels().filter(|(.., pixel)| pixel.0 == color);
    places.fold(None, |ends, (x, y, _)| {
        let [left, right, top, bottom] = ends.unwrap_or([x, x, y, y]);
        Some([left.min(x), right.max(x), top.min(y), bottom.max(y)])
    })
}

fn count(picture: &RgbImage, color: [u8; 3]) -> usize {
    picture.pixels().filter(|pixel| pixel.0 == color).count()
}

/// A picture with everything in it.
fn everything(theme: Theme) -> Figure<'static> {
    let field = Field::sample((-1.0, 1.0), (-1.0, 1.0), 20, |x, y| x * x + y);
    let many = empty()
        .layer(field.clone().contours(5).bar("bar"))
        .layer(Points::new("p", [(0.0, 0.0)]))
        .layer(Note::new((0.5, 0.5), "note"))
        .with(Series::new("l", [(-1.0, -1.0), (1.0, 1.0)]).exact());
    let bars = empty().layer(Bars::new("b", [1.0, 2.0]).errors([0.1, 0.2])).x_names(["a", "b"]);
    let parallel = Parallel::new("trials")
        .dimension(Dimension::named("o", ["sgd", "adam"]))
        .dimension(Dimension::new("lr", [0.1, 0.01]).log());
    Figure::new("All")
        .theme(theme)
        .columns(2)
        .panel(many)
        .panel(bars)
        .surface(Surface::new("s", ["x", "y", "z"], field))
        .parallel(parallel)
}

#[test]
fn themes_change_paper_and_ink_and_nothing_moves() {
    let (light, dark) = (drawn(&everything(Theme::Light)), drawn(&everything(Theme::Dark)));
    assert_eq!(light.dimensions(), dark.dimensions());
    assert_eq!(light.dimensions(), (2 * PANEL_SIZE.0, TITLE + 2 * PANEL_SIZE.1));
    for (picture, paper, other) in [(&light, PAPER, DARK), (&dark, DARK, PAPER)] {
        assert!(count(picture, paper) > 300_000, "{paper:?}");
        assert!(count(picture, other) < 3_000, "no holes in the paper");
        let edge = (0..picture.width()).flat_map(|x| [(x, 0), (x, picture.height() - 1)]);
        assert!(edge.into_iter().all(|(x, y)| picture.get_pixel(x, y).0 == paper));
    }
}

#[test]
fn a_matrix_has_its_first_row_on_top_and_its_cells_in_their_colours() {
    let (low, high) = ([68, 1, 84], [253, 231, 37]);
    let matrix = Field::matrix(2, 2, vec![1.0, 0.0, 0.0, 0.0]);
    let down = panel(empty().layer(matrix.clone()).y_down());
    let [left, right, top, bottom] = extent(&down, high).unwrap();
    let [all_left, all_right, all_top, all_bottom] = extent(&down, low).unwrap();
    assert!(
        left <= all_left && top <= all_top && right < all_right && bottom < all_bottom,
        "the first cell is top left"
    );
    let cell = (right - left + 1) * (bottom - top + 1);
    assert_eq!(count(&down, high) as u32, cell, "a cell is filled without gaps");
    let up = panel(empty().layer(matrix));
    assert!(extent(&up, high).unwrap()[2] > top + 50, "otherwise the first row is at the bottom");
    let half = panel(empty().layer(Field::matrix(1, 2, vec![f64::NAN, 1.0]).range(0.0, 1.0)));
    assert!(extent(&half, high).unwrap()[0] > 280 && count(&half, high) > 50_000, "NaN is left empty");
}

#[test]
fn bars_stand_on_zero_with_heights_in_proportion() {
    let picture = panel(empty().layer(Bars::new("", [1.0, 3.0])));
    let heights: Vec<usize> = [200, 450]
        .map(|x| (0..picture.height()).filter(|&y| picture.get_pixel(x, y).0 == BLUE).count())
        .to_vec();
    assert!((heights[1] as f64 / heights[0] as f64 - 3.0).abs() < 0.05, "{heights:?}");
    let below = panel(empty().layer(Bars::new("", [1.0, -1.0])));
    let [.., top, bottom] = extent(&below, BLUE).unwrap();
    assert!(bottom - top > 250, "down as well as up");
    let errors = panel(empty().layer(Bars::new("", [1.0, 3.0]).errors([0.5, 0.5])));
    assert!(count(&errors, [34, 34, 34]) > count(&picture, [34, 34, 34]) + 100, "whiskers in ink");
}

#[test]
fn what_lies_outside_of_a_range_is_cut_off() {
    let line = || Series::new("", [(-10.0, 0.5), (10.0, 0.5)]).exact();
    let cut = panel(empty().with(line()).x_range(0.0, 1.0).y_range(0.0, 1.0));
    let [left, right, ..] = extent(&cut, BLUE).unwrap();
    assert!(left > 30 && right < PANEL_SIZE.0 - 15, "{left} to {right}");
    let gone =
        panel(empty().with(line()).layer(Points::new("", [(0.5, 7.0)])).x_range(0.0, 1.0).y_range(2.0, 3.0));
    assert_eq!(count(&gone, BLUE), 0);
}

#[test]
fn names_have_one_colour_and_bands_and_points_that_of_their_line() {
    let band = Band::new("a", [(0.0, 0.0, 1.0), (1.0, 0.5, 2.0)]);
    let line = Series::new("a", [(0.0, 0.5), (1.0, 1.0)]);
    let picture = panel(empty().layer(band).layer(Points::new("a", [(0.5, 1.5)])).with(line));
    assert!(count(&picture, BLUE) > 500 && count(&picture, VERMILLION) == 0);
    assert!(count(&picture, [179, 213, 232]) > 10_000, "a pale band");
    let two = panel(empty().layer(Points::new("a", [(0.0, 0.0)])).layer(Points::new("b", [(1.0, 1.0)])));
    assert!(count(&two, BLUE) > 20 && count(&two, VERMILLION) > 20);
    // Many names over many panels: each panel uses its own colours before it dashes lines.
    let names = |from: u32| {
        (from..from + 6)
            .fold(empty(), |p, i| p.with(Series::new(i.to_string(), [(0.0, 0.0), (1.0, f64::from(i))])))
    };
    let picture = drawn(&Figure::new("").panel(names(0)).panel(names(6)));
    let second = image::imageops::crop_imm(&picture, 600, 0, 600, 500).to_image();
    assert!(count(&second, BLUE) > 300 && count(&second, VERMILLION) > 300);
}

#[test]
fn logarithmic_axes_and_long_names_have_their_labels() {
    let line = Series::new("", (0..13).map(|i| (10f64.powf(-3.5 + f64::from(i) / 3.0), 1.0)));
    let ticks = |panel_: Panel| {
        let picture = panel(panel_);
        // The tick marks under the axis.
        let bottom = (0..picture.height()).rev().find(|&y| picture.get_pixel(300, y).0 == [120; 3]).unwrap();
        (0..picture.width()).filter(|&x| picture.get_pixel(x, bottom + 2).0 == [120; 3]).count()
    };
    assert!(ticks(empty().with(line.clone()).log_x()) > 10, "decades and what lies between");
    // Long names stand upright, so the axes end higher.
    let bars = || empty().layer(Bars::new("", vec![1.0; 12]));
    let bottom = |p: Panel| extent(&panel(p), BLUE).unwrap()[3];
    let long = bottom(bars().x_names((0..12).map(|i| format!("a long name {i}"))));
    assert!(long + 40 < bottom(bars().x_names((0..12).map(|i| i.to_string()))));
}

#[test]
fn surfaces_and_parallel_coordinates_stay_inside_from_everywhere() {
    let field = Field::sample((-1.0, 1.0), (0.0, 5.0), 30, |x, y| x * y);
    for azimuth in [-120.0, -60.0, 0.0, 45.0, 90.0, 180.0] {
        for elevation in [5.0, 30.0, 60.0, 90.0] {
            let surface = Surface::new("s", ["x", "y", "a long label of the height"], field.clone())
                .seen_from(azimuth, elevation);
            let picture = drawn(&Figure::new("").surface(surface));
            let edges = (TITLE..500).flat_map(|y| [(0, y), (599, y)]).chain((0..600).map(|x| (x, 499)));
            for (x, y) in edges {
                assert_eq!(picture.get_pixel(x, y).0, PAPER, "{x},{y} from {azimuth}, {elevation}");
            }
        }
    }
    let long = "a very long name ".repeat(30);
    let mut parallel = Parallel::new(&*long);
    for _ in 0..6 {
        parallel = parallel.dimension(Dimension::new(&*long, [1e-300, 1e300, f64::NAN]).log());
    }
    assert_eq!(drawn(&Figure::new("").parallel(parallel)).width(), 180 + 5 * 150);
}

#[test]
fn degenerate_input_is_drawn() {
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let fields = [
        Field::matrix(0, 0, vec![]),
        Field::matrix(1, 1, vec![nan]),
        Field::matrix(2, 2, vec![5.0; 4]).contours(4),
        Field::matrix(1, 3, vec![-1.0, 0.0, 1.0]).log().bar("log"),
        Field::matrix(2, 2, vec![infinite, -infinite, 0.0, 1e300]).cell_text(3),
        Field::sample((0.0, 0.0), (nan, infinite), 3, |x, _| x).contours(3),
        Field::sample((0.0, 1.0), (0.0, 1.0), 2, |_, _| nan).contours(3),
    ];
    for field in fields {
        let surface = Surface::new("", ["", "", ""], field.clone());
        drawn(&Figure::new("").panel(empty().layer(field.clone()).equal().y_down()).surface(surface));
        drawn(&Figure::new("").panel(empty().layer(field).log_x().log_y()));
    }
    let odd = [(nan, 1.0), (1.0, infinite), (1e300, -1e300), (0.0, 0.0)];
    let panels = [
        empty().layer(Points::new("", odd).colored_by(&[nan, 1.0, infinite, 0.0])),
        empty().layer(Bars { bars: odd.to_vec(), width: nan, ..Bars::default() }),
        empty().layer(Bars::new("", [nan, infinite, -1.0]).errors([nan])).log_y(),
        empty().layer(Band::new("", odd.map(|(x, y)| (x, y, x)))),
        empty().layer(Note::new((nan, 0.0), "note")),
        empty().x_range(nan, infinite).y_range(1.0, 1.0).with(Series::new("", odd)),
        empty().x_range(-1.0, 0.0).log_x().x_names([""; 300]).y_names([""; 300]).equal(),
    ];
    for one in panels {
        drawn(&Figure::new("").panel(one));
    }
    drawn(&Figure::new("nothing").columns(0));
    drawn(&Figure::new("").parallel(Parallel::new("")).images(&[], 3));
}

#[test]
fn maps_colour_and_cover() {
    let ends = colored(&[-1.0, 1.0, f32::NAN], -1.0, 1.0, ColorMap::Diverging, Theme::Light);
    // Blue, red, paper: channel by channel.
    assert_eq!(ends, [33, 178, 255, 102, 24, 255, 172, 43, 255]);
    let image = [100, 200];
    assert_eq!(
        overlay(&image, &[0.0, 0.0], 0.0, 1.0, 1.0),
        [100, 200, 100, 200, 100, 200],
        "nothing covers nothing"
    );
    assert_eq!(overlay(&image, &[1.0, 0.0], 0.0, 1.0, 1.0), [253, 200, 231, 200, 37, 200], "all covers all");
    let rgb = [1, 2, 3, 4, 5, 6];
    assert_eq!(overlay(&rgb, &[f32::NAN, 0.0], 0.0, 1.0, 1.0), rgb);
    let pixels = overlay(&[9; 16], &[0.5; 16], 0.0, 1.0, 0.5);
    let cell = GridImage { pixels: &pixels, height: 4, width: 4, label: "x".into(), ok: None };
    drawn(&Figure::new("").images(&[cell], 1));
}
