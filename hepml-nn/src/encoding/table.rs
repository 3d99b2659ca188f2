//! Tables for networks.

use std::collections::BTreeMap;

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Item, Table, Weighted};

use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::network::Encoder;
use crate::scalar::Scalar;

/// A function of a column, before it is standardised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
#[non_exhaustive]
pub enum ColumnFunction {
    /// x.
    Identity,
    /// ln x, of columns that are positive.
    Ln,
    /// asinh(x/scale): x/scale for small x, the logarithm of large ones, of either sign.
    Asinh {
        /// Where the logarithm takes over, in the units of the column.
        scale: f64,
    },
}

impl ColumnFunction {
    fn check(self) -> Result<()> {
        match self {
            Self::Asinh { scale } if !(scale.is_finite() && scale > 0.0) => {
                Err(hepml_core::Error::out_of_range("scale of an asinh column", scale, "positive and finite")
                    .into())
            }
            _ => Ok(()),
        }
    }

    /// The function of a finite x; none where it is not defined.
    fn of(self, x: f64) -> Option<f64> {
        match self {
            Self::Identity => Some(x),
            Self::Ln => (x > 0.0).then(|| x.ln()),
            Self::Asinh { scale } => Some((x / scale).asinh()),
        }
    }
}

/// How a table is prepared for a network: each column through its function, less its mean, over its standard deviation.
///
/// ```
/// use hepml_core::{Table, Weighted, ndarray::array};
/// use hepml_nn::{ColumnFunction, Encoder, TableConfig};
///
/// let table: Table = array![[1.0, 10.0], [3.0, 1000.0]];
/// let config = TableConfig::default().names(["mass", "pt"]).function(1, ColumnFunction::Ln);
/// let encoder = config.fit(&Weighted::unit(table.clone()))?;
/// assert!((encoder.encode::<f64>(&table)?.row(1)[1] - 1.0).abs() < 1e-14);
/// # Ok::<(), hepml_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct TableConfig {
    names: Vec<String>,
    functions: BTreeMap<usize, ColumnFunction>,
    standardise: bool,
}

impl Default for TableConfig {
    /// Any number of columns, without names, standardised.
    fn default() -> Self {
        Self { names: Vec::new(), functions: BTreeMap::new(), standardise: true }
    }
}

impl TableConfig {
    /// Names of the columns, for errors and readers of saved models; tables must then have as many columns.
    #[must_use]
    pub fn names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// A function of a column, counted from 0.
    #[must_use]
    pub fn function(mut self, column: usize, function: ColumnFunction) -> Self {
        self.functions.insert(column, function);
        self
    }

    /// Whether columns are brought to mean 0 and standard deviation 1; else they are left as their functions give them.
    #[must_use]
    pub fn standardise(mut self, standardise: bool) -> Self {
        self.standardise = standardise;
        self
    }

    /// The encoder, with means and standard deviations of these events.
    ///
    /// Events count with the absolute values of their weights: mean m = sum |w| f(x)/sum |w|, variance
    /// sum |w| (f(x) - m)²/sum |w|. A column that does not vary is divided by 1, and
    /// [noted](Encoder::notes).
    ///
    /// # Errors
    /// No events or columns; weights that are all 0; an entry that is not finite, or not in the domain of its function,
    /// naming event and column; names or functions of other columns than there are.
    pub fn fit(&self, events: &Weighted<Table>) -> Result<TableEncoder> {
        let table = events.events();
        let count = table.ncols();
        if !self.names.is_empty() && self.names.len() != count {
            return Err(Error::shape("columns of a table", self.names.len(), count));
        }
        if count == 0 {
            return Err(hepml_core::Error::Empty { what: "row of a table".into() }.into());
        }
        if events.is_empty() {
            return Err(hepml_core::Error::Empty { what: "table of training events".into() }.into());
        }
        if let Some((&column, _)) = self.functions.range(count..).next() {
            let what = "column with a function".into();
            return Err(hepml_core::Error::IndexOutOfBounds { what, index: column, len: count }.into());
        }
        // Relative to the largest, so that sums do not overflow.
        let largest = events.weights().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        if largest == 0.0 {
            return Err(hepml_core::Error::out_of_range(
                "sum of the absolute weights of the training events",
                0.0,
                "positive",
            )
            .into());
        }
        let weights: Vec<f64> = events.weights().iter().map(|w| w.abs() / largest).collect();
        let sum: f64 = weights.iter().sum();
        let mut columns = Vec::with_capacity(count);
        for index in 0..count {
            let mut column = Column {
                name: self.names.get(index).cloned(),
                function: self.functions.get(&index).copied().unwrap_or(ColumnFunction::Identity),
                mean: 0.0,
                scale: 1.0,
                constant: false,
            };
            column.function.check()?;
            let mut values = Vec::with_capacity(table.nrows());
            for (event, &x) in table.column(index).iter().enumerate() {
                values.push(column.value(index, event, x)?);
            }
            let counted = values.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0);
            let (least, most) = counted.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (value, _)| {
                (a.min(*value), b.max(*value))
            });
            column.constant = least == most;
            if self.standardise {
                column.mean = if column.constant {
                    least
                } else {
                    values.iter().zip(&weights).map(|(value, weight)| value * (weight / sum)).sum()
                };
                if !column.constant {
                    let variance: f64 = values
                        .iter()
                        .zip(&weights)
                        .map(|(value, weight)| (value - column.mean).powi(2) * (weight / sum))
                        .sum();
                    column.scale = variance.sqrt();
                }
                if !(column.mean.is_finite() && column.scale.is_normal()) {
                    return Err(hepml_core::Error::out_of_range(
                        format!("standard deviation of {}", column.called(index)),
                        column.scale,
                        "a normal number",
                    )
                    .into());
                }
            }
            columns.push(column);
        }
        Ok(TableEncoder { columns })
    }
}

