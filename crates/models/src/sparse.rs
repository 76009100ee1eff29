//! Sparse matrices.

use std::sync::Arc;

use autograd::{Device, Tensor};

/// A sparse matrix `[M, N]` as a list of elements (COO), which can also be made from compressed rows (CSR). Positions are fixed; values
/// are a tensor, so that gradients flow to them as well as to the other operand of a product.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::SparseMatrix;
/// let device = Device::named("cpu")?;
/// // [[0, 2, 0], [1, 0, 3]]
/// let values = Tensor::from_slice(&device, &[2.0f32, 1.0, 3.0], &[3])?;
/// let a = SparseMatrix::coo(&[(0, 1), (1, 0), (1, 2)], &values, [2, 3]);
/// let x = Tensor::from_slice(&device, &[1.0f32, 10.0, 100.0], &[3])?;
/// assert_eq!(a.mv(&x).to_vec::<f32>()?, [20.0, 301.0]);
/// assert_eq!(a.crow_indices(), [0, 1, 3]);
/// assert_eq!(a.transpose().mm(&Tensor::ones(&device, &[2, 1])).to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone)]
pub struct SparseMatrix {
    positions: Arc<[(usize, usize)]>,
    shape: [usize; 2],
    rows: Tensor,
    columns: Tensor,
    values: Tensor,
}

impl SparseMatrix {
    /// A matrix of elements at `positions` (row, column) with `values [E]`; elements at the same position add up.
    ///
    /// # Panics
    /// When a position lies outside of `shape`, or there is not one value per position.
    #[track_caller]
    pub fn coo(positions: &[(usize, usize)], values: &Tensor, shape: [usize; 2]) -> SparseMatrix {
        for &(row, column) in positions {
            assert!(row < shape[0] && column < shape[1], "SparseMatrix: ({row}, {column}) of {shape:?}");
        }
        assert!(
            values.shape() == [positions.len()],
            "SparseMatrix: values {:?} at {} positions",
            values.shape(),
            positions.len()
        );
        let [rows, columns] = index(values.device(), positions);
        SparseMatrix { positions: positions.into(), shape, rows, columns, values: values.clone() }
    }

    /// A matrix from compressed rows, as `torch.sparse_csr_tensor`: row `m` has the elements from `crow_indices[m]` to
    /// `crow_indices[m + 1]`, in columns `col_indices`.
    ///
    /// # Panics
    /// When the row starts do not increase from 0 to the number of elements, and as [`coo`](SparseMatrix::coo).
    #[track_caller]
    pub fn csr(
        crow_indices: &[usize],
        col_indices: &[usize],
        values: &Tensor,
        shape: [usize; 2],
    ) -> SparseMatrix {
        let rises = crow_indices.first() == Some(&0) && crow_indices.is_sorted();
        let whole = crow_indices.len() == shape[0] + 1 && crow_indices.last() == Some(&col_indices.len());
        assert!(
            rises && whole,
            "SparseMatrix: row starts {crow_indices:?} of {} elements in {} rows",
            col_indices.len(),
            shape[0]
        );
        let row = |m: usize| (crow_indices[m]..crow_indices[m + 1]).map(move |e| (m, col_indices[e]));
        SparseMatrix::coo(&(0..shape[0]).flat_map(row).collect::<Vec<_>>(), values, shape)
    }

    /// The non-zero elements of a matrix `[M, N]`.
    ///
    /// # Errors
    /// Whatever goes wrong on the device; the matrix is evaluated there.
    ///
    /// # Panics
    /// When `dense` is not a matrix.
    #[track_caller]
    pub fn from_dense(dense: &Tensor) -> autograd::Result<SparseMatrix> {
        let &[m, n] = dense.shape() else { panic!("SparseMatrix: from a tensor {:?}", dense.shape()) };
        let all = dense.to_vec::<f32>()?;
        let kept: Vec<usize> = (0..m * n).filter(|&i| all[i] != 0.0).collect();
        let positions: Vec<_> = kept.iter().map(|i| (i / n, i % n)).collect();
        let values: Vec<f32> = kept.iter().map(|&i| all[i]).collect();
        let values = Tensor::from_slice(dense.device(), &values, &[values.len()])?;
        Ok(SparseMatrix::coo(&positions, &values, [m, n]))
    }

    /// `[M, N]`
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// The elements' values `[E]`, in the order of their positions.
    pub fn values(&self) -> &Tensor {
        &self.values
    }

