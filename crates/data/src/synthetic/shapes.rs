//! Signed distances to the edges of the ten shapes: below 0 inside, above 0 outside.
//!
//! A shape has a radius of about 1 around the origin. Everything is made of `+ - * /` and square roots, which
//! IEEE 754 rounds exactly: no library's sine can change a pixel from one platform to another.

/// The distance from the point `(x, y)` to the edge of the shape of class `class`.
pub(super) fn distance(class: usize, x: f32, y: f32) -> f32 {
    match class {
        0 => length(x, y) - 0.9,
        1 => (length(x, y) - 0.75).abs() - 0.2,
        2 => block(x, y, 0.8, 0.8),
        3 => triangle(x, y),
        4 => block(x, y, 1.0, 0.28).min(block(x, y, 0.28, 1.0)),
        5 => star(x, y),
        6 => stripes(x, y),
        7 => checkerboard(x, y),
        8 => dots(x, y),
        _ => spiral(x, y),
    }
}

fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

fn block(x: f32, y: f32, half_width: f32, half_height: f32) -> f32 {
    let (dx, dy) = (x.abs() - half_width, y.abs() - half_height);
    length(dx.max(0.0), dy.max(0.0)) + dx.max(dy).min(0.0)
}

fn triangle(x: f32, y: f32) -> f32 {
    const COS_30: f32 = 0.866_025_4;
    let side = COS_30 * x.abs() + 0.5 * y;
    side.max(-y) - 0.55
}

/// A star of five points: the plane is folded onto one half of a point.
fn star(x: f32, y: f32) -> f32 {
    const COS_36: f32 = 0.809_017;
    const SIN_36: f32 = 0.587_785_25;
    const RADIUS: f32 = 1.15;
    const SHARPNESS: f32 = 0.42;
    let mut x = x.abs();
    let mut y = y;
    let fold = 2.0 * (COS_36 * x - SIN_36 * y).max(0.0);
    (x, y) = (x - fold * COS_36, y + fold * SIN_36);
    let fold = 2.0 * (-COS_36 * x - SIN_36 * y).max(0.0);
    (x, y) = ((x + fold * COS_36).abs(), y + fold * SIN_36 - RADIUS);
    let (edge_x, edge_y) = (SHARPNESS * SIN_36, SHARPNESS * COS_36 - 1.0);
    let along = ((x * edge_x + y * edge_y) / (edge_x * edge_x + edge_y * edge_y)).clamp(0.0, RADIUS);
    let away = length(x - edge_x * along, y - edge_y * along);
    if y * edge_x - x * edge_y < 0.0 { -away } else { away }
}

/// Upright bars as wide as the gaps between them, in a square.
fn stripes(x: f32, y: f32) -> f32 {
    const PITCH: f32 = 0.5;
    let place = x / PITCH;
    let bar = (place - place.round()).abs() * PITCH - 0.25 * PITCH;
    block(x, y, 1.0, 1.0).max(bar)
}

/// Four by four cells, of which two interleaved grids of two by two are filled.
fn checkerboard(x: f32, y: f32) -> f32 {
    let grid = |origin: f32, first: f32| {
        let nearest = |v: f32| origin + (v - origin).round().clamp(first, first + 1.0);
        block(x - nearest(x), y - nearest(y), 0.25, 0.25)
    };
    grid(0.25, -1.0).min(grid(-0.25, 0.0))
}

/// Three by three dots.
fn dots(x: f32, y: f32) -> f32 {
    const PITCH: f32 = 0.75;
    let nearest = |v: f32| (v / PITCH).round().clamp(-1.0, 1.0) * PITCH;
    length(x - nearest(x), y - nearest(y)) - 0.23
}

/// One arm of two turns: its distance from the centre grows with the angle.
fn spiral(x: f32, y: f32) -> f32 {
    const PITCH: f32 = 0.5;
    let radius = length(x, y);
    let place = radius / PITCH - turn(x, y);
    let arm = (place - place.round()).abs() * PITCH - 0.13;
    arm.max(radius - 1.05)
}

/// The angle of `(x, y)` in turns, -0.5 to 0.5, to about a thousandth.
fn turn(x: f32, y: f32) -> f32 {
    let (small, large) = (x.abs().min(y.abs()), x.abs().max(y.abs()));
    let ratio = small / large.max(f32::MIN_POSITIVE);
    let eighth = ratio * (0.125 + 0.0435 * (1.0 - ratio));
    let quarter = if y.abs() > x.abs() { 0.25 - eighth } else { eighth };
    let half = if x < 0.0 { 0.5 - quarter } else { quarter };
    if y < 0.0 { -half } else { half }
}
