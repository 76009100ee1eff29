//! Small cases of every kernel family, a file for each file of `kernels`.

mod attention;
mod batch_norm;
mod channel_parts;
mod conv2d;
mod cross_entropy;
mod epilogue;
mod gather;
mod int8;
mod lattice;
mod layer_norm;
mod map;
mod matmul;
mod optim;
mod packed;
mod partial_sums;
mod pool2d;
mod random;
mod recurrent;
mod reduce;
mod scan;
mod softmax;
mod sort;
mod zero_ranges;

use super::twin::{Case, Words};
use crate::philox::{philox, uniform};

/// All cases.
pub(super) fn all() -> Vec<Case> {
    [
        attention::cases(),
        batch_norm::cases(),
        channel_parts::cases(),
        conv2d::cases(),
        cross_entropy::cases(),
        epilogue::cases(),
        gather::cases(),
        int8::cases(),
        lattice::cases(),
        layer_norm::cases(),
        map::cases(),
        matmul::cases(),
        optim::cases(),
        packed::cases(),
        partial_sums::cases(),
        pool2d::cases(),
        random::cases(),
        recurrent::cases(),
        reduce::cases(),
        scan::cases(),
        softmax::cases(),
        sort::cases(),
        zero_ranges::cases(),
    ]
    .concat()
}

/// Numbers between -1 and 1, in steps of 2^-23.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let number = |i: usize| 2.0 * uniform(philox(seed, i as u64 / 4, 0)[i % 4]) - 1.0;
    (0..count).map(number).collect()
}

/// Floats of words.
fn values(words: &[u32]) -> Vec<f32> {
    words.iter().map(|&w| f32::from_bits(w)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{Words, all};

    /// Types that implement `Kernel` in the files of a directory and those below it.
    fn kernels(directory: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                kernels(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines().filter(|line| line.starts_with("impl")) {
                if let Some((_, name)) = line.split_once("Kernel for ") {
                    found.insert(name.chars().take_while(|c| c.is_alphanumeric()).collect());
                }
            }
        }
    }

    #[test]
    fn every_kernel_has_a_case() {
        let mut want = BTreeSet::new();
        kernels(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels"), &mut want);
        assert!(want.len() > 30, "{want:?}");
        // The name of a kernel's type is how its derived Debug begins.
        let name = |text: String| text.chars().take_while(|c| c.is_alphanumeric()).collect();
        let have: BTreeSet<String> = all().iter().map(|case| name(format!("{:?}", case.kernel))).collect();
        assert_eq!(have, want, "kernels without a case, or cases of something else");
    }

    /// A case whose results are all the same number, or not numbers, would say little.
    #[test]
    fn cases_have_results() {
        for case in all() {
            let results = case.results();
            for (i, access) in case.kernel.access().into_iter().enumerate() {
                if access == crate::Access::Read {
                    continue;
                }
                let distinct: BTreeSet<u32> = results[i].iter().copied().collect();
                assert!(distinct.len() > 1 || results[i].len() == 1, "{:?}: argument {i}", case.kernel);
                let numbers = results[i].iter().filter(|&&w| f32::from_bits(w).is_finite()).count();
                let enough = case.types[i] != Words::Floats || 2 * numbers >= results[i].len();
                assert!(enough, "{:?}: argument {i}: {numbers} of {}", case.kernel, results[i].len());
            }
        }
    }
}
