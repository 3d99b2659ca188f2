//! The numbers that a network learns.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::kernel::{Aligned, Kernel};
use crate::matrix::{Matrix, View, ViewMut, stride_of};
use crate::scalar::Scalar;

/// The number of a parameter among the [`Parameters`] that it was added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(pub(crate) usize);

/// The named matrices that a network learns, in one block of memory, each with its transpose for the way back.
///
/// A matrix of weights is [inputs, outputs]: y = x W + b. Vectors are single rows.
#[derive(Debug, Clone, Default)]
pub struct Parameters<T: Scalar> {
    entries: Vec<Entry>,
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

    /// Adds a parameter with its first value.
    ///
    /// # Errors
    /// A name that is taken; a value that is not finite.
    pub fn add(&mut self, name: impl Into<String>, value: &Matrix<T>) -> Result<ParameterId> {
        let name = name.into();
        if self.entries.iter().any(|entry| entry.name == name) {
            return Err(hepml_core::Error::Model(format!("two parameters are named {name:?}")).into());
        }
        let (rows, columns) = value.shape();
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
            return Err(
                hepml_core::Error::not_finite(format!("parameter {:?}", entry.name), bad.to_f64()).into()
            );
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
        self.entries.iter().map(|entry| entry.rows * entry.columns).sum()
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
