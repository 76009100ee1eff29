//! Corner cases of composed methods that the PyTorch fixtures do not cover; expected values follow PyTorch's documentation.

use autograd::{Device, Padding, Pool2d, Result, Tensor, vjp};

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(&Device::named("cpu").unwrap(), values, shape).unwrap()
}

fn count(shape: &[usize]) -> Tensor {
    tensor(&(0..shape.iter().product::<usize>()).map(|i| i as f32).collect::<Vec<_>>(), shape)
}

#[test]
fn diagonals_below_the_main_one() -> Result<()> {
    let x = count(&[3, 2]);
    assert_eq!(x.diagonal(-1, 0, 1).to_vec::<f32>()?, [2.0, 5.0]);
    assert_eq!(x.diagonal(-2, -2, -1).to_vec::<f32>()?, [4.0]);
    let embedded = tensor(&[1.0, 2.0], &[2]);
    assert_eq!(embedded.diag_embed(1).to_vec::<f32>()?, [0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]);
    assert_eq!(embedded.diag_embed(-1).to_vec::<f32>()?, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    Ok(())
}

#[test]
fn equal_elements_have_a_deviation_without_gradient() -> Result<()> {
    let x = tensor(&[2.0; 4], &[4]).variable();
    let y = x.std(&[0], 1.0, false);
    assert_eq!(y.item()?, 0.0);
    assert_eq!(y.backward().get(&x).unwrap().to_vec::<f32>()?, [0.0; 4]);
    Ok(())
}

#[test]
fn infinities_pad_without_nan() -> Result<()> {
    let y = tensor(&[1.0], &[1]).pad(&[(1, 1)], Padding::Constant(f32::NEG_INFINITY));
    assert_eq!(y.to_vec::<f32>()?, [f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY]);
    Ok(())
}

#[test]
fn division_rounds_down_and_keeps_infinities() -> Result<()> {
    let (a, b) = (tensor(&[7.0, -7.0, 7.0, -7.0, 1.0], &[5]), tensor(&[2.0, 2.0, -2.0, -2.0, 0.0], &[5]));
    assert_eq!(a.floor_divide(&b).to_vec::<f32>()?, [3.0, -4.0, -4.0, 3.0, f32::INFINITY]);
    assert_eq!(a.remainder(&b).to_vec::<f32>()?[..4], [1.0, 1.0, -1.0, -1.0]);
    Ok(())
}

#[test]
fn clamp_with_crossed_bounds_gives_the_upper_one() -> Result<()> {
    let x = tensor(&[-3.0, 0.0, 3.0], &[3]);
    assert_eq!(x.clamp(1.0, -1.0).to_vec::<f32>()?, [-1.0; 3]);
    Ok(())
}

#[test]
fn a_single_image_is_pooled_and_convolved_like_a_batch() -> Result<()> {
    let x = count(&[2, 4, 4]);
    let (y, index) = x.max_pool2d(Pool2d::new(2));
    assert_eq!((y.shape(), index.shape()), (&[2, 2, 2][..], &[2, 2, 2][..]));
    let batch = x.unsqueeze(0);
    assert_eq!(y.to_vec::<f32>()?, batch.max_pool2d(Pool2d::new(2)).0.to_vec::<f32>()?);
    let mean = |x: &Tensor| x.avg_pool2d(Pool2d::new(2), true, None);
    assert_eq!(mean(&x).to_vec::<f32>()?, mean(&batch).to_vec::<f32>()?);
    Ok(())
}

#[test]
fn masks_and_indices_broadcast() -> Result<()> {
    let x = count(&[2, 3]);
    let row = x.select(0, 0).gt(0.0);
    assert_eq!(x.masked_select(&row)?.to_vec::<f32>()?, [1.0, 2.0, 4.0, 5.0]);
    let index = Tensor::constant(x.device(), &[2i32, 0], &[1, 2]);
    assert_eq!(x.take_along_dim(&index, 1).to_vec::<f32>()?, [2.0, 0.0, 5.0, 3.0]);
    Ok(())
}

#[test]
fn a_scattered_number_may_hit_twice() -> Result<()> {
    let x = count(&[3]).variable();
    let index = Tensor::constant(x.device(), &[1i32, 1], &[2]);
    let y = x.scatter(0, &index, 9.0);
    assert_eq!(y.to_vec::<f32>()?, [0.0, 9.0, 2.0]);
    let dx = vjp(&[(&y, &y.ones_like())], &[&x]).remove(0).unwrap();
    assert_eq!(dx.to_vec::<f32>()?, [1.0, 0.0, 1.0]);
    Ok(())
}

/// Five nodes with edges 1-2, 1-3, 2-3, 2-4, 3-5, and every node its own neighbour: the second row of the symmetrically normalised
/// adjacency matrix (Kipf and Welling 2017), by sums over the edges.
#[test]
fn segments_are_the_rows_of_a_graph() -> Result<()> {
    let edges = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 4)];
    let both = edges.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).chain((0..5).map(|n| (n, n)));
    let (to, from): (Vec<i32>, Vec<i32>) = both.unzip();
    let device = Device::named("cpu")?;
    let [to, from] = [to, from].map(|ids| Tensor::constant(&device, &ids, &[ids.len()]));
    let scale = Tensor::ones(&device, &[15]).segment_sum(&to, 5).rsqrt();
    let weights = scale.index_select(0, &to) * scale.index_select(0, &from);
    let unit = Tensor::arange(&device, 5).one_hot(5);
    let messages = unit.index_select(0, &from) * weights.unsqueeze(1);
    let row = messages.segment_sum(&to, 5).select(0, 1).to_vec::<f32>()?;
    let wanted = [0.288_675_13, 0.25, 0.25, 0.353_553_39, 0.0];
    assert!(row.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{row:?}");
    Ok(())
}

