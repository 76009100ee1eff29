//! Mu-law companding: samples as few classes, finer near zero (ITU-T G.711).

/// Classes `0..classes` of samples in -1..1, as `torchaudio.functional.mu_law_encoding`: `sign(x) ln(1 + mu |x|) / ln(1 + mu)`
/// with `mu = classes - 1`, in equal steps. Louder samples are clipped.
///
/// ```
/// use data::audio::{mu_law_decode, mu_law_encode};
/// assert_eq!(mu_law_encode(&[-1.0, 0.0, 1.0, 0.1], 256), [0, 128, 255, 203]);
/// let back = mu_law_decode(&[0, 128, 255], 256);
/// assert!(back[0] == -1.0 && back[1].abs() < 1e-4 && back[2] == 1.0);
/// ```
///
/// # Panics
/// With fewer than 2 classes.
#[track_caller]
pub fn mu_law_encode(samples: &[f32], classes: usize) -> Vec<i32> {
    let mu = mu(classes);
    let encode = |&x: &f32| {
        let x = f64::from(x).clamp(-1.0, 1.0);
        let y = x.signum() * (mu * x.abs()).ln_1p() / mu.ln_1p();
        ((y + 1.0) / 2.0 * mu + 0.5) as i32
    };
    samples.iter().map(encode).collect()
}

/// The samples of classes, as `torchaudio.functional.mu_law_decoding`.
///
/// # Panics
/// With fewer than 2 classes.
#[track_caller]
pub fn mu_law_decode(classes_of: &[i32], classes: usize) -> Vec<f32> {
    let mu = mu(classes);
    let decode = |&class: &i32| {
        let y = f64::from(class) / mu * 2.0 - 1.0;
        (y.signum() * ((y.abs() * mu.ln_1p()).exp() - 1.0) / mu) as f32
    };
    classes_of.iter().map(decode).collect()
}

#[track_caller]
fn mu(classes: usize) -> f64 {
    assert!(classes >= 2, "mu-law: {classes} classes");
    (classes - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_come_back_and_samples_nearly() {
        for classes in [16, 256] {
            let all: Vec<i32> = (0..classes as i32).collect();
            assert_eq!(mu_law_encode(&mu_law_decode(&all, classes), classes), all);
        }
        // A step is at most this share of a sample's size, or of the range near 0.
        for i in -100..=100 {
            let x = i as f32 / 100.0;
            let back = mu_law_decode(&mu_law_encode(&[x], 256), 256)[0];
            assert!((back - x).abs() < 0.012 * (x.abs() + 0.02) * 2.0, "{back} of {x}");
        }
    }
}