/// Prepares tables as it was [fitted](TableConfig::fit) to: (f(x) - mean)/scale of each column, in f64 before it is rounded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct TableEncoder {
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
struct Column {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    function: ColumnFunction,
    mean: f64,
    scale: f64,
    constant: bool,
}

impl Column {
    fn called(&self, index: usize) -> String {
        match &self.name {
            Some(name) => format!("column {index} ({name})"),
            None => format!("column {index}"),
        }
    }

    /// The function of an entry.
    fn value(&self, index: usize, event: usize, x: f64) -> Result<f64> {
        let (what, item) = (|| format!("{} of the table", self.called(index)).into(), Item::event(event));
        if !x.is_finite() {
            return Err(hepml_core::Error::NotFinite { what: what(), item, value: x }.into());
        }
        self.function.of(x).ok_or_else(|| {
            hepml_core::Error::OutOfRange {
                what: what(),
                item,
                value: x,
                allowed: "positive, for its logarithm",
            }
            .into()
        })
    }
}

impl TableEncoder {
    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The name of a column, if it has one.
    pub fn name(&self, column: usize) -> Option<&str> {
        self.columns.get(column)?.name.as_deref()
    }

    /// The means of the columns, of their functions' values; 0 where they are not standardised.
    pub fn means(&self) -> impl Iterator<Item = f64> {
        self.columns.iter().map(|column| column.mean)
    }

    /// What the columns are divided by: their standard deviations.
    pub fn scales(&self) -> impl Iterator<Item = f64> {
        self.columns.iter().map(|column| column.scale)
    }

    /// The table that is encoded so: what [`encode`](Encoder::encode) does, undone.
    ///
    /// # Errors
    /// Another number of columns.
    pub fn decode(&self, encoded: &Table) -> Result<Table> {
        self.check(encoded)?;
        let mut table = encoded.clone();
        for mut row in table.rows_mut() {
            for (x, column) in row.iter_mut().zip(&self.columns) {
                let y = *x * column.scale + column.mean;
                *x = match column.function {
                    ColumnFunction::Identity => y,
                    ColumnFunction::Ln => y.exp(),
                    ColumnFunction::Asinh { scale } => scale * y.sinh(),
                };
            }
        }
        Ok(table)
    }

    fn check(&self, table: &Table) -> Result<()> {
        if table.ncols() == self.columns.len() {
            Ok(())
        } else {
            Err(Error::shape("columns of a table", self.columns.len(), table.ncols()))
        }
    }
}

impl Encoder for TableEncoder {
    type Events = Table;
    type Encoded<T: Scalar> = Matrix<T>;

    fn encode<T: Scalar>(&self, events: &Table) -> Result<Matrix<T>> {
        self.check(events)?;
        let mut encoded = Matrix::zeros(events.nrows(), events.ncols());
        for (event, row) in events.rows().into_iter().enumerate() {
            let to = encoded.row_mut(event);
            for (index, (&x, column)) in row.iter().zip(&self.columns).enumerate() {
                let value = (column.value(index, event, x)? - column.mean) / column.scale;
                to[index] = T::from_f64(value);
                if !to[index].is_finite() {
                    return Err(hepml_core::Error::NotFinite {
                        what: format!("standardised {} of the table", column.called(index)).into(),
                        item: Item::event(event),
                        value: to[index].to_f64(),
                    }
                    .into());
                }
            }
        }
        Ok(encoded)
    }

