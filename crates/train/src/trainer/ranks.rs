//! Training with several processes: what they agree on, and which files they have.

use std::collections::VecDeque;
use std::path::Path;

use data::Source;
use distributed::{Asked, DiLoCo, World};

use super::{BEST, CHECKPOINTS, Fit, LAG, LocalSteps, Trainer};
use crate::history::METRICS;
use crate::{Error, Result};

impl Trainer<'_> {
    /// Trains as one of the ranks of `world`: gradients, losses and watched values are means over all ranks, weighted by their shares of a
    /// batch. All ranks begin with the parameters of rank 0; only rank 0 writes checkpoints and calls callbacks that print or write. The
    /// [source](data::Source) has to give each rank its [part](data::Part) of every batch, and the run is from [`Run::distributed`].
    ///
    /// [`Run::distributed`]: crate::Run::distributed
    #[doc(alias("DistributedDataParallel", "strategy"))]
    pub fn distributed(mut self, world: &World) -> Self {
        self.world = world.clone();
        self
    }

    /// Batch norms take their statistics over the batches of all ranks, as in [`World::sync_batch_norm`].
    #[doc(alias = "SyncBatchNorm")]
    pub fn sync_batch_norm(mut self) -> Self {
        self.options.sync_batch_norm = true;
        self
    }

    /// For slow links: each rank takes some steps with its own gradients, optimizer state and log before all exchange how far their
    /// parameters have moved ([`DiLoCo`]). They also exchange before an evaluation and a checkpoint. A run is resumed with the optimizer
    /// state of rank 0 on all ranks. For compressed gradients in every step, give [`distributed`](Trainer::distributed) a world with
    /// [`compress`](World::compress).
    #[doc(alias("DiLoCo", "local_sgd"))]
    pub fn local_steps(mut self, steps: LocalSteps) -> Self {
        self.options.local_steps = Some(steps);
        self
    }

    /// The exchange of local steps, before anything is restored.
    pub(super) fn open_outer(&mut self) -> Result<()> {
        let Some(LocalSteps { every, lr, momentum, compression }) = self.options.local_steps else {
            return Ok(());
        };
        if self.outer.is_none() {
            let outer = DiLoCo::new(&self.world, &self.params, every)?.outer(lr, momentum);
            self.outer = Some(match compression {
                Some(compression) => outer.compress(compression),
                None => outer,
            });
        }
        Ok(())
    }

    /// The world over which gradients of a step are averaged.
    pub(super) fn mean_over(&self) -> World {
        if self.options.local_steps.is_some() { World::default() } else { self.world.clone() }
    }

    /// Takes this rank's share of a batch, and checks that all ranks divide the same batches.
    pub(super) fn divide(&mut self, source: &impl Source) -> Result<()> {
        let (size, share) = (self.world.size(), source.share());
        if size == 1 {
            return Ok(());
        }
        if share == 1.0 {
            return Err(Error::Training(format!(
                "the source gives whole batches to each of {size} processes; divide them, as in LoaderOptions {{ part: Part {{ \
                 index: world.rank(), of: world.size() }}, .. }}"
            )));
        }
        self.world.agree("data", &[source.fingerprint()])?;
        self.world = self.world.with_share(share);
        if self.options.sync_batch_norm {
            self.world.sync_batch_norm(&self.params);
        }
        Ok(())
    }

    /// Checks that all ranks train the same way, and gives them the parameters of rank 0.
    pub(super) fn begin_together(&mut self, fit: &Fit) -> Result<()> {
        if self.world.size() == 1 {
            return Ok(());
        }
        let Fit { first, total, per_epoch, batches, .. } = fit;
        let lines = [
            format!("{first} steps done"),
            format!("{total} steps"),
            format!("{per_epoch} steps an epoch"),
            format!("{batches} batches an epoch"),
            format!("batches per step: {}", self.options.accumulate),
        ];
        self.world.agree("options", &lines)?;
        self.world.synchronize(&self.params)?;
        self.outer.iter_mut().try_for_each(DiLoCo::restart)?;
        if !self.world.is_main() {
            self.callbacks.retain(|callback| !callback.prints_or_writes());
        }
        Ok(())
    }

    /// Checks, before a checkpoint, that all ranks have the same parameters.
    pub(super) fn check_parameters(&self) -> Result<()> {
        if self.world.size() == 1 || self.world.same(&self.params)? {
            return Ok(());
        }
        Err(Error::Training(
            "the parameters differ between ranks; give every rank the same program and the same kind of device"
                .into(),
        ))
    }

    /// The files of rank 0 from which all ranks resume: call it on rank 0 after it has restored the checkpoint of `steps` steps, on the
    /// others before they do.
    pub(super) fn share_files(&self, steps: usize) -> Result<()> {
        let checkpoint = crate::checkpoint::path_of(Path::new(CHECKPOINTS), steps);
        let checkpoint = checkpoint.to_string_lossy().into_owned();
        let names = [checkpoint, METRICS.to_owned(), BEST.to_owned()].join("\n");
        let names = self.world.broadcast("names of files", names.into_bytes())?;
        for name in String::from_utf8_lossy(&names).lines() {
            let path = self.run.join(name);
            let read = |path: &Path| std::fs::read(path).unwrap_or_default();
            let bytes = if self.world.is_main() { read(&path) } else { vec![] };
            let bytes = self.world.broadcast("a file", bytes)?;
            if !self.world.is_main() && !bytes.is_empty() {
                crate::atomic::write(&path, &bytes)?;
            }
        }
        Ok(())
    }

    /// The figures of rank 0, or the means over ranks that each measured `examples`: all ranks decide the same.
    pub(super) fn join_figures(
        &self,
        figures: &mut [(&'static str, f64)],
        examples: Option<usize>,
    ) -> Result<()> {
        if self.world.size() == 1 {
            return Ok(());
        }
        let own =
            std::iter::once(examples.unwrap_or(0) as f64).chain(figures.iter().map(|(_, value)| *value));
        let all = self.world.gather("figures", own.flat_map(f64::to_le_bytes).collect())?;
        let number = |bytes: &[u8]| bytes.try_into().map_or(f64::NAN, f64::from_le_bytes);
        let all: Vec<Vec<f64>> =
            all.iter().map(|bytes| bytes.chunks_exact(8).map(number).collect()).collect();
        let count: f64 = all.iter().map(|rank| rank[0]).sum();
        for (i, (_, value)) in figures.iter_mut().enumerate() {
            let of = |rank: &Vec<f64>| rank.get(i + 1).copied().unwrap_or(f64::NAN);
            *value = match examples {
                None => of(&all[0]),
                // A rank without examples has no figures.
                Some(_) => all.iter().filter(|r| r[0] > 0.0).map(|r| r[0] / count * of(r)).sum(),
            };
        }
        Ok(())
    }

    /// Says on which rank a loss went wrong.
    pub(super) fn name_rank(&self, error: Error) -> Error {
        let Error::Diverged { step, loss, culprit } = error else { return error };
        if self.world.size() == 1 {
            return Error::Diverged { step, loss, culprit };
        }
        if self.outer.is_some() {
            // The other ranks do not know of it.
            return Error::Diverged { step, loss, culprit: format!("rank {}: {culprit}", self.world.rank()) };
        }
        let own = if culprit == crate::divergence::FINITE { String::new() } else { culprit };
        match self.world.gather("what is not finite", own.into_bytes()) {
            Ok(all) => {
                let found = all.iter().enumerate().filter(|(_, text)| !text.is_empty());
                let found: Vec<String> = found
                    .map(|(rank, text)| format!("rank {rank}: {}", String::from_utf8_lossy(text)))
                    .collect();
                let nothing = || crate::divergence::FINITE.to_owned();
                let culprit = if found.is_empty() { nothing() } else { found.join("; ") };
                Error::Diverged { step, loss, culprit }
            }
            Err(error) => error.into(),
        }
    }
}

/// Whether any rank wants to stop, known some steps later on all ranks at once.
#[derive(Default)]
pub(super) struct Stops(VecDeque<Asked>);

impl Stops {
    /// Tells whether this rank wants to stop after this step, and why; returns why all ranks stop now.
    pub fn agree(&mut self, world: &World, own: Option<String>) -> Result<Option<String>> {
        if world.size() == 1 {
            return Ok(own);
        }
        self.0.push_back(world.ask("whether to stop", own.is_some()));
        if self.0.len() <= LAG {
            return Ok(None);
        }
        let stops = self.0.pop_front().map_or(Ok(false), Asked::any)?;
        Ok(reason(stops, own))
    }

    /// As [`agree`](Stops::agree), waiting for the other ranks.
    pub fn agree_now(&self, world: &World, own: Option<String>) -> Result<Option<String>> {
        Ok(reason(world.ask("whether to stop", own.is_some()).any()?, own))
    }
}

fn reason(stops: bool, own: Option<String>) -> Option<String> {
    stops.then(|| own.unwrap_or_else(|| "another rank was asked to stop".into()))
}
