//! Mistakes panic where they are made: with the operation, the shapes or types, and the caller's own line.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use autograd::{
    AdamStep, Arcs, CrossEntropyTarget::Probabilities, DType, Device, Generator, Gradients, Interpolation,
    Padding, Paths, Pool1d, Pool2d, Pool3d, Reduction, Resize, SgdStep, Tensor, TripletMargin,
    batch_norm_train, cat, einsum, grad, gradient_penalty, gru, jacobian_penalty, l1_penalty, lattice, lstm,
    perceptual_loss, stack, vjp,
};
use gpu_core::testing;

thread_local! {
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

fn said(payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The message and the file of the panic in `f`.
fn panic_of(f: &dyn Fn()) -> (String, String) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let file = info.location().map_or(String::new(), |l| l.file().to_owned());
            LAST.set(Some((said(info.payload()), file)));
            before(info);
        }));
    });
    LAST.set(None);
    catch_unwind(AssertUnwindSafe(f)).expect_err("no panic");
    LAST.take().expect("the hook has run")
}

type Mistake = (&'static str, &'static [&'static str], fn());

/// Each has to panic in this file, with a message that contains the given words.
fn check(mistakes: &[Mistake]) {
    let mut wrong = vec![];
    for (name, words, f) in mistakes {
        let Ok((message, file)) = catch_unwind(|| panic_of(f)) else {
            wrong.push(format!("{name}: no panic"));
            continue;
        };
        if !file.ends_with(file!().rsplit('/').next().unwrap()) {
            wrong.push(format!("{name}: panics at {file}: {message}"));
        } else if let Some(word) = words.iter().find(|w| !message.contains(**w)) {
            wrong.push(format!("{name}: no \"{word}\" in \"{message}\""));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn f32s(shape: &[usize]) -> Tensor {
    Tensor::ones(&cpu(), shape)
}

fn i32s(shape: &[usize]) -> Tensor {
    f32s(shape).to(DType::I32)
}

#[test]
fn element_wise() {
    check(&[
        ("add", &["add", "[2, 3]", "[2, 2]"], || drop(f32s(&[2, 3]) + f32s(&[2, 2]))),
        ("sub", &["sub", "[3]", "[2]"], || drop(&f32s(&[3]) - &f32s(&[2]))),
        ("mul types", &["mul", "f32", "i32"], || drop(f32s(&[3]) * i32s(&[3]))),
        ("div", &["div", "[4]", "[5]"], || drop(&f32s(&[4]) / f32s(&[5]))),
        ("number of a type", &["exp", "i32"], || drop(i32s(&[2]).exp())),
        ("neg", &["neg", "bool"], || drop(-f32s(&[2]).gt(0.0))),
        ("pow", &["pow", "i32"], || drop(i32s(&[2]).pow(i32s(&[2])))),
        ("maximum", &["max", "[2]", "[3]"], || drop(f32s(&[2]).maximum(f32s(&[3])))),
        ("eq", &["eq", "[2]", "[3]"], || drop(f32s(&[2]).eq(f32s(&[3])))),
        ("remainder", &["fmod", "[2]", "[3]"], || drop(f32s(&[2]).remainder(f32s(&[3])))),
        ("lerp", &["sub", "[2]", "[3]"], || drop(f32s(&[3]).lerp(&f32s(&[2]), 0.5))),
        ("logical_and", &["and", "f32"], || drop(f32s(&[2]).logical_and(f32s(&[2])))),
        ("logical_not", &["not", "f32"], || drop(f32s(&[2]).logical_not())),
        ("isfinite", &["isnan", "i32"], || drop(i32s(&[2]).isfinite())),
        ("where: condition", &["where", "f32"], || drop(f32s(&[2]).where_(&f32s(&[2]), &f32s(&[2])))),
        ("where: types", &["where", "i32"], || drop(f32s(&[2]).where_(&f32s(&[2]).gt(0.0), &i32s(&[2])))),
        ("where: shapes", &["where", "[3]"], || drop(f32s(&[2]).where_(&f32s(&[3]).gt(0.0), &f32s(&[2])))),
        ("masked_fill", &["where", "[3]"], || drop(f32s(&[2]).masked_fill(&f32s(&[3]).gt(0.0), 0.0))),
        ("clamp", &["lt", "[3]"], || drop(f32s(&[2]).clamp(f32s(&[3]), 1.0))),
        ("prelu", &["prelu", "[3]", "[2, 4]"], || drop(f32s(&[2, 4]).prelu(&f32s(&[3])))),
        ("glu", &["glu", "[3]"], || drop(f32s(&[3]).glu(0))),
    ]);
}

#[test]
fn reductions() {
    check(&[
        ("sum", &["sum", "dimension 2", "[2, 3]"], || drop(f32s(&[2, 3]).sum(&[2], false))),
        ("sum of a negative dimension", &["sum", "-3", "[2, 3]"], || drop(f32s(&[2, 3]).sum(&[-3], false))),
        ("sum twice", &["sum", "twice"], || drop(f32s(&[2, 3]).sum(&[0, -2], false))),
        ("mean", &["dimension 5", "[2]"], || drop(f32s(&[2]).mean(&[5], false))),
        ("amax", &["max", "[2, 0]"], || drop(f32s(&[2, 0]).amax(&[1], false))),
        ("argmax", &["argmax", "dimension 1", "[2]"], || drop(f32s(&[2]).argmax(1, false))),
        ("max_dim", &["argmax", "[0]"], || drop(f32s(&[0]).max_dim(0, false))),
        ("any", &["dimension 3", "[2]"], || drop(f32s(&[2]).any(&[3], false))),
        ("var", &["dimension 1", "[2]"], || drop(f32s(&[2]).var(&[1], 1.0, false))),
        ("std", &["dimension 1", "[2]"], || drop(f32s(&[2]).std(&[1], 1.0, false))),
        ("logsumexp", &["dimension 1", "[2]"], || drop(f32s(&[2]).logsumexp(&[1], false))),
        ("norm", &["dimension 1", "[2]"], || drop(f32s(&[2]).norm(2.0, &[1], false))),
        ("normalize", &["dimension 1", "[2]"], || drop(f32s(&[2]).normalize(2.0, 1, 1e-12))),
        ("softmax", &["dimension 1", "[2]"], || drop(f32s(&[2]).softmax(1))),
        ("softmax of integers", &["softmax", "i32"], || drop(i32s(&[2]).softmax(0))),
        ("log_softmax", &["dimension -2", "[2]"], || drop(f32s(&[2]).log_softmax(-2))),
        ("cumsum", &["cumsum", "dimension 1", "[2]"], || drop(f32s(&[2]).cumsum(1))),
        ("cumprod of integers", &["cumprod", "i32"], || drop(i32s(&[2]).cumprod(0))),
        ("sort", &["argsort", "dimension 1", "[2]"], || drop(f32s(&[2]).sort(1, false))),
        ("topk", &["topk", "3", "[2]"], || drop(f32s(&[2]).topk(3, 0, true))),
        ("keep_topk", &["keep_topk", "3", "[2]"], || drop(f32s(&[2]).keep_topk(3, 0))),
        ("cdist", &["cdist", "[2, 3]", "[2, 4]"], || drop(f32s(&[2, 3]).cdist(&f32s(&[2, 4]), 2.0))),
        ("segment_sum", &["segment_sum", "[3]", "[2]"], || drop(f32s(&[2]).segment_sum(&i32s(&[3]), 2))),
        ("einsum, operands", &["einsum", "ij,jk"], || drop(einsum("ij,jk", &[&f32s(&[2, 2])]))),
        ("einsum, rank", &["einsum", "ij", "[2]"], || drop(einsum("ij", &[&f32s(&[2])]))),
        ("einsum, sizes", &["einsum", "2", "3"], || drop(einsum("i,i", &[&f32s(&[2]), &f32s(&[3])]))),
        ("einsum, output", &["einsum", "ij->k"], || drop(einsum("ij->k", &[&f32s(&[2, 3])]))),
        ("einsum, letters", &["einsum", "i1"], || drop(einsum("i1", &[&f32s(&[2, 3])]))),
    ]);
}

#[test]
fn views() {
    check(&[
        ("reshape", &["reshape", "[2, 3]", "[7]"], || drop(f32s(&[2, 3]).reshape(&[7]))),
        ("permute", &["permute", "[0, 0]", "[2, 3]"], || drop(f32s(&[2, 3]).permute(&[0, 0]))),
        ("permute, dimension", &["permute", "dimension 2"], || drop(f32s(&[2, 3]).permute(&[0, 2]))),
        ("expand", &["expand", "[2, 3]", "[4, 3]"], || drop(f32s(&[2, 3]).expand(&[4, 3]))),
        ("expand to less", &["expand", "[2, 3]", "[3]"], || drop(f32s(&[2, 3]).expand(&[3]))),
        ("slice", &["slice", "step 0"], || drop(f32s(&[2]).slice(0, 0, 1, 0))),
        ("slice, dimension", &["slice", "dimension 1"], || drop(f32s(&[2]).slice(1, 0, 1, 1))),
        ("narrow", &["narrow", "1..4", "[2, 3]"], || drop(f32s(&[2, 3]).narrow(1, 1, 3))),
        ("narrow beyond", &["narrow", "[2]"], || drop(f32s(&[2]).narrow(0, usize::MAX, 2))),
        ("narrow, dimension", &["narrow", "dimension -3"], || drop(f32s(&[2, 3]).narrow(-3, 0, 1))),
        ("flip", &["flip", "dimension 2"], || drop(f32s(&[2, 3]).flip(&[0, 2]))),
        ("transpose", &["transpose", "dimension 2"], || drop(f32s(&[2, 3]).transpose(0, 2))),
        ("t", &["t:", "[2]"], || drop(f32s(&[2]).t())),
        ("movedim", &["movedim", "dimension 2"], || drop(f32s(&[2, 3]).movedim(0, 2))),
        ("flatten", &["flatten", "1..=0"], || drop(f32s(&[2, 3]).flatten(1, 0))),
        ("squeeze", &["squeeze", "dimension 2"], || drop(f32s(&[2, 1]).squeeze(&[2]))),
        ("unsqueeze", &["unsqueeze", "dimension 4"], || drop(f32s(&[2, 1]).unsqueeze(4))),
        ("split", &["split", "size 0"], || drop(f32s(&[2]).split(0, 0))),
        ("split, dimension", &["dimension 1"], || drop(f32s(&[2]).split(1, 1))),
        ("split_with_sizes", &["split_with_sizes", "[1, 2]", "[2]"], || {
            drop(f32s(&[2]).split_with_sizes(&[1, 2], 0))
        }),
        ("chunk", &["chunk"], || drop(f32s(&[2]).chunk(0, 0))),
        ("unbind", &["dimension 1", "[2]"], || drop(f32s(&[2]).unbind(1))),
        ("select", &["2..3", "[2]"], || drop(f32s(&[2]).select(0, 2))),
        ("roll", &["dimension 1", "[2]"], || drop(f32s(&[2]).roll(1, 1))),
        ("repeat", &["repeat", "[2]", "[2, 3]"], || drop(f32s(&[2, 3]).repeat(&[2]))),
        ("repeat_interleave", &["repeat_interleave", "dimension 1"], || {
            drop(f32s(&[2]).repeat_interleave(2, 1))
        }),
        ("tril", &["dimension -2", "[2]"], || drop(f32s(&[2]).tril(0))),
        ("diagonal", &["diagonal", "[2, 3]"], || drop(f32s(&[2, 3]).diagonal(0, 1, 1))),
        ("diagonal, offset", &["diagonal", "[2, 3]"], || drop(f32s(&[2, 3]).diagonal(3, 0, 1))),
        ("diag_embed", &["dimension -1", "[]"], || drop(f32s(&[]).diag_embed(0))),
        ("size", &["size", "dimension 1", "[2]"], || _ = f32s(&[2]).size(1)),
        ("cat of nothing", &["cat"], || drop(cat(&[], 0))),
        ("cat", &["cat", "[2, 3]", "[3, 3]"], || drop(cat(&[&f32s(&[2, 3]), &f32s(&[3, 3])], 1))),
        ("cat, types", &["cat", "f32", "i32"], || drop(cat(&[&f32s(&[2]), &i32s(&[2])], 0))),
        ("cat, dimension", &["cat", "dimension 1"], || drop(cat(&[&f32s(&[2])], 1))),
        ("stack", &["[2]", "[3]"], || drop(stack(&[&f32s(&[2]), &f32s(&[3])], 0))),
        ("stack, dimension", &["dimension 2"], || drop(stack(&[&f32s(&[2])], 2))),
        ("pad", &["pad", "[2]"], || drop(f32s(&[2]).pad(&[(1, 1), (1, 1)], Padding::Constant(0.0)))),
        ("pad, cut", &["pad", "[2]"], || drop(f32s(&[2]).pad(&[(-2, -1)], Padding::Constant(0.0)))),
        ("pad, reflect", &["pad", "size 2"], || drop(f32s(&[2]).pad(&[(2, 0)], Padding::Reflect))),
        ("pad, circular", &["pad", "size 2"], || drop(f32s(&[2]).pad(&[(0, 3)], Padding::Circular))),
        ("pad, replicate", &["pad", "size 0"], || drop(f32s(&[0]).pad(&[(0, 3)], Padding::Replicate))),
    ]);
}

#[test]
fn kernels() {
    check(&[
        ("matmul", &["matmul", "[2, 3]", "[4, 5]"], || drop(f32s(&[2, 3]).matmul(&f32s(&[4, 5])))),
        ("matmul of scalars", &["matmul", "[]"], || drop(f32s(&[]).matmul(&f32s(&[2])))),
        ("matmul, batches", &["matmul", "[2]", "[3]"], || drop(f32s(&[2, 1, 4]).matmul(&f32s(&[3, 4, 1])))),
        ("matmul, types", &["matmul", "f32", "i32"], || drop(f32s(&[2, 3]).matmul(&i32s(&[3, 2])))),
        ("linear", &["matmul", "[2, 3]"], || drop(f32s(&[2, 3]).linear(&f32s(&[5, 4]), None))),
        ("linear, weight", &["linear", "[3]"], || drop(f32s(&[2, 3]).linear(&f32s(&[3]), None))),
        ("linear, bias", &["[4]", "[2, 5]"], || {
            drop(f32s(&[2, 3]).linear(&f32s(&[5, 3]), Some(&f32s(&[4]))))
        }),
        ("conv2d", &["conv2d", "[1, 3, 5, 5]", "[2, 4, 3, 3]"], || {
            drop(f32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 4, 3, 3]), None, [1; 2], [0; 2], [1; 2], 1))
        }),
        ("conv2d, rank", &["conv2d", "[5, 5]"], || {
            drop(f32s(&[5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), None, [1; 2], [0; 2], [1; 2], 1))
        }),
        ("conv2d, groups", &["conv2d", "groups 0"], || {
            drop(f32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), None, [1; 2], [0; 2], [1; 2], 0))
        }),
        ("conv2d, stride", &["conv2d", "stride [0, 0]"], || {
            drop(f32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), None, [0; 2], [0; 2], [1; 2], 1))
        }),
        ("conv2d, kernel", &["conv2d", "covers 3", "has 2"], || {
            drop(f32s(&[1, 3, 2, 2]).conv2d(&f32s(&[2, 3, 3, 3]), None, [1; 2], [0; 2], [1; 2], 1))
        }),
        ("conv2d, bias", &["conv2d", "[3]", "2 output"], || {
            drop(f32s(&[1, 3, 5, 5]).conv2d(
                &f32s(&[2, 3, 3, 3]),
                Some(&f32s(&[3])),
                [1; 2],
                [0; 2],
                [1; 2],
                1,
            ))
        }),
        ("conv2d, types", &["conv2d", "i32"], || {
            drop(i32s(&[1, 3, 5, 5]).conv2d(&f32s(&[2, 3, 3, 3]), None, [1; 2], [0; 2], [1; 2], 1))
        }),
        ("max_pool2d", &["max_pool2d", "[4, 4]"], || drop(f32s(&[4, 4]).max_pool2d(Pool2d::new(2)))),
        ("max_pool2d, window", &["max_pool2d", "covers 5"], || {
            drop(f32s(&[1, 2, 4, 4]).max_pool2d(Pool2d::new(5)))
        }),
        ("max_pool2d, padding", &["max_pool2d", "padding 2"], || {
            drop(f32s(&[1, 2, 4, 4]).max_pool2d(Pool2d { padding: [2; 2], ..Pool2d::new(2) }))
        }),
        ("conv1d", &["conv1d", "[1, 3, 5]", "[2, 4, 3]"], || {
            drop(f32s(&[1, 3, 5]).conv1d(&f32s(&[2, 4, 3]), None, 1, 0, 1, 1))
        }),
        ("conv1d_same", &["conv1d_same", "[2, 4]"], || {
            drop(f32s(&[1, 3, 5]).conv1d_same(&f32s(&[2, 4]), None, 1, 1))
        }),
        ("conv3d", &["conv3d", "covers 3", "has 2"], || {
            let w = f32s(&[2, 3, 3, 1, 1]);
            drop(f32s(&[1, 3, 2, 2, 2]).conv3d(&w, None, [1; 3], [0; 3], [1; 3], 1))
        }),
        ("conv_transpose1d", &["conv_transpose1d", "[3]", "[3, 2, 3]"], || {
            drop(f32s(&[3]).conv_transpose1d(&f32s(&[3, 2, 3]), None, 1, 0, 0, 1, 1))
        }),
        ("conv_transpose1d, padding", &["conv_transpose1d", "leaves nothing", "[1, 3, 1]"], || {
            drop(f32s(&[1, 3, 1]).conv_transpose1d(&f32s(&[3, 2, 3]), None, 1, 2, 0, 1, 1))
        }),
        ("conv_transpose2d", &["conv_transpose2d", "[1, 3, 5, 5]", "[4, 2, 3, 3]"], || {
            let w = f32s(&[4, 2, 3, 3]);
            drop(f32s(&[1, 3, 5, 5]).conv_transpose2d(&w, None, [1; 2], [0; 2], [0; 2], 1, [1; 2]))
        }),
        ("conv_transpose2d, output_padding", &["conv_transpose2d", "output_padding [1, 0]"], || {
            let w = f32s(&[3, 2, 3, 3]);
            drop(f32s(&[1, 3, 5, 5]).conv_transpose2d(&w, None, [1; 2], [0; 2], [1, 0], 1, [1; 2]))
        }),
        ("conv_transpose2d, padding", &["conv_transpose2d", "leaves nothing"], || {
            let w = f32s(&[3, 2, 3, 3]);
            drop(f32s(&[1, 3, 1, 1]).conv_transpose2d(&w, None, [1; 2], [2; 2], [0; 2], 1, [1; 2]))
        }),
        ("unfold", &["unfold", "[2, 2]"], || drop(f32s(&[2, 2]).unfold([1; 2], [1; 2], [0; 2], [1; 2]))),
        ("unfold, kernel", &["unfold", "covers 3", "has 2"], || {
            drop(f32s(&[1, 1, 2, 2]).unfold([1, 3], [1; 2], [0; 2], [1; 2]))
        }),
        ("fold", &["fold", "[1, 4, 3]", "[3, 3]"], || {
            drop(f32s(&[1, 4, 3]).fold([3, 3], [2; 2], [1; 2], [0; 2], [1; 2]))
        }),
        ("max_pool1d", &["max_pool1d", "covers 5"], || drop(f32s(&[1, 2, 4]).max_pool1d(Pool1d::new(5)))),
        ("max_pool3d", &["max_pool3d", "[1, 2, 4]"], || drop(f32s(&[1, 2, 4]).max_pool3d(Pool3d::new(2)))),
        ("lp_pool2d", &["lp_pool2d", "padding"], || {
            drop(f32s(&[1, 2, 4, 4]).lp_pool2d(2.0, Pool2d { padding: [1; 2], ..Pool2d::new(2) }))
        }),
        ("adaptive_avg_pool2d", &["adaptive_avg_pool2d", "[4]"], || {
            drop(f32s(&[4]).adaptive_avg_pool2d([2, 2]))
        }),
        ("adaptive_max_pool1d", &["adaptive_max_pool1d", "[1, 4]", "[0]"], || {
            drop(f32s(&[1, 4]).adaptive_max_pool1d(0))
        }),
        ("interpolate", &["interpolate", "[2, 2]", "[1, 2, 4]"], || {
            drop(f32s(&[1, 2, 4]).interpolate(Resize::To(&[2, 2]), Interpolation::Area))
        }),
        ("interpolate to nothing", &["interpolate", "[0.1]"], || {
            drop(f32s(&[1, 2, 4]).interpolate(Resize::By(&[0.1]), Interpolation::Nearest))
        }),
        ("pixel_shuffle", &["pixel_shuffle", "[3, 1, 1]"], || drop(f32s(&[3, 1, 1]).pixel_shuffle(2))),
        ("pixel_unshuffle", &["pixel_unshuffle", "[1, 3, 2]"], || drop(f32s(&[1, 3, 2]).pixel_unshuffle(2))),
        ("group_norm", &["group_norm", "3 groups", "[2, 4]"], || {
            drop(f32s(&[2, 4]).group_norm(3, None, None, 1e-5))
        }),
        ("instance_norm", &["instance_norm", "[3]", "[2, 4, 5]"], || {
            drop(f32s(&[2, 4, 5]).instance_norm(Some(&f32s(&[3])), None, 1e-5))
        }),
        ("rms_norm", &["rms_norm", "[4]", "[2, 3]"], || drop(f32s(&[2, 3]).rms_norm(&[4], None, 1e-5))),
        ("local_response_norm", &["local_response_norm", "[2, 3]"], || {
            drop(f32s(&[2, 3]).local_response_norm(3, 1.0, 1.0, 1.0))
        }),
        ("weight_norm", &["weight_norm", "[2]", "[2, 3]"], || {
            drop(f32s(&[2, 3]).weight_norm(&f32s(&[2]), Some(0)))
        }),
        ("singular_vectors", &["singular_vectors", "[3]", "[2, 3]"], || {
            f32s(&[2, 3]).singular_vectors(&f32s(&[3]), 0, 1, 1e-12);
        }),
        ("spectral_norm", &["spectral_norm", "[3]", "[2, 3]"], || {
            drop(f32s(&[2, 3]).spectral_norm(&f32s(&[3]), &f32s(&[3]), 0))
        }),
        ("dropout", &["dropout", "1.5"], || drop(f32s(&[2]).dropout(1.5, &Generator::new(0)))),
        ("avg_pool2d", &["avg_pool2d", "i32"], || {
            drop(i32s(&[1, 2, 4, 4]).avg_pool2d(Pool2d::new(2), true, None))
        }),
        ("avg_pool2d, dilation", &["avg_pool2d", "dilation"], || {
            drop(f32s(&[1, 2, 4, 4]).avg_pool2d(Pool2d { dilation: [2; 2], ..Pool2d::new(2) }, true, None))
        }),
        ("batch_norm, rank", &["batch_norm", "[3]"], || {
            drop(batch_norm_train(&f32s(&[3]), &f32s(&[3]), &f32s(&[3]), 1e-5))
        }),
        ("batch_norm, weight", &["batch_norm", "[2]", "[4, 3]"], || {
            drop(batch_norm_train(&f32s(&[4, 3]), &f32s(&[2]), &f32s(&[3]), 1e-5))
        }),
        ("batch_norm, types", &["batch_norm", "i32"], || {
            drop(batch_norm_train(&i32s(&[4, 3]), &f32s(&[3]), &f32s(&[3]), 1e-5))
        }),
        ("batch_norm_eval", &["batch_norm", "[2]", "[4, 3]"], || {
            let c = f32s(&[3]);
            drop(f32s(&[4, 3]).batch_norm_eval(&c, &f32s(&[2]), &c, &c, 1e-5))
        }),
        ("layer_norm", &["layer_norm", "[4, 3]", "[2]"], || {
            drop(f32s(&[4, 3]).layer_norm(&f32s(&[2]), &f32s(&[2]), 1e-5))
        }),
        ("layer_norm, types", &["layer_norm", "i32"], || {
            drop(i32s(&[4, 3]).layer_norm(&f32s(&[3]), &f32s(&[3]), 1e-5))
        }),
        ("gather", &["gather", "[2, 3]", "[3, 2]"], || drop(f32s(&[2, 3]).gather(1, &i32s(&[3, 2])))),
        ("gather, rank", &["gather", "[2]", "[2, 3]"], || drop(f32s(&[2, 3]).gather(1, &i32s(&[2])))),
        ("gather, type", &["gather", "f32"], || drop(f32s(&[2, 3]).gather(1, &f32s(&[2, 3])))),
        ("gather, dimension", &["gather", "dimension 2"], || drop(f32s(&[2, 3]).gather(2, &i32s(&[2, 3])))),
        ("index_select", &["index_select", "[1, 1]"], || drop(f32s(&[2, 3]).index_select(1, &i32s(&[1, 1])))),
        ("index_select, type", &["index_select", "f32"], || drop(f32s(&[2, 3]).index_select(1, &f32s(&[1])))),
        ("embedding", &["embedding", "[2]"], || drop(f32s(&[2]).embedding(&i32s(&[1])))),
        ("embedding, type", &["embedding", "f32"], || drop(f32s(&[2, 3]).embedding(&f32s(&[1])))),
        ("scatter_add", &["scatter_add", "[1, 3]", "[2, 3]"], || {
            drop(f32s(&[2, 3]).scatter_add(1, &i32s(&[2, 3]), &f32s(&[1, 3])))
        }),
        ("scatter_add, types", &["scatter_add", "f32", "i32"], || {
            drop(f32s(&[2, 3]).scatter_add(1, &i32s(&[2, 3]), &i32s(&[2, 3])))
        }),
        ("index_add", &["index_add", "[2, 3]"], || {
            drop(f32s(&[2, 3]).index_add(0, &i32s(&[1]), &f32s(&[2, 3])))
        }),
        ("index_add, index", &["index_add", "f32"], || {
            drop(f32s(&[2, 3]).index_add(0, &f32s(&[1]), &f32s(&[1, 3])))
        }),
        ("cross_entropy", &["cross_entropy", "[3, 4]", "[2]"], || {
            drop(f32s(&[3, 4]).cross_entropy(&i32s(&[2])))
        }),
        ("cross_entropy, classes", &["cross_entropy", "f32"], || {
            drop(f32s(&[3, 4]).cross_entropy(&f32s(&[3])))
        }),
        ("cross_entropy, logits", &["cross_entropy"], || drop(f32s(&[]).cross_entropy(&i32s(&[])))),
        ("cross_entropy, types", &["cross_entropy", "i32"], || {
            drop(i32s(&[3, 4]).cross_entropy(&i32s(&[3])))
        }),
        ("cross_entropy, probabilities", &["cross_entropy", "[3, 4]"], || {
            let p = f32s(&[3]);
            drop(f32s(&[3, 4]).cross_entropy_with(Probabilities(&p), None, -1, 0.0, Reduction::Mean))
        }),
        ("cross_entropy, weight", &["cross_entropy", "[3]", "[3, 4]"], || {
            let (p, w) = (f32s(&[3, 4]), f32s(&[3]));
            drop(f32s(&[3, 4]).cross_entropy_with(Probabilities(&p), Some(&w), -1, 0.0, Reduction::Mean))
        }),
        ("nll_loss, weight", &["nll_loss", "[3]", "[3, 4]"], || {
            drop(f32s(&[3, 4]).nll_loss(&i32s(&[3]), Some(&f32s(&[3])), -100, Reduction::Mean))
        }),
        ("nll_loss of a scalar", &["nll_loss", "[]"], || {
            drop(f32s(&[]).nll_loss(&i32s(&[]), None, -100, Reduction::Mean))
        }),
        ("nll_loss", &["nll_loss", "[3, 4]"], || {
            drop(f32s(&[3, 4]).nll_loss(&i32s(&[2]), None, -100, Reduction::Mean))
        }),
        ("mse_loss", &["[3]", "[2]"], || drop(f32s(&[3]).mse_loss(&f32s(&[2]), Reduction::Mean))),
        ("SgdStep", &["sgd_step", "[3]"], || {
            let step = SgdStep { momentum: false, nesterov: false, maximize: false };
            let (hyper, ok) = (f32s(&[5]), f32s(&[1]).gt(0.0));
            drop(step.apply(&hyper, &ok, &f32s(&[3]), &[f32s(&[4])]))
        }),
        ("AdamStep", &["AdamStep"], || {
            let step = AdamStep { amsgrad: false, decoupled: false, maximize: false };
            drop(step.apply(&f32s(&[7]), &f32s(&[1]).gt(0.0), &f32s(&[3]), &[f32s(&[3])]))
        }),
    ]);
}