/// Over nine orders of magnitude; the expected values are torch's in double precision.
#[test]
fn gamma_functions_of_small_and_large_numbers() -> Result<()> {
    let x = [1e-3, 0.3, 1.5, 2.0, 7.5, 100.0, 12345.0];
    let lgamma = [6.907_179, 1.095_798, -0.120_782_2, 0.0, 7.534_364, 359.134_2, 103_953.5];
    let digamma = [-1000.576, -3.502_524, 0.036_489_97, 0.422_784_3, 1.946_757, 4.600_162, 9.420_966];
    let trigamma =
        [1_000_002.0, 12.245_36, 0.934_802_2, 0.644_934_1, 0.142_615_9, 0.010_050_17, 8.100_774e-5];
    for device in gpu_core::testing::devices() {
        let x = Tensor::from_slice(&device, &x, &[7])?;
        let slope = |y: Tensor| autograd::grad(&y.sum_all(), &[&x]).remove(0).unwrap();
        let cases = [
            (x.lgamma(), lgamma),
            (x.digamma(), digamma),
            (slope(x.lgamma()), digamma),
            (slope(x.digamma()), trigamma),
        ];
        for (i, (got, want)) in cases.into_iter().enumerate() {
            for (got, want) in got.to_vec::<f32>()?.into_iter().zip(want) {
                assert!((got - want).abs() < 2e-6 * want.abs().max(1.0), "{i}: {got} instead of {want}");
            }
        }
    }
    Ok(())
}

/// As torch: 0 times the logarithm of 0 is 0, also in gradients.
#[test]
fn nothing_of_an_infinite_logarithm() -> Result<()> {
    let (x, y) = (tensor(&[0.0, 0.0, 2.0], &[3]).variable(), tensor(&[0.0, 3.0, 1.0], &[3]).variable());
    let z = x.xlogy(&y);
    assert_eq!(z.to_vec::<f32>()?, [0.0; 3]);
    let gradients = z.sum_all().backward();
    assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>()?, [0.0, 3f32.ln(), 0.0]);
    assert_eq!(gradients.get(&y).unwrap().to_vec::<f32>()?, [0.0, 0.0, 2.0]);
    Ok(())
}
