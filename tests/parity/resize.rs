//! Resizing.

use autograd::{Interpolation, Resize, Tensor};

use super::call::{Answer, Call};

pub fn run(c: &Call) -> Option<Answer> {
    Some(match c.op {
        "interpolate" => interpolate(c).map(|y| vec![y]),
        "pixel_shuffle" => Ok(vec![c.at(0).pixel_shuffle(c.attrs.size("upscale_factor").expect("a factor"))]),
        "pixel_unshuffle" => {
            Ok(vec![c.at(0).pixel_unshuffle(c.attrs.size("downscale_factor").expect("a factor"))])
        }
        _ => return None,
    })
}

fn interpolate(c: &Call) -> Result<Tensor, super::call::Unsupported> {
    let (a, x) = (&c.attrs, c.at(0));
    let align_corners = a.flag("align_corners");
    let mode = match a.text("mode").unwrap_or("nearest") {
        "nearest" => Interpolation::Nearest,
        "nearest-exact" => Interpolation::NearestExact,
        "linear" | "bilinear" | "trilinear" => Interpolation::Linear { align_corners },
        "bicubic" => Interpolation::Cubic { align_corners },
        "area" => Interpolation::Area,
        other => return Err(c.without(other)),
    };
    if a.flag("antialias") {
        return Err(c.without("antialias"));
    }
    if let Some(sizes) = a.sizes("size") {
        return Ok(x.interpolate(Resize::To(&sizes), mode));
    }
    let factors = a.get("scale_factor").expect("size or scale_factor");
    let factors = factors.as_array().cloned().unwrap_or_else(|| vec![factors.clone()]);
    let factors: Vec<f64> = factors.iter().map(|f| f.as_f64().expect("a number")).collect();
    if a.flag("recompute_scale_factor") {
        let size = |(d, &n): (usize, &usize)| (n as f64 * factors[d % factors.len()]) as usize;
        let sizes: Vec<usize> = x.shape()[2..].iter().enumerate().map(size).collect();
        return Ok(x.interpolate(Resize::To(&sizes), mode));
    }
    Ok(x.interpolate(Resize::By(&factors), mode))
}
