//! Fewer bytes for slow links: values of 8 bits, or the largest ones only. What is lost is added to what is sent next.

use std::sync::{Arc, Mutex};

/// How values are made smaller before they are sent. Each rank sends its own to all others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Compression {
    /// 8 bits a value, in blocks of 1,024 with a scale of their own (Dettmers 2016).
    Int8,
    /// The given share of the values, those of the largest magnitude, 8 bytes each (Stich et al. 2018).
    TopK(f32),
}

/// Elements with a common scale.
const BLOCK: usize = 1024;

/// Compresses vectors of one length, one after the other, with error feedback (Seide et al. 2014).
#[derive(Debug)]
pub(crate) struct Compressor {
    compression: Compression,
    /// What earlier vectors have lost.
    lost: Vec<f32>,
}

/// The compressor of a bucket, once its size is known.
pub(crate) type Kept = Arc<Mutex<Option<Compressor>>>;

impl Compressor {
    pub fn new(compression: Compression, elements: usize) -> Compressor {
        Compressor { compression, lost: vec![0.0; elements] }
    }

    /// The bytes of `values` and of what was lost before.
    pub fn encode(&mut self, values: &[f32]) -> Vec<u8> {
        self.lost.iter_mut().zip(values).for_each(|(lost, value)| *lost += value);
        let bytes = match self.compression {
            Compression::Int8 => int8(&self.lost),
            Compression::TopK(share) => top_k(&self.lost, share),
        };
        self.add(&bytes, -1.0);
        bytes
    }

    fn add(&mut self, bytes: &[u8], factor: f32) {
        add(self.compression, bytes, factor, &mut self.lost);
    }
}

/// Adds `factor` times the values that were encoded as `bytes` to `out`. A value that is not finite makes all values of its block so.
pub(crate) fn add(compression: Compression, bytes: &[u8], factor: f32, out: &mut [f32]) {
    match compression {
        Compression::Int8 => {
            let mut rest = bytes;
            for block in out.chunks_mut(BLOCK) {
                let (scale, values) = rest.split_at(4);
                let (values, later) = values.split_at(block.len());
                let scale = factor * word(scale, f32::from_le_bytes);
                block.iter_mut().zip(values).for_each(|(out, &v)| *out += scale * f32::from(v as i8));
                rest = later;
            }
        }
        Compression::TopK(_) => {
            for pair in bytes.chunks_exact(8) {
                let at = word(&pair[..4], u32::from_le_bytes) as usize;
                out[at] += factor * word(&pair[4..], f32::from_le_bytes);
            }
        }
    }
}

fn word<T>(bytes: &[u8], of: impl Fn([u8; 4]) -> T) -> T {
    of(bytes.try_into().expect("four bytes"))
}

fn int8(values: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() + 4 * values.len().div_ceil(BLOCK));
    for block in values.chunks(BLOCK) {
        // NaN and infinity have to reach the other ranks.
        let finite = block.iter().all(|v| v.is_finite());
        let most = if finite { block.iter().fold(0.0f32, |most, v| most.max(v.abs())) } else { f32::NAN };
        let scale = most / 127.0;
        bytes.extend_from_slice(&scale.to_le_bytes());
        let code =
            |v: &f32| if scale > 0.0 { (v / scale).round().clamp(-127.0, 127.0) as i8 as u8 } else { 0 };
        bytes.extend(block.iter().map(code));
    }
    bytes
}

fn top_k(values: &[f32], share: f32) -> Vec<u8> {
    let count = (values.len() as f64 * f64::from(share)).round() as usize;
    let count = count.clamp(1.min(values.len()), values.len());
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    let size = |i: &u32| values[*i as usize].abs();
    if count < order.len() {
        // Ties go to the first.
        order.select_nth_unstable_by(count, |a, b| size(b).total_cmp(&size(a)).then(a.cmp(b)));
        order.truncate(count);
    }
    order.sort_unstable();
    order.iter().flat_map(|&i| [i.to_le_bytes(), values[i as usize].to_le_bytes()].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + seed * 101) % 97) as f32 / 97.0 - 0.5).collect()
    }

    #[test]
    fn eight_bits_are_near() {
        let values = values(2500, 1);
        let (bytes, mut out) = (int8(&values), vec![0.0; 2500]);
        assert_eq!(bytes.len(), 2500 + 3 * 4);
        add(Compression::Int8, &bytes, 2.0, &mut out);
        for (out, value) in out.iter().zip(&values) {
            assert!((out - 2.0 * value).abs() <= 0.5 / 127.0 + 1e-6, "{out} {value}");
        }
    }

    #[test]
    fn the_largest_are_kept() {
        let (bytes, mut out) = (top_k(&[0.1, -3.0, 2.0, 0.0, -0.5], 0.4), vec![0.0; 5]);
        add(Compression::TopK(0.4), &bytes, 1.0, &mut out);
        assert_eq!(out, [0.0, -3.0, 2.0, 0.0, 0.0]);
        assert!(top_k(&[], 0.5).is_empty());
        assert_eq!(top_k(&[1.0, 2.0], 1e-9).len(), 8);
    }

    /// What is lost at one time is sent later: the sums of many vectors agree.
    #[test]
    fn nothing_is_lost_for_good() {
        for compression in [Compression::Int8, Compression::TopK(0.05)] {
            let mut compressor = Compressor::new(compression, 300);
            let (mut sent, mut wanted) = (vec![0.0; 300], vec![0.0; 300]);
            for seed in 0..200 {
                let values = values(300, seed);
                add(compression, &compressor.encode(&values), 1.0, &mut sent);
                wanted.iter_mut().zip(&values).for_each(|(w, v)| *w += v);
            }
            for ((sent, wanted), lost) in sent.iter().zip(&wanted).zip(&compressor.lost) {
                assert!((sent + lost - wanted).abs() < 1e-2, "{compression:?}: {sent} + {lost}, {wanted}");
                assert!(lost.abs() < 20.0, "{lost}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_told() {
        for compression in [Compression::Int8, Compression::TopK(0.5)] {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut out = vec![0.0; 3];
                add(compression, &Compressor::new(compression, 3).encode(&[0.0, bad, 1.0]), 1.0, &mut out);
                assert!(!out[1].is_finite(), "{compression:?} {bad}: {out:?}");
            }
        }
    }
}
