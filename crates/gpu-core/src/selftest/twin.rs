//! A kernel on a device against its CPU twin: the one comparison behind the self-test and the tests.

use std::sync::{Arc, LazyLock};

use crate::{Access, Arg, Buffer, CommandGraph, Device, Half, Kernel, Launch, Result, Role, Slot, Target};

/// A kernel with arguments, and how far its results may be from those of the CPU twin.
#[derive(Clone)]
pub(crate) struct Case {
    pub kernel: Arc<dyn Kernel>,
    /// The words of every argument at the start.
    pub args: Vec<Vec<u32>>,
    /// What the words of every argument are.
    pub types: Vec<Words>,
    /// Allowed differences of floats, relative to the largest value of their argument.
    pub tolerance: f32,
}

/// What words are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Words {
    Numbers,
    Floats,
    /// Two in a word.
    Halves(Half),
}

impl Words {
    /// The values of words that are not numbers.
    fn values(self, words: &[u32]) -> Vec<f32> {
        match self {
            Words::Numbers | Words::Floats => bytemuck::cast_slice(words).to_vec(),
            Words::Halves(half) => {
                let mut values = vec![0.0f32; 2 * words.len()];
                half.unpack(bytemuck::cast_slice(words), bytemuck::cast_slice_mut(&mut values));
                values
            }
        }
    }

    /// Largest relative difference of two values that are rounded to neighbouring numbers.
    fn step(self) -> f32 {
        match self {
            Words::Numbers | Words::Floats => 0.0,
            Words::Halves(Half::F16) => 1.0 / 1024.0,
            Words::Halves(Half::BF16) => 1.0 / 128.0,
        }
    }
}

/// How far results are from those of the CPU twin.
pub(crate) struct Agreement {
    /// The largest difference of a float, relative to the largest value of its argument; of halves, what is beyond their rounding.
    pub difference: f32,
    /// The first result that is further off than allowed.
    pub wrong: Option<String>,
}

impl Case {
    pub fn new(kernel: impl Kernel + 'static, tolerance: f32) -> Case {
        Case { kernel: Arc::new(kernel), args: vec![], types: vec![], tolerance }
    }

    /// With one more argument, of floats.
    pub fn floats(self, values: &[f32]) -> Case {
        self.argument(values.iter().map(|x| x.to_bits()).collect(), Words::Floats)
    }

    /// With one more argument, of whole numbers.
    pub fn words(self, words: &[u32]) -> Case {
        self.argument(words.to_vec(), Words::Numbers)
    }

    /// With one more argument, of floats that are written; elements that are not stay NaN.
    pub fn writes(self, count: usize) -> Case {
        self.argument(vec![f32::NAN.to_bits(); count], Words::Floats)
    }

    /// With one more argument, of whole numbers that are written.
    pub fn writes_words(self, count: usize) -> Case {
        self.argument(vec![7; count], Words::Numbers)
    }

    fn argument(mut self, words: Vec<u32>, of: Words) -> Case {
        self.args.push(words);
        self.types.push(of);
        self
    }

    /// The words of all arguments after a run of the CPU twin.
    pub fn results(&self) -> Vec<Vec<u32>> {
        on_one_thread(self.kernel.clone(), &self.args).expect("the CPU has memory for a small case")
    }

    /// The kernel itself, and the ways to compute it on the device's kind of GPU, each with a text that names it.
    pub fn variants(&self, device: &Device) -> Vec<(String, Arc<dyn Kernel>)> {
        let variants = device.gpu_profile().and_then(|profile| self.kernel.variants(&profile));
        let options =
            variants.into_iter().flat_map(|v| v.options).map(|(name, k)| (format!("variant {name}: "), k));
        std::iter::once((String::new(), self.kernel.clone())).chain(options).collect()
    }

    /// The tolerance on a device: on the CPU, results are the same for every number of threads.
    pub fn allowed(&self, device: &Device) -> f32 {
        if device.target() == Target::Cpu { 0.0 } else { self.tolerance }
    }

    /// Runs `kernel`, this case's or a variant of it, on the device, and compares its outputs with those of the CPU twin.
    ///
    /// # Errors
    /// As [`CommandGraph::run`].
    pub fn check(&self, device: &Device, kernel: Arc<dyn Kernel>) -> Result<Agreement> {
        let want = on_one_thread(self.kernel.clone(), &self.args)?;
        let got = run_kernel(device, kernel, &self.args)?;
        Ok(self.compare(&want, &got, self.allowed(device)))
    }

