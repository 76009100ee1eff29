//! A function of two variables as a surface in space.

use image::RgbImage;

use crate::axes::{LABEL_SIZE, PANEL_SIZE, TICK_SIZE, TITLE_SIZE};
use crate::axis::Axis;
use crate::canvas::{Anchor, Canvas};
use crate::field::Field;
use crate::legend::Style;
use crate::text::fit;
use crate::theme::{Color, Theme};

/// The samples of a field as heights, seen from above and from the side in parallel projection.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    /// Written above the surface.
    pub title: String,
    /// Written along the x axis.
    pub x_label: String,
    /// Written along the y axis.
    pub y_label: String,
    /// Written along the vertical axis.
    pub z_label: String,
    /// The heights, from [`Field::sample`]; coloured by its map.
    pub field: Field,
    /// Degrees around the vertical: 0 looks against the rising x, 90 against the rising y.
    pub azimuth: f64,
    /// Degrees above the horizon.
    pub elevation: f64,
}

/// The height of the surface's box, as a share of the side of its base.
const HEIGHT: f64 = 0.62;

type Space = [f64; 3];

impl Surface {
    /// A surface seen at an azimuth of -60 and an elevation of 30 degrees.
    pub fn new(title: impl Into<String>, labels: [&str; 3], field: Field) -> Surface {
        let [x_label, y_label, z_label] = labels.map(str::to_owned);
        Surface { title: title.into(), x_label, y_label, z_label, field, azimuth: -60.0, elevation: 30.0 }
    }

    /// The surface seen from another direction.
    pub fn seen_from(mut self, azimuth: f64, elevation: f64) -> Surface {
        (self.azimuth, self.elevation) = (azimuth, elevation);
        self
    }

    /// A point of the unit cube as coordinates right, up and towards the viewer.
    fn turned(&self, [x, y, z]: Space) -> Space {
        let (sin, cos) = self.azimuth.to_radians().sin_cos();
        let (rise, flat) = self.elevation.to_radians().sin_cos();
        let (x, y, z) = (x - 0.5, y - 0.5, HEIGHT * (z - 0.5));
        // Matplotlib's convention: the viewer stands at (cos azimuth, sin azimuth).
        let (right, near) = (y * cos - x * sin, x * cos + y * sin);
        [right, z * flat - near * rise, near * flat + z * rise]
    }

