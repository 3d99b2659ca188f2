//! A fitted ratio of histograms.

use std::io::{Read, Write};

use hepml_core::ndarray::{Array1, ArrayRef1};
use hepml_core::rand::Rng;
use hepml_core::{
    Error as CoreError, FitReport, Item, Load, LogRatio, ModelFile, Save, Table, Weighted, check_finite,
};

use crate::error::Result;
use crate::report::{Scored, examine_scores};
use crate::weight_sum::WeightSum;

const KIND: &str = "hepml-ratio/histogram";
const VERSION: u32 = 1;

/// A ratio of histograms.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramRatio {
    /// The inner edges of each feature.
    pub(super) edges: Vec<Vec<f64>>,
    /// The share of its side's weight in each bin, of the numerator and of the denominator; the last feature runs fastest.
    pub(super) shares: [Vec<f64>; 2],
}

impl HistogramRatio {
    /// The inner edges of each feature: one fewer than bins.
    pub fn inner_edges(&self) -> &[Vec<f64>] {
        &self.edges
    }

    /// The shares of the numerator's and of the denominator's weight in each bin; the last feature runs fastest.
    pub fn shares(&self) -> [&[f64]; 2] {
        [&self.shares[0], &self.shares[1]]
    }

    /// The number of bins.
    pub(super) fn bins(&self) -> usize {
        self.edges.iter().map(|edges| edges.len() + 1).product()
    }

    /// The bin of an event.
    pub(super) fn bin(&self, event: &ArrayRef1<f64>) -> usize {
        event
            .iter()
            .zip(&self.edges)
            .fold(0, |bin, (x, edges)| bin * (edges.len() + 1) + edges.partition_point(|edge| edge <= x))
    }

    fn check(&self, events: &Table) -> Result<()> {
        if events.ncols() != self.edges.len() {
            return Err(CoreError::shape("columns of the table", self.edges.len(), events.ncols()).into());
        }
        Ok(check_finite("events", events)?)
    }

    /// p_num/p_den, one an event; negative where exactly one of the net weights is.
    ///
    /// # Errors
    /// Another number of columns; an entry that is not finite; an event in a bin without weight of the denominator, named.
    pub fn ratio(&self, events: &Table) -> Result<Array1<f64>> {
        self.check(events)?;
        events
            .rows()
            .into_iter()
            .enumerate()
            .map(|(event, row)| {
                let bin = self.bin(&row);
                let ratio = self.shares[0][bin] / self.shares[1][bin];
                if ratio.is_finite() {
                    Ok(ratio)
                } else {
                    Err(CoreError::NotFinite {
                        what: "ratio, in a bin without (or with next to no) weight of the denominator,"
                            .into(),
                        item: Item::event(event),
                        value: ratio,
                    }
                    .into())
                }
            })
            .collect()
    }

    /// ln |r| of an event's bin, and whether r is negative; nothing where there is no ratio.
    fn signed_log_ratio(&self, event: &ArrayRef1<f64>) -> Option<(f64, bool)> {
        let bin = self.bin(event);
        let [numerator, denominator] = [self.shares[0][bin], self.shares[1][bin]];
        let ratio = numerator / denominator;
        // Without a denominator r is infinite where there is a numerator; minus infinity it never is.
        let exists = denominator != 0.0 || numerator > 0.0;
        exists.then(
            || if denominator == 0.0 { (f64::INFINITY, false) } else { (ratio.abs().ln(), ratio < 0.0) },
        )
    }

    /// Adds the diagnostics of held-out events: ratios that are negative, 0 or infinite are allowed; events in bins without a
    /// ratio are left out.
    pub(super) fn examine(
        &self,
        sides: [&Weighted<Table>; 2],
        rng: &mut dyn Rng,
        report: &mut FitReport,
    ) -> Result<()> {
        let mut scored = Vec::with_capacity(2);
        for side in sides {
            let (mut z, mut is_negative, mut weights) = (Vec::new(), Vec::new(), Vec::new());
            for (event, weight) in side.events().rows().into_iter().zip(side.weights()) {
                if let Some((log_ratio, negative)) = self.signed_log_ratio(&event) {
                    z.push(log_ratio);
                    is_negative.push(negative);
                    weights.push(*weight);
                }
            }
            if z.len() < side.len() {
                report.warn(format!(
                    "{} held-out events are left out of the examination: their bins have no weight of the denominator",
                    side.len() - z.len()
                ));
            }
            if !WeightSum::of(&weights).is_positive() {
                report.warn("a held-out side has no positive sum of weights: the ratio is not examined");
                return Ok(());
            }
            scored.push((z, is_negative, weights));
        }
        let side = |index: usize| {
            let (z, is_negative, weights) = &scored[index];
            Scored::signed(z, is_negative, weights)
        };
        examine_scores(side(0)?, side(1)?, rng, report)
    }
}

impl LogRatio<Table> for HistogramRatio {
    /// # Errors
    /// As [`ratio`](HistogramRatio::ratio); an event in a bin whose ratio is 0 or negative, named.
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        let mut ratios = self.ratio(events)?;
        for (event, ratio) in ratios.iter_mut().enumerate() {
            if *ratio <= 0.0 {
                return Err(CoreError::OutOfRange {
                    what: "ratio".into(),
                    item: Item::event(event),
                    value: *ratio,
                    allowed: "positive to have a logarithm",
                });
            }
            *ratio = ratio.ln();
        }
        Ok(ratios)
    }
}

impl Save for HistogramRatio {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, VERSION, &self.edges.len())?;
        for (feature, edges) in self.edges.iter().enumerate() {
            file.insert_f64(format!("edges/{feature}"), &Array1::from_vec(edges.clone()))?;
        }
        for (name, shares) in ["numerator", "denominator"].into_iter().zip(&self.shares) {
            file.insert_f64(name, &Array1::from_vec(shares.clone()))?;
        }
        file.save(writer)
    }
}

impl Load for HistogramRatio {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, VERSION)?;
        let features: usize = file.header()?;
        let edges = (0..features)
            .map(|feature| Ok(file.f64::<hepml_core::ndarray::Ix1>(&format!("edges/{feature}"))?.to_vec()))
            .collect::<hepml_core::Result<Vec<Vec<f64>>>>()?;
        if edges.iter().any(|edges| edges.windows(2).any(|pair| pair[0] >= pair[1])) {
            return Err(CoreError::Model("the edges of a histogram do not ascend".to_owned()));
        }
        let shares =
            [file.f64("numerator")?, file.f64("denominator")?].map(|shares: Array1<f64>| shares.to_vec());
        // In floating point: a broken file cannot make the product overflow.
        let bins: f64 = edges.iter().map(|edges| edges.len() as f64 + 1.0).product();
        if features == 0 || shares.iter().any(|shares| shares.len() as f64 != bins) {
            return Err(CoreError::Model(format!("a histogram of {bins} bins has other numbers of shares")));
        }
        Ok(Self { edges, shares })
    }
}
