//! An optimizer that all ranks step together.

use autograd::{Gradients, Tensor, Transaction};
use models::Optimize;

use crate::World;

/// An optimizer of any kind whose steps take the [mean](World::mean) of all ranks' gradients. Its state is that of the optimizer, and the
/// same on all ranks.
pub struct DataParallel<O> {
    optimizer: O,
    world: World,
}

impl<O: Optimize> DataParallel<O> {
    /// Steps `optimizer` with the gradients of all ranks of `world`. The parameters have to be the same on all ranks; see
    /// [`World::synchronize`].
    pub fn new(optimizer: O, world: &World) -> DataParallel<O> {
        DataParallel { optimizer, world: world.clone() }
    }

    /// The optimizer.
    pub fn optimizer(&self) -> &O {
        &self.optimizer
    }
}

impl<O: Optimize> Optimize for DataParallel<O> {
    #[track_caller]
    fn record(&mut self, gradients: &Gradients, lr: f32, step: &mut Transaction) -> autograd::Result<()> {
        self.optimizer.record(&self.world.mean(gradients), lr, step)
    }

    fn succeeded(&mut self) {
        self.optimizer.succeeded();
    }

    fn steps(&self) -> usize {
        self.optimizer.steps()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.optimizer.state()
    }

    fn resume(&mut self, steps: usize, state: &[(String, Tensor)]) -> models::Result<()> {
        self.optimizer.resume(steps, state)
    }
}
