//! Positions are whole numbers on every path, and sizes too large for 32-bit shaders give a correct result or an error.

use autograd::{DType, Device, Error, Tensor};
use gpu_core::testing::{devices, gpu};

/// The first whole number that f32 cannot represent.
const ODD: usize = (1 << 24) + 1;

#[test]
fn an_index_beyond_2_to_the_24_finds_its_row() -> autograd::Result<()> {
    for device in devices() {
        let mut values = vec![0.0f32; ODD];
        values[ODD - 3..].copy_from_slice(&[1.0, 2.0, 3.0]);
        let x = Tensor::from_slice(&device, &values, &[ODD])?;
        let last = ODD as i32 - 1;
        let at = Tensor::from_slice(&device, &[last, -1, last - 1, last + 1, -last - 2], &[5])?;
        let found = x.index(&[&at]).to_vec::<f32>()?;
        assert_eq!(found[..3], [3.0, 3.0, 2.0]);
        assert!(found[3].is_nan() && found[4].is_nan());
        // Two dimensions: positions in the second one are offset by those in the first.
        let x = x.reshape(&[1, ODD]);
        let row = Tensor::from_slice(&device, &[0i32], &[1])?;
        assert_eq!(x.index(&[&row, &at.narrow(0, 0, 2)]).to_vec::<f32>()?, [3.0, 3.0]);
    }
    Ok(())
}

#[test]
fn an_unsigned_index_does_not_count_from_the_end() -> autograd::Result<()> {
    for device in devices() {
        let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[2])?;
        let at = Tensor::from_slice(&device, &[1u32, u32::MAX], &[2])?;
        let found = x.index(&[&at]).to_vec::<f32>()?;
        assert!(found[0] == 2.0 && found[1].is_nan(), "{found:?}");
    }
    Ok(())
}

#[test]
fn integers_beside_integers_are_exact() -> autograd::Result<()> {
    let odd = ODD as i32;
    for device in devices() {
        let x = Tensor::from_slice(&device, &[odd, odd - 1], &[2])?;
        assert_eq!(x.eq(odd).to_vec::<u32>()?, [1, 0]);
        assert_eq!((&x - odd).to_vec::<i32>()?, [0, -1]);
        assert_eq!((x.to(DType::U32) - odd).to_vec::<u32>()?, [0, u32::MAX]);
        assert_eq!((x.to(DType::F32) * 2).to_vec::<f32>()?, [2.0 * (odd - 1) as f32; 2]);
        assert_eq!(x.clamp(0, odd - 2).to_vec::<i32>()?, [odd - 2; 2]);
    }
    Ok(())
}

#[test]
fn a_padding_row_beyond_2_to_the_24_is_the_only_one_without_gradient() -> autograd::Result<()> {
    let device = Device::named("cpu")?;
    let table = Tensor::from_slice(&device, &vec![1.0f32; ODD], &[ODD, 1])?.variable();
    let at = Tensor::from_slice(&device, &[ODD as i32 - 2, ODD as i32 - 1], &[2])?;
    let loss = table.embedding_padded(&at, ODD - 1).sum_all();
    let grad = autograd::grad(&loss, &[&table]).remove(0).expect("a gradient").narrow(0, ODD - 2, 2);
    assert_eq!(grad.to_vec::<f32>()?, [1.0, 0.0]);
    Ok(())
}

/// `sum over j of a[i] b[j]`: 2^32 + 2^17 products, none of them stored.
#[test]
fn a_sum_over_more_than_2_to_the_32_products_is_right() -> autograd::Result<()> {
    let Some(device) = gpu() else { return Ok(()) };
    let (rows, columns) = ((1 << 14) + 1, 1 << 18);
    let a: Vec<f32> = (0..rows).map(|i| (i % 97) as f32).collect();
    let b: Vec<f32> = (0..columns).map(|j| f32::from(j % 1024 == 7)).collect();
    let [x, y] = [(&a, [rows, 1]), (&b, [1, columns])].map(|(v, s)| Tensor::from_slice(&device, v, &s));
    let sums = (x? * y?).sum(&[1], false);
    let sums = sums.to_vec::<f32>()?;
    // All of these are whole numbers below 2^24.
    let wrong = sums.iter().zip(&a).position(|(sum, a)| *sum != a * 256.0);
    assert_eq!(wrong, None, "{:?}", wrong.map(|i| sums[i]));
    Ok(())
}

#[test]
fn an_operand_with_more_elements_than_shaders_count_is_an_error() -> autograd::Result<()> {
    let Some(device) = gpu() else { return Ok(()) };
    // A dimension of 2^31 + 1.
    let wide = Tensor::from_slice(&device, &[1.0f32], &[1])?.expand(&[(1 << 31) + 1]);
    let error = wide.sum_all().item().expect_err("more elements than shaders count");
    assert!(
        matches!(error, Error::TooManyElements { elements, limit, .. }
        if elements == (1 << 31) + 1 && limit == 1 << 31),
        "{error}"
    );
    assert!(error.to_string().contains("reduce"), "{error}");
    // Products over such a dimension.
    let [row, column] = [&[1, (1 << 31) + 1], &[(1 << 31) + 1, 1]].map(|s: &[usize; 2]| wide.reshape(s));
    assert!(row.matmul(&column).item().is_err());
    // A channel with more elements than can be normalised.
    let planes = wide.narrow(0, 0, 1).reshape(&[1, 1, 1, 1]).expand(&[1 << 12, 1, 1 << 10, 1 << 10]);
    let one = Tensor::ones(&device, &[1]);
    let norm = autograd::batch_norm_train(&planes, &one, &one, 1e-5);
    assert!(norm.mean.to_vec::<f32>().is_err());
    drop(norm);
    // The device still works after the errors.
    assert_eq!((&one + 1.0).to_vec::<f32>()?, [2.0]);
    Ok(())
}

#[test]
fn positions_that_no_i32_can_say_are_refused_where_they_are_recorded() {
    let device = Device::named("cpu").expect("the CPU");
    let x = Tensor::ones(&device, &[1]).expand(&[1 << 31]);
    let refused = |f: &dyn Fn() -> Tensor| {
        let panic =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(f()))).expect_err("too many");
        let text = panic.downcast_ref::<String>().expect("a message");
        assert!(text.contains("2147483648 positions, of at most 2147483647 in an i32"), "{text}");
    };
    refused(&|| x.argmax(0, false));
    refused(&|| x.argsort(0, false));
    refused(&|| x.index(&[&Tensor::constant(&device, &[0i32], &[1])]));
    refused(&|| Tensor::arange(&device, 1 << 31));
}
