//! The numbers that a network learns.

use std::collections::HashSet;
use std::ops::Range;

use hepml_core::Error as CoreError;

use crate::error::{Error, Result};
use crate::kernel::{Aligned, Kernel};
use crate::matrix::{Matrix, View, ViewMut, stride_of};
use crate::scalar::Scalar;

/// The most numbers that a network may learn: a configuration that asks for more is an error before memory is taken for it.
const MOST_NUMBERS: usize = 1 << 27;

/// Parameters for which there is always memory.
const FEW_NUMBERS: usize = 1 << 16;

/// The number of a parameter among the [`Parameters`] that it was added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(pub(crate) usize);

/// The named matrices that a network learns, in one block of memory, each with its transpose for the way back.
///
/// A matrix of weights is [inputs, outputs]: y = x W + b. Vectors are single rows. There are at most 2^27 numbers in all.
#[derive(Debug, Clone, Default)]
pub struct Parameters<T: Scalar> {
    entries: Vec<Entry>,
    names: HashSet<String>,
    size: usize,
    /// The most numbers, for parameters that are read from a file.
    most_of_file: Option<usize>,
    values: Aligned<T>,
    transposes: Aligned<T>,
    len: usize,
    transposes_len: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    name: String,
    rows: usize,
    columns: usize,
    start: usize,
    transpose_start: usize,
}

impl Entry {
    fn range<T: Scalar>(&self) -> Range<usize> {
        self.start..self.start + self.rows * stride_of::<T>(self.columns)
    }

    fn transpose_range<T: Scalar>(&self) -> Range<usize> {
        self.transpose_start..self.transpose_start + self.columns * stride_of::<T>(self.rows)
    }
}

/// The gradients of all [`Parameters`], laid out as they are.
#[derive(Debug, Clone, Default)]
pub struct Gradients<T: Scalar> {
    values: Aligned<T>,
    len: usize,
}

impl<T: Scalar> Parameters<T> {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// No parameters; those to come are read from a file with so many numbers.
    ///
    /// A network that wants a few more of them is still built: what its tensors should be then tells more than their number.
    pub(crate) fn of_file(numbers: usize) -> Self {
        let most = numbers.saturating_mul(2).saturating_add(FEW_NUMBERS);
        Self { most_of_file: Some(most), ..Self::default() }
    }

    /// Checks that parameters of these shapes, [rows, columns] each, may still be added: to be asked before memory is taken for
    /// their first values.
    ///
    /// # Errors
    /// More than 2^27 numbers in all; while a saved model is read, far more than its file holds.
    pub fn check_room(&self, shapes: &[[usize; 2]]) -> Result<()> {
        let numbers = shapes.iter().map(|[rows, columns]| rows.saturating_mul(*columns));
        let size = numbers.fold(self.size, usize::saturating_add);
        match self.most_of_file {
            Some(most) if size > most => {
                let what = format!("its network has {size} parameters or more, far more than are saved");
                Err(CoreError::Model(what).into())
            }
            None if size > MOST_NUMBERS => {
                let what = "number of all parameters of a network";
                Err(CoreError::out_of_range(what, size as f64, "at most 2^27 (134217728)").into())
            }
            _ => Ok(()),
        }
    }

    /// Adds a parameter with its first value.
    ///
    /// # Errors
    /// A name that is taken; a value that is not finite; as [`check_room`](Self::check_room).
    pub fn add(&mut self, name: impl Into<String>, value: &Matrix<T>) -> Result<ParameterId> {
        let name = name.into();
        let (rows, columns) = value.shape();
        self.check_room(&[[rows, columns]])?;
        if !self.names.insert(name.clone()) {
            return Err(CoreError::Model(format!("two parameters are named {name:?}")).into());
        }
        self.size += rows * columns;
        let entry = Entry { name, rows, columns, start: self.len, transpose_start: self.transposes_len };
        self.len = entry.range::<T>().end;
        self.transposes_len = entry.transpose_range::<T>().end;
        self.values.reserve_len(self.len);
        self.transposes.reserve_len(self.transposes_len);
        self.entries.push(entry);
        let id = ParameterId(self.entries.len() - 1);
        self.set(id, value)?;
        Ok(id)
    }

    /// Gives a parameter another value.
    ///
    /// # Errors
    /// An unknown parameter; another shape; a value that is not finite.
    pub fn set(&mut self, id: ParameterId, value: &Matrix<T>) -> Result<()> {
        let count = self.entries.len();
        let entry = self.entries.get(id.0).ok_or(Error::UnknownParameter { index: id.0, count })?;
        if (entry.rows, entry.columns) != value.shape() {
            return Err(Error::Shapes {
                operation: "parameter",
                a: (entry.rows, entry.columns),
                b: value.shape(),
            });
        }
        if let Some(&bad) = value.view().padded().iter().find(|x| !x.is_finite()) {
            return Err(CoreError::not_finite(format!("parameter {:?}", entry.name), bad.to_f64()).into());
        }
        let (range, transpose) = (entry.range::<T>(), entry.transpose_range::<T>());
        self.values[range].copy_from_slice(value.view().padded());
        let to = ViewMut::new(&mut self.transposes[transpose], value.columns(), value.rows());
        Kernel::default().transpose(value.view(), to);
        Ok(())
    }

