//! Sequences of unequal length, padded to one length.

use autograd::{DType, Device, Element, Tensor};

use crate::batches::Examples;
use crate::error::{Error, Result};
use crate::targets::Targets;

/// Sequences side by side, each filled up to the length of the longest.
///
/// ```
/// use data::Padded;
/// let padded = Padded::new(&[&[1, 2, 3][..], &[4]], 0, 1);
/// assert_eq!((padded.shape, &padded.lengths[..]), ([2, 3], &[3, 1][..]));
/// assert_eq!(padded.values, [1, 2, 3, 4, 0, 0]);
/// assert_eq!(padded.mask(), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
/// assert_eq!(Padded::new(&[&[1, 2, 3][..]], 0, 8).shape, [1, 8]);
/// ```
#[doc(alias = "pad_sequence")]
#[derive(Debug, Clone, PartialEq)]
pub struct Padded<T> {
    /// `[B, T]`
    pub values: Vec<T>,
    /// The sequences' own lengths, `[B]`.
    pub lengths: Vec<usize>,
    /// `[B, T]`
    pub shape: [usize; 2],
}

/// Padded sequences as tensors.
#[derive(Debug, Clone)]
pub struct DevicePadded {
    /// `[B, T]`
    pub values: Tensor,
    /// The sequences' own lengths, i32 `[B]`: what recurrent layers and CRFs take.
    pub lengths: Tensor,
    /// f32 `[B, T]`: 1 within a sequence, 0 after its end; to weight losses.
    pub mask: Tensor,
    /// bool `[B, T]`: true after a sequence's end, as the `key_padding` of attention.
    pub padding: Tensor,
}

impl<T: Copy> Padded<T> {
    /// Fills `sequences` up with `padding` to the longest one's length, at least 1, rounded up to a `multiple`, since every
    /// distinct length compiles its own plan.
    ///
    /// # Panics
    /// If `multiple` is 0.
    pub fn new<S: AsRef<[T]>>(sequences: &[S], padding: T, multiple: usize) -> Padded<T> {
        let sequences: Vec<&[T]> = sequences.iter().map(AsRef::as_ref).collect();
        let longest = sequences.iter().map(|sequence| sequence.len()).max().unwrap_or(0);
        let length = longest.max(1).next_multiple_of(multiple);
        let mut values = vec![padding; sequences.len() * length];
        for (row, sequence) in values.chunks_exact_mut(length).zip(&sequences) {
            row[..sequence.len()].copy_from_slice(sequence);
        }
        let lengths = sequences.iter().map(|sequence| sequence.len()).collect();
        Padded { values, lengths, shape: [sequences.len(), length] }
    }

    /// 1 within a sequence and 0 after its end, `[B, T]`.
    pub fn mask(&self) -> Vec<f32> {
        let steps = self.shape[1];
        let row = |&length: &usize| (0..steps).map(move |step| if step < length { 1.0 } else { 0.0 });
        self.lengths.iter().flat_map(row).collect()
    }
}

impl<T: Element> Padded<T> {
    /// Copies the sequences to a device.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<DevicePadded> {
        let lengths: Vec<i32> = self.lengths.iter().map(|&length| length as i32).collect();
        let mask = self.mask();
        let padding: Vec<i32> = mask.iter().map(|&inside| i32::from(inside == 0.0)).collect();
        Ok(DevicePadded {
            values: Tensor::from_slice(device, &self.values, &self.shape)?,
            lengths: Tensor::from_slice(device, &lengths, &[lengths.len()])?,
            mask: Tensor::from_slice(device, &mask, &self.shape)?,
            padding: Tensor::from_slice(device, &padding, &self.shape)?.to(DType::Bool),
        })
    }
}

/// Sequences of tokens (i32) or of numbers (f32), with a target each.
///
/// ```
/// use std::sync::Arc;
/// use data::{BatchOptions, Batches, Sequences, Source, Targets};
///
/// let reviews = vec![vec![5, 2], vec![7, 3, 9, 1, 4], vec![8], vec![6, 2, 2, 1]];
/// let sequences = Sequences::new(reviews, Targets::Classes(vec![0, 1, 0, 1]), 0)?;
/// let options = BatchOptions { bucket: 2, ..BatchOptions::train(2) };
/// let batches = Batches::new(Arc::new(sequences), options)?;
/// // Similar lengths are together: 1 with 2, and 4 with 5.
/// let mut shapes: Vec<_> = batches.batches(0, 0).map(|batch| batch.sequences.shape).collect();
/// shapes.sort();
/// assert_eq!(shapes, [[2, 2], [2, 5]]);
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sequences<T> {
    sequences: Vec<Vec<T>>,
    targets: Targets,
    padding: T,
    multiple: usize,
}

/// Several sequences.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceBatch<T> {
    /// `[B, T]`
    pub sequences: Padded<T>,
    /// `[B]` or `[B, K]`
    pub targets: Targets,
    /// The sequences' places, `[B]`.
    pub indices: Vec<u32>,
}

impl<T: Copy> Sequences<T> {
    /// `sequences` with a target each; `padding` fills batches after their ends.
    ///
    /// # Errors
    /// [`Error::Examples`] if there are not as many targets as sequences.
    pub fn new(sequences: Vec<Vec<T>>, targets: Targets, padding: T) -> Result<Sequences<T>> {
        targets.check(sequences.len())?;
        Ok(Sequences { sequences, targets, padding, multiple: 1 })
    }

    /// Pads to lengths that are multiples of this, so that there are few different ones.
    ///
    /// # Errors
    /// [`Error::Examples`] for 0.
    pub fn multiple_of(self, multiple: usize) -> Result<Sequences<T>> {
        if multiple == 0 {
            return Err(Error::Examples("lengths that are multiples of 0".into()));
        }
        Ok(Sequences { multiple, ..self })
    }
}

impl<T: Copy> Examples for Sequences<T> {
    type Batch = SequenceBatch<T>;

    fn len(&self) -> usize {
        self.sequences.len()
    }

    fn collate(&self, indices: &[u32]) -> SequenceBatch<T> {
        let sequences: Vec<&[T]> = indices.iter().map(|&i| &self.sequences[i as usize][..]).collect();
        SequenceBatch {
            sequences: Padded::new(&sequences, self.padding, self.multiple),
            targets: self.targets.pick(indices),
            indices: indices.to_vec(),
        }
    }

    fn length(&self, index: u32) -> usize {
        self.sequences[index as usize].len()
    }
}
