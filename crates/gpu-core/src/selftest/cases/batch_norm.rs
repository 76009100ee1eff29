use super::{Case, noise};
use crate::kernels::{Binary, ChannelMoments, ChannelSums, Instr, Program, Prologue, Unary};
use crate::{DType, Layout};

pub(super) fn cases() -> Vec<Case> {
    [[3, 4, 7], [37, 5, 1], [2, 3, 900]].into_iter().flat_map(both).collect()
}

/// Statistics of `relu(x + shift)` with one shift per channel, and sums of a gradient over them.
fn both([batch, channels, spatial]: [usize; 3]) -> [Case; 2] {
    let shape = [batch, channels, spatial];
    let count = shape.iter().product();
    let code = [Instr::Binary(Binary::Add, 0, 1), Instr::Unary(Unary::Relu, 2)];
    let layouts = vec![Layout::contiguous(&shape), Layout::new(shape.to_vec(), vec![0, 1, 0], 0)];
    let x = Prologue::new(Program::new(&[DType::F32; 2], &code), layouts);
    let dy = Prologue::plain(DType::F32, Layout::contiguous(&shape));
    let moments = Case::new(ChannelMoments { batch, channels, spatial, x: x.clone() }, 2e-5);
    let sums = Case::new(ChannelSums { batch, channels, spatial, x, dy }, 2e-5);
    let [moments, sums] =
        [moments, sums].map(|case| case.floats(&noise(count, 1)).floats(&noise(channels, 2)));
    let sums = sums.floats(&noise(count, 3)).floats(&vec![0.5; channels]);
    [moments, sums].map(|case| case.writes(channels).writes(channels))
}