    fn compare(&self, want: &[Vec<u32>], got: &[Vec<u32>], allowed: f32) -> Agreement {
        let mut agreement = Agreement { difference: 0.0, wrong: None };
        for (i, access) in self.kernel.access().into_iter().enumerate().filter(|(_, a)| *a != Access::Read) {
            let wrong = |j: usize, want: &dyn ToString, got: &dyn ToString| {
                let (want, got) = (want.to_string(), got.to_string());
                format!(
                    "argument {i} ({access:?}), element {j} is {got}, {want} on the CPU ({:?})",
                    self.kernel
                )
            };
            let of = self.types[i];
            if of == Words::Numbers {
                let differs = want[i].iter().zip(&got[i]).position(|(want, got)| want != got);
                if let Some(j) = differs {
                    agreement.wrong.get_or_insert_with(|| wrong(j, &want[i][j], &got[i][j]));
                }
                continue;
            }
            let (want, got) = (of.values(&want[i]), of.values(&got[i]));
            let scale = want.iter().filter(|x| x.is_finite()).fold(1e-6f32, |most, x| most.max(x.abs()));
            for (j, (want, got)) in want.iter().zip(&got).enumerate() {
                if want == got || (want.is_nan() && got.is_nan()) {
                    continue;
                }
                let difference = (want - got).abs() / scale - of.step();
                if difference.is_finite() {
                    agreement.difference = agreement.difference.max(difference);
                }
                // False for NaN.
                let close = difference <= allowed;
                if !close {
                    agreement.wrong.get_or_insert_with(|| wrong(j, want, got));
                }
            }
        }
        agreement
    }
}

/// The CPU twin's results, which do not depend on the number of threads.
fn on_one_thread(kernel: Arc<dyn Kernel>, args: &[Vec<u32>]) -> Result<Vec<Vec<u32>>> {
    static ONE: LazyLock<Result<Device>> = LazyLock::new(|| Device::cpu(Some(1)));
    run_kernel(ONE.as_ref().map_err(Clone::clone)?, kernel, args)
}

/// Runs `kernel` on `device`. `args` are the initial words of every argument (for written ones, too); the result is the
/// words of every argument afterwards.
///
/// # Errors
/// As [`CommandGraph::run`] and [`Device::upload`].
pub(crate) fn run_kernel(
    device: &Device,
    kernel: Arc<dyn Kernel>,
    args: &[Vec<u32>],
) -> Result<Vec<Vec<u32>>> {
    let mut slots: Vec<Slot> = args.iter().map(|a| Slot::External { bytes: a.len() * 4 }).collect();
    let scratch = kernel.scratch(device.target());
    if scratch > 0 {
        slots.push(Slot::Temp { bytes: scratch, role: Role::Activation });
    }
    let bytes = |s: &Slot| match *s {
        Slot::External { bytes } | Slot::Temp { bytes, .. } => bytes,
    };
    let bound = slots.iter().enumerate().map(|(slot, s)| Arg { slot, offset: 0, bytes: bytes(s) }).collect();
    let graph = CommandGraph::new(device.target(), slots, vec![Launch::new(kernel, bound)]);
    let upload = |a: &Vec<u32>| device.upload(bytemuck::cast_slice(a), Role::Activation);
    let buffers: Vec<Buffer> = args.iter().map(upload).collect::<Result<_>>()?;
    graph.run(device, &buffers)?;
    let read = |(b, a): (&Buffer, &Vec<u32>)| device.read(b, 0, a.len() * 4).wait();
    buffers.iter().zip(args).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Random, RandomKind};

    fn compared(kind: RandomKind, want: Vec<u32>, got: Vec<u32>, float: bool) -> Agreement {
        let case = Case::new(Random { kind, count: want.len() }, 0.01).words(&[0; 4]);
        let case = if float { case.writes(want.len()) } else { case.writes_words(want.len()) };
        case.compare(&[vec![0; 4], want], &[vec![1; 4], got], 0.01)
    }

    fn floats(want: &[f32], got: &[f32]) -> Agreement {
        let words = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect();
        compared(RandomKind::Normal, words(want), words(got), true)
    }

    #[test]
    fn differences_are_relative_to_the_largest() {
        let near = floats(&[100.0, 0.0, -50.0], &[100.5, 0.25, -50.0]);
        assert!(near.wrong.is_none() && near.difference == 0.005);
        let far = floats(&[1.0, 0.5], &[1.0, 0.52]);
        assert!((far.difference - 0.02).abs() < 1e-6);
        let wrong = far.wrong.unwrap();
        assert!(wrong.starts_with("argument 1 (Write), element 1 is 0.52, 0.5 on the CPU"), "{wrong}");
    }

    #[test]
    fn what_is_not_finite_must_be_the_same() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        assert!(floats(&[nan, inf, -inf, 1.0], &[nan, inf, -inf, 1.0]).wrong.is_none());
        for (want, got) in [(1.0, nan), (nan, 1.0), (inf, -inf), (1.0, inf), (inf, 1.0), (nan, inf)] {
            assert!(floats(&[want, 2.0], &[got, 2.0]).wrong.is_some(), "{want} {got}");
        }
        // An infinity does not hide differences of other elements.
        assert!(floats(&[inf, 1.0], &[inf, 1.1]).wrong.is_some());
    }

    #[test]
    fn words_must_be_equal() {
        assert!(compared(RandomKind::Uniform, vec![1, 2], vec![1, 2], false).wrong.is_none());
        let wrong = compared(RandomKind::Uniform, vec![1, 2], vec![1, 3], false).wrong.unwrap();
        assert!(wrong.contains("element 1 is 3, 2 on the CPU"), "{wrong}");
    }
}
