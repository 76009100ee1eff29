//! Exact inference in networks of discrete variables (Zhang and Poole 1994; Dechter 1999).

/// A table over some variables: a conditional probability, or a product of such. The last variable of the scope changes fastest.
#[derive(Clone, Debug)]
pub struct Table {
    scope: Vec<usize>,
    cards: Vec<usize>,
    values: Vec<f64>,
}

impl Table {
    /// A table over the variables `scope`, which have `cards` values.
    ///
    /// # Panics
    /// When there is not a value for every assignment.
    #[track_caller]
    pub fn new(scope: &[usize], cards: &[usize], values: &[f64]) -> Table {
        let fits = scope.len() == cards.len() && values.len() == cards.iter().product::<usize>();
        assert!(fits, "Table: {} values over {scope:?} of {cards:?}", values.len());
        Table { scope: scope.to_vec(), cards: cards.to_vec(), values: values.to_vec() }
    }

    /// The values, one for each assignment of the scope.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The value where the variables of the scope have those of `assignment`, which may hold others.
    fn at(&self, assignment: &[(usize, usize)]) -> f64 {
        let value = |v: &usize| assignment.iter().find(|(w, _)| w == v).expect("assigned").1;
        self.values[self.scope.iter().zip(&self.cards).fold(0, |index, (v, card)| index * card + value(v))]
    }

    /// The product of tables, with `evidence` put in.
    fn product(tables: &[Table], evidence: &[(usize, usize)]) -> Table {
        let mut variables: Vec<(usize, usize)> =
            tables.iter().flat_map(|t| t.scope.iter().copied().zip(t.cards.iter().copied())).collect();
        variables.sort_unstable();
        variables.dedup();
        variables.retain(|(v, _)| evidence.iter().all(|(e, _)| e != v));
        let (scope, cards): (Vec<usize>, Vec<usize>) = variables.into_iter().unzip();
        let value = |mut index: usize| {
            let mut assignment = evidence.to_vec();
            for (&variable, &card) in scope.iter().zip(&cards).rev() {
                assignment.push((variable, index % card));
                index /= card;
            }
            tables.iter().map(|table| table.at(&assignment)).product()
        };
        let values = (0..cards.iter().product()).map(value).collect();
        Table { scope, cards, values }
    }

    /// The sum over one variable.
    fn summed(&self, variable: usize) -> Table {
        let at = self.scope.iter().position(|&v| v == variable).expect("in the scope");
        let (card, inner): (usize, usize) = (self.cards[at], self.cards[at + 1..].iter().product());
        let mut left = self.clone();
        left.scope.remove(at);
        left.cards.remove(at);
        let sum = |i: usize| {
            let first = i / inner * inner * card + i % inner;
            (0..card).map(|value| self.values[first + value * inner]).sum()
        };
        left.values = (0..self.values.len() / card).map(sum).collect();
        left
    }
}

/// Sums a product of tables over the variables of `order`, one after the other, given the `evidence` (variables and their values): the joint
/// probability of the evidence and the variables that are left. Also returns the size of the largest table on the way, which depends on the
/// order.
///
/// ```
/// use methods::inference::{Table, eliminate};
/// // Rain makes wet in nine cases of ten, and something else in two.
/// let rain = Table::new(&[0], &[2], &[0.75, 0.25]);
/// let wet = Table::new(&[0, 1], &[2, 2], &[0.8, 0.2, 0.1, 0.9]);
/// let (joint, _) = eliminate(vec![rain, wet], &[], &[(1, 1)]);
/// let [dry, rainy] = joint.values() else { panic!() };
/// assert!((rainy / (dry + rainy) - 0.6).abs() < 1e-12);
/// ```
///
/// # Panics
/// When a variable of the order is in no table, or is evidence.
#[track_caller]
pub fn eliminate(mut tables: Vec<Table>, order: &[usize], evidence: &[(usize, usize)]) -> (Table, usize) {
    tables = tables.into_iter().map(|table| Table::product(&[table], evidence)).collect();
    let mut largest = 0;
    for &variable in order {
        let (with, without): (Vec<Table>, Vec<Table>) =
            tables.into_iter().partition(|table| table.scope.contains(&variable));
        assert!(!with.is_empty(), "eliminate: variable {variable} is in no table");
        let product = Table::product(&with, &[]);
        largest = largest.max(product.values.len());
        tables = without;
        tables.push(product.summed(variable));
    }
    (Table::product(&tables, &[]), largest)
}
