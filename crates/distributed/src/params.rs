//! The same parameters on all ranks.

use std::hash::{BuildHasher, Hasher};

use autograd::Tensor;
use models::Params;

use crate::{Error, Result, World};

impl World {
    /// Gives all ranks the parameters and buffers of rank 0. Random numbers continue from the state of rank 0, in a sequence of its own on
    /// each rank, so that dropout differs between the shares of a batch.
    ///
    /// # Errors
    /// [`Error::Differs`] when a rank has other parameters; whatever goes wrong on the device and between ranks.
    pub fn synchronize(&self, params: &Params) -> Result<()> {
        let all = params.all();
        let sizes: Vec<String> =
            all.iter().map(|p| format!("{} {:?}", p.name(), p.value().shape())).collect();
        self.agree("parameters", &sizes)?;
        let mut bytes = vec![];
        if self.is_main() && self.size() > 1 {
            for param in &all {
                bytes.extend_from_slice(&values(&param.value())?);
            }
        }
        let bytes = self.broadcast("parameters", bytes)?;
        let mut rest = &bytes[..];
        for param in all.iter().filter(|_| !self.is_main()) {
            let (shape, numel) = (param.value().shape().to_vec(), param.value().numel());
            let (own, later) = rest.split_at(4 * numel);
            rest = later;
            let own: Vec<f32> =
                own.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            param.set(&Tensor::from_slice(params.device(), &own, &shape)?);
        }
        self.spread(params)
    }

    /// Sets the random numbers of `params` to the rank's own sequence, which continues from the state of rank 0.
    pub fn spread(&self, params: &Params) -> Result<()> {
        let (seed, draws) = params.generator().state();
        let state = [seed.to_le_bytes(), draws.to_le_bytes()].concat();
        let state = self.broadcast("state of random numbers", state)?;
        let word = |i: usize| state[8 * i..8 * i + 8].try_into().map_or(0, u64::from_le_bytes);
        // Rank 0 keeps its sequence, which is what checkpoints have.
        let own = (self.rank() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        params.generator().set_state((word(0) ^ own, word(1)));
        Ok(())
    }

    /// From now on, batch norms of `params` take their statistics in training over the batches of all ranks, so that training is that of one
    /// process on whole batches. Each takes two small exchanges forwards and two backwards.
    #[doc(alias("SyncBatchNorm", "convert_sync_batchnorm"))]
    pub fn sync_batch_norm(&self, params: &Params) {
        if self.size() > 1 {
            let world = self.clone();
            params.set_batch_mean(self.share(), move |what, x| world.mean_of(what, x));
        }
    }

    /// Whether all ranks have the same parameters, to the bit.
    ///
    /// # Errors
    /// Whatever goes wrong on the device and between ranks.
    pub fn same(&self, params: &Params) -> Result<bool> {
        let mut hasher = foldhash::fast::FixedState::with_seed(0).build_hasher();
        for param in params.all().iter().filter(|p| p.is_parameter()) {
            hasher.write(param.name().as_bytes());
            hasher.write(&values(&param.value())?);
        }
        let all = self.gather("checksums of parameters", hasher.finish().to_le_bytes().to_vec())?;
        Ok(all.iter().all(|sum| *sum == all[0]))
    }

    /// Checks that all ranks have the same list, of `what`.
    ///
    /// # Errors
    /// [`Error::Differs`] with the first difference to rank 0.
    pub fn agree(&self, what: &str, list: &[String]) -> Result<()> {
        let all = self.gather(what, list.join("\n").into_bytes())?;
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        let ours = text(&all[0]);
        let other = all.iter().map(text).enumerate().find(|(_, theirs)| *theirs != ours);
        other.map_or(Ok(()), |(rank, theirs)| {
            let (a, b): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
            let at = (0..a.len().max(b.len())).find(|&i| a.get(i) != b.get(i)).unwrap_or(0);
            let of = |list: &[&str]| match list.get(at) {
                Some(line) => format!("{what}: {}", line.trim().trim_end_matches(',')),
                None => format!("{what}: {} only", list.len()),
            };
            Err(Error::Differs { rank, ours: of(&a), theirs: of(&b) })
        })
    }
}

/// The bytes of a tensor's elements.
fn values(tensor: &Tensor) -> Result<Vec<u8>> {
    Ok(tensor.to_vec::<f32>()?.iter().flat_map(|v| v.to_le_bytes()).collect())
}