    fn notes(&self) -> Vec<String> {
        let constant = self.columns.iter().enumerate().filter(|(_, column)| column.constant);
        constant
            .map(|(index, column)| {
                format!("{} has the same value in all training events", column.called(index))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use hepml_core::ndarray::array;

    use super::*;

    /// What sums of a few numbers of order 1 leave.
    const TOLERANCE: f64 = 1e-14;

    #[test]
    fn columns_are_standardised_by_absolute_weights() {
        let table: Table = array![[1.0, 5.0, 100.0], [2.0, 5.0, 1000.0], [4.0, 5.0, 10.0]];
        let config = TableConfig::default().function(2, ColumnFunction::Ln);
        let events = Weighted::new(table.clone(), vec![1.0, -2.0, 1.0]).unwrap();
        let encoder = config.fit(&events).unwrap();
        // Mean (1 + 2 2 + 4)/4, variance (1.25² + 2 0.25² + 1.75²)/4.
        let encoded = encoder.encode::<f64>(&table).unwrap();
        let sigma = ((1.25_f64.powi(2) + 2.0 * 0.25_f64.powi(2) + 1.75_f64.powi(2)) / 4.0).sqrt();
        for (row, x) in [1.0, 2.0, 4.0].into_iter().enumerate() {
            assert!((encoded.row(row)[0] - (x - 2.25) / sigma).abs() < TOLERANCE);
            assert_eq!(encoded.row(row)[1], 0.0);
        }
        assert_eq!(encoder.notes(), ["column 1 has the same value in all training events"]);
        let back = encoder.decode(&encoded.to_array()).unwrap();
        for (x, y) in back.iter().zip(&table) {
            assert!((x / y - 1.0).abs() < 10.0 * TOLERANCE);
        }
    }

    #[test]
    fn without_standardisation_the_functions_remain() {
        let config =
            TableConfig::default().standardise(false).function(0, ColumnFunction::Asinh { scale: 2.0 });
        let table: Table = array![[3.0, 7.0], [-1.0, 8.0]];
        let encoder = config.fit(&Weighted::unit(table.clone())).unwrap();
        let encoded = encoder.encode::<f64>(&table).unwrap();
        assert_eq!(encoded.row(0), [1.5_f64.asinh(), 7.0]);
        assert_eq!(encoded.row(1), [(-0.5_f64).asinh(), 8.0]);
    }

    #[test]
    fn bad_tables_are_named() {
        let table: Table = array![[1.0, 2.0], [3.0, 4.0]];
        let fit = |config: TableConfig, table: Table, weights: Vec<f64>| {
            config.fit(&Weighted::new(table, weights).unwrap()).map(|_| ()).unwrap_err().to_string()
        };
        let config = TableConfig::default;
        assert!(fit(config(), table.clone(), vec![0.0, 0.0]).contains("weights"));
        assert!(fit(config(), Table::zeros((0, 2)), vec![]).contains("empty"));
        assert!(fit(config(), Table::zeros((2, 0)), vec![1.0; 2]).contains("empty"));
        assert!(fit(config().names(["a"]), table.clone(), vec![1.0; 2]).contains("expected 1, got 2"));
        let error = fit(config().function(2, ColumnFunction::Ln), table.clone(), vec![1.0; 2]);
        assert!(error.contains("index 2"), "{error}");
        let asinh = ColumnFunction::Asinh { scale: 0.0 };
        assert!(fit(config().function(1, asinh), table.clone(), vec![1.0; 2]).contains("scale"));
        let bad: Table = array![[1.0, 2.0], [3.0, f64::NAN]];
        let error = fit(config().names(["a", "b"]), bad.clone(), vec![1.0; 2]);
        assert_eq!(error, "column 1 (b) of the table of event 1 is not finite (NaN)");
        let error = fit(config().function(0, ColumnFunction::Ln), array![[1.0], [-3.0]], vec![1.0; 2]);
        assert!(error.contains("column 0") && error.contains("event 1") && error.contains("-3"), "{error}");
        assert!(fit(config(), array![[1e300], [-1e300]], vec![1.0; 2]).contains("standard deviation"));

        let encoder = config().fit(&Weighted::unit(table)).unwrap();
        let error = encoder.encode::<f32>(&bad).unwrap_err().to_string();
        assert_eq!(error, "column 1 of the table of event 1 is not finite (NaN)");
        assert!(encoder.encode::<f32>(&Table::zeros((1, 3))).unwrap_err().to_string().contains("got 3"));
        assert!(encoder.encode::<f32>(&array![[1e39, 0.0]]).unwrap_err().to_string().contains("event 0"));
        assert_eq!(encoder.encode::<f32>(&Table::zeros((0, 2))).unwrap().shape(), (0, 2));
    }
}
