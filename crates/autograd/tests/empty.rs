//! Tensors without elements.

use autograd::{
    Arcs, CrossEntropy, DType, Device, Generator, Interpolation, Padding, Paths, Pool1d, Pool2d, Pool3d,
    Reduction, Resize, RnnNonlinearity, Tensor, batch_norm_train, cat, einsum, grad, gru, lattice, lstm, rnn,
};
use gpu_core::testing;

fn zeros(device: &Device, shape: &[usize]) -> Tensor {
    Tensor::from_slice(device, &vec![0f32; shape.iter().product()], shape).unwrap()
}

/// Evaluates `y`, and the gradient of its sum with respect to `x`.
fn evaluate(y: &Tensor, x: &Tensor) -> Vec<f32> {
    if let Some(g) = &grad(&y.sum_all(), &[x])[0] {
        assert_eq!(g.to_vec::<f32>().unwrap().len(), x.numel());
    }
    y.to_vec().unwrap()
}

#[test]
fn every_device_takes_tensors_without_elements() {
    for device in testing::devices() {
        let x = zeros(&device, &[2, 0, 3]);
        let nothing: Vec<(&str, Tensor)> = vec![
            ("itself", x.clone()),
            ("exp", x.exp()),
            ("add", &x + &zeros(&device, &[2, 1, 3])),
            ("a number", &x * 2.0 + 1.0),
            ("reshape", x.reshape(&[0, 7])),
            ("permute", x.permute(&[2, 0, 1]) + 1.0),
            ("expand", zeros(&device, &[0, 1]).expand(&[4, 0, 5]).exp()),
            ("flip", x.flip(&[0, 1, 2]).exp()),
            ("narrow", zeros(&device, &[4, 3]).narrow(0, 4, 0).exp()),
            ("slice to nothing", zeros(&device, &[300]).slice(0, 290, 290, 1)),
            ("slice backwards to nothing", zeros(&device, &[300]).slice(0, 1, 200, -1).exp()),
            ("cat", cat(&[&x, &x], 0)),
            ("pad", zeros(&device, &[2, 0]).pad(&[(0, 0), (1, 1)], Padding::Constant(1.0))),
            ("repeat", zeros(&device, &[2]).repeat(&[0]).exp()),
            ("repeat_interleave", zeros(&device, &[2]).repeat_interleave(0, 0).exp()),
            ("roll", x.roll(1, 1)),
            ("sum", x.sum(&[0], false)),
            ("softmax", x.softmax(-1)),
            ("softmax of empty rows", x.transpose(1, 2).softmax(-1)),
            ("matmul without rows", zeros(&device, &[0, 3]).matmul(&zeros(&device, &[3, 2]))),
            ("matmul without columns", zeros(&device, &[2, 3]).matmul(&zeros(&device, &[3, 0]))),
            ("matmul without a batch", zeros(&device, &[0, 2, 3]).matmul(&zeros(&device, &[0, 3, 2]))),
            ("attention without queries", {
                let (q, k) = (zeros(&device, &[2, 0, 4]), zeros(&device, &[2, 3, 4]));
                q.scaled_dot_product_attention(&k, &k, None, true, None)
            }),
            ("conv2d without a batch", {
                let (x, w) = (zeros(&device, &[0, 3, 4, 4]), zeros(&device, &[2, 3, 3, 3]));
                x.conv2d(&w, None, [1; 2], [1; 2], [1; 2], 1)
            }),
            ("max_pool2d", zeros(&device, &[0, 3, 4, 4]).max_pool2d(Pool2d::new(2)).0),
            ("avg_pool2d", zeros(&device, &[2, 0, 4, 4]).avg_pool2d(Pool2d::new(2), true, None)),
            ("conv3d without a batch", {
                let (x, w) = (zeros(&device, &[0, 1, 2, 3, 3]), zeros(&device, &[2, 1, 2, 3, 3]));
                x.conv3d(&w, None, [1; 3], [0; 3], [1; 3], 1)
            }),
            ("conv_transpose2d without a batch", {
                let (x, w) = (zeros(&device, &[0, 1, 3, 3]), zeros(&device, &[1, 2, 3, 3]));
                x.conv_transpose2d(&w, None, [2; 2], [1; 2], [1; 2], 1, [1; 2])
            }),
            ("max_pool3d", zeros(&device, &[0, 3, 4, 4, 4]).max_pool3d(Pool3d::new(2)).0),
            ("adaptive_avg_pool2d", zeros(&device, &[0, 3, 4, 4]).adaptive_avg_pool2d([3, 2])),
            ("adaptive_max_pool2d", zeros(&device, &[0, 3, 4, 4]).adaptive_max_pool2d([3, 2]).0),
            ("interpolate", {
                let mode = Interpolation::Linear { align_corners: false };
                zeros(&device, &[0, 3, 4]).interpolate(Resize::To(&[7]), mode)
            }),
            ("group_norm", zeros(&device, &[0, 4, 3]).group_norm(2, None, None, 1e-5)),
            ("instance_norm", zeros(&device, &[2, 0, 3]).instance_norm(None, None, 1e-5)),
            ("rms_norm", zeros(&device, &[0, 3]).rms_norm(&[3], None, 1e-5)),
            ("dropout", zeros(&device, &[0, 3]).dropout(0.5, &Generator::new(0))),
            ("gather", zeros(&device, &[2, 3]).gather(1, &zeros(&device, &[2, 0]).to(DType::I32))),
            ("index_select", zeros(&device, &[2, 3]).index_select(0, &zeros(&device, &[0]).to(DType::I32))),
            ("embedding", zeros(&device, &[2, 3]).embedding(&zeros(&device, &[4, 0]).to(DType::I32))),
            ("one_hot", zeros(&device, &[0]).to(DType::I32).one_hot(3)),
            (
                "layer_norm",
                zeros(&device, &[0, 3]).layer_norm(&zeros(&device, &[3]), &zeros(&device, &[3]), 1e-5),
            ),
            ("random", Generator::new(0).normal(&device, &[0, 3])),
            ("cross_entropy of no rows", {
                let classes = zeros(&device, &[0]).to(DType::I32);
                zeros(&device, &[0, 3]).cross_entropy_with(
                    &classes,
                    CrossEntropy { ignore_index: -1, reduction: Reduction::None, ..CrossEntropy::default() },
                )
            }),
            ("batch_norm", {
                let c = zeros(&device, &[3]);
                batch_norm_train(&zeros(&device, &[0, 3, 2]), &c, &c, 1e-5).y
            }),
            ("embedding_padded", {
                zeros(&device, &[2, 3]).embedding_padded(&zeros(&device, &[0]).to(DType::I32), 1)
            }),
            ("index", zeros(&device, &[2, 3]).index(&[&zeros(&device, &[0, 2]).to(DType::I32)])),
            ("scatter", {
                let index = zeros(&device, &[0, 3]).to(DType::I32);
                zeros(&device, &[0, 3]).scatter(1, &index, zeros(&device, &[0, 3]))
            }),
            ("scatter_add to nothing", {
                let index = zeros(&device, &[2, 0]).to(DType::I32);
                zeros(&device, &[2, 0]).scatter_add(1, &index, &zeros(&device, &[2, 0]))
            }),
            ("cumsum", x.cumsum(2)),
            ("cumprod of nothing", x.cumprod(1)),
            ("sort", x.sort(2, false).0),
            ("topk of none", zeros(&device, &[3, 2]).topk(0, 0, true).0),
            ("cdist", zeros(&device, &[0, 3]).cdist(&zeros(&device, &[2, 3]), 2.0)),
            ("segment_max of no segments", {
                zeros(&device, &[2, 3]).segment_max(&zeros(&device, &[2]).to(DType::I32), 0)
            }),
            ("einsum", einsum("ij,jk->ik", &[&zeros(&device, &[0, 3]), &zeros(&device, &[3, 2])])),
            ("conv_transpose1d without a batch", {
                let (x, w) = (zeros(&device, &[0, 1, 3]), zeros(&device, &[1, 2, 3]));
                x.conv_transpose1d(&w, None, 2, 0, 0, 1, 1)
            }),
            ("unfold", zeros(&device, &[0, 3, 4, 4]).unfold([2; 2], [1; 2], [0; 2], [1; 2])),
            ("fold", zeros(&device, &[0, 4, 4]).fold([3; 2], [2; 2], [1; 2], [0; 2], [1; 2])),
            ("avg_pool3d", zeros(&device, &[0, 3, 4, 4, 4]).avg_pool3d(Pool3d::new(2), true)),
            ("lp_pool1d", zeros(&device, &[0, 3, 4]).lp_pool1d(2.0, Pool1d::new(2))),
            ("pixel_shuffle", zeros(&device, &[0, 4, 2, 2]).pixel_shuffle(2)),
            ("local_response_norm", zeros(&device, &[0, 4, 2]).local_response_norm(3, 1.0, 1.0, 1.0)),
            ("batch_norm_eval", {
                let c = zeros(&device, &[3]);
                zeros(&device, &[0, 3, 2]).batch_norm_eval(&c, &c, &c, &c, 1e-5)
            }),
            ("alpha_dropout", zeros(&device, &[0, 3]).alpha_dropout(0.5, &Generator::new(0))),
            ("attention without a batch", {
                let x = zeros(&device, &[0, 2, 3, 4]);
                x.scaled_dot_product_attention(&x, &x, None, true, None)
            }),
            ("attention_weights without keys", {
                zeros(&device, &[2, 3, 4]).attention_weights(&zeros(&device, &[2, 0, 4]), None, false, None)
            }),
            ("lstm without a batch", {
                let (x, h) = (zeros(&device, &[3, 0, 2]), zeros(&device, &[0, 2]));
                let w = zeros(&device, &[8, 2]);
                lstm(&x, &h, &h, &w, &w, None, None).y
            }),
            ("gru without a batch", {
                let (x, h, w) =
                    (zeros(&device, &[3, 0, 2]), zeros(&device, &[0, 2]), zeros(&device, &[6, 2]));
                gru(&x, &h, &w, &w, None, None).h
            }),
            ("rnn without a batch", {
                let (x, h, w) =
                    (zeros(&device, &[3, 0, 2]), zeros(&device, &[0, 2]), zeros(&device, &[2, 2]));
                rnn(&x, &h, &w, &w, None, None, RnnNonlinearity::Tanh).y
            }),
            ("lattice without a batch", {
                let (e, w) = (zeros(&device, &[0, 3, 2]), zeros(&device, &[1, 2, 2]));
                lattice(&e, Arcs::All(&w), &zeros(&device, &[0]).to(DType::I32), Paths::Sum)
            }),
            ("ctc_loss without a batch", {
                let [targets, none] = [&[0, 2][..], &[0]].map(|s| zeros(&device, s).to(DType::I32));
                let logs = zeros(&device, &[3, 0, 4]);
                logs.ctc_loss(&targets, &none, &none, 0, false, Reduction::None)
            }),
            ("nll_loss of no rows", {
                let classes = zeros(&device, &[0]).to(DType::I32);
                zeros(&device, &[0, 3]).nll_loss(&classes, None, -100, Reduction::None)
            }),
            ("mse_loss", zeros(&device, &[0, 3]).mse_loss(&zeros(&device, &[0, 3]), Reduction::None)),
            ("step-varying numbers", Tensor::scalars::<f32>(&device, &[])),
        ];
        for (name, y) in nothing {
            let values: Vec<f32> = y.to_vec().unwrap_or_else(|e| panic!("{name} on {}: {e}", device.info()));
            assert_eq!(values, [0f32; 0], "{name}");
        }
    }
}

