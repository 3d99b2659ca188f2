//! Optimal transport on a line.

use crate::divergence::Divergence;
use crate::error::{Error, Result};
use crate::exact::Flow;
use crate::line::line_measure::LineMeasure;
use crate::line::quantiles::{FULL, Quantiles, check_p, representable};

/// The relative difference of totals up to which two measures can be balanced.
const BALANCED: f64 = 1e-9;

/// The Wasserstein distance on the line, exact: W_p^p(a, b) = min_f sum_ij f_ij |x_i - y_j|^p for any p >= 1.
///
/// The cost is convex, so the best plan keeps the order, and W_p^p is the integral of |Q_a(q) - Q_b(q)|^p over the quantiles:
/// O((n + m) log(n + m)) operations to sort, once a measure, and O(n + m) a pair. (For p < 1 the best plan does not keep the
/// order, and [`TransportProblem`](crate::TransportProblem) is needed.)
///
/// Masses are [`normalised`](Self::normalised) to 1, or [`balanced`](Self::balanced): then the totals must agree to 1e-9, and the
/// value is in units of mass. [`value`](Divergence::value) is W_p^p, [`metric`](Divergence::metric) is W_p, a metric between
/// measures of equal total, if normalised up to a factor.
///
/// The error is a few roundings of the value and 2^-60 of the total for the share of each mass, times the costs it is moved at.
/// The metric then is right to 2^(-60/p) of the largest distance: 1e-9 for p = 2, but 2e-2 for p = 10, as a sliver of
/// mass that is moved far is all that counts for large p.
///
/// ```
/// use hepml_ot::{Divergence, LineMeasure, LineTransport};
///
/// let a = LineMeasure::new(&[0.0, 1.0], &[1.0, 1.0])?;
/// let b = LineMeasure::new(&[3.0], &[2.0])?;
/// let transport = LineTransport::balanced(2.0)?;
/// assert_eq!(transport.value(&a, &b)?, 3.0 * 3.0 + 2.0 * 2.0);
/// assert_eq!(transport.plan(&a, &b)?.len(), 2);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineTransport {
    p: f64,
    normalise: bool,
}

impl LineTransport {
    /// W_p between masses that are divided by their sum.
    ///
    /// # Errors
    /// A p that is below 1 or not finite.
    pub fn normalised(p: f64) -> Result<Self> {
        Ok(Self { p: check_p(p)?, normalise: true })
    }

    /// W_p between masses of equal total.
    ///
    /// # Errors
    /// A p that is below 1 or not finite.
    pub fn balanced(p: f64) -> Result<Self> {
        Ok(Self { p: check_p(p)?, normalise: false })
    }

    /// p.
    pub fn p(&self) -> f64 {
        self.p
    }

    /// Whether masses are divided by their sum.
    pub fn is_normalised(&self) -> bool {
        self.normalise
    }

    /// The best plan, in the order of the line; amounts in units of the totals if normalised.
    ///
    /// # Errors
    /// As [`value`](Divergence::value).
    pub fn plan(&self, a: &LineMeasure, b: &LineMeasure) -> Result<Vec<Flow>> {
        match common_total(self.normalise, a.total(), b.total())? {
            Some(total) => Ok(plan(&a.quantiles, &b.quantiles, total, |i, j| (a.order[i], b.order[j]))),
            None => Ok(Vec::new()),
        }
    }
}

impl Divergence for LineTransport {
    type Event = LineMeasure;
    type Prepared<'a> = &'a LineMeasure;
    type Workspace = ();

    fn prepare<'a>(&'a self, event: &'a LineMeasure) -> Result<&'a LineMeasure> {
        Ok(event)
    }

    /// W_p^p(a, b).
    ///
    /// # Errors
    /// [`Error::NoEnergy`] for a measure without mass if normalised; [`Error::NotBalanced`] with both totals;
    /// [`Error::ValueOverflows`].
    fn prepared_value(&self, (): &mut (), a: &&LineMeasure, b: &&LineMeasure) -> Result<f64> {
        match common_total(self.normalise, a.total(), b.total())? {
            Some(total) => representable(total * a.quantiles.power_cost(&b.quantiles, self.p)),
            None => Ok(0.0),
        }
    }

    /// 1/p.
    fn exponent(&self) -> f64 {
        1.0 / self.p
    }
}

/// The total that is moved, `None` if there is nothing on either side.
pub(crate) fn common_total(normalise: bool, from: f64, to: f64) -> Result<Option<f64>> {
    if normalise {
        for (event, total) in [("first", from), ("second", to)] {
            if total == 0.0 {
                return Err(Error::NoEnergy { event });
            }
        }
        return Ok(Some(1.0));
    }
    if (from - to).abs() > BALANCED * from.max(to) {
        return Err(Error::NotBalanced { from, to, tolerance: BALANCED });
    }
    Ok((from.max(to) > 0.0).then(|| f64::midpoint(from, to)))
}

/// The plan that pairs equal quantiles, its ends named by their steps' numbers.
pub(crate) fn plan(
    a: &Quantiles,
    b: &Quantiles,
    total: f64,
    name: impl Fn(usize, usize) -> (usize, usize),
) -> Vec<Flow> {
    let (a, b) = (a.steps(), b.steps());
    let mut flows = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j, mut level) = (0, 0, 0);
    while level < FULL {
        let next = a[i].level.min(b[j].level);
        if next > level {
            let (from, to) = name(i, j);
            let amount = (next - level) as f64 / FULL as f64 * total;
            flows.push(Flow { from, to, amount });
        }
        level = next;
        i += usize::from(a[i].level == next);
        j += usize::from(b[j].level == next);
    }
    flows
}
