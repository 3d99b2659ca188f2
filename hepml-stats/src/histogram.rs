//! Weighted histograms.

use hepml_core::{Error as CoreError, Item};

use crate::error::{Error, Result};
use crate::estimate::Estimate;

/// The edges of the bins of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Binning {
    edges: Vec<f64>,
    /// How to guess the bin of a value without a search; the edges have the last word.
    guess: Guess,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Guess {
    Uniform,
    Log,
    Search,
}

impl Binning {
    /// `bins` bins of equal width from `low` to `high`.
    ///
    /// # Errors
    /// No bins; edges that are not finite or not in ascending order; bins too narrow for f64.
    pub fn uniform(bins: usize, low: f64, high: f64) -> Result<Self> {
        check_ends(bins, low, high)?;
        let n = bins as f64;
        // Both ends are exact, and no product overflows.
        let edges = (0..=bins).map(|i| low * ((bins - i) as f64 / n) + high * (i as f64 / n)).collect();
        Ok(Self { guess: Guess::Uniform, ..Self::explicit(edges)? })
    }

    /// `bins` bins of equal width in the logarithm from `low` to `high`, both positive.
    ///
    /// # Errors
    /// As [`uniform`](Self::uniform); a lower end that is not positive.
    pub fn log(bins: usize, low: f64, high: f64) -> Result<Self> {
        check_ends(bins, low, high)?;
        if low <= 0.0 {
            return Err(CoreError::out_of_range("lower end of logarithmic bins", low, "positive").into());
        }
        let n = bins as f64;
        let (from, to) = (low.ln(), high.ln());
        let mut edges: Vec<f64> =
            (0..=bins).map(|i| (from * ((bins - i) as f64 / n) + to * (i as f64 / n)).exp()).collect();
        // exp(ln x) is x only up to rounding.
        edges[0] = low;
        edges[bins] = high;
        Ok(Self { guess: Guess::Log, ..Self::explicit(edges)? })
    }

    /// Bins between given edges.
    ///
    /// # Errors
    /// Fewer than two edges; an edge that is not finite; edges that do not ascend strictly.
    pub fn explicit(edges: Vec<f64>) -> Result<Self> {
        if edges.len() < 2 {
            return Err(Error::TooFew { what: "edges".into(), needed: 2, got: edges.len() });
        }
        for (i, &edge) in edges.iter().enumerate() {
            hepml_core::finite("edge of a bin", edge)?;
            if i > 0 && edge <= edges[i - 1] {
                return Err(CoreError::out_of_range("edge of a bin", edge, "above the edge before it").into());
            }
        }
        Ok(Self { edges, guess: Guess::Search })
    }

    /// The edges, one more than bins.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// The number of bins.
    pub fn bins(&self) -> usize {
        self.edges.len() - 1
    }

    /// The centre (a + b)/2 of a bin.
    ///
    /// # Panics
    /// If there is no such bin, as slices do.
    pub fn centre(&self, bin: usize) -> f64 {
        0.5 * self.edges[bin] + 0.5 * self.edges[bin + 1]
    }

    /// The width of a bin.
    ///
    /// # Panics
    /// If there is no such bin, as slices do.
    pub fn width(&self, bin: usize) -> f64 {
        self.edges[bin + 1] - self.edges[bin]
    }

    /// Bin 0 is the underflow, 1..=n are the bins, n + 1 is the overflow. NaN must have been rejected before.
    fn slot(&self, x: f64) -> usize {
        let (low, high) = (self.edges[0], self.edges[self.bins()]);
        if x < low {
            return 0;
        }
        if x >= high {
            return self.bins() + 1;
        }
        let fraction = match self.guess {
            Guess::Uniform => (x - low) / (high - low),
            Guess::Log => (x / low).ln() / (high / low).ln(),
            Guess::Search => return self.edges.partition_point(|edge| *edge <= x),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is clamped"
        )]
        let mut bin = ((fraction * self.bins() as f64) as usize).min(self.bins() - 1);
        // Rounding puts a value at an edge into the wrong one of two neighbours.
        while x < self.edges[bin] {
            bin -= 1;
        }
        while x >= self.edges[bin + 1] {
            bin += 1;
        }
        bin + 1
    }
}

fn check_ends(bins: usize, low: f64, high: f64) -> Result<()> {
    if bins == 0 {
        return Err(CoreError::Empty { what: "list of bins".into() }.into());
    }
    hepml_core::finite("lower end of the bins", low)?;
    hepml_core::finite("upper end of the bins", high)?;
    if low < high {
        Ok(())
    } else {
        Err(CoreError::out_of_range("upper end of the bins", high, "above the lower end").into())
    }
}