    /// The number of elements before each row, and in total: `[M + 1]`. If elements are sorted by row, these are the row starts of CSR.
    pub fn crow_indices(&self) -> Vec<usize> {
        let mut starts = vec![0; self.shape[0] + 1];
        self.positions.iter().for_each(|(row, _)| starts[row + 1] += 1);
        (1..starts.len()).for_each(|m| starts[m] += starts[m - 1]);
        starts
    }

    /// The product with a matrix, from `[N, K]` to `[M, K]` (SpMM): scales a row of `dense` for each element, and sums by row of the
    /// result.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn mm(&self, dense: &Tensor) -> Tensor {
        let fits = dense.rank() == 2 && dense.shape()[0] == self.shape[1];
        assert!(fits, "SparseMatrix: {:?} by {:?}", self.shape, dense.shape());
        let scaled = dense.index_select(0, &self.columns) * self.values.unsqueeze(1);
        scaled.segment_sum(&self.rows, self.shape[0])
    }

    /// The product with a vector, from `[N]` to `[M]` (SpMV).
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn mv(&self, vector: &Tensor) -> Tensor {
        assert!(vector.rank() == 1, "SparseMatrix: {:?} by {:?}", self.shape, vector.shape());
        self.mm(&vector.unsqueeze(1)).squeeze(&[1])
    }

    /// The transposed matrix `[N, M]`, with the same values.
    pub fn transpose(&self) -> SparseMatrix {
        SparseMatrix {
            positions: self.positions.iter().map(|&(row, column)| (column, row)).collect(),
            shape: [self.shape[1], self.shape[0]],
            rows: self.columns.clone(),
            columns: self.rows.clone(),
            values: self.values.clone(),
        }
    }

    /// The dense matrix, `[M, N]`.
    pub fn to_dense(&self) -> Tensor {
        let [m, n] = self.shape;
        let places: Vec<i32> = self.positions.iter().map(|(row, column)| (row * n + column) as i32).collect();
        let places = Tensor::constant(self.values.device(), &places, &[places.len()]);
        self.values.segment_sum(&places, m * n).reshape(&[m, n])
    }
}

fn index(device: &Device, positions: &[(usize, usize)]) -> [Tensor; 2] {
    let part = |of: fn(&(usize, usize)) -> usize| {
        let part: Vec<i32> = positions.iter().map(|position| of(position) as i32).collect();
        Tensor::constant(device, &part, &[part.len()])
    };
    [part(|position| position.0), part(|position| position.1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::Result;

    #[test]
    fn products_and_gradients_are_those_of_the_dense_matrix() -> Result<()> {
        let device = Device::named("cpu")?;
        let generator = autograd::Generator::new(1);
        let dense = generator.bernoulli(&device, 0.3, &[5, 7]) * generator.normal(&device, &[5, 7]);
        let dense = dense.detach().variable();
        let sparse = SparseMatrix::from_dense(&dense)?;
        assert_eq!(sparse.to_dense().to_vec::<f32>()?, dense.to_vec::<f32>()?);
        let values = sparse.values().variable();
        let sparse = SparseMatrix::coo(&sparse.positions, &values, [5, 7]);
        let x = generator.normal(&device, &[7, 3]).variable();
        let near = |a: &Tensor, b: &Tensor| {
            Ok::<_, autograd::Error>((a - b).abs().amax(&[0, 1], false).item()? < 1e-5)
        };
        assert!(near(&sparse.mm(&x), &dense.matmul(&x))?);
        assert!(near(&sparse.transpose().mm(&sparse.mm(&x)), &dense.t().matmul(&dense.matmul(&x)))?);
        let of_sparse = autograd::grad(&sparse.mm(&x).square().sum_all(), &[&values, &x]);
        let of_dense = autograd::grad(&dense.matmul(&x).square().sum_all(), &[&dense, &x]);
        let [Some(values_grad), Some(x_grad)] = &of_sparse[..] else { panic!("gradients") };
        let [Some(dense_grad), Some(expected)] = &of_dense[..] else { panic!("gradients") };
        assert!(near(x_grad, expected)?);
        let at = SparseMatrix::coo(&sparse.positions, values_grad, [5, 7]).to_dense();
        let pattern = SparseMatrix::coo(&sparse.positions, &values.ones_like(), [5, 7]).to_dense();
        assert!(near(&at, &(dense_grad * &pattern))?);
        let starts = sparse.crow_indices();
        let columns: Vec<usize> = sparse.positions.iter().map(|(_, column)| *column).collect();
        let again = SparseMatrix::csr(&starts, &columns, &values, [5, 7]);
        assert!(near(&again.to_dense(), &dense)?);
        Ok(())
    }
}