    /// The number of parameters (matrices).
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The number of numbers to learn.
    pub fn size(&self) -> usize {
        self.size
    }

    /// All parameters, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = ParameterId> + use<T> {
        (0..self.entries.len()).map(ParameterId)
    }

    /// The name of a parameter.
    ///
    /// # Errors
    /// An unknown parameter.
    pub fn name(&self, id: ParameterId) -> Result<&str> {
        Ok(&self.entry(id)?.name)
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// An unknown parameter.
    pub fn value(&self, id: ParameterId) -> Result<View<'_, T>> {
        let entry = self.entry(id)?;
        Ok(View::new(&self.values[entry.range::<T>()], entry.rows, entry.columns))
    }

    /// The transpose of a parameter.
    pub(crate) fn transpose(&self, id: ParameterId) -> Result<View<'_, T>> {
        let entry = self.entry(id)?;
        Ok(View::new(&self.transposes[entry.transpose_range::<T>()], entry.columns, entry.rows))
    }

    /// All values, in one piece; what follows last columns is 0. [`refresh`](Self::refresh) after writing.
    pub(crate) fn values_mut(&mut self) -> &mut [T] {
        &mut self.values[..self.len]
    }

    /// All values, in one piece; what follows last columns is 0.
    pub(crate) fn values(&self) -> &[T] {
        &self.values[..self.len]
    }

    /// Brings the transposes up to date.
    pub(crate) fn refresh(&mut self, kernel: Kernel) {
        for entry in &self.entries {
            let from = View::new(&self.values[entry.range::<T>()], entry.rows, entry.columns);
            let to =
                ViewMut::new(&mut self.transposes[entry.transpose_range::<T>()], entry.columns, entry.rows);
            kernel.transpose(from, to);
        }
    }

    fn entry(&self, id: ParameterId) -> Result<&Entry> {
        self.entries.get(id.0).ok_or(Error::UnknownParameter { index: id.0, count: self.entries.len() })
    }
}

impl<T: Scalar> PartialEq for Parameters<T> {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries && self.values() == other.values()
    }
}

impl<T: Scalar> Gradients<T> {
    /// Zeros, one for each number of the parameters.
    pub fn zeros(parameters: &Parameters<T>) -> Self {
        Self { values: Aligned::zeros(parameters.len), len: parameters.len }
    }

    /// Sets all to 0.
    pub fn clear(&mut self) {
        self.values[..self.len].fill(T::ZERO);
    }

    /// The gradient of a parameter.
    ///
    /// # Errors
    /// An unknown parameter.
    pub fn value(&self, parameters: &Parameters<T>, id: ParameterId) -> Result<View<'_, T>> {
        let entry = parameters.entry(id)?;
        Ok(View::new(&self.values[entry.range::<T>()], entry.rows, entry.columns))
    }

    pub(crate) fn value_mut(
        &mut self,
        parameters: &Parameters<T>,
        id: ParameterId,
    ) -> Result<ViewMut<'_, T>> {
        let entry = parameters.entry(id)?;
        Ok(ViewMut::new(&mut self.values[entry.range::<T>()], entry.rows, entry.columns))
    }

    /// All gradients, in one piece, laid out as the parameters.
    pub(crate) fn values(&self) -> &[T] {
        &self.values[..self.len]
    }

    /// All gradients, in one piece, for writing.
    pub(crate) fn values_mut(&mut self) -> &mut [T] {
        &mut self.values[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_limited_before_memory_is_taken() {
        let mut parameters = Parameters::<f32>::new();
        parameters.check_room(&[[1 << 14, 1 << 13]]).unwrap();
        for shapes in [&[[1 << 14, 1 << 13], [1, 1]][..], &[[usize::MAX, usize::MAX], [1, 7]]] {
            let error = parameters.check_room(shapes).unwrap_err().to_string();
            assert!(error.contains("at most 2^27"), "{error}");
        }
        parameters.add("a", &Matrix::zeros(2, 3)).unwrap();
        assert!(parameters.check_room(&[[1 << 14, 1 << 13]]).is_err());
        assert!(
            parameters.add("a", &Matrix::zeros(1, 1)).unwrap_err().to_string().contains("two parameters")
        );
        let mut of_file = Parameters::<f64>::of_file(6);
        of_file.add("a", &Matrix::zeros(2, 3)).unwrap();
        of_file.check_room(&[[1 << 16, 1]]).unwrap();
        let error = of_file.check_room(&[[1 << 17, 1]]).unwrap_err().to_string();
        assert!(error.contains("far more than are saved"), "{error}");
    }
}