/// A histogram of weighted values: Σw and Σw² of each bin, of the underflow and of the overflow.
///
/// # Conventions
/// Bins are half-open, [a, b), the last one too: a value on the uppermost edge overflows. (numpy closes the last bin.)
/// The error of a bin is √Σw².
///
/// ```
/// use hepml_stats::{Binning, Histogram};
///
/// let mut masses = Histogram::new(Binning::uniform(4, 80.0, 100.0)?);
/// masses.fill_many(&[79.0, 80.0, 91.2, 91.3, 100.0], None)?;
/// assert_eq!(masses.sum_weights(), [1.0, 0.0, 2.0, 0.0]);
/// assert_eq!((masses.underflow().value, masses.overflow().value), (1.0, 1.0));
/// assert_eq!(masses.estimate(2).to_string(), "2.0(1.4)");
/// # Ok::<(), hepml_stats::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    binning: Binning,
    // With the underflow first and the overflow last.
    sum_weights: Vec<f64>,
    sum_squared_weights: Vec<f64>,
}

impl Histogram {
    /// An empty histogram.
    pub fn new(binning: Binning) -> Self {
        let slots = binning.bins() + 2;
        Self { binning, sum_weights: vec![0.0; slots], sum_squared_weights: vec![0.0; slots] }
    }

    /// Adds a value with a weight.
    ///
    /// # Errors
    /// A value that is NaN (infinities under- and overflow); a weight that is not finite.
    pub fn fill(&mut self, value: f64, weight: f64) -> Result<()> {
        check_entry(value, weight, Item::NONE)?;
        self.add_entry(value, weight);
        Ok(())
    }

    /// Adds values, with weights of 1 where none are given. On an error nothing is added.
    ///
    /// # Errors
    /// As [`fill`](Self::fill), naming the event; another number of weights than of values.
    pub fn fill_many(&mut self, values: &[f64], weights: Option<&[f64]>) -> Result<()> {
        if let Some(weights) = weights
            && weights.len() != values.len()
        {
            return Err(CoreError::shape("weights", values.len(), weights.len()).into());
        }
        let weight = |event: usize| weights.map_or(1.0, |weights| weights[event]);
        for (event, &value) in values.iter().enumerate() {
            check_entry(value, weight(event), Item::event(event))?;
        }
        for (event, &value) in values.iter().enumerate() {
            self.add_entry(value, weight(event));
        }
        Ok(())
    }

    fn add_entry(&mut self, value: f64, weight: f64) {
        let slot = self.binning.slot(value);
        self.sum_weights[slot] += weight;
        self.sum_squared_weights[slot] += weight * weight;
    }

    /// Adds the entries of another histogram with the same bins.
    ///
    /// # Errors
    /// Other bins.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.binning.edges != other.binning.edges {
            return Err(Error::BinningMismatch);
        }
        for (sum, more) in self.sum_weights.iter_mut().zip(&other.sum_weights) {
            *sum += more;
        }
        for (sum, more) in self.sum_squared_weights.iter_mut().zip(&other.sum_squared_weights) {
            *sum += more;
        }
        Ok(())
    }

    /// The bins.
    pub fn binning(&self) -> &Binning {
        &self.binning
    }

    /// Σw of each bin.
    pub fn sum_weights(&self) -> &[f64] {
        &self.sum_weights[1..=self.binning.bins()]
    }

    /// Σw² of each bin, the variance of Σw for Poisson events.
    pub fn sum_squared_weights(&self) -> &[f64] {
        &self.sum_squared_weights[1..=self.binning.bins()]
    }

    /// The error √Σw² of each bin.
    pub fn errors(&self) -> Vec<f64> {
        self.sum_squared_weights().iter().map(|variance| variance.sqrt()).collect()
    }

    /// The content of a bin with its error.
    ///
    /// # Panics
    /// If there is no such bin, as slices do.
    pub fn estimate(&self, bin: usize) -> Estimate {
        Estimate { value: self.sum_weights()[bin], error: self.sum_squared_weights()[bin].sqrt() }
    }

    /// What lies below the bins.
    pub fn underflow(&self) -> Estimate {
        Estimate { value: self.sum_weights[0], error: self.sum_squared_weights[0].sqrt() }
    }

    /// What lies above the bins, their uppermost edge included.
    pub fn overflow(&self) -> Estimate {
        let slot = self.binning.bins() + 1;
        Estimate { value: self.sum_weights[slot], error: self.sum_squared_weights[slot].sqrt() }
    }

    /// The sum over the bins, without underflow and overflow.
    pub fn total(&self) -> Estimate {
        let variance: f64 = self.sum_squared_weights().iter().sum();
        Estimate { value: self.sum_weights().iter().sum(), error: variance.sqrt() }
    }

    /// The density Σw / (total · width) of each bin, which integrates to 1 over the bins; the error is that of the bin's
    /// content, the total taken as known.
    ///
    /// # Errors
    /// A total that is not positive.
    pub fn density(&self) -> Result<Vec<Estimate>> {
        let total = self.total().value;
        if !(total > 0.0 && total.is_finite()) {
            return Err(Error::NonPositiveSum { what: "bins", sum: total });
        }
        (0..self.binning.bins())
            .map(|bin| {
                let Estimate { value, error } = self.estimate(bin);
                let width = self.binning.width(bin);
                Estimate::new(value / total / width, error / total / width)
            })
            .collect()
    }
}

