//! Matrix factorisation for recommendation (Koren, Bell and Volinsky 2009, "Matrix factorization techniques for recommender systems").

use autograd::Tensor;

use crate::{Embedding, Init, Params};

/// Users and items as vectors: the score of a pair is the dot product plus the item's bias, `u . i + b_i`. Train it on users' choices
/// against sampled items with [`negative_sampling_loss`](Tensor::negative_sampling_loss) or, for Bayesian personalised ranking (Rendle et
/// al. 2009), with [`logsigmoid`](Tensor::logsigmoid) of score differences. Parameters `user.weight [users, width]`,
/// `item.weight [items, width]` and `bias.weight [items, 1]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{MatrixFactorization, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = MatrixFactorization::new(&params, 50, 20, 8);
/// assert_eq!(params.count(), 50 * 8 + 20 * 8 + 20);
/// let (users, items) = ([3i32, 7], [4i32, 0, 9, 1, 1, 2]);
/// let (users, items) = (Tensor::from_slice(&device, &users, &[2])?, Tensor::from_slice(&device, &items, &[2, 3])?);
/// let some = net.forward(&users, &items).to_vec::<f32>()?;
/// let all = net.all(&users).to_vec::<f32>()?;
/// assert!((some[0] - all[4]).abs() < 1e-6 && (some[5] - all[20 + 2]).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct MatrixFactorization {
    user: Embedding,
    item: Embedding,
    bias: Embedding,
}

impl MatrixFactorization {
    /// Vectors of `width` elements, initially small; biases are initially 0.
    #[track_caller]
    pub fn new(params: &Params, users: usize, items: usize, width: usize) -> MatrixFactorization {
        let table = |name: &str, rows, width, init| {
            let under = params.path(name);
            let table = Embedding::new(&under, rows, width);
            under.redraw("*", init);
            table
        };
        let small = Init::Normal { mean: 0.0, std: 0.1 };
        MatrixFactorization {
            user: table("user", users, width, small),
            item: table("item", items, width, small),
            bias: table("bias", items, 1, Init::ZEROS),
        }
    }

    /// The scores `[N, K]` of `K` items for each user, from indices `users [N]` and `items [N, K]`.
    ///
    /// # Panics
    /// When `items` does not have one row per user.
    #[track_caller]
    pub fn forward(&self, users: &Tensor, items: &Tensor) -> Tensor {
        let fits = items.rank() == 2 && users.shape() == &items.shape()[..1];
        assert!(fits, "MatrixFactorization: users {:?} and items {:?}", users.shape(), items.shape());
        let user = self.user.forward(users).unsqueeze(1);
        (user * self.item.forward(items)).sum(&[-1], false) + self.bias.forward(items).squeeze(&[-1])
    }

    /// The scores `[N, items]` of all items for indices `users [N]`.
    #[track_caller]
    pub fn all(&self, users: &Tensor) -> Tensor {
        self.user.forward(users).matmul(&self.item.weight().t()) + self.bias.weight().squeeze(&[-1])
    }
}
