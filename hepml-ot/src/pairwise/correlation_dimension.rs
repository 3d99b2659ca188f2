//! The dimension of a set of events at each scale.

use hepml_core::Error as CoreError;

use crate::error::{Error, Result};
use crate::pairwise::handler::PairHandler;
use crate::pairwise::log_axis::LogAxis;
use crate::pairwise::pairing::Pairing;

/// The correlation dimension of a set of events: dim(Q) = d ln N(value < Q) / d ln Q with N the number of pairs closer than Q
/// (arXiv:1902.02346).
///
/// On an axis of scales Q_0 < Q_1 < ... with equal ratios, dim at √(Q_k Q_{k+1}) is ln[N_{k+1}/N_k] / ln[Q_{k+1}/Q_k].
///
/// The error is a jackknife over *events*: one event after the other is left out, with its n - 1 pairs, and the variance of
/// the n results is (n-1)/n sum_i (dim_i - mean)². Pairs that share an event are correlated, and N_k and N_{k+1} share
/// most of their pairs, so errors from independent pairs or independent bins are wrong.
///
/// Made by [`Pairwise::correlation_dimension`](crate::Pairwise::correlation_dimension) and [`CorrelationCounts::dimension`].
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationDimension {
    points: Vec<DimensionAt>,
}

/// The dimension at a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct DimensionAt {
    /// The scale √(Q_k Q_{k+1}), in the unit of the values.
    pub scale: f64,
    /// The dimension.
    pub dimension: f64,
    /// Its standard error.
    pub error: f64,
    /// The number of pairs below Q_{k+1}.
    pub pairs: usize,
}

impl CorrelationDimension {
    /// The dimension scale by scale, from small to large.
    pub fn points(&self) -> &[DimensionAt] {
        &self.points
    }
}

/// How many pairs of events are closer than each scale, in all and of each event: the [`PairHandler`] behind a
/// [`CorrelationDimension`].
///
/// It needs 4 bytes per event and bin, however many pairs there are. A stream starts it anew.
///
/// ```
/// use hepml_ot::{CorrelationCounts, Divergence, Emd, EnergyFlow, LogAxis};
///
/// let events: Vec<EnergyFlow> = (0..50_u8)
///     .map(|i| EnergyFlow::from_rows(&[[1.0, f64::from(i) / 50.0, 0.0]])).collect::<Result<_, _>>()?;
/// let mut counts = CorrelationCounts::new(LogAxis::new(0.15, 0.35, 2)?);
/// Emd::default().pairwise(&events)?.values(&mut ())?.replay(&mut counts)?;
/// assert_eq!(counts.dimension()?.points().len(), 2);
/// # Ok::<(), hepml_ot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationCounts {
    axis: LogAxis,
    events: usize,
    /// The pairs that have been counted, those beyond the axis included.
    counted: usize,
    /// `[events, bins + 1]`: the pairs that an event is in, below the lowest edge and in each bin. Fewer than 2^32 events have room.
    of_event: Vec<u32>,
}

impl CorrelationCounts {
    /// No counts yet.
    pub fn new(axis: LogAxis) -> Self {
        Self { axis, events: 0, counted: 0, of_event: Vec::new() }
    }

    /// The dimension.
    ///
    /// Bins below which there are so few pairs that leaving out one event leaves none have no dimension with an error and
    /// are left out.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if the stream was stopped; fewer than 3 events; [`Error::NoPairsBelow`] if no bin remains.
    pub fn dimension(&self) -> Result<CorrelationDimension> {
        let total = Pairing::Within { events: self.events }.pair_count()?;
        if self.counted < total {
            return Err(Error::Incomplete { done: self.counted, total });
        }
        let count = self.events as f64;
        if self.events < 3 {
            let allowed = "at least 3";
            return Err(CoreError::out_of_range("number of events for a jackknife", count, allowed).into());
        }
        let (edges, step) = (self.axis.edges(), self.axis.step());
        let mut points = Vec::new();
        // The pairs below an edge that each event is in.
        let mut below = vec![0_usize; self.events];
        let mut above = below.clone();
        for (edge, next) in edges.iter().zip(&edges[1..]).enumerate() {
            let column = |k: usize| self.of_event.iter().skip(k).step_by(edges.len());
            if edge == 0 {
                above.iter_mut().zip(column(0)).for_each(|(above, pairs)| *above += *pairs as usize);
            }
            below.copy_from_slice(&above);
            above.iter_mut().zip(column(edge + 1)).for_each(|(above, pairs)| *above += *pairs as usize);
            let (edge, next) = next;
            // Each pair is one of two events.
            let [all_below, all_above] = [&below, &above].map(|list| list.iter().sum::<usize>() / 2);
            if below.contains(&all_below) {
                continue;
            }
            let slope = |above: usize, below: usize| (above as f64 / below as f64).ln() / step;
            let without: Vec<f64> =
                above.iter().zip(&below).map(|(a, b)| slope(all_above - a, all_below - b)).collect();
            let mean = without.iter().sum::<f64>() / count;
            let spread: f64 = without.iter().map(|x| (x - mean) * (x - mean)).sum();
            points.push(DimensionAt {
                scale: (0.5 * (edge.ln() + next.ln())).exp(),
                dimension: slope(all_above, all_below),
                error: ((count - 1.0) / count * spread).sqrt(),
                pairs: all_above,
            });
        }
        let (lowest, highest) = (self.axis.lowest(), self.axis.highest());
        if points.is_empty() {
            Err(Error::NoPairsBelow { lowest, highest })
        } else {
            Ok(CorrelationDimension { points })
        }
    }
}

impl PairHandler for CorrelationCounts {
    /// # Errors
    /// [`Error::TwoLists`].
    fn begin(&mut self, pairing: Pairing) -> Result<()> {
        let Pairing::Within { events } = pairing else {
            return Err(Error::TwoLists { what: "a correlation dimension" });
        };
        self.events = events;
        self.counted = 0;
        self.of_event.clear();
        self.of_event.resize(events * self.axis.edges().len(), 0);
        Ok(())
    }

    /// The upper end of the axis.
    fn limit(&self) -> f64 {
        self.axis.highest()
    }

    fn pair(&mut self, first: usize, second: usize, value: f64) {
        self.counted += 1;
        let position = self.axis.position(value);
        for event in [first, second] {
            self.of_event[event * self.axis.edges().len() + position] += 1;
        }
    }

    fn beyond(&mut self, _: usize, _: usize) {
        self.counted += 1;
    }
}
