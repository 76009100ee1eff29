//! Every kernel reads transposed, flipped, sliced and broadcast inputs as if they were dense.

use autograd::{
    AdamStep, DType, Device, Generator, Interpolation, Padding, Pool2d, Pool3d, Resize, SgdStep, Tensor,
    batch_norm_train, cat, vjp,
};
use gpu_core::testing;

/// The layout in memory of a tensor of given values.
#[derive(Clone, Copy, Debug)]
enum Lie {
    Dense,
    Transposed,
    Flipped,
    /// At an unaligned offset in a larger tensor.
    Part,
    /// Every other element of the last dimension.
    Spread,
}

const LIES: [Lie; 4] = [Lie::Transposed, Lie::Flipped, Lie::Part, Lie::Spread];

fn lying(x: &Tensor, lie: Lie) -> Tensor {
    // Read back and uploaded again, so that kernels do not see the views that made it.
    let dense = |t: Tensor| match t.dtype() {
        DType::I32 => Tensor::from_slice(t.device(), &t.to_vec::<i32>().unwrap(), t.shape()).unwrap(),
        _ => Tensor::from_slice(t.device(), &t.to_vec::<f32>().unwrap(), t.shape()).unwrap(),
    };
    let all: Vec<isize> = (0..x.rank() as isize).collect();
    let reversed: Vec<isize> = all.iter().rev().copied().collect();
    match lie {
        Lie::Dense => dense(x.clone()),
        Lie::Transposed => dense(x.permute(&reversed)).permute(&reversed),
        Lie::Flipped => dense(x.flip(&all)).flip(&all),
        Lie::Part => dense(cat(&[&x.narrow(0, 0, 1), x, x], 0)).narrow(0, 1, x.shape()[0]),
        Lie::Spread => dense(x.repeat_interleave(2, -1)).slice(-1, 1, isize::MAX, 2),
    }
}

fn random(device: &Device, generator: &Generator, shape: &[usize]) -> Tensor {
    generator.uniform(device, shape) * 2.0 - 1.0
}

fn close(name: &str, a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len(), "{name}");
    let scale = a.iter().fold(1f32, |m, x| m.max(x.abs()));
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= 2e-5 * scale, "{name}: element {i}: {a} from dense inputs, {b} otherwise");
    }
}

type Op = fn(&[Tensor]) -> Tensor;

/// Values of `op` and of the gradients of its inputs.
fn values(op: Op, inputs: &[Tensor], lie: Lie) -> Vec<Vec<f32>> {
    let y = op(inputs);
    let u = random(y.device(), &Generator::new(9), y.shape());
    let u = lying(&u, if y.rank() > 0 { lie } else { Lie::Dense });
    let floats: Vec<&Tensor> = inputs.iter().filter(|t| t.dtype().is_float()).collect();
    let gradients = vjp(&[(&y, &u)], &floats);
    let of = gradients.into_iter().flatten();
    [y].into_iter().chain(of).map(|t| t.to_vec().unwrap()).collect()
}

fn check(cases: &[(&str, &[&[usize]], Op)]) {
    for device in testing::devices() {
        for (name, shapes, op) in cases {
            let generator = Generator::new(5);
            let inputs: Vec<Tensor> = shapes.iter().map(|s| random(&device, &generator, s)).collect();
            let wanted = values(*op, &inputs, Lie::Dense);
            for lie in LIES {
                let inputs: Vec<Tensor> = inputs.iter().map(|x| lying(x, lie)).collect();
                for (a, b) in wanted.iter().zip(values(*op, &inputs, lie)) {
                    close(&format!("{name}, {lie:?} on {}", device.info()), a, &b);
                }
            }
        }
    }
}

fn index(device: &Device, values: &[i32], shape: &[usize]) -> Tensor {
    let index = Tensor::from_slice(device, values, shape).unwrap();
    lying(&index, Lie::Transposed)
}

#[test]
fn element_wise_and_reductions() {
    let s: &[usize] = &[3, 4, 5];
    check(&[
        ("map", &[s, s], |x| (&x[0] * &x[1]).tanh() + &x[0]),
        ("broadcast", &[&[4, 1], &[3, 1, 5]], |x| &x[0] * &x[1]),
        ("where", &[s, s], |x| x[0].where_(&x[1].gt(0.0), &x[1])),
        ("sum", &[s], |x| x[0].sum(&[1], false)),
        ("sum of others", &[s], |x| x[0].square().sum(&[0, 2], false)),
        ("sum of all", &[s], |x| x[0].sum_all()),
        ("prod", &[s], |x| x[0].prod(&[2], false)),
        ("amax", &[s], |x| x[0].amax(&[0, 1], false)),
        ("max_dim", &[s], |x| x[0].max_dim(1, false).0),
        ("softmax", &[s], |x| x[0].softmax(-1)),
        ("softmax of another dimension", &[s], |x| x[0].log_softmax(0)),
        ("reshape", &[s], |x| x[0].reshape(&[6, 10]).exp()),
        ("cat", &[s, s], |x| cat(&[&x[0], &x[1], &x[0]], 1)),
        ("pad", &[s], |x| x[0].pad(&[(1, 2), (0, 1)], Padding::Constant(0.5))),
        ("pad reflect", &[s], |x| x[0].pad(&[(1, 2)], Padding::Reflect)),
    ]);
}

