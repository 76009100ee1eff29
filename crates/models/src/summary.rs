//! A table of a model's layers.

use std::fmt;

use autograd::{Tensor, uses};

use crate::Params;

/// The layers of a model, with output shapes, parameter counts and multiply-adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// One row for each layer, in the order in which parameters were created.
    pub layers: Vec<LayerSummary>,
}

/// A layer of a [`Summary`]: all parameters with the same name up to the last dot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerSummary {
    /// The layer's name, as in `"layer1.0.conv1"`.
    pub name: String,
    /// Shape of the last result computed with one of the layer's parameters; `None` if there is none.
    pub output: Option<Vec<usize>>,
    /// Height and width of the image window on which an element of `output` depends; `None` after linear layers and global pooling, as in
    /// [`autograd::receptive_field`].
    pub receptive_field: Option<[usize; 2]>,
    /// Number of values in the layer's parameters.
    pub parameters: usize,
    /// Number of values in its trainable parameters.
    pub trainable: usize,
    /// Multiply-adds of convolutions, matrix products and recurrent cells with the layer's parameters, for the whole batch.
    pub multiply_adds: u64,
}

impl Params {
    /// The layers under this path that have parameters, in the order of creation, for a model with output `y`. Nothing is computed.
    ///
    /// ```
    /// use autograd::{Device, Tensor};
    /// use models::{Mode, Params, ResNet};
    /// let device = Device::named("cpu")?;
    /// let params = Params::new(&device, 0);
    /// let net = ResNet::cifar(&params, 20, 10);
    /// let summary = params.summary(&net.forward(&Tensor::zeros(&device, &[1, 3, 32, 32]), Mode::Eval));
    /// assert_eq!(summary.layers[0].name, "conv1");
    /// assert_eq!(summary.layers[0].output, Some(vec![1, 16, 32, 32]));
    /// assert_eq!(summary.layers[0].receptive_field, Some([3, 3]));
    /// let total = "269,722 parameters, 269,722 of them trained; 40,551,040 multiply-adds\n";
    /// assert!(summary.to_string().ends_with(total));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[doc(alias = "torchinfo")]
    pub fn summary(&self, y: &Tensor) -> Summary {
        let uses = uses(y);
        let mut layers: Vec<LayerSummary> = vec![];
        for param in self.all().into_iter().filter(|p| p.is_parameter()) {
            let name = param.name().rsplit_once('.').map_or("", |(layer, _)| layer);
            let count = param.value().numel();
            let at = layers.iter().position(|l| l.name == name).unwrap_or_else(|| {
                layers.push(LayerSummary { name: name.to_owned(), ..LayerSummary::default() });
                layers.len() - 1
            });
            let layer = &mut layers[at];
            for used in uses.iter().filter(|u| &*u.name == param.name()) {
                layer.output = Some(used.shape.clone());
                layer.receptive_field = used.receptive_field;
                layer.multiply_adds += used.multiply_adds;
            }
            layer.parameters += count;
            layer.trainable += if param.is_trainable() { count } else { 0 };
        }
        Summary { layers }
    }
}

impl Summary {
    /// Multiply-adds of all layers.
    pub fn multiply_adds(&self) -> u64 {
        self.layers.iter().map(|l| l.multiply_adds).sum()
    }
}

impl LayerSummary {
    fn row(&self) -> [String; 5] {
        let output = self.output.as_ref().map_or("-".into(), |shape| format!("{shape:?}"));
        let field = self.receptive_field.map_or("-".into(), |[h, w]| format!("{h}x{w}"));
        let work = if self.multiply_adds == 0 { "-".into() } else { grouped(self.multiply_adds) };
        [self.name.clone(), output, field, grouped(self.parameters as u64), work]
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let head = ["layer", "output", "receptive field", "parameters", "multiply-adds"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(self.layers.iter().map(LayerSummary::row)).collect();
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|i| rows.iter().map(|row| row[i].len()).max().unwrap_or(0));
        for [name, output, field, count, work] in &rows {
            writeln!(f, "{name:<a$}  {output:<b$}  {field:>c$}  {count:>d$}  {work:>e$}")?;
        }
        let sum = |of: fn(&LayerSummary) -> usize| grouped(self.layers.iter().map(of).sum::<usize>() as u64);
        let (all, trained, work) =
            (sum(|l| l.parameters), sum(|l| l.trainable), grouped(self.multiply_adds()));
        writeln!(f, "{all} parameters, {trained} of them trained; {work} multiply-adds")
    }
}

/// A number with commas between thousands.
fn grouped(n: u64) -> String {
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
