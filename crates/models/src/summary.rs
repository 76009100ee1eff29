//! A table of a model's layers.

use std::fmt;

use autograd::{Tensor, uses};

use crate::Params;

/// What a model consists of: its layers, the shapes of their outputs, and their sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub layers: Vec<LayerSummary>,
}

/// A layer of a [`Summary`]: what the names of parameters have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// As in `"layer1.0.conv1"`.
    pub name: String,
    /// Shape of the last result that is computed with one of its parameters; `None` if there is none.
    pub output: Option<Vec<usize>>,
    /// Number of values in its parameters.
    pub parameters: usize,
    /// Those of them that are trained.
    pub trainable: usize,
}

impl Params {
    /// The layers under this path that have parameters, in the order of creation, where `y` is an output of the model. Nothing is
    /// computed.
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use models::{Mode, Params, ResNet};
    /// let device = Device::named("cpu")?;
    /// let params = Params::new(&device, 0);
    /// let net = ResNet::cifar(20, 10, &params);
    /// let summary = params.summary(&net.forward(&Tensor::zeros(&device, &[1, 3, 32, 32]), Mode::Eval));
    /// assert_eq!(summary.layers[0].name, "conv1");
    /// assert_eq!(summary.layers[0].output, Some(vec![1, 16, 32, 32]));
    /// assert!(summary.to_string().ends_with("269,722 parameters, 269,722 of them trained\n"));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn summary(&self, y: &Tensor) -> Summary {
        let uses = uses(y);
        let mut layers: Vec<LayerSummary> = vec![];
        for param in self.all().into_iter().filter(|p| p.is_parameter()) {
            let name = param.name().rsplit_once('.').map_or("", |(layer, _)| layer);
            let last = uses.iter().rfind(|u| &*u.name == param.name());
            let count = param.value().numel();
            let trainable = if param.is_trainable() { count } else { 0 };
            let at = layers.iter().position(|l| l.name == name).unwrap_or_else(|| {
                let name = name.to_owned();
                layers.push(LayerSummary { name, output: None, parameters: 0, trainable: 0 });
                layers.len() - 1
            });
            let layer = &mut layers[at];
            layer.output = last.map(|u| u.shape.clone()).or(layer.output.take());
            layer.parameters += count;
            layer.trainable += trainable;
        }
        Summary { layers }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let output = |l: &LayerSummary| l.output.as_ref().map_or("-".into(), |shape| format!("{shape:?}"));
        let rows: Vec<[String; 3]> =
            self.layers.iter().map(|l| [l.name.clone(), output(l), grouped(l.parameters)]).collect();
        let head = ["layer", "output", "parameters"].map(str::to_owned);
        let width = |i: usize| rows.iter().chain([&head]).map(|row| row[i].len()).max().unwrap_or(0);
        let widths = [0, 1, 2].map(width);
        for [name, output, count] in [&head].into_iter().chain(&rows) {
            writeln!(f, "{name:<0$}  {output:<1$}  {count:>2$}", widths[0], widths[1], widths[2])?;
        }
        let sum = |of: fn(&LayerSummary) -> usize| grouped(self.layers.iter().map(of).sum());
        writeln!(f, "{} parameters, {} of them trained", sum(|l| l.parameters), sum(|l| l.trainable))
    }
}

/// A number with commas between thousands.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands() {
        let numbers = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
    }
}
