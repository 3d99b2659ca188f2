//! How often values occur.

use hepml_core::{Error as CoreError, finite};

use crate::error::Result;
use crate::pairwise::handler::PairHandler;
use crate::pairwise::log_axis::LogAxis;
use crate::pairwise::pairing::Pairing;

/// The modulus up to which squares of products of two weights, and sums of 1e20 of those, are finite.
const LARGEST_WEIGHT: f64 = 1e70;

/// A histogram of the values of pairs on a logarithmic axis: a [`PairHandler`] that needs no more memory than its bins.
///
/// A pair counts with the product w_i w_j of the weights of its events, 1 if there are none. Several streams may fill the same
/// histogram, one after the other.
///
/// ```
/// use hepml_ot::{Divergence, Emd, EnergyFlow, LogAxis, PairHistogram};
///
/// let events: Vec<EnergyFlow> = [0.0, 0.0, 0.25, 4.0]
///     .map(|y| EnergyFlow::from_rows(&[[1.0, y, 0.0]])).into_iter().collect::<Result<_, _>>()?;
/// let mut histogram = PairHistogram::new(LogAxis::new(0.125, 0.5, 2)?);
/// Emd::default().pairwise(&events)?.stream(&mut histogram, &mut ())?;
/// assert_eq!(histogram.bins().iter().map(|bin| bin.pairs).collect::<Vec<_>>(), [0, 2]);
/// assert_eq!((histogram.zeros().pairs, histogram.overflow().pairs), (1, 3));
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PairHistogram {
    axis: LogAxis,
    weights: Option<Weights>,
    /// Underflow, the bins, overflow.
    bins: Vec<PairBin>,
    zeros: PairBin,
}

#[derive(Debug, Clone, PartialEq)]
struct Weights {
    rows: Vec<f64>,
    /// None if they are those of the rows.
    columns: Option<Vec<f64>>,
}

/// What a bin holds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct PairBin {
    /// The number of pairs.
    pub pairs: usize,
    /// The sum of their weights.
    pub sum: f64,
    /// The sum of the squares of their weights. Pairs that share an event are correlated, so its root is not the error of the
    /// sum.
    pub sum_of_squares: f64,
}

impl PairHistogram {
    /// An empty histogram in which every pair has the weight 1.
    pub fn new(axis: LogAxis) -> Self {
        let bins = vec![PairBin::default(); axis.bins() + 2];
        Self { axis, weights: None, bins, zeros: PairBin::default() }
    }

    /// An empty histogram of the pairs of one list of events with these weights.
    ///
    /// # Errors
    /// A weight that is not finite or has a modulus above 1e70, naming the event.
    pub fn weighted(axis: LogAxis, weights: impl Into<Vec<f64>>) -> Result<Self> {
        let rows = checked(weights.into())?;
        Ok(Self { weights: Some(Weights { rows, columns: None }), ..Self::new(axis) })
    }

    /// An empty histogram of the pairs between two lists of events with these weights.
    ///
    /// # Errors
    /// A weight that is not finite or has a modulus above 1e70, naming the event.
    pub fn cross_weighted(
        axis: LogAxis,
        rows: impl Into<Vec<f64>>,
        columns: impl Into<Vec<f64>>,
    ) -> Result<Self> {
        let (rows, columns) = (checked(rows.into())?, Some(checked(columns.into())?));
        Ok(Self { weights: Some(Weights { rows, columns }), ..Self::new(axis) })
    }

    /// The axis.
    pub fn axis(&self) -> &LogAxis {
        &self.axis
    }

    /// The bins, from small to large values.
    pub fn bins(&self) -> &[PairBin] {
        &self.bins[1..=self.axis.bins()]
    }

    /// The pairs whose value is exactly 0.
    pub fn zeros(&self) -> PairBin {
        self.zeros
    }

    /// The pairs whose value is below the axis but not 0, negative values (of divergences that have them) included.
    pub fn underflow(&self) -> PairBin {
        self.bins[0]
    }

    /// The pairs whose value is at or above the upper end of the axis.
    pub fn overflow(&self) -> PairBin {
        self.bins[self.axis.bins() + 1]
    }

    fn weight(&self, first: usize, second: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| {
            weights.rows[first] * weights.columns.as_ref().unwrap_or(&weights.rows)[second]
        })
    }
}

impl PairHandler for PairHistogram {
    /// # Errors
    /// Weights that are not one an event.
    fn begin(&mut self, pairing: Pairing) -> Result<()> {
        let Some(Weights { rows, columns }) = &self.weights else { return Ok(()) };
        if rows.len() != pairing.rows() {
            return Err(CoreError::shape("weights of the events", pairing.rows(), rows.len()).into());
        }
        let columns = match (columns, pairing) {
            (Some(columns), Pairing::Between { .. }) => columns.len(),
            (None, Pairing::Within { events }) => events,
            // Weights of two lists for the pairs of one, or the other way round.
            (Some(_), Pairing::Within { .. }) => {
                return Err(CoreError::shape("lists of weights", 1, 2).into());
            }
            (None, Pairing::Between { .. }) => return Err(CoreError::shape("lists of weights", 2, 1).into()),
        };
        if columns != pairing.columns() {
            return Err(CoreError::shape("weights of the columns", pairing.columns(), columns).into());
        }
        Ok(())
    }

    /// The upper end of the axis.
    fn limit(&self) -> f64 {
        self.axis.highest()
    }

    fn pair(&mut self, first: usize, second: usize, value: f64) {
        let weight = self.weight(first, second);
        let bin = if value == 0.0 { &mut self.zeros } else { &mut self.bins[self.axis.position(value)] };
        bin.add(weight);
    }

    fn beyond(&mut self, first: usize, second: usize) {
        let (weight, overflow) = (self.weight(first, second), self.axis.bins() + 1);
        self.bins[overflow].add(weight);
    }
}

impl PairBin {
    fn add(&mut self, weight: f64) {
        self.pairs += 1;
        self.sum += weight;
        self.sum_of_squares += weight * weight;
    }
}

fn checked(weights: Vec<f64>) -> Result<Vec<f64>> {
    for (event, &weight) in weights.iter().enumerate() {
        finite("weight", weight).map_err(|error| error.at_event(event))?;
        if weight.abs() > LARGEST_WEIGHT {
            let error = CoreError::out_of_range("weight", weight, "from -1e70 to 1e70");
            return Err(error.at_event(event).into());
        }
    }
    Ok(weights)
}
