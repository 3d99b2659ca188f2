//! Matrices whose rows start at cache lines.
//!
//! # Conventions
//! Row-major; rows are events, particles or pixels. A row takes `stride` numbers: the columns rounded up to whole lines of
//! 64 bytes. The numbers after the last column are 0, always: so that sums, products and updates may run over whole lines.

use hepml_core::ndarray::{Array2, ArrayRef2};

use crate::error::{Error, Result};
use crate::kernel::Aligned;
use crate::scalar::Scalar;

/// A matrix.
#[derive(Debug, Clone, Default)]
pub struct Matrix<T: Scalar> {
    values: Aligned<T>,
    rows: usize,
    columns: usize,
}

/// A matrix, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T: Scalar> {
    values: &'a [T],
    rows: usize,
    columns: usize,
}

/// A matrix, borrowed for writing. Whoever writes keeps the numbers after the last column 0.
#[derive(Debug)]
pub(crate) struct ViewMut<'a, T: Scalar> {
    values: &'a mut [T],
    rows: usize,
    columns: usize,
}

/// The numbers that a row of so many columns takes.
pub(crate) const fn stride_of<T: Scalar>(columns: usize) -> usize {
    columns.next_multiple_of(T::LANES)
}

impl<T: Scalar> Matrix<T> {
    /// Zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let mut matrix = Self::default();
        matrix.reset_zeros(rows, columns);
        matrix
    }

    /// A matrix of f64 numbers, rounded to `T`.
    pub fn from_array(array: &ArrayRef2<f64>) -> Self {
        let mut matrix = Self::zeros(array.nrows(), array.ncols());
        for (row, values) in array.rows().into_iter().enumerate() {
            for (to, &value) in matrix.row_mut(row).iter_mut().zip(values) {
                *to = T::from_f64(value);
            }
        }
        matrix
    }

    /// A matrix of its numbers, row by row.
    ///
    /// # Errors
    /// Another number of values than `rows * columns`.
    pub fn from_rows(rows: usize, columns: usize, values: &[T]) -> Result<Self> {
        if values.len() != rows * columns {
            return Err(Error::shape("values of a matrix", rows * columns, values.len()));
        }
        let mut matrix = Self::zeros(rows, columns);
        for row in 0..rows {
            matrix.row_mut(row).copy_from_slice(&values[row * columns..(row + 1) * columns]);
        }
        Ok(matrix)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// A row, without what follows its last column.
    pub fn row(&self, row: usize) -> &[T] {
        self.view().row(row)
    }

    /// A row for writing, without what follows its last column.
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        let stride = stride_of::<T>(self.columns);
        &mut self.values[row * stride..][..self.columns]
    }

    /// The matrix, borrowed.
    pub fn view(&self) -> View<'_, T> {
        let len = self.rows * stride_of::<T>(self.columns);
        View { values: &self.values[..len], rows: self.rows, columns: self.columns }
    }

    pub(crate) fn view_mut(&mut self) -> ViewMut<'_, T> {
        let len = self.rows * stride_of::<T>(self.columns);
        ViewMut { values: &mut self.values[..len], rows: self.rows, columns: self.columns }
    }

    /// Becomes a matrix of zeros, in the memory that it has.
    pub(crate) fn reset_zeros(&mut self, rows: usize, columns: usize) {
        self.reset(rows, columns);
        self.view_mut().values.fill(T::ZERO);
    }

    /// Takes a shape, in the memory that it has; the numbers, those after the last column too, are for the caller to write.
    pub(crate) fn reset(&mut self, rows: usize, columns: usize) {
        (self.rows, self.columns) = (rows, columns);
        self.values.reserve_len(rows * stride_of::<T>(columns));
    }

    /// The numbers as f64.
    pub fn to_array(&self) -> Array2<f64> {
        self.view().to_array()
    }
}

impl<'a, T: Scalar> View<'a, T> {
    /// `values` are `rows` rows of `stride_of(columns)` numbers.
    pub(crate) fn new(values: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * stride_of::<T>(columns), "whole rows");
        Self { values, rows, columns }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// The numbers from one row's start to the next's.
    pub(crate) fn stride(&self) -> usize {
        stride_of::<T>(self.columns)
    }

    /// All numbers, what follows the last columns included.
    pub(crate) fn padded(&self) -> &'a [T] {
        self.values
    }

    /// A row, with what follows its last column.
    pub(crate) fn padded_row(&self, row: usize) -> &'a [T] {
        &self.values[row * self.stride()..][..self.stride()]
    }

    /// A row, without what follows its last column.
    pub fn row(&self, row: usize) -> &'a [T] {
        &self.values[row * self.stride()..][..self.columns]
    }

    /// The one number of a matrix of one row and column.
    ///
    /// # Errors
    /// Another shape.
    pub fn scalar(&self) -> Result<T> {
        match self.shape() {
            (1, 1) => Ok(self.values[0]),
            shape => Err(Error::Shapes { operation: "scalar", a: (1, 1), b: shape }),
        }
    }

    /// The numbers as f64.
    pub fn to_array(&self) -> Array2<f64> {
        Array2::from_shape_fn(self.shape(), |(row, column)| self.row(row)[column].to_f64())
    }

    /// A copy.
    pub fn to_matrix(&self) -> Matrix<T> {
        let mut matrix = Matrix::default();
        matrix.reset(self.rows, self.columns);
        matrix.view_mut().values.copy_from_slice(self.values);
        matrix
    }
}

impl<'a, T: Scalar> ViewMut<'a, T> {
    /// `values` are `rows` rows of `stride_of(columns)` numbers.
    pub(crate) fn new(values: &'a mut [T], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * stride_of::<T>(columns), "whole rows");
        Self { values, rows, columns }
    }

    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    pub(crate) fn stride(&self) -> usize {
        stride_of::<T>(self.columns)
    }

    /// All numbers, what follows the last columns included.
    pub(crate) fn padded(&mut self) -> &mut [T] {
        self.values
    }

    /// A row, with what follows its last column.
    pub(crate) fn padded_row(&mut self, row: usize) -> &mut [T] {
        let stride = self.stride();
        &mut self.values[row * stride..][..stride]
    }

    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        let columns = self.columns;
        &mut self.padded_row(row)[..columns]
    }

    /// Sets what follows the last columns to 0.
    pub(crate) fn clear_pads(&mut self) {
        let (stride, columns) = (self.stride(), self.columns);
        if columns < stride {
            self.values.chunks_exact_mut(stride).for_each(|row| row[columns..].fill(T::ZERO));
        }
    }

    pub(crate) fn reborrow(&mut self) -> ViewMut<'_, T> {
        ViewMut { values: self.values, rows: self.rows, columns: self.columns }
    }
}

impl<T: Scalar> PartialEq for Matrix<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape() && self.view().padded() == other.view().padded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_padded_with_zeros() {
        let m = Matrix::<f32>::from_rows(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(m.view().stride(), 16);
        assert_eq!(m.row(1), [4.0, 5.0, 6.0]);
        assert!(m.view().padded()[3..16].iter().all(|x| *x == 0.0));
        assert_eq!(Matrix::<f64>::from_array(&m.to_array()).view().stride(), 8);
        assert!(Matrix::<f32>::from_rows(2, 3, &[1.0]).is_err());
    }

    #[test]
    fn matrices_may_be_empty() {
        for (rows, columns) in [(0, 0), (0, 5), (5, 0)] {
            let m = Matrix::<f64>::zeros(rows, columns);
            assert_eq!(m.to_array().dim(), (rows, columns));
        }
    }
}
