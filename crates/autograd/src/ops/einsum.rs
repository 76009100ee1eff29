//! Einstein's summation.

use crate::Tensor;

/// Products of tensors summed over the labels that the output lacks, as `torch.einsum`: `"bij,bjk->bik"` multiplies batches of
/// matrices, `"ii->"` is a trace. A label repeated in an operand takes its diagonal. `...` stands for any further dimensions, which
/// broadcast. Without `->` the output has the labels that occur once, in alphabetical order. Operands are multiplied from left to
/// right, as matrix products if possible.
///
/// ```
/// # use autograd::{Device, Tensor, einsum};
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
/// assert_eq!(einsum("ij,j->i", &[&x, &x.select(0, 0)]).to_vec::<f32>()?, [5.0, 11.0]);
/// assert_eq!(einsum("ii", &[&x]).item()?, 5.0);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the equation does not fit the operands.
#[track_caller]
pub fn einsum(equation: &str, operands: &[&Tensor]) -> Tensor {
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match text.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (&text[..], None),
    };
    let inputs: Vec<&str> = inputs.split(',').collect();
    assert!(inputs.len() == operands.len(), "einsum: {} operands for \"{equation}\"", operands.len());
    let mut terms = vec![];
    for (labels, operand) in inputs.iter().zip(operands) {
        terms.push(Term::new(equation, labels, operand));
    }
    let dots = terms.iter().flat_map(|t| &t.labels).filter_map(|l| l.dot()).max().map_or(0, |d| d + 1);
    let output = match output {
        Some(output) => labels(equation, output, dots),
        None => implicit(&terms, dots),
    };
    for (i, label) in output.iter().enumerate() {
        let once = !output[..i].contains(label) && terms.iter().any(|t| t.labels.contains(label));
        assert!(once, "einsum: a label of the output of \"{equation}\" is given twice or not in the inputs");
    }
    let sizes = sizes(equation, &terms);
    let mut left = std::collections::VecDeque::new();
    for term in terms {
        left.push_back(term.expand(&sizes).diagonals());
    }
    let mut product = left.pop_front().expect("at least one operand");
    while let Some(next) = left.pop_front() {
        let keep = |l: &Label| output.contains(l) || left.iter().any(|t: &Term| t.labels.contains(l));
        product = product.times(next, keep);
    }
    product.only(|l| output.contains(l)).ordered(&output)
}

/// A letter, or a dimension of the ellipsis, counted from the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Dot(usize),
    Letter(char),
}

impl Label {
    fn dot(self) -> Option<usize> {
        match self {
            Label::Dot(d) => Some(d),
            Label::Letter(_) => None,
        }
    }
}

/// The labels of one operand; the ellipsis stands for `dots` dimensions.
#[track_caller]
fn labels(equation: &str, text: &str, dots: usize) -> Vec<Label> {
    let (before, after) = match text.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    };
    let mut found = vec![];
    for c in before.chars() {
        found.push(Label::Letter(c));
    }
    if let Some(after) = after {
        found.extend((0..dots).rev().map(Label::Dot));
        found.extend(after.chars().map(Label::Letter));
    }
    let fits = found.iter().all(|l| !matches!(l, Label::Letter(c) if !c.is_ascii_alphabetic()));
    assert!(fits, "einsum: \"{text}\" in \"{equation}\" has other labels than letters");
    found
}

/// The labels of an output that is not given: the ellipsis and the labels that occur once.
fn implicit(terms: &[Term], dots: usize) -> Vec<Label> {
    let all: Vec<Label> = terms.iter().flat_map(|t| t.labels.clone()).collect();
    let once = |l: &Label| all.iter().filter(|other| *other == l).count() == 1;
    let mut letters: Vec<Label> = all.iter().copied().filter(|l| l.dot().is_none() && once(l)).collect();
    letters.sort_unstable();
    (0..dots).rev().map(Label::Dot).chain(letters).collect()
}

/// The size of every label.
#[track_caller]
fn sizes(equation: &str, terms: &[Term]) -> Vec<(Label, usize)> {
    let mut sizes: Vec<(Label, usize)> = vec![];
    for term in terms {
        for (&label, &n) in term.labels.iter().zip(term.tensor.shape()) {
            match sizes.iter_mut().find(|(l, _)| *l == label) {
                None => sizes.push((label, n)),
                Some((_, known)) => {
                    assert!(
                        n == *known || n == 1 || *known == 1,
                        "einsum: sizes {known} and {n} of one label of \"{equation}\""
                    );
                    *known = if *known == 1 { n } else { *known };
                }
            }
        }
    }
    sizes
}