#[test]
fn results_of_nothing() {
    for device in testing::devices() {
        let x = zeros(&device, &[2, 0]).variable();
        assert_eq!(evaluate(&x.sum(&[1], false), &x), [0.0; 2], "sum");
        assert_eq!(evaluate(&x.prod(&[1], false), &x), [1.0; 2], "prod");
        assert!(evaluate(&x.mean(&[1], false), &x).iter().all(|m| m.is_nan()), "mean");
        assert!(evaluate(&x.var(&[1], 0.0, false), &x).iter().all(|m| m.is_nan()), "var");
        assert_eq!(evaluate(&x.matmul(&zeros(&device, &[0, 3])), &x), [0.0; 6], "matmul with K = 0");
        let a = zeros(&device, &[2, 2, 0]).variable();
        assert_eq!(evaluate(&a.matmul(&zeros(&device, &[2, 0, 1])), &a), [0.0; 4], "a batch of them");
        assert_eq!(
            evaluate(&x.linear(&zeros(&device, &[1, 0]), Some(&Tensor::ones(&device, &[1]))), &x),
            [1.0; 2]
        );
        let part = Tensor::ones(&device, &[2, 1]);
        assert_eq!(evaluate(&cat(&[&x, &part, &x], 1), &x), [1.0; 2], "cat with empty parts");
        assert_eq!(evaluate(&x.pad(&[(1, 1)], Padding::Constant(3.0)), &x), [3.0; 4], "pad");
        let index = zeros(&device, &[0]).to(DType::I32);
        let table = Tensor::ones(&device, &[2, 3]).variable();
        let added = table.index_add(0, &index, &zeros(&device, &[0, 3]));
        assert_eq!(evaluate(&added, &table), [1.0; 6], "index_add of nothing");
        let unread = table.index_select(0, &index).sum_all();
        assert_eq!(
            grad(&unread, &[&table])[0].as_ref().unwrap().to_vec::<f32>().unwrap(),
            [0.0; 6],
            "index_select"
        );
        let w = Tensor::ones(&device, &[2, 0, 1, 1]).variable();
        let y = zeros(&device, &[1, 0, 2, 2]).conv2d(&w, None, [1; 2], [0; 2], [1; 2], 1);
        assert_eq!(evaluate(&y, &w), [0.0; 8], "conv2d without channels");
        let w = Tensor::ones(&device, &[2, 3, 1, 1]).variable();
        let y = zeros(&device, &[0, 3, 2, 2]).conv2d(&w, None, [1; 2], [0; 2], [1; 2], 1).sum_all();
        assert_eq!(
            grad(&y, &[&w])[0].as_ref().unwrap().to_vec::<f32>().unwrap(),
            [0.0; 6],
            "conv2d without a batch"
        );
        assert!(!zeros(&device, &[0]).any(&[], false).requires_grad());
        assert_eq!(Tensor::arange(&device, 0).to_vec::<i32>().unwrap(), [0i32; 0]);
        let (empty, whole) = (x.split(1, 1), zeros(&device, &[3]).split(2, 0));
        assert_eq!((empty.len(), whole.len()), (0, 2));
    }
}

