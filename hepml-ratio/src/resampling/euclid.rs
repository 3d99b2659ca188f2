//! The Euclidean distance of rows.

use hepml_core::ndarray::ArrayView1;
use hepml_core::{Error as CoreError, EventMetric, Table, check_finite};

use crate::error::Result;

/// sqrt(sum_k ((a_k - b_k)/scale_k)^2) of two rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Euclid {
    scales: Vec<f64>,
}

impl Euclid {
    /// With the unit of length of each column.
    ///
    /// # Errors
    /// A scale that is not positive and finite.
    pub fn new(scales: Vec<f64>) -> Result<Self> {
        match scales.iter().position(|&scale| !(scale > 0.0 && scale.is_finite())) {
            Some(column) => Err(CoreError::out_of_range(
                format!("scale of column {column}"),
                scales[column],
                "positive and finite",
            )
            .into()),
            None => Ok(Self { scales }),
        }
    }

    /// In units of the standard deviation of each column of a table, whatever the weights of its events.
    ///
    /// A column that is constant has the unit 1: it adds nothing to any distance of these events.
    ///
    /// # Errors
    /// No events; an entry that is not finite, naming row and column; a standard deviation that overflows, naming the column.
    pub fn standardised(events: &Table) -> Result<Self> {
        if events.nrows() == 0 {
            return Err(CoreError::Empty { what: "sample to standardise".into() }.into());
        }
        check_finite("features of a Euclidean distance", events)?;
        let scales = events.columns().into_iter().map(|column| {
            // In units of the largest, so that squares neither overflow nor underflow.
            let largest = column.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
            let constant = column.iter().all(|x| *x == column[0]);
            if constant { 1.0 } else { largest * (&column / largest).std(0.0) }
        });
        Self::new(scales.collect())
    }

    /// The unit of length of each column.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// A row in units of the scales.
    pub(super) fn scaled(&self, row: &ArrayView1<'_, f64>) -> impl Iterator<Item = f64> {
        row.iter().zip(&self.scales).map(|(x, scale)| x / scale)
    }

    pub(super) fn check_columns(&self, columns: usize) -> Result<(), CoreError> {
        if columns == self.scales.len() {
            Ok(())
        } else {
            Err(CoreError::shape("columns of a Euclidean distance", self.scales.len(), columns))
        }
    }
}

impl EventMetric<Table> for Euclid {
    fn distance(&self, a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> Result<f64, CoreError> {
        self.check_columns(a.len())?;
        self.check_columns(b.len())?;
        let squares: f64 = self.scaled(&a).zip(self.scaled(&b)).map(|(a, b)| (a - b) * (a - b)).sum();
        hepml_core::finite("Euclidean distance", squares.sqrt())
    }
}
