//! Einstein sums against loops over all labels, on every device.

use autograd::{Device, Tensor, einsum};
use gpu_core::testing;

fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + seed * 11) % 19) as f32 / 8.0 - 1.0).collect()
}

/// The sum by definition; labels are letters, each with a size.
fn naive(inputs: &[&str], output: &str, sizes: &[(char, usize)], operands: &[Vec<f32>]) -> Vec<f32> {
    let size = |c: char| sizes.iter().find(|(l, _)| *l == c).unwrap().1;
    let place = |labels: &str, at: &[usize]| {
        let index = |c: char| at[sizes.iter().position(|(l, _)| *l == c).unwrap()];
        labels.chars().fold(0, |place, c| place * size(c) + index(c))
    };
    let mut y = vec![0.0; output.chars().map(size).product()];
    for k in 0..sizes.iter().map(|(_, n)| n).product::<usize>() {
        let mut left = k;
        let at: Vec<usize> = sizes.iter().map(|(_, n)| (left % n, left /= n).0).collect();
        let product: f32 = inputs.iter().zip(operands).map(|(labels, x)| x[place(labels, &at)]).product();
        y[place(output, &at)] += product;
    }
    y
}

#[test]
fn sums_follow_the_definition() {
    let sizes = [('a', 2), ('b', 3), ('c', 4), ('d', 5)];
    for device in testing::devices() {
        for equation in [
            "ab->ba",
            "ab->a",
            "ab->",
            "aab->b",
            "aba->ab",
            "aaa->a",
            "ab,bc->ac",
            "ab,bc->ca",
            "ab,ab->ab",
            "ab,cd->dbca",
            "abc,bd->cad",
            "abc,cbd->ad",
            "a,b,c->cab",
            "ab,bc,cd->ad",
            "ab,bcd,ad->cb",
            "aab,bcc->ac",
            "ab,b,bc->c",
            "abcd,cb->da",
            "a,->a",
        ] {
            let (inputs, output) = equation.split_once("->").unwrap();
            let inputs: Vec<&str> = inputs.split(',').collect();
            let used: Vec<(char, usize)> =
                sizes.into_iter().filter(|(c, _)| inputs.iter().any(|i| i.contains(*c))).collect();
            let shape = |labels: &str| -> Vec<usize> {
                labels.chars().map(|c| used.iter().find(|(l, _)| *l == c).unwrap().1).collect()
            };
            let operands: Vec<Vec<f32>> =
                inputs.iter().enumerate().map(|(i, l)| values(shape(l).iter().product(), i)).collect();
            let tensors: Vec<Tensor> = inputs
                .iter()
                .zip(&operands)
                .map(|(l, v)| Tensor::from_slice(&device, v, &shape(l)).unwrap())
                .collect();
            let y = einsum(equation, &tensors.iter().collect::<Vec<_>>());
            assert_eq!(y.shape(), shape(output), "{equation}");
            let wanted = naive(&inputs, output, &used, &operands);
            for (got, want) in y.to_vec::<f32>().unwrap().iter().zip(&wanted) {
                assert!((got - want).abs() < 1e-4, "{equation} on {}: {got} for {want}", device.info());
            }
        }
    }
}

#[test]
fn ellipses_and_implicit_outputs() {
    let device = Device::named("cpu").unwrap();
    let x = Tensor::from_slice(&device, &values(24, 0), &[2, 3, 4]).unwrap();
    let w = Tensor::from_slice(&device, &values(20, 1), &[4, 5]).unwrap();
    let same = |a: Tensor, b: Tensor| {
        assert_eq!(a.shape(), b.shape());
        let (a, b) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?}, {b:?}");
    };
    same(einsum("...i, ij -> ...j", &[&x, &w]), x.matmul(&w));
    same(einsum("...i,ij", &[&x, &w]), x.matmul(&w));
    same(einsum("ba", &[&w]), w.t());
    same(einsum("i...->...", &[&x]), x.sum(&[0], false));
    // Dimensions of the ellipsis broadcast.
    let rows = x.select(0, 1);
    same(einsum("...,...->...", &[&x, &rows]), &x * &rows);
}
