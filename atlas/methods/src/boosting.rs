//! AdaBoost (Freund and Schapire 1997) of decision stumps.

/// A tree of one split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stump {
    /// The column that is compared.
    pub feature: usize,
    /// Rows up to this value are on the first side.
    pub threshold: f64,
    /// The answer of each side.
    pub sides: [bool; 2],
}

impl Stump {
    /// The answer for a row.
    pub fn predict(&self, row: &[f64]) -> bool {
        self.sides[usize::from(row[self.feature] > self.threshold)]
    }

    /// The split with the smallest Gini impurity of weighted rows (Breiman et al. 1984); `sorted` has the rows' indices by each column.
    fn fit(rows: &[Vec<f64>], labels: &[bool], weights: &[f64], sorted: &[Vec<usize>]) -> Stump {
        // Weights of both labels on both sides.
        let impurity = |side: [f64; 2]| side[0] * side[1] / (side[0] + side[1]).max(f64::MIN_POSITIVE);
        let mut totals = [0.0; 2];
        labels.iter().zip(weights).for_each(|(&label, weight)| totals[usize::from(label)] += weight);
        let majority = |side: [f64; 2]| side[1] > side[0];
        let mut best =
            (impurity(totals), Stump { feature: 0, threshold: f64::INFINITY, sides: [majority(totals); 2] });
        for (feature, order) in sorted.iter().enumerate() {
            let mut below = [0.0; 2];
            for pair in order.windows(2) {
                below[usize::from(labels[pair[0]])] += weights[pair[0]];
                let (here, next) = (rows[pair[0]][feature], rows[pair[1]][feature]);
                let above = [totals[0] - below[0], totals[1] - below[1]];
                let found = impurity(below) + impurity(above);
                if here < next && found < best.0 {
                    let sides = [below, above].map(majority);
                    best = (found, Stump { feature, threshold: (here + next) / 2.0, sides });
                }
            }
        }
        best.1
    }
}

/// Stumps that vote.
#[derive(Clone, Debug)]
pub struct AdaBoost {
    /// Each round's stump, its weighted error, and its vote `log((1 - error) / error)`.
    pub rounds: Vec<(Stump, f64, f64)>,
}

impl AdaBoost {
    /// At most `rounds` stumps, each fitted to rows of which those that the one before gets wrong weigh more; ends early when a stump makes no
    /// error, or is no better than chance.
    ///
    /// ```
    /// use methods::boosting::AdaBoost;
    /// // An interval, of which one stump gets a quarter wrong.
    /// let rows: Vec<Vec<f64>> = (0..8).map(|i| vec![f64::from(i)]).collect();
    /// let labels: Vec<bool> = (0..8).map(|i| (2..6).contains(&i)).collect();
    /// let found = AdaBoost::fit(&rows, &labels, 3);
    /// assert_eq!(found.rounds[0].1, 0.25);
    /// assert!(rows.iter().zip(&labels).all(|(row, &label)| (found.score(row, 3) > 0.0) == label));
    /// ```
    pub fn fit(rows: &[Vec<f64>], labels: &[bool], rounds: usize) -> AdaBoost {
        let by = |feature: usize| {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|&a, &b| rows[a][feature].total_cmp(&rows[b][feature]));
            order
        };
        let sorted: Vec<Vec<usize>> = (0..rows.first().map_or(0, Vec::len)).map(by).collect();
        let mut weights = vec![1.0 / rows.len() as f64; rows.len()];
        let mut found = AdaBoost { rounds: Vec::new() };
        for _ in 0..rounds {
            let stump = Stump::fit(rows, labels, &weights, &sorted);
            let wrong: Vec<bool> =
                rows.iter().zip(labels).map(|(row, &label)| stump.predict(row) != label).collect();
            let error: f64 =
                weights.iter().zip(&wrong).filter(|(_, wrong)| **wrong).map(|(weight, _)| weight).sum();
            if error <= 0.0 || error >= 0.5 {
                if error <= 0.0 {
                    found.rounds.push((stump, 0.0, 1.0));
                }
                break;
            }
            found.rounds.push((stump, error, ((1.0 - error) / error).ln()));
            for (weight, wrong) in weights.iter_mut().zip(wrong) {
                *weight /= 2.0 * if wrong { error } else { 1.0 - error };
            }
        }
        found
    }

    /// Half the votes for less those against, after so many rounds: positive for the label. The mean of `exp(-score)` over the rows, with the
    /// sign of the label, is what the rounds lower.
    pub fn score(&self, row: &[f64], rounds: usize) -> f64 {
        let signed = |(stump, _, vote): &(Stump, f64, f64)| if stump.predict(row) { *vote } else { -vote };
        0.5 * self.rounds.iter().take(rounds).map(signed).sum::<f64>()
    }
}
