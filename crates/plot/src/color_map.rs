//! Numbers as colours.

use crate::theme::{Color, Theme};

/// How a number between the ends of a scale becomes a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorMap {
    /// Dark violet over green to yellow: brightness rises with the value for every reader (matplotlib's default).
    #[default]
    Viridis,
    /// Blue over the background to red: for values on both sides of a middle.
    Diverging,
    /// Black to white.
    Grey,
    /// The number is a class, 0, 1, ...: a pale shade of that line's colour.
    Classes,
}

const VIRIDIS: [[u8; 3]; 9] = [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
];
const RED_BLUE: [[u8; 3]; 7] = [
    [33, 102, 172],
    [103, 169, 207],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [239, 138, 98],
    [178, 24, 43],
];
const DARK_RED_BLUE: [[u8; 3]; 7] = [
    [130, 200, 255],
    [62, 125, 195],
    [36, 62, 98],
    [30, 32, 36],
    [98, 50, 40],
    [195, 88, 62],
    [255, 155, 125],
];
const GREY: [[u8; 3]; 2] = [[0; 3], [255; 3]];

impl ColorMap {
    /// The red, green and blue at `share` of the way from the low end (0) to the high end (1) of the scale, clamped to these
    /// ends; for [`ColorMap::Classes`], of class `share`. NaN is the background.
    pub fn rgb(self, share: f64, theme: Theme) -> [u8; 3] {
        let colors = theme.colors();
        let bytes = |Color(r, g, b): Color| [r, g, b];
        if share.is_nan() {
            return bytes(colors.background);
        }
        let anchors: &[[u8; 3]] = match (self, theme) {
            (ColorMap::Classes, _) => {
                return bytes(colors.pale(colors.series(share.round().max(0.0) as usize), 4));
            }
            (ColorMap::Viridis, _) => &VIRIDIS,
            (ColorMap::Grey, _) => &GREY,
            (ColorMap::Diverging, Theme::Light) => &RED_BLUE,
            (ColorMap::Diverging, Theme::Dark) => &DARK_RED_BLUE,
        };
        let at = share.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
        let below = (at as usize).min(anchors.len() - 2);
        let part = at - below as f64;
        std::array::from_fn(|i| {
            let (low, high) = (f64::from(anchors[below][i]), f64::from(anchors[below + 1][i]));
            (low + part * (high - low)).round() as u8
        })
    }
}

/// Viridis for lines and points, without the end that is hard to see on the background.
pub(crate) fn line_color(share: f64, theme: Theme) -> Color {
    let (low, high) = match theme {
        Theme::Light => (0.0, 0.88),
        Theme::Dark => (0.25, 1.0),
    };
    let [r, g, b] = ColorMap::Viridis.rgb(low + share.clamp(0.0, 1.0) * (high - low), theme);
    Color(r, g, b)
}

/// Black or white, whichever can be read on a colour, by its luma (ITU-R 601).
pub(crate) fn ink_on([r, g, b]: [u8; 3]) -> Color {
    let light = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
    if light > 140.0 { Color(16, 16, 16) } else { Color(250, 250, 250) }
}