/// A tensor with a label for each dimension.
struct Term {
    labels: Vec<Label>,
    tensor: Tensor,
}

impl Term {
    #[track_caller]
    fn new(equation: &str, text: &str, tensor: &Tensor) -> Term {
        let letters = text.replace("...", "").chars().count();
        let rank = tensor.rank();
        let fits = if text.contains("...") { letters <= rank } else { letters == rank };
        assert!(fits, "einsum: \"{text}\" in \"{equation}\" for shape {:?}", tensor.shape());
        Term { labels: labels(equation, text, rank - letters), tensor: tensor.clone() }
    }

    fn place(&self, label: Label) -> isize {
        self.labels.iter().position(|l| *l == label).expect("a label of the term") as isize
    }

    #[track_caller]
    fn expand(self, sizes: &[(Label, usize)]) -> Term {
        let size = |l: &Label| sizes.iter().find(|(known, _)| known == l).expect("every label has a size").1;
        let shape: Vec<usize> = self.labels.iter().map(size).collect();
        Term { tensor: self.tensor.expand(&shape), ..self }
    }

    /// Makes every label unique, by taking the diagonals of repeated ones.
    #[track_caller]
    fn diagonals(mut self) -> Term {
        let repeated = |labels: &[Label]| {
            (1..labels.len()).find_map(|j| Some((labels[..j].iter().position(|l| *l == labels[j])?, j)))
        };
        while let Some((i, j)) = repeated(&self.labels) {
            self.tensor = self.tensor.diagonal(0, i as isize, j as isize);
            self.labels.remove(j);
            let label = self.labels.remove(i);
            self.labels.push(label);
        }
        self
    }

    /// Sums over the labels that are not kept.
    #[track_caller]
    fn only(self, keep: impl Fn(&Label) -> bool) -> Term {
        let dims: Vec<isize> =
            (0..self.labels.len()).filter(|&d| !keep(&self.labels[d])).map(|d| d as isize).collect();
        let tensor = if dims.is_empty() { self.tensor } else { self.tensor.sum(&dims, false) };
        Term { labels: self.labels.into_iter().filter(|l| keep(l)).collect(), tensor }
    }

    /// The tensor with its dimensions in the order of the given labels.
    #[track_caller]
    fn ordered(&self, labels: &[Label]) -> Tensor {
        self.tensor.permute(&labels.iter().map(|&l| self.place(l)).collect::<Vec<_>>())
    }

    fn size(&self, label: Label) -> usize {
        self.tensor.shape()[self.place(label) as usize]
    }

    /// The product with `other`, summed over the common labels that are not kept.
    #[track_caller]
    fn times(self, other: Term, keep: impl Fn(&Label) -> bool) -> Term {
        let a = self.only(|l| keep(l) || other.labels.contains(l));
        let b = other.only(|l| keep(l) || a.labels.contains(l));
        let (common, left): (Vec<Label>, Vec<Label>) =
            a.labels.iter().copied().partition(|l| b.labels.contains(l));
        let right: Vec<Label> = b.labels.iter().copied().filter(|l| !a.labels.contains(l)).collect();
        let (batch, inner): (Vec<Label>, Vec<Label>) = common.into_iter().partition(|l| keep(l));
        let shape = |t: &Term, labels: &[Label]| labels.iter().map(|&l| t.size(l)).collect::<Vec<usize>>();
        let (batches, rows, columns) = (shape(&a, &batch), shape(&a, &left), shape(&b, &right));
        let (x, y) = if inner.is_empty() {
            let x = a.ordered(&[&batch[..], &left].concat());
            let y = b.ordered(&[&batch[..], &right].concat());
            let x = x.reshape(&[&batches[..], &rows, &vec![1; columns.len()]].concat());
            (x, y.reshape(&[&batches[..], &vec![1; rows.len()], &columns].concat()))
        } else {
            let x = a.ordered(&[&batch[..], &left, &inner].concat());
            let y = b.ordered(&[&batch[..], &inner, &right].concat());
            let count = |sizes: &[usize]| sizes.iter().product::<usize>();
            let depth = count(&shape(&a, &inner));
            let x = x.reshape(&[&batches[..], &[count(&rows), depth]].concat());
            (x, y.reshape(&[&batches[..], &[depth, count(&columns)]].concat()))
        };
        let product = if inner.is_empty() { x * y } else { x.matmul(&y) };
        let tensor = product.reshape(&[batches, rows, columns].concat());
        Term { labels: [batch, left, right].concat(), tensor }
    }
}
