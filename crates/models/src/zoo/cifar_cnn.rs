//! The convolutional network used for CIFAR-10 in introductory texts.

use autograd::{Pool2d, Tensor};

use crate::{Conv2d, Dropout, Init, Linear, Mode, Params};

/// Two 3x3 convolutions of 32 channels and two of 64 with ReLU, 2x2 max pooling and dropout of 0.25 after each pair, a layer of 512 units with
/// dropout of 0.5, and a linear layer, from images `[N, 3, 32, 32]` to logits `[N, classes]`. Parameters `conv1.*` to `conv4.*`, `fc1.*` and
/// `fc2.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{CifarCnn, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = CifarCnn::new(&params, 10);
/// assert_eq!(params.count(), 2_168_362);
/// let logits = net.forward(&Tensor::zeros(&device, &[2, 3, 32, 32]), Mode::Eval);
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32, 7], &[2])?;
/// assert!((logits.cross_entropy(&classes).item()? - 10f32.ln()).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct CifarCnn {
    convs: [[Conv2d; 2]; 2],
    after_pool: Dropout,
    fc1: Linear,
    after_fc: Dropout,
    fc2: Linear,
}

impl CifarCnn {
    /// A network for `classes` classes.
    #[track_caller]
    pub fn new(params: &Params, classes: usize) -> CifarCnn {
        let conv = |i: usize, from, to| {
            let conv = Conv2d::new(&params.path(format!("conv{i}")), from, to, 3).padding(1);
            conv.init(Init::HE_FAN_OUT).build()
        };
        CifarCnn {
            convs: [[conv(1, 3, 32), conv(2, 32, 32)], [conv(3, 32, 64), conv(4, 64, 64)]],
            after_pool: Dropout::new(params, 0.25),
            fc1: Linear::new(&params.path("fc1"), 64 * 8 * 8, 512),
            after_fc: Dropout::new(params, 0.5),
            fc2: Linear::new(&params.path("fc2"), 512, classes),
        }
    }

    /// # Panics
    /// When the images have another size or number of channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let mut x = images.clone();
        for pair in &self.convs {
            for conv in pair {
                x = conv.forward(&x).relu();
            }
            x = self.after_pool.forward(&x.max_pool2d(Pool2d::new(2)).0, mode);
        }
        let x = self.fc1.forward(&x.flatten(1, 3)).relu();
        self.fc2.forward(&self.after_fc.forward(&x, mode))
    }
}
