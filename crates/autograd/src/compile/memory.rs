//! Memory planning: temporaries whose lifetimes do not overlap share a buffer.

use gpu_core::Role;

/// A temporary of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Temp {
    pub bytes: usize,
    pub role: Role,
    /// First and last launch that use it.
    pub first: usize,
    pub last: usize,
}

/// Assigns a buffer to every temporary: the buffer's number for each, and the sizes of the buffers.
pub(crate) fn plan(temps: &[Temp]) -> (Vec<usize>, Vec<(usize, Role)>) {
    let mut order: Vec<usize> = (0..temps.len()).collect();
    order.sort_by_key(|&t| temps[t].first);
    let mut placed = vec![0; temps.len()];
    let mut buffers: Vec<(usize, Role)> = vec![];
    // For each buffer, the launch after which it is free.
    let mut busy_until: Vec<usize> = vec![];
    for t in order {
        let temp = temps[t];
        let free = (0..buffers.len()).filter(|&b| buffers[b].1 == temp.role && busy_until[b] < temp.first);
        // The smallest that fits; otherwise the largest, grown.
        let best = free.min_by_key(|&b| match buffers[b].0.checked_sub(temp.bytes) {
            Some(spare) => (false, spare),
            None => (true, temp.bytes - buffers[b].0),
        });
        let buffer = best.unwrap_or_else(|| {
            buffers.push((0, temp.role));
            busy_until.push(0);
            buffers.len() - 1
        });
        buffers[buffer].0 = buffers[buffer].0.max(temp.bytes);
        busy_until[buffer] = temp.last;
        placed[t] = buffer;
    }
    (placed, buffers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temp(bytes: usize, first: usize, last: usize) -> Temp {
        Temp { bytes, role: Role::Activation, first, last }
    }

    #[test]
    fn a_chain_needs_two_buffers() {
        let chain: Vec<Temp> = (0..10).map(|i| temp(100, i, i + 1)).collect();
        let (placed, buffers) = plan(&chain);
        assert_eq!(buffers.len(), 2);
        assert!(placed.windows(2).all(|w| w[0] != w[1]));
    }

    #[test]
    fn overlapping_lives_are_kept_apart() {
        let temps = [temp(100, 0, 5), temp(50, 1, 2), temp(80, 3, 4), temp(10, 5, 6)];
        let (placed, buffers) = plan(&temps);
        assert_eq!(placed, [0, 1, 1, 1]);
        assert_eq!(buffers, [(100, Role::Activation), (80, Role::Activation)]);
    }
}