#[test]
fn recurrent_cells() {
    check(&[
        ("lstm, input", &["lstm", "[3, 4]"], || {
            let (x, h, w) = (f32s(&[3, 4]), f32s(&[2, 2]), f32s(&[8, 2]));
            lstm(&x, &h, &h, &f32s(&[8, 4]), &w, None, None);
        }),
        ("gru, input weight", &["gru", "[6, 3]", "[6, 4]"], || {
            gru(&f32s(&[3, 2, 4]), &f32s(&[2, 2]), &f32s(&[6, 3]), &f32s(&[6, 2]), None, None);
        }),
        ("gru, state", &["gru", "[1, 2]", "[2, 2]"], || {
            gru(&f32s(&[3, 2, 4]), &f32s(&[1, 2]), &f32s(&[6, 4]), &f32s(&[6, 2]), None, None);
        }),
        ("gru, bias", &["gru", "[2]", "[6]"], || {
            let bias = f32s(&[2]);
            gru(&f32s(&[3, 2, 4]), &f32s(&[2, 2]), &f32s(&[6, 4]), &f32s(&[6, 2]), Some(&bias), None);
        }),
        ("lstm, no steps", &["lstm", "[0, 2, 4]"], || {
            let (x, h, w) = (f32s(&[0, 2, 4]), f32s(&[2, 2]), f32s(&[8, 2]));
            lstm(&x, &h, &h, &f32s(&[8, 4]), &w, None, None);
        }),
    ]);
}

