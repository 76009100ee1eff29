//! Cached keys and values of earlier positions for generating sequences.

use autograd::{Device, Tensor};

/// Keys and values `[N, heads, S, E]` of up to `S` positions, of which the first [`len`](KvCache::len) are filled. A new position then
/// costs one row of attention instead of the whole sequence. All shapes are fixed and the write position is an operand, so that one plan
/// is replayed for every position. Gradients do not flow into cached tensors.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::KvCache;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0, 2.0, 3.0, 1.0], &[1, 1, 3, 2])?;
/// let whole = x.scaled_dot_product_attention(&x, &x, None, true, None);
/// let mut cache = KvCache::new(&device, 1, 1, 8, 2);
/// for t in 0..3 {
///     let row = x.narrow(2, t, 1);
///     let y = cache.attend(&row, &row, &row).to_vec::<f32>()?;
///     for (got, want) in y.iter().zip(whole.narrow(2, t, 1).to_vec::<f32>()?) {
///         assert!((got - want).abs() < 1e-6);
///     }
/// }
/// assert_eq!(cache.len(), 3);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct KvCache {
    keys: Tensor,
    values: Tensor,
    len: usize,
}

impl KvCache {
    /// A cache for up to `length` positions.
    pub fn new(device: &Device, batch: usize, heads: usize, length: usize, features: usize) -> KvCache {
        let zeros = Tensor::zeros(device, &[batch, heads, length, features]);
        KvCache { keys: zeros.clone(), values: zeros, len: 0 }
    }

    /// Number of cached positions.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no position is cached.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds keys and values of the next `T` positions to the cache, and returns the causal attention of their queries to all cached
    /// positions; operands and result are `[N, heads, T, E]`. The queries may have a multiple of the cache's heads, of which neighbours share
    /// keys and values.
    ///
    /// # Panics
    /// When the shapes do not fit, `T` is 0, or the cache is full.
    #[track_caller]
    pub fn attend(&mut self, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
        let kept = self.keys.shape();
        let (room, start) = (kept[2], self.len);
        let count = k.shape().get(2).copied().unwrap_or(0);
        let shape = [kept[0], kept[1], count, kept[3]];
        let queries = q.shape();
        let grouped = queries.len() == 4 && queries[1] > 0 && queries[1].is_multiple_of(kept[1]);
        let same = |x: &Tensor| x.shape() == shape;
        let fits = grouped && same(k) && same(v) && queries == [shape[0], queries[1], count, shape[3]];
        let fits = fits && count > 0;
        let shapes = format!("q {:?}, k {:?}, v {:?}", q.shape(), k.shape(), v.shape());
        assert!(fits, "KvCache: {shapes} beside what is kept, {kept:?}");
        assert!(start + count <= room, "KvCache: positions {start}..{} of {room}", start + count);
        // Index of each row among the new ones.
        let row = Tensor::arange(k.device(), room);
        let place = &row - start as i32;
        self.keys = written(&self.keys, k, &place);
        self.values = written(&self.values, v, &place);
        self.len += count;
        let query = Tensor::arange(k.device(), count) + start as i32;
        let seen = row.le(query.unsqueeze(1));
        q.scaled_dot_product_attention(&self.keys, &self.values, Some(&seen), false, None)
    }
}

/// `kept`, with row `i` replaced by row `place[i]` of `new` where that exists.
fn written(kept: &Tensor, new: &Tensor, place: &Tensor) -> Tensor {
    let count = new.size(2);
    let inside = place.ge(0).logical_and(place.lt(count as i32)).unsqueeze(1);
    let nearest = place.clamp(0, (count - 1) as i32);
    new.detach().index_select(2, &nearest).where_(&inside, kept)
}