fn check_entry(value: f64, weight: f64, item: Item) -> Result<()> {
    if value.is_nan() {
        return Err(CoreError::NotFinite { what: "value".into(), item, value }.into());
    }
    // The square is what a bin stores.
    if !(weight * weight).is_finite() {
        return Err(
            CoreError::NotFinite { what: "squared weight".into(), item, value: weight * weight }.into()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_belong_to_the_bin_above() {
        for binning in [
            Binning::uniform(10, 0.0, 1.0).unwrap(),
            Binning::uniform(7, -0.3, 0.4).unwrap(),
            Binning::log(9, 1e-3, 1e6).unwrap(),
            Binning::explicit(vec![-1.0, 0.0, 0.1, 5.0]).unwrap(),
        ] {
            for (i, &edge) in binning.edges().iter().enumerate() {
                assert_eq!(binning.slot(edge), i + 1, "{edge}");
                assert_eq!(binning.slot(edge.next_down()), i, "{edge}");
            }
        }
    }

    #[test]
    fn merged_is_filled_with_both() {
        let binning = Binning::uniform(2, 0.0, 2.0).unwrap();
        let fill = |values: &[f64], weights: &[f64]| {
            let mut histogram = Histogram::new(binning.clone());
            histogram.fill_many(values, Some(weights)).unwrap();
            histogram
        };
        let mut first = fill(&[0.5, -1.0], &[2.0, 3.0]);
        first.merge(&fill(&[0.5, 1.5, 7.0], &[-4.0, 5.0, 6.0])).unwrap();
        assert_eq!(first, fill(&[0.5, -1.0, 0.5, 1.5, 7.0], &[2.0, 3.0, -4.0, 5.0, 6.0]));
        assert_eq!(first.sum_squared_weights(), [20.0, 25.0]);
    }

    #[test]
    fn infinities_overflow() {
        let mut histogram = Histogram::new(Binning::uniform(2, 0.0, 1.0).unwrap());
        histogram.fill_many(&[f64::INFINITY, f64::NEG_INFINITY, 0.5], Some(&[2.0, 3.0, -1.0])).unwrap();
        assert_eq!(histogram.overflow(), Estimate { value: 2.0, error: 2.0 });
        assert_eq!(histogram.underflow(), Estimate { value: 3.0, error: 3.0 });
        assert_eq!(histogram.total(), Estimate { value: -1.0, error: 1.0 });
        assert!(matches!(histogram.density(), Err(Error::NonPositiveSum { .. })));
    }

    #[test]
    fn density_integrates_to_one() {
        let mut histogram = Histogram::new(Binning::log(3, 1.0, 1000.0).unwrap());
        histogram.fill_many(&[0.1, 2.0, 30.0, 31.0], None).unwrap();
        let density = histogram.density().unwrap();
        let integral: f64 = (0..3).map(|bin| density[bin].value * histogram.binning().width(bin)).sum();
        assert!((integral - 1.0).abs() < 1e-15);
        assert!((density[1].error / density[1].value - 0.5_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn bad_input() {
        assert!(Binning::uniform(0, 0.0, 1.0).is_err());
        assert!(Binning::uniform(3, 1.0, 1.0).is_err());
        assert!(Binning::uniform(3, 0.0, f64::INFINITY).is_err());
        assert!(Binning::uniform(3, 1.0, 1.0_f64.next_up()).is_err());
        assert!(Binning::log(3, 0.0, 1.0).is_err());
        assert!(Binning::explicit(vec![0.0]).is_err());
        assert!(Binning::explicit(vec![0.0, f64::NAN]).is_err());
        assert!(Binning::explicit(vec![0.0, 1.0, 1.0]).is_err());
        let mut histogram = Histogram::new(Binning::uniform(2, 0.0, 1.0).unwrap());
        let empty = histogram.clone();
        assert!(histogram.fill(f64::NAN, 1.0).is_err());
        assert!(histogram.fill(0.5, f64::INFINITY).is_err());
        assert!(histogram.fill(0.5, 1e200).is_err());
        assert!(histogram.fill_many(&[0.5, f64::NAN], None).unwrap_err().to_string().contains("event 1"));
        assert!(histogram.fill_many(&[0.5], Some(&[])).is_err());
        assert_eq!(histogram, empty);
        assert!(histogram.merge(&Histogram::new(Binning::uniform(2, 0.0, 2.0).unwrap())).is_err());
    }
}