#[test]
fn tensors_and_gradients() {
    check(&[
        ("from_slice", &["from_slice", "2", "[3]"], || drop(Tensor::from_slice(&cpu(), &[1f32, 2.0], &[3]))),
        ("constant", &["constant", "2", "[3]"], || drop(Tensor::constant(&cpu(), &[1f32, 2.0], &[3]))),
        ("scalars", &["scalars", "65"], || drop(Tensor::scalars(&cpu(), &[0f32; 65]))),
        ("absurd shape", &["[4294967296, 4294967296, 4]"], || {
            drop(Tensor::zeros(&cpu(), &[1 << 32, 1 << 32, 4]))
        }),
        ("item", &["item", "[2]"], || drop(f32s(&[2]).item())),
        ("item of an integer", &["i32"], || drop(i32s(&[]).item())),
        ("to_vec", &["f32", "i32"], || drop(f32s(&[2]).to_vec::<i32>())),
        ("fetch", &["f32", "i32"], || drop(f32s(&[2]).fetch().unwrap().to_vec::<i32>())),
        ("variable", &["variable", "i32"], || drop(i32s(&[2]).variable())),
        ("backward", &["backward", "[2]"], || drop(f32s(&[2]).variable().backward())),
        ("grad", &["backward", "[2]"], || drop(grad(&f32s(&[2]), &[]))),
        ("vjp", &["vjp", "[2]", "[3]"], || drop(vjp(&[(&f32s(&[2]), &f32s(&[3]))], &[]))),
        ("from_pairs", &["[2]", "[3]"], || drop(Gradients::from_pairs([(f32s(&[2]), f32s(&[3]))]))),
        ("backward of a freed graph", &["backward", "freed", "errors.rs"], || {
            let x = f32s(&[2]).variable();
            let loss = x.square().sum_all();
            autograd::step(&cpu(), Some(&loss)).unwrap();
            drop(loss.backward());
        }),
    ]);
}

