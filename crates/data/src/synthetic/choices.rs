//! Choices of users among items, for recommender systems.

use crate::{Draws, Matrix};

/// Implicit feedback: the items that each user chose, and nothing about the others.
#[derive(Debug, Clone)]
pub struct Choices {
    /// How much each user likes each item, hidden from a model: `[users, items]`.
    pub taste: Matrix,
    /// The items that each user chose, to train on.
    pub train: Vec<Vec<usize>>,
    /// Further items that each user chose, to predict.
    pub test: Vec<Vec<usize>>,
}

/// `users` that choose `chosen` different items each, a quarter of them for the test. A taste is the product of normal vectors of
/// user and item with `factors` entries, of deviation 2, plus a normal popularity of the item, of deviation 1; users choose
/// without replacement, with probabilities in proportion to `exp(taste)` (by Gumbel noise: Yellott 1977).
///
/// ```
/// let choices = data::synthetic::choices(30, 40, 2, 12, 1);
/// assert_eq!((choices.taste.rows(), choices.taste.columns()), (30, 40));
/// assert_eq!((choices.train[7].len(), choices.test[7].len()), (9, 3));
/// assert!(choices.test[7].iter().all(|item| !choices.train[7].contains(item)));
/// ```
///
/// # Panics
/// If there are fewer items than are chosen, or no items or factors.
#[track_caller]
pub fn choices(users: usize, items: usize, factors: usize, chosen: usize, seed: u64) -> Choices {
    assert!(
        chosen <= items && items > 0 && factors > 0,
        "choices: {chosen} of {items} items, {factors} factors"
    );
    let mut draws = Draws::new(seed, 0, 5);
    let mut normal = |count: usize| (0..count).map(|_| draws.normal()).collect::<Vec<f64>>();
    let (of_users, of_items, popular) = (normal(users * factors), normal(items * factors), normal(items));
    let scale = 2.0 / (factors as f64).sqrt();
    let product = |user: usize, item: usize| -> f64 {
        let (u, v) = (&of_users[user * factors..][..factors], &of_items[item * factors..][..factors]);
        u.iter().zip(v).map(|(u, v)| u * v).sum()
    };
    let (mut taste, mut train, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..users {
        let row: Vec<f64> = (0..items).map(|item| scale * product(user, item) + popular[item]).collect();
        // The items with the largest sums of taste and Gumbel noise are a draw without replacement.
        let noisy: Vec<f64> = row.iter().map(|taste| taste - (-(1.0 - draws.unit()).ln()).ln()).collect();
        let mut order: Vec<usize> = (0..items).collect();
        order.sort_by(|&a, &b| noisy[b].total_cmp(&noisy[a]));
        order.truncate(chosen);
        draws.shuffle(&mut order);
        test.push(order.split_off(chosen - chosen / 4));
        train.push(order);
        taste.extend(row.iter().map(|&taste| taste as f32));
    }
    Choices { taste: Matrix::new(taste, items).expect("a row of tastes for every user"), train, test }
}
