//! Weights in picobarn.

use std::collections::BTreeMap;

use hepml_core::Event;

use super::XWGTUP;
use super::run::LheInit;
use crate::error::Result;

/// Counts of the events of a file, by process.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LheTally {
    processes: BTreeMap<Option<i32>, Count>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Count {
    events: u64,
    sum: f64,
}

impl LheTally {
    /// No events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts an event by its `XWGTUP` (its first weight, if it has no weight of that name).
    pub fn add(&mut self, event: &Event) {
        self.count(event.process, nominal(event));
    }

    pub(super) fn count(&mut self, process: Option<i32>, xwgtup: f64) {
        let count = self.processes.entry(process).or_default();
        count.events += 1;
        count.sum += xwgtup;
    }

    /// The number of events.
    pub fn events(&self) -> u64 {
        self.processes.values().map(|count| count.events).sum()
    }

    /// The sum of XWGTUP.
    pub fn sum_weights(&self) -> f64 {
        self.processes.values().map(|count| count.sum).sum()
    }
}

fn nominal(event: &Event) -> f64 {
    let weights = &event.weights;
    weights
        .names()
        .iter()
        .position(|name| name == XWGTUP)
        .map_or_else(|| weights.first(), |index| weights.values()[index])
}

/// Factors that turn the weights of a file's events into pb.
#[derive(Debug, Clone, PartialEq)]
pub struct LheNormalization {
    factors: BTreeMap<Option<i32>, f64>,
}

impl LheNormalization {
    /// The first weight of an event in pb: the sum over all events of the file is the cross section.
    ///
    /// # Errors
    /// A process of which no event was counted.
    pub fn weight_in_pb(&self, event: &Event) -> Result<f64> {
        self.factor(event.process).map(|factor| event.weights.first() * factor)
    }

    /// The factor of a process.
    ///
    /// # Errors
    /// A process of which no event was counted.
    pub fn factor(&self, process: Option<i32>) -> Result<f64> {
        self.factors.get(&process).copied().ok_or_else(|| {
            let process = process.map_or(f64::NAN, f64::from);
            hepml_core::Error::out_of_range("process of an event", process, "one whose events were counted")
                .into()
        })
    }
}

impl LheInit {
    /// The factors that turn weights into pb, from the counts of *all* events of the file.
    ///
    /// See the module's table of IDWTUP: with ±1 and ±4 the factor is one over a number of events, with ±2 and ±3 it is
    /// XSECUP over a sum of weights. Weights other than `XWGTUP` get the same factor.
    ///
    /// ```
    /// use hepml_io::{LheInit, LheProcess, LheTally};
    ///
    /// let process = LheProcess { cross_section_pb: 20.0, id: 1, ..LheProcess::default() };
    /// let init = LheInit { weighting: -3, processes: vec![process], ..LheInit::default() };
    /// let mut tally = LheTally::new();
    /// for weight in [1.0, 1.0, 1.0, -1.0] {
    ///     let mut event = hepml_core::Event::new(0, weight, vec![]);
    ///     event.process = Some(1);
    ///     tally.add(&event);
    /// }
    /// // 3 - 1 events are 20 pb.
    /// assert_eq!(init.normalization(&tally)?.factor(Some(1))?, 10.0);
    /// # Ok::<(), hepml_io::Error>(())
    /// ```
    ///
    /// # Errors
    /// No events; IDWTUP other than ±1 to ±4; for ±2 and ±3, weights that sum to zero, or (±2) a process without XSECUP.
    pub fn normalization(&self, tally: &LheTally) -> Result<LheNormalization> {
        let events = tally.events();
        if events == 0 {
            return Err(hepml_core::Error::Empty { what: "list of events to normalise".into() }.into());
        }
        let over_sum = |cross_section: f64, sum: f64| {
            let factor = cross_section / sum;
            if factor.is_finite() && sum.is_finite() {
                Ok(factor)
            } else {
                Err(hepml_core::Error::out_of_range(
                    "sum of the weights XWGTUP",
                    sum,
                    "finite and other than zero",
                ))
            }
        };
        let mut factors = BTreeMap::new();
        for (&process, count) in &tally.processes {
            let factor = match self.weighting.unsigned_abs() {
                1 => 1.0 / count.events as f64,
                2 => {
                    let known = self.processes.iter().find(|known| Some(known.id) == process);
                    let known = known.ok_or_else(|| {
                        let id = process.map_or(f64::NAN, f64::from);
                        hepml_core::Error::out_of_range(
                            "process of an event",
                            id,
                            "one that the init block lists",
                        )
                    })?;
                    over_sum(known.cross_section_pb, count.sum)?
                }
                3 => over_sum(self.cross_section_pb(), tally.sum_weights())?,
                4 => 1.0 / events as f64,
                _ => {
                    let allowed = "one of ±1, ±2, ±3, ±4";
                    return Err(hepml_core::Error::out_of_range(
                        "IDWTUP",
                        f64::from(self.weighting),
                        allowed,
                    )
                    .into());
                }
            };
            factors.insert(process, factor);
        }
        Ok(LheNormalization { factors })
    }