#[test]
fn devices() {
    let Some(gpu) = testing::gpu() else { return };
    let here = f32s(&[2, 2]);
    let there = Tensor::ones(&gpu, &[2, 2]);
    let mistakes: [(&str, &dyn Fn()); 4] = [
        ("add", &|| drop(&here + &there)),
        ("matmul", &|| drop(here.matmul(&there))),
        ("cat", &|| drop(cat(&[&here, &there], 0))),
        ("where", &|| drop(here.where_(&there.gt(0.0), &here))),
    ];
    for (name, f) in mistakes {
        let (message, file) = panic_of(f);
        assert!(file.ends_with("errors.rs"), "{name}: {file}");
        let named = message.contains(name) && message.contains("different devices");
        assert!(named && message.contains("CPU") && message.contains(&*gpu.info().name), "{name}: {message}");
    }
}

#[test]
fn losses() {
    const MEAN: Reduction = Reduction::Mean;
    check(&[
        ("l1_loss", &["[3]", "[2]"], || drop(f32s(&[3]).l1_loss(&f32s(&[2]), MEAN))),
        ("smooth_l1_loss", &["beta"], || drop(f32s(&[3]).smooth_l1_loss(&f32s(&[3]), -1.0, MEAN))),
        ("huber_loss", &["delta"], || drop(f32s(&[3]).huber_loss(&f32s(&[3]), 0.0, MEAN))),
        ("quantile_loss", &["quantile_loss", "1.5"], || {
            drop(f32s(&[3]).quantile_loss(&f32s(&[3]), 1.5, MEAN))
        }),
        ("binary_cross_entropy", &["binary_cross_entropy", "[3, 1]", "[3]"], || {
            drop(f32s(&[3, 1]).binary_cross_entropy(&f32s(&[3]), None, MEAN))
        }),
        ("sigmoid_focal_loss", &["sigmoid_focal_loss", "[3]", "[2]"], || {
            drop(f32s(&[3]).sigmoid_focal_loss(&f32s(&[2]), None, 2.0, MEAN))
        }),
        ("kl_div", &["kl_div", "[3]", "[2]"], || drop(f32s(&[3]).kl_div(&f32s(&[2]), false, MEAN))),
        ("gaussian_nll_loss", &["gaussian_nll_loss", "[3]", "[2, 2]"], || {
            drop(f32s(&[2, 2]).gaussian_nll_loss(&f32s(&[2, 2]), &f32s(&[3]), false, 1e-6, MEAN))
        }),
        ("sparsity_kl", &["sparsity_kl", "1"], || drop(f32s(&[3]).sparsity_kl(1.0, MEAN))),
        ("hinge_loss", &["hinge_loss", "[3]", "[2]"], || drop(f32s(&[3]).hinge_loss(&f32s(&[2]), MEAN))),
        ("margin_ranking_loss", &["margin_ranking_loss", "[3]", "[2]"], || {
            drop(f32s(&[3]).margin_ranking_loss(&f32s(&[3]), &f32s(&[2]), 1.0, MEAN))
        }),
        ("multi_margin_loss", &["multi_margin_loss", "[3]", "[2, 4]"], || {
            drop(f32s(&[2, 4]).multi_margin_loss(&i32s(&[3]), 1, 1.0, None, MEAN))
        }),
        ("multi_margin_loss, p", &["multi_margin_loss", "3"], || {
            drop(f32s(&[2, 4]).multi_margin_loss(&i32s(&[2]), 3, 1.0, None, MEAN))
        }),
        ("triplet_margin_loss", &["triplet_margin_loss", "[2, 3]", "[3]"], || {
            let x = f32s(&[2, 3]);
            drop(x.triplet_margin_loss(&x, &f32s(&[3]), TripletMargin::default(), MEAN))
        }),
        ("cosine_embedding_loss", &["cosine_embedding_loss", "[2, 3]", "[3]"], || {
            drop(f32s(&[2, 3]).cosine_embedding_loss(&f32s(&[2, 3]), &f32s(&[3]), 0.0, MEAN))
        }),
        ("dice_loss", &["dice_loss", "[2, 3]"], || drop(f32s(&[2, 3]).dice_loss(&f32s(&[2, 3]), 1.0, MEAN))),
        ("contrastive_loss", &["contrastive_loss", "[3]", "[2, 3]"], || {
            drop(f32s(&[2, 3]).contrastive_loss(&f32s(&[2, 3]), &f32s(&[3]), 1.0, MEAN))
        }),
        ("nt_xent_loss", &["nt_xent_loss", "[3]"], || drop(f32s(&[3]).nt_xent_loss(&f32s(&[3]), 1.0, MEAN))),
        ("negative_sampling_loss", &["negative_sampling_loss", "[3, 4]", "[2]"], || {
            drop(f32s(&[2]).negative_sampling_loss(&f32s(&[3, 4]), MEAN))
        }),
        ("gram_matrix", &["gram_matrix", "[2, 3]"], || drop(f32s(&[2, 3]).gram_matrix())),
        ("l1_penalty", &["l1_penalty", "no tensors"], || drop(l1_penalty(&[], 1.0))),
        ("jacobian_penalty", &["jacobian_penalty", "[2, 3]", "[3, 3]"], || {
            drop(jacobian_penalty(&f32s(&[2, 3]), &f32s(&[3, 3])))
        }),
        ("jacobian_penalty of constants", &["jacobian_penalty", "do not depend"], || {
            drop(jacobian_penalty(&f32s(&[2, 3]), &f32s(&[2, 3])))
        }),
        ("perceptual_loss", &["perceptual_loss", "1", "0"], || drop(perceptual_loss(&[f32s(&[1])], &[]))),
        ("gradient_penalty", &["gradient_penalty", "[2, 3]", "[3]"], || {
            drop(gradient_penalty(Tensor::square, &f32s(&[2, 3]), &f32s(&[2, 3]), &f32s(&[3])))
        }),
        ("gradient_penalty of a constant", &["gradient_penalty", "do not depend"], || {
            let x = f32s(&[2, 3]);
            drop(gradient_penalty(|_| f32s(&[2]), &x, &x, &f32s(&[2])))
        }),
        ("ctc_loss", &["ctc_loss", "[4, 2, 3]", "[3, 2]"], || {
            let l = i32s(&[2]);
            drop(f32s(&[4, 2, 3]).ctc_loss(&i32s(&[3, 2]), &l, &l, 0, false, MEAN))
        }),
        ("ctc_loss, blank", &["ctc_loss", "blank 3"], || {
            let l = i32s(&[2]);
            drop(f32s(&[4, 2, 3]).ctc_loss(&i32s(&[2, 2]), &l, &l, 3, false, MEAN))
        }),
        ("ctc_loss, lengths", &["ctc_loss", "[4, 2, 3]", "[3]"], || {
            drop(f32s(&[4, 2, 3]).ctc_loss(&i32s(&[2, 2]), &i32s(&[2]), &i32s(&[3]), 0, false, MEAN))
        }),
        ("lattice", &["lattice", "[2, 3, 4]", "[1, 4, 3]"], || {
            drop(lattice(&f32s(&[2, 3, 4]), Arcs::All(&f32s(&[1, 4, 3])), &i32s(&[2]), Paths::Sum))
        }),
        ("lattice, lengths", &["lattice", "f32"], || {
            drop(lattice(&f32s(&[2, 3, 4]), Arcs::All(&f32s(&[1, 4, 4])), &f32s(&[2]), Paths::Best))
        }),
    ]);
}
