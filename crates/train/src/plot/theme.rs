//! Colours on white and on near-black paper.

use plotters::style::RGBColor;

/// What a picture is drawn on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on white, for paper.
    #[default]
    Light,
    /// Light ink on near-black.
    Dark,
}

/// A theme's colours.
pub(super) struct Colors {
    pub background: RGBColor,
    /// Titles and whatever must be read first.
    pub ink: RGBColor,
    /// Tick labels and other small print.
    pub soft_ink: RGBColor,
    pub axis: RGBColor,
    pub grid: RGBColor,
    pub fine_grid: RGBColor,
    /// Lines and classes, in order.
    pub series: [RGBColor; 7],
    /// Frames of right, wrong and other images.
    pub right: RGBColor,
    pub wrong: RGBColor,
    pub neutral: RGBColor,
}

/// Lines in Okabe and Ito's colours, which colour-blind readers can tell apart, without the yellow that white swallows.
const LIGHT: Colors = Colors {
    background: RGBColor(255, 255, 255),
    ink: RGBColor(34, 34, 34),
    soft_ink: RGBColor(68, 68, 68),
    axis: RGBColor(120, 120, 120),
    grid: RGBColor(226, 226, 226),
    fine_grid: RGBColor(243, 243, 243),
    series: [
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(230, 159, 0),
        RGBColor(86, 180, 233),
        RGBColor(60, 60, 60),
    ],
    right: RGBColor(0, 140, 90),
    wrong: RGBColor(204, 60, 0),
    neutral: RGBColor(205, 205, 205),
};

/// The same hues, lighter; the yellow instead of the blue that black swallows.
const DARK: Colors = Colors {
    background: RGBColor(22, 24, 28),
    ink: RGBColor(238, 238, 238),
    soft_ink: RGBColor(196, 198, 202),
    axis: RGBColor(140, 142, 148),
    grid: RGBColor(58, 61, 68),
    fine_grid: RGBColor(38, 40, 46),
    series: [
        RGBColor(86, 180, 233),
        RGBColor(240, 130, 60),
        RGBColor(30, 190, 145),
        RGBColor(222, 145, 190),
        RGBColor(240, 228, 66),
        RGBColor(120, 140, 250),
        RGBColor(200, 200, 200),
    ],
    right: RGBColor(30, 180, 120),
    wrong: RGBColor(240, 110, 60),
    neutral: RGBColor(96, 100, 108),
};

impl Theme {
    pub(super) fn colors(self) -> &'static Colors {
        match self {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }
}

impl Colors {
    /// The colour of the `place`-th line or class.
    pub fn series(&self, place: usize) -> RGBColor {
        self.series[place % self.series.len()]
    }

    /// A colour with `tenths` of its strength on this background.
    pub fn pale(&self, color: RGBColor, tenths: i16) -> RGBColor {
        let (RGBColor(r, g, b), RGBColor(br, bg, bb)) = (color, self.background);
        let fade = |ink: u8, ground: u8| {
            (i16::from(ground) + (i16::from(ink) - i16::from(ground)) * tenths / 10) as u8
        };
        RGBColor(fade(r, br), fade(g, bg), fade(b, bb))
    }
}