#[test]
fn views_on_empty_tensors_stay_inside_of_their_memory() {
    for device in testing::devices() {
        let x = Tensor::from_slice(&device, &[1f32, 2.0, 3.0], &[3]).unwrap();
        let none = x.narrow(0, 3, 0);
        assert_eq!((&none + &none).to_vec::<f32>().unwrap(), [0f32; 0]);
        assert_eq!(none.sum_all().item().unwrap(), 0.0);
        assert_eq!(x.slice(0, 5, 9, 1).sum_all().item().unwrap(), 0.0);
        assert_eq!(x.slice(0, -1, isize::MIN, -2).to_vec::<f32>().unwrap(), [3.0, 1.0]);
    }
}

/// Ops that sum over nothing or attend to nothing, forward and backward.
#[test]
fn nothing_to_look_at() {
    for device in testing::devices() {
        let q = Tensor::ones(&device, &[2, 3, 4]).variable();
        let k = zeros(&device, &[2, 0, 4]);
        let y = q.scaled_dot_product_attention(&k, &k, None, false, None);
        assert_eq!(evaluate(&y, &q), [0.0; 24], "attention without keys");
        let x = zeros(&device, &[0, 3]).variable();
        let none = zeros(&device, &[0]).to(DType::I32);
        assert_eq!(evaluate(&x.segment_sum(&none, 2), &x), [0.0; 6], "segment_sum of nothing");
        assert_eq!(evaluate(&x.segment_mean(&none, 2), &x), [0.0; 6], "segment_mean of nothing");
        assert_eq!(evaluate(&x.segment_max(&none, 2), &x), [0.0; 6], "segment_max of nothing");
        let w = Tensor::ones(&device, &[4, 2]).variable();
        let (h, x) = (zeros(&device, &[0, 1]), zeros(&device, &[3, 0, 2]));
        let y = lstm(&x, &h, &h, &w, &zeros(&device, &[4, 1]), None, None).y.sum_all();
        let dw = grad(&y, &[&w])[0].as_ref().unwrap().to_vec::<f32>().unwrap();
        assert_eq!(dw, [0.0; 8], "lstm without a batch");
        let arcs = zeros(&device, &[1, 2, 2]).variable();
        let y = lattice(&zeros(&device, &[0, 3, 2]), Arcs::All(&arcs), &none, Paths::Sum).sum_all();
        let dw = grad(&y, &[&arcs])[0].as_ref().unwrap().to_vec::<f32>().unwrap();
        assert_eq!(dw, [0.0; 4], "lattice without a batch");
    }
}

