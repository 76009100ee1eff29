use autograd::{Captured, Device, Tensor};
use models::{BatchNorm2d, Mode, Params, Sgd};
#[test]
fn probe() {
    let device = Device::named("cpu").unwrap();
    for cap in [false, true] {
        let params = Params::new(&device, 1);
        let norm = BatchNorm2d::new(&params.path("norm"), 2);
        let mut opt = Sgd::new(&params);
        let pass = |i: &[Tensor]| { (norm.forward(&i[0], Mode::Train) + norm.forward(&(&i[0] * 0.5), Mode::Train)).square().sum_all().backward() };
        let mut step = Captured::new(pass);
        for k in 0..6 {
            let x: Vec<f32> = (0..36).map(|i| ((i * (k + 3)) % 7) as f32).collect();
            let x = Tensor::from_slice(&device, &x, &[2, 2, 3, 3]).unwrap();
            let g = if cap { step.call(&[x]).unwrap() } else { pass(&[x]) };
            let s = device.stats().submits;
            opt.step(g, 0.001).unwrap();
            let s2 = device.stats().submits;
            let m = params.get("norm.running_mean").unwrap().value().to_vec::<f32>().unwrap();
            println!("{cap} {k} {m:?} submits {} then {}", s2 - s, device.stats().submits - s2);
        }
        println!("{:?}", step.impure());
    }
}