#[test]
fn kernels() {
    check(&[
        ("matmul", &[&[5, 7], &[7, 3]], |x| x[0].matmul(&x[1])),
        ("matmul of a batch", &[&[2, 5, 7], &[2, 7, 3]], |x| x[0].matmul(&x[1])),
        ("matmul, one for a batch", &[&[5, 7], &[2, 7, 3]], |x| x[0].matmul(&x[1])),
        ("conv2d", &[&[2, 3, 6, 5], &[4, 3, 3, 3], &[4]], |x| {
            x[0].conv2d(&x[1], Some(&x[2]), [1; 2], [1; 2], [1; 2], 1)
        }),
        ("conv2d, strided in groups", &[&[2, 4, 6, 5], &[6, 2, 3, 2]], |x| {
            x[0].conv2d(&x[1], None, [2, 1], [1, 0], [1; 2], 2)
        }),
        ("conv3d", &[&[1, 2, 3, 4, 5], &[2, 2, 2, 3, 3]], |x| {
            x[0].conv3d(&x[1], None, [1; 3], [1, 0, 1], [1; 3], 1)
        }),
        ("conv_transpose2d", &[&[2, 4, 3, 4], &[4, 3, 3, 2]], |x| {
            x[0].conv_transpose2d(&x[1], None, [2, 1], [1, 0], [1, 0], 2, [1; 2])
        }),
        ("fold", &[&[2, 8, 6]], |x| x[0].fold([3, 4], [2; 2], [1; 2], [0; 2], [1; 2])),
        ("max_pool3d", &[&[1, 2, 4, 4, 4]], |x| x[0].max_pool3d(Pool3d::new(2)).0),
        ("adaptive_max_pool2d", &[&[2, 3, 5, 6]], |x| x[0].adaptive_max_pool2d([3, 4]).0),
        ("interpolate", &[&[2, 3, 4, 5]], |x| {
            x[0].interpolate(Resize::To(&[6, 3]), Interpolation::Cubic { align_corners: false })
        }),
        ("group_norm", &[&[4, 6, 5]], |x| x[0].group_norm(2, None, None, 1e-3)),
        ("max_pool2d", &[&[2, 3, 6, 6]], |x| x[0].max_pool2d(Pool2d::new(2)).0),
        ("avg_pool2d", &[&[2, 3, 6, 6]], |x| x[0].avg_pool2d(Pool2d::new(3), true, None)),
        ("batch_norm", &[&[4, 3, 5], &[3], &[3]], |x| batch_norm_train(&x[0], &x[1], &x[2], 1e-3).y),
        ("layer_norm", &[&[4, 3, 5], &[3, 5], &[3, 5]], |x| x[0].layer_norm(&x[1], &x[2], 1e-3)),
        ("gather", &[&[3, 4]], |x| x[0].gather(1, &index(x[0].device(), &[3, 0, 0, 2, 1, 1], &[3, 2]))),
        ("index_select", &[&[3, 4]], |x| x[0].index_select(1, &index(x[0].device(), &[3, 0, 0], &[3]))),
        ("scatter_add", &[&[3, 4], &[3, 2]], |x| {
            x[0].scatter_add(1, &index(x[0].device(), &[3, 0, 0, 2, 1, 1], &[3, 2]), &x[1])
        }),
        ("index_add", &[&[3, 4], &[2, 4]], |x| {
            x[0].index_add(0, &index(x[0].device(), &[2, 2], &[2]), &x[1])
        }),
        ("cross_entropy", &[&[4, 5]], |x| x[0].cross_entropy(&index(x[0].device(), &[1, 0, 4, 2], &[4]))),
    ]);
}

/// Optimizer state may be given as views; their memory is not overwritten.
#[test]
fn optimizer_steps() {
    for device in testing::devices() {
        let generator = Generator::new(3);
        let inputs: Vec<Tensor> = (0..4).map(|_| random(&device, &generator, &[70])).collect();
        let hyper = Tensor::scalars(&device, &[0.1f32, 0.9, 0.1, 0.01, 0.0, 1.0]);
        let adam = Tensor::scalars(&device, &[0.1f32, 0.9, 0.99, 1e-8, 0.01, 0.5, 0.5, 1.0]);
        let ok = Tensor::scalars(&device, &[1u32]);
        let run = |x: &[Tensor]| {
            let sgd = SgdStep { momentum: true, nesterov: true, maximize: false };
            let mut out = sgd.apply(&hyper, &ok, &x[0], &x[1..3]);
            let step = AdamStep { amsgrad: false, decoupled: true, maximize: false };
            out.extend(step.apply(&adam, &ok, &x[0], &[x[1].clone(), x[2].clone(), x[3].square()]));
            out.iter().map(|t| t.to_vec::<f32>().unwrap()).collect::<Vec<_>>()
        };
        let wanted = run(&inputs);
        for lie in LIES {
            let lying: Vec<Tensor> = inputs.iter().map(|x| lying(x, lie)).collect();
            for (a, b) in wanted.iter().zip(run(&lying)) {
                close(&format!("{lie:?} on {}", device.info()), a, &b);
            }
            for (a, b) in inputs.iter().zip(&lying) {
                close("the inputs", &a.to_vec::<f32>().unwrap(), &b.to_vec::<f32>().unwrap());
            }
        }
    }
}