/// The values of computed indices are unknown while a graph is recorded.
#[test]
fn indices_outside_give_nan() {
    for device in testing::devices() {
        let x = Tensor::ones(&device, &[2, 3]);
        let int = |v: &[i32], shape: &[usize]| {
            -Tensor::constant(&device, &v.iter().map(|v| -v).collect::<Vec<_>>(), shape)
        };
        let far = int(&[0, 2, -1, i32::MAX], &[4]);
        let outside = |y: Tensor| y.to_vec::<f32>().unwrap().iter().map(|v| v.is_nan()).collect::<Vec<_>>();
        let rows = [false, true, true, true].map(|o| [o; 3]).concat();
        assert_eq!(outside(x.embedding(&far)), rows, "embedding");
        assert_eq!(outside(x.index_select(0, &far)), rows, "index_select");
        assert_eq!(outside(x.gather(0, &far.reshape(&[4, 1]))), [false, true, true, true], "gather");
        // The second index would be inside of the next row.
        let (i, j) = (int(&[0, 0, 1, -2, -3], &[5]), int(&[2, 3, -3, -4, 0], &[5]));
        assert_eq!(outside(x.index(&[&i, &j])), [false, true, false, true, true], "index");
        let y = x.scatter_add(1, &int(&[5, 1], &[2, 1]), &Tensor::ones(&device, &[2, 1]));
        assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 1.0, 1.0, 1.0, 2.0, 1.0], "scatter_add leaves it out");
        let y = x.segment_sum(&int(&[1, 7], &[2]), 2);
        assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0], "segment_sum leaves it out");
    }
}