    /// The pixel of a point of the unit cube, which is scaled to fill the panel except for its labels.
    fn place(&self, point: Space) -> (f64, f64) {
        let corners = (0..8).map(|i| self.turned([0, 1, 2].map(|axis| f64::from(i >> axis & 1))));
        let span = |of: usize| {
            let ends = corners.clone().map(|corner| corner[of]);
            ends.fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)))
        };
        let ((left, right), (low, high)) = (span(0), span(1));
        let (width, height) = (f64::from(PANEL_SIZE.0) - 180.0, f64::from(PANEL_SIZE.1) - 110.0);
        let scale = (width / (right - left)).min(height / (high - low));
        let [x, y, _] = self.turned(point);
        let (middle_x, middle_y) = ((left + right) / 2.0, (low + high) / 2.0);
        (110.0 + width / 2.0 + scale * (x - middle_x), 44.0 + height / 2.0 - scale * (y - middle_y))
    }

    pub(crate) fn draw(&self, theme: Theme) -> RgbImage {
        let (x, y) = (
            Axis::exact(self.field.x.0, self.field.x.1, false),
            Axis::exact(self.field.y.0, self.field.y.1, false),
        );
        let z = self.field.scale();
        Canvas::paint(theme, PANEL_SIZE.0, PANEL_SIZE.1, |canvas| {
            let width = f64::from(PANEL_SIZE.0);
            let title = fit(&self.title, TITLE_SIZE, width - 40.0);
            canvas.text(&title, TITLE_SIZE, canvas.colors().ink, (width / 2.0, 14.0), Anchor::Center);
            self.cube(canvas, [&x, &y, &z]);
            self.patches(canvas, &z);
        })
    }

    /// The far faces' grid with numbers along the near edges.
    fn cube(&self, canvas: &Canvas, [x, y, z]: [&Axis; 3]) {
        // The sides of the cube that are away from the viewer.
        let far = |along: Space| {
            if self.turned(along)[2] > self.turned([0.0, 0.0, along[2]])[2] { 0.0 } else { 1.0 }
        };
        let (far_x, far_y) = (far([1.0, 0.0, 0.0]), far([0.0, 1.0, 0.0]));
        let (near_x, near_y) = (1.0 - far_x, 1.0 - far_y);
        let grid = |from: Space, to: Space| {
            let style = Style { color: canvas.colors().grid, dashed: false };
            canvas.stroke(&[self.place(from), self.place(to)], 1.0, style);
        };
        for (share, tick) in x.ticks(5) {
            grid([share, far_y, 0.0], [share, far_y, 1.0]);
            grid([share, 0.0, 0.0], [share, 1.0, 0.0]);
            self.number(canvas, &tick.label, [share, near_y, 0.0], [0.0, near_y - 0.5, 0.0]);
        }
        for (share, tick) in y.ticks(5) {
            grid([far_x, share, 0.0], [far_x, share, 1.0]);
            grid([0.0, share, 0.0], [1.0, share, 0.0]);
            self.number(canvas, &tick.label, [near_x, share, 0.0], [near_x - 0.5, 0.0, 0.0]);
        }
        // Heights stand at the left edge of the far faces.
        let edges = [[far_x, near_y], [near_x, far_y]];
        let left = |edge: &[f64; 2]| self.place([edge[0], edge[1], 0.0]).0;
        let [edge_x, edge_y] = if left(&edges[0]) < left(&edges[1]) { edges[0] } else { edges[1] };
        for (share, tick) in z.ticks(5) {
            grid([far_x, 0.0, share], [far_x, 1.0, share]);
            grid([0.0, far_y, share], [1.0, far_y, share]);
            let (px, py) = self.place([edge_x, edge_y, share]);
            canvas.text(&tick.label, TICK_SIZE, canvas.colors().soft_ink, (px - 8.0, py), Anchor::Right);
        }
        let axis = Style { color: canvas.colors().axis, dashed: false };
        for [from, to] in [
            [[0.0, near_y, 0.0], [1.0, near_y, 0.0]],
            [[near_x, 0.0, 0.0], [near_x, 1.0, 0.0]],
            [[edge_x, edge_y, 0.0], [edge_x, edge_y, 1.0]],
        ] {
            canvas.stroke(&[self.place(from), self.place(to)], 1.0, axis);
        }
        self.label(canvas, &self.x_label, [0.5, near_y, 0.0], [0.0, near_y - 0.5, 0.0]);
        self.label(canvas, &self.y_label, [near_x, 0.5, 0.0], [near_x - 0.5, 0.0, 0.0]);
        let at = (self.place([edge_x, edge_y, 0.5]).0 - 62.0, self.place([edge_x, edge_y, 0.5]).1);
        canvas.text(
            &fit(&self.z_label, LABEL_SIZE, 260.0),
            LABEL_SIZE,
            canvas.colors().ink,
            at,
            Anchor::Upward,
        );
    }

    /// A number a little outside of the base's edge.
    fn number(&self, canvas: &Canvas, text: &str, at: Space, out: Space) {
        canvas.text(text, TICK_SIZE, canvas.colors().soft_ink, self.outside(at, out, 17.0), Anchor::Center);
    }

    fn label(&self, canvas: &Canvas, text: &str, at: Space, out: Space) {
        let text = fit(text, LABEL_SIZE, 200.0);
        canvas.text(&text, LABEL_SIZE, canvas.colors().ink, self.outside(at, out, 44.0), Anchor::Center);
    }

    fn outside(&self, at: Space, out: Space, pixels: f64) -> (f64, f64) {
        let (x, y) = self.place(at);
        let (further_x, further_y) = self.place([at[0] + out[0], at[1] + out[1], at[2] + out[2]]);
        let (dx, dy) = (further_x - x, further_y - y);
        let length = dx.hypot(dy).max(1e-9);
        (x + pixels * dx / length, y + pixels * dy / length)
    }

    /// The surface in quadrangles, the farthest first.
    fn patches(&self, canvas: &Canvas, z: &Axis) {
        let field = &self.field;
        let (rows, columns) = (field.rows.min(61), field.columns.min(61));
        let corner = |row: usize, column: usize| {
            let (x, y) = (column as f64 / (columns - 1) as f64, row as f64 / (rows - 1) as f64);
            [x, y, z.position(field.at(x, y))]
        };
        let mut patches: Vec<(f64, [Space; 4])> = Vec::new();
        for row in 0..rows.saturating_sub(1) {
            for column in 0..columns.saturating_sub(1) {
                let corners = [
                    corner(row, column),
                    corner(row, column + 1),
                    corner(row + 1, column + 1),
                    corner(row + 1, column),
                ];
                if corners.iter().flatten().all(|value| value.is_finite()) {
                    // Sorted by the base alone: heights hide nothing that is nearer on it.
                    let near = corners.iter().map(|&[x, y, _]| self.turned([x, y, 0.0])[2]).sum();
                    patches.push((near, corners));
                }
            }
        }
        patches.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (_, corners) in patches {
            let height = corners.iter().map(|corner| corner[2]).sum::<f64>() / 4.0;
            let color = field.rgb(z.value(height.clamp(0.0, 1.0)), z, canvas.theme());
            let [r, g, b] = shaded(color, &corners);
            let clamped = corners.map(|[x, y, z]| self.place([x, y, z.clamp(0.0, 1.0)]));
            let color = Color(r, g, b);
            canvas.polygon(&clamped, color);
            // The stroke covers the gaps between antialiased edges.
            let [a, b, c, d] = clamped;
            canvas.stroke(&[a, b, c, d, a], 1.2, Style { color, dashed: false });
        }
    }
}

/// A colour in the light from the upper left: steep patches turned away from it are darker.
fn shaded(color: [u8; 3], corners: &[Space; 4]) -> [u8; 3] {
    let across = |a: usize, b: usize| [0, 1, 2].map(|i| corners[a][i] - corners[b][i]);
    let ([ax, ay, az], [bx, by, bz]) = (across(2, 0), across(3, 1));
    let normal = [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
    let length = normal.iter().map(|n| n * n).sum::<f64>().sqrt().max(1e-12);
    let light = [-0.35, -0.25, 0.9];
    let cosine: f64 = normal.iter().zip(light).map(|(n, l)| n / length * l).sum();
    let shade = 0.62 + 0.38 * cosine.abs();
    color.map(|channel| (f64::from(channel) * shade).round() as u8)
}
