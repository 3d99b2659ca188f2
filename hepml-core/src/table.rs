//! Tables: one row an event, one column a feature.

use ndarray::{ArrayBase, ArrayRef2, ArrayView1, Axis, Ix2, OwnedRepr};

use crate::error::{Error, Item, Result};
use crate::event_set::{EventSet, check_indices};

/// A table of features `[events, features]`: the same type as `ndarray::Array2<f64>`.
///
/// Spelled out because rustc loses the defaulted element parameter of `Array2` in where-clauses on associated types.
pub type Table = ArrayBase<OwnedRepr<f64>, Ix2, f64>;

impl EventSet for Table {
    type Event<'a> = ArrayView1<'a, f64>;

    fn event_count(&self) -> usize {
        self.nrows()
    }

    fn event(&self, index: usize) -> ArrayView1<'_, f64> {
        self.row(index)
    }

    fn select_events(&self, indices: &[usize]) -> Result<Self> {
        check_indices(indices, self.nrows())?;
        Ok(self.select(Axis(0), indices))
    }

    fn concat_events(parts: &[&Self]) -> Result<Self> {
        let first = parts.first().ok_or(Error::Empty { what: "list of tables".into() })?;
        for part in parts {
            if part.ncols() != first.ncols() {
                return Err(Error::shape("columns of a table", first.ncols(), part.ncols()));
            }
        }
        let rows = parts.iter().map(|part| part.nrows()).sum();
        let mut values = Vec::with_capacity(rows * first.ncols());
        for part in parts {
            values.extend(part.iter());
        }
        Ok(Self::from_shape_vec((rows, first.ncols()), values).expect("as many values as the parts have"))
    }
}

/// Checks that every entry of a table is finite.
///
/// # Errors
/// [`Error::NotFinite`] naming the row (as event) and `what` with its column.
pub fn check_finite(what: &str, table: &ArrayRef2<f64>) -> Result<()> {
    for ((row, column), &value) in table.indexed_iter() {
        if !value.is_finite() {
            let what = format!("{what}, column {column},").into();
            return Err(Error::NotFinite { what, item: Item::event(row), value });
        }
    }
    Ok(())
}
