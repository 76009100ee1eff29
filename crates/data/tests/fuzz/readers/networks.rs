//! Networks in ONNX files.

use autograd::{Device, Tensor};
use models::{BatchNorm2d, Conv2d, Linear, Mode, Module, Params};

use super::holds;
use crate::campaign::{File, Reader, Sample};
use crate::common::write;

/// A small convolutional network.
struct Net(Conv2d, BatchNorm2d, Linear);

impl Module for Net {
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let y = self.1.forward(&self.0.forward(x), mode).relu();
        self.2.forward(&y.mean(&[2, 3], false)).softmax(1)
    }
}

fn exported() -> Vec<u8> {
    let params = Params::new(&Device::named("cpu").unwrap(), 7);
    let conv = Conv2d::new(&params.path("conv"), 2, 3, 3).padding(1).build();
    let net = Net(conv, BatchNorm2d::new(&params.path("bn"), 3), Linear::new(&params.path("head"), 3, 4));
    let path = tempfile::tempdir().unwrap().keep().join("net.onnx");
    onnx::export(&net, &Tensor::zeros(params.device(), &[2, 2, 5, 5]), &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    bytes
}

/// Networks, and the shapes that their nodes give to an input; nothing is computed on the device.
pub fn onnx() -> Reader {
    Reader {
        name: "onnx",
        samples: || {
            let sequences = include_bytes!("../../../../onnx/tests/fixtures/sequences.onnx");
            let planes = include_bytes!("../../../../onnx/tests/fixtures/planes.onnx");
            [exported(), planes.to_vec(), sequences.to_vec()].map(Sample::plain).into()
        },
        check: |file| {
            let path = file.directory.join("net.onnx");
            write(&path, &file.bytes);
            let device = Device::named("cpu").unwrap();
            file.judge(
                |_| onnx::load(&device, &path),
                |file, net| {
                    for param in net.params().all() {
                        let values = param.value().to_vec::<f32>().map_err(|error| error.to_string())?;
                        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                        // A NaN may have become another one.
                        let same = values.iter().any(|value| value.is_nan()) || holds(&file.bytes, &bytes);
                        File::must(same, "other weights than the file's")?;
                    }
                    for shape in [&[2, 2, 5, 5][..], &[2, 6, 8], &[7]] {
                        let x = Tensor::zeros(&device, shape);
                        let inputs: Vec<_> = net.inputs().iter().map(|name| (name.as_str(), &x)).collect();
                        let length = net.run(&inputs).err().map_or(0, |error| error.to_string().len());
                        File::must(length < 4096, "a very long error")?;
                    }
                    Ok(())
                },
            )
        },
        memory: (4 << 20, 32),
    }
}
