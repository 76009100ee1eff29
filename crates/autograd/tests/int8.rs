//! Frozen functions with int8 layers: what is joined, how far results are from those of f32, and the same bits on all devices.

use autograd::{Device, Frozen, FrozenLayer, Int8Codes, Int8Layer, Role, State, Tensor, plans};
use gpu_core::testing;

fn noise(device: &Device, shape: &[usize], step: usize) -> Tensor {
    let value = |i: usize| ((i * step * 2_654_435_761) % 2048) as f32 / 1024.0 - 1.0;
    let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
    Tensor::from_slice(device, &values, shape).unwrap()
}

fn state(device: &Device, shape: &[usize], step: usize) -> State {
    let depth = shape[1..].iter().product::<usize>() as f32;
    State::new(&(noise(device, shape, step) * (2.0 / depth).sqrt()), Role::Parameter)
}

/// The codes for the range of what a layer reads.
fn codes(x: &Tensor) -> Int8Codes {
    let values = x.to_vec::<f32>().unwrap();
    let of = |f: fn(f32, f32) -> f32| values.iter().copied().fold(0.0, f);
    let (low, high) = (of(f32::min), of(f32::max));
    let scale = (high - low) / 255.0;
    Int8Codes { scale, zero: (-128.0 - low / scale).round() as i8 }
}

fn quantized(layers: &[FrozenLayer]) -> Vec<Int8Layer> {
    let inputs: Vec<Int8Codes> = layers.iter().map(|layer| codes(&layer.input)).collect();
    let of = |(layer, &input): (&FrozenLayer, &Int8Codes)| {
        layer.quantized(input, layer.residual.map(|reader| inputs[reader])).unwrap()
    };
    layers.iter().zip(&inputs).map(of).collect()
}

/// Convolutions with a residual block, and products, the first one of rows in three dimensions.
struct Net {
    convs: [State; 3],
    bias: State,
    fcs: [State; 2],
}

impl Net {
    fn new(device: &Device) -> Net {
        Net {
            convs: [
                state(device, &[8, 3, 3, 3], 3),
                state(device, &[8, 8, 3, 3], 5),
                state(device, &[8, 8, 3, 3], 7),
            ],
            bias: State::new(&noise(device, &[8], 9), Role::Parameter),
            fcs: [state(device, &[10, 6], 11), state(device, &[5, 10], 13)],
        }
    }

    fn forward(&self, x: &Tensor) -> Vec<Tensor> {
        let conv = |x: &Tensor, i: usize, bias: Option<&Tensor>| {
            x.conv2d(&self.convs[i].value(), bias, [1; 2], [1; 2], [1; 2], 1)
        };
        let first = (conv(x, 0, Some(&self.bias.value())) * 0.5).relu();
        let second = conv(&first, 1, None).relu();
        let last = (conv(&second, 2, None) + &first).relu();
        // Read by a convolution and by something else.
        let again = conv(&last, 1, None);
        let rows = &last.flatten(2, 3).narrow(2, 0, 6);
        let hidden = rows.linear(&self.fcs[0].value(), None).relu();
        vec![again, hidden.linear(&self.fcs[1].value(), None)]
    }
}

fn frozen(device: &Device) -> Frozen {
    let net = Net::new(device);
    Frozen::new(move |x| net.forward(&x[0]))
}

#[test]
fn results_are_close_and_the_same_on_all_devices() {
    let layers = {
        let device = Device::named("cpu").unwrap();
        let layers = frozen(&device).layers(&[noise(&device, &[4, 3, 6, 5], 23)]).unwrap();
        assert_eq!(layers.len(), 6);
        let residuals: Vec<Option<usize>> = layers.iter().map(|layer| layer.residual).collect();
        assert_eq!(residuals, [None, None, Some(1), None, None, None]);
        assert_eq!(layers[0].bias.as_ref().unwrap().shape(), [8]);
        quantized(&layers)
    };
    assert!(layers[2].residual.is_some());
    let mut bits: Option<Vec<Vec<f32>>> = None;
    for device in testing::devices() {
        let int8 = frozen(&device).replacing(&device, layers.clone()).unwrap();
        assert_eq!(int8.replaced(), layers);
        for batch in [4, 1] {
            let x = noise(&device, &[batch, 3, 6, 5], 23);
            let exact = frozen(&device).call(std::slice::from_ref(&x)).unwrap();
            let found = int8.call(std::slice::from_ref(&x)).unwrap();
            for (exact, found) in exact.iter().zip(&found) {
                assert_eq!(exact.shape(), found.shape());
                let (exact, found) = (exact.to_vec::<f32>().unwrap(), found.to_vec::<f32>().unwrap());
                let largest = exact.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                let off = exact.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off > 0.0 && off < 0.04 * largest, "{off} of {largest}");
            }
            if batch == 4 {
                let found: Vec<Vec<f32>> = found.iter().map(|t| t.to_vec().unwrap()).collect();
                assert!(bits.get_or_insert_with(|| found.clone()) == &found, "other bits on {device:?}");
            }
        }
    }
}

/// Between convolutions only codes are stored: one quantisation, and no element-wise launch.
#[test]
fn layers_are_joined() {
    let device = Device::named("cpu").unwrap();
    let convs = [3usize, 5, 7].map(|step| state(&device, &[16, 16, 3, 3], step));
    let net = Frozen::new(move |x| {
        let conv = |x: &Tensor, i: usize| x.conv2d(&convs[i].value(), None, [1; 2], [1; 2], [1; 2], 1);
        let first = conv(&x[0], 0).relu();
        vec![conv(&(conv(&first, 1) + &first).relu(), 2)]
    });
    let x = noise(&device, &[2, 16, 7, 29], 3);
    let layers = quantized(&net.layers(std::slice::from_ref(&x)).unwrap());
    let int8 = net.replacing(&device, layers).unwrap();
    int8.call(&[x]).unwrap()[0].to_vec::<f32>().unwrap();
    let mut texts = plans(&device).into_iter().map(|plan| plan.explain());
    let text = texts.find(|text| text.contains("int8_conv2d") && text.contains("29")).unwrap();
    let count = |what: &str| text.matches(what).count();
    assert!(
        count("int8_conv2d") >= 3 && count("int8_quantize") == 1 && count("int8_dequantize") == 0,
        "{text}"
    );
    assert!(int8.parameters().is_empty());
}

#[test]
#[should_panic(expected = "1 int8 layers for a function of 6 layers")]
fn another_number_of_layers() {
    let device = Device::named("cpu").unwrap();
    let x = noise(&device, &[1, 3, 6, 5], 23);
    let layers = quantized(&frozen(&device).layers(std::slice::from_ref(&x)).unwrap()[..1]);
    drop(frozen(&device).replacing(&device, layers).unwrap().call(&[x]));
}
