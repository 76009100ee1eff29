//! Memory statistics of a device, and its memory limit.

use serde::Serialize;

use crate::buffer::{Class, Role};
use crate::pool::Balance;
use crate::{Error, Result};

/// Bytes of a device's memory. Sizes are those of the buffers, which are up to an eighth larger than requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryUse {
    /// In use: the sum of all fields by role.
    pub in_use: u64,
    /// Free, and kept for later buffers.
    pub cached: u64,
    /// The most in use at once since the device was opened or last [trimmed](crate::Device::trim).
    pub peak: u64,
    /// Limit of in-use and cached memory together.
    pub limit: Option<u64>,
    /// Trainable parameters.
    pub parameters: u64,
    /// Gradients of parameters.
    pub gradients: u64,
    /// Optimizer state and running statistics.
    pub state: u64,
    /// Evaluated tensors.
    pub activations: u64,
    /// Data that came from the host.
    pub input: u64,
    /// The temporaries of all command graphs, which share them.
    pub temporaries: u64,
    /// Staging memory for readbacks.
    pub staging: u64,
}

impl From<Balance> for MemoryUse {
    fn from(balance: Balance) -> MemoryUse {
        let of = |class: Class| balance.in_use[class.index()] as u64;
        let values = |role| of(Class::Values(role));
        MemoryUse {
            in_use: balance.in_use.iter().sum::<usize>() as u64,
            cached: balance.cached as u64,
            peak: balance.peak as u64,
            limit: balance.limit.map(|limit| limit as u64),
            parameters: values(Role::Parameter),
            gradients: values(Role::Gradient),
            state: values(Role::State),
            activations: values(Role::Activation),
            input: values(Role::Input),
            temporaries: of(Class::Temporary),
            staging: of(Class::Staging),
        }
    }
}

/// The limit set by `WGRAD_MEMORY_LIMIT`.
///
/// # Errors
/// [`Error::MemoryLimit`] if it is not a number of bytes.
pub(crate) fn limit_from_environment() -> Result<Option<usize>> {
    match std::env::var("WGRAD_MEMORY_LIMIT") {
        Ok(text) if !text.is_empty() => {
            let bytes = parse_bytes(&text).filter(|&bytes| bytes > 0);
            bytes.map(Some).ok_or(Error::MemoryLimit { value: text })
        }
        _ => Ok(None),
    }
}

/// Bytes of a text such as `1048576`, `500MB` or `1.5 GiB`.
fn parse_bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (text[..end].parse::<f64>().ok()?, text[end..].trim());
    let (base, rest) = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => return number.fract().eq(&0.0).then_some(number as usize),
        unit => match unit.strip_suffix("ib") {
            Some(prefix) => (1024f64, prefix.to_owned()),
            None => (1000f64, unit.strip_suffix('b')?.to_owned()),
        },
    };
    let power = ["k", "m", "g", "t"].iter().position(|prefix| *prefix == rest)? as i32 + 1;
    Some((number * base.powi(power)) as usize)
}

#[cfg(test)]
mod tests {
    use super::parse_bytes;

    #[test]
    fn sizes() {
        let cases = [
            ("1048576", 1 << 20),
            (" 512 B ", 512),
            ("500MB", 500_000_000),
            ("4GiB", 4 << 30),
            ("1.5 gib", 3 << 29),
            ("2kb", 2000),
            ("1TiB", 1 << 40),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "GiB", "4 gigs", "-1", "4Gi", "1.5", "1e9", "nan", "4GiBs", "1..5MB"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }
}