    /// The first weights in pb of `events`, which must be all events of the file.
    ///
    /// # Errors
    /// As [`normalization`](Self::normalization).
    pub fn weights_in_pb(&self, events: &[Event]) -> Result<Vec<f64>> {
        let mut tally = LheTally::new();
        for event in events {
            tally.add(event);
        }
        let normalization = self.normalization(&tally)?;
        events.iter().map(|event| normalization.weight_in_pb(event)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lhe::LheProcess;

    fn event(process: i32, weight: f64) -> Event {
        let mut event = Event::new(0, weight, Vec::new());
        event.process = Some(process);
        event
    }

    fn init(weighting: i32) -> LheInit {
        let process = |cross_section_pb, id| LheProcess { cross_section_pb, id, ..LheProcess::default() };
        LheInit { weighting, processes: vec![process(6.0, 1), process(3.0, 2)], ..LheInit::default() }
    }

    #[test]
    fn each_weighting_gives_the_cross_section() {
        // Two events of process 1, one of process 2.
        let events = [event(1, 4.0), event(1, 8.0), event(2, 3.0)];
        // ±1: mean of process 1 is 6, of process 2 is 3.
        assert_eq!(init(1).weights_in_pb(&events).unwrap(), [2.0, 4.0, 3.0]);
        // ±2: XSECUP = 6 shared as 4:8, and 3.
        assert_eq!(init(-2).weights_in_pb(&events).unwrap(), [2.0, 4.0, 3.0]);
        // ±4: the mean over all is 5.
        assert_eq!(init(4).weights_in_pb(&events).unwrap().iter().sum::<f64>(), 5.0);
        // ±3: 9 pb for 3 unit weights.
        let unit = [event(1, 1.0), event(1, 1.0), event(2, 1.0)];
        assert_eq!(init(3).weights_in_pb(&unit).unwrap(), [3.0; 3]);
        let signed = [event(1, 1.0), event(1, -1.0), event(2, 1.0)];
        assert_eq!(init(-3).weights_in_pb(&signed).unwrap(), [9.0, -9.0, 9.0]);
    }

    #[test]
    fn what_cannot_be_normalised_is_an_error() {
        assert!(init(3).weights_in_pb(&[]).is_err());
        assert!(init(0).weights_in_pb(&[event(1, 1.0)]).is_err());
        assert!(init(5).weights_in_pb(&[event(1, 1.0)]).is_err());
        assert!(init(2).weights_in_pb(&[event(7, 1.0)]).is_err());
        assert!(init(-3).weights_in_pb(&[event(1, 1.0), event(1, -1.0)]).is_err());
        let normalization = init(4).normalization(&LheTally::new());
        assert!(normalization.is_err());
    }
}
