//! Where an axis has its ticks, and what is written at them.

/// A place on an axis that gets a grid line and, where `label` is not empty, a number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub value: f64,
    pub label: String,
}

/// The multiples of 1, 2 or 5 times a power of ten between `low` and `high`: at most `most` of them,
/// and only whole numbers if `whole`.
pub(crate) fn linear(low: f64, high: f64, most: usize, whole: bool) -> Vec<Tick> {
    let rough = (high - low) / most.max(1) as f64;
    let magnitude = rough.log10().floor() as i32;
    let mut steps = (magnitude..).flat_map(|exponent| [(1.0, exponent), (2.0, exponent), (5.0, exponent)]);
    let fits = |&(factor, exponent): &(f64, i32)| {
        let multiple = |value: f64| scaled(value, -exponent) / factor;
        let count = (multiple(high) + SLACK).floor() - (multiple(low) - SLACK).ceil() + 1.0;
        count <= most.max(1) as f64 && (exponent >= 0 || !whole)
    };
    let (factor, exponent) = steps.find(fits).unwrap_or((1.0, magnitude));

    let first = (scaled(low, -exponent) / factor - SLACK).ceil();
    let last = (scaled(high, -exponent) / factor + SLACK).floor();
    let count = (last - first + 1.0).max(0.0) as usize;
    // Adding 0 turns -0 into 0.
    let values: Vec<f64> = (0..count).map(|i| scaled((first + i as f64) * factor, exponent) + 0.0).collect();
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    values.into_iter().map(|value| Tick { value, label: number(value, largest, exponent) }).collect()
}

/// Ticks between 10^`low` and 10^`high`, whose values are logarithms: powers of ten with at most `most` labels, and their
/// multiples if the powers are few.
pub(crate) fn logarithmic(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let inside = |value: f64| (low - SLACK..=high + SLACK).contains(&value);
    let exponents = low.floor() as i32..=high.ceil() as i32;
    let multiples = |factors: &[u8]| -> Vec<(u8, i32, f64)> {
        let place =
            |factor: u8, exponent: i32| (factor, exponent, f64::from(exponent) + f64::from(factor).log10());
        let all =
            exponents.clone().flat_map(|exponent| factors.iter().map(move |&factor| place(factor, exponent)));
        all.filter(|&(_, _, value)| inside(value)).collect()
    };

    let powers = multiples(&[1]);
    let stride = powers.len().div_ceil(most.max(1)).max(1) as i32;
    let labelled: &[u8] = match powers.len() {
        3.. => &[1],
        _ if multiples(&[1, 2, 5]).len() >= 3 => &[1, 2, 5],
        _ if multiples(&[1, 2, 3, 4, 6, 8]).len() >= 3 => &[1, 2, 3, 4, 6, 8],
        _ => return within_a_decade(low, high, most),
    };
    let all: &[u8] = if powers.len() > 8 { &[1] } else { &[1, 2, 3, 4, 5, 6, 7, 8, 9] };
    let label = |factor: u8, exponent: i32| match exponent {
        _ if !labelled.contains(&factor) => String::new(),
        -3..=3 => format!("{:.*}", (-exponent).max(0) as usize, scaled(f64::from(factor), exponent)),
        _ => format!("{factor}e{exponent}"),
    };
    multiples(all)
        .into_iter()
        .filter(|&(_, exponent, _)| exponent % stride == 0)
        .map(|(factor, exponent, value)| Tick { value, label: label(factor, exponent) })
        .collect()
}

/// Even steps, placed logarithmically, since a part of a decade holds too few round multiples.
fn within_a_decade(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let ticks = linear(10_f64.powf(low), 10_f64.powf(high), most, false);
    let logarithm = |tick: Tick| Tick { value: tick.value.log10(), ..tick };
    ticks.into_iter().filter(|tick| tick.value > 0.0).map(logarithm).collect()
}

/// Part of a step by which a rounded tick may miss the range.
const SLACK: f64 = 1e-9;

/// `value * 10^exponent`; dividing by a positive power rounds decimals such as 0.1 correctly.
fn scaled(value: f64, exponent: i32) -> f64 {
    if exponent < 0 { value / 10_f64.powi(-exponent) } else { value * 10_f64.powi(exponent) }
}

/// The label of a number on a scale whose largest is `largest` and whose steps are multiples of 10^`exponent`.
fn number(value: f64, largest: f64, exponent: i32) -> String {
    let digits = |unit: i32| (unit - exponent).max(0) as usize;
    let size = largest.log10().floor() as i32;
    let (unit, suffix) = match size {
        _ if value == 0.0 => {
            return format!("{:.*}", if (-3..4).contains(&size) { digits(0) } else { 0 }, 0.0);
        }
        -3..4 => (0, ""),
        4..6 => (3, "k"),
        6..9 => (6, "M"),
        9..12 => (9, "G"),
        _ => return format!("{:.*}e{size}", digits(size), scaled(value, -size)),
    };
    format!("{:.*}{suffix}", digits(unit), scaled(value, -unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    #[test]
    fn even_steps_are_round_and_written_alike() {
        let of = |low, high| labels(linear(low, high, 8, false));
        assert_eq!(of(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(of(0.0, 4080.0), ["0", "1000", "2000", "3000", "4000"]);
        assert_eq!(of(-0.11, 0.11), ["-0.10", "-0.05", "0.00", "0.05", "0.10"]);
        assert_eq!(of(0.0, 2e4), ["0", "5k", "10k", "15k", "20k"]);
        assert_eq!(of(0.0, 2.6e6), ["0", "0.5M", "1.0M", "1.5M", "2.0M", "2.5M"]);
        assert_eq!(of(0.0, 1.6e-5), ["0", "0.5e-5", "1.0e-5", "1.5e-5"]);
        assert_eq!(of(1e9, 1e9 + 2.0).len(), 5);
        assert_eq!(labels(linear(0.9, 3.2, 8, true)), ["1", "2", "3"]);
    }

    #[test]
    fn there_are_never_too_many_and_always_some() {
        for exponent in -99..99 {
            for (low, high) in [(0.0, 1.0), (-1.0, 0.3), (0.17, 9.3), (6.1, 6.8)] {
                let scale = 10_f64.powi(exponent);
                for most in 4..10 {
                    let ticks = linear(low * scale, high * scale, most, false);
                    assert!((1..=most).contains(&ticks.len()), "{low} to {high} e{exponent}: {ticks:?}");
                    assert!(ticks.windows(2).all(|pair| pair[0].label != pair[1].label), "{ticks:?}");
                }
            }
        }
    }

    #[test]
    fn logarithmic_labels_suit_the_number_of_decades() {
        let of = |low: f64, high: f64| labels(logarithmic(low.log10(), high.log10(), 8));
        assert_eq!(of(1e-4, 2.0), ["1e-4", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(of(0.15, 3.0), ["0.2", "0.5", "1", "2"]);
        assert_eq!(of(0.9, 4.5), ["1", "2", "3", "4"]);
        assert_eq!(of(4.0, 5.0), ["4.0", "4.2", "4.4", "4.6", "4.8", "5.0"]);
        assert_eq!(of(1e-30, 1e30), ["1e-24", "1e-16", "1e-8", "1", "1e8", "1e16", "1e24"]);
    }
}
