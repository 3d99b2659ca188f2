//! Which events become centres, and how wide the kernel is.

use std::collections::HashSet;

use hepml_core::Error as CoreError;
use hepml_core::rand::{Rng, RngExt};

use super::config::{CentreSampling, FalkonConfig, KernelWidth};
use crate::error::Result;

/// The events whose distances make the width.
const WIDTH_SAMPLE: usize = 1000;

/// All events in a random order in which the first ones are a sample without replacement, of chances that grow as `weights`; those
/// of weight 0 are left out.
///
/// Efraimidis and Spirakis, Inf. Process. Lett. 97 (2006) 181: the largest u^(1/w) of uniform u.
pub(super) fn random_order(weights: impl Iterator<Item = f64>, rng: &mut dyn Rng) -> Vec<usize> {
    let mut keys: Vec<(f64, usize)> = weights
        .enumerate()
        .filter_map(|(event, weight)| {
            // In (0, 1]; drawn for all, so that a weight of 0 changes nothing else.
            let uniform = 1.0 - rng.random::<f64>();
            (weight > 0.0).then(|| (uniform.ln() / weight, event))
        })
        .collect();
    keys.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    keys.into_iter().map(|(_, event)| event).collect()
}

/// The chosen centres.
pub(super) struct Centres {
    /// Their events.
    pub(super) events: Vec<usize>,
    /// How many fewer they are than asked for, for want of events that differ.
    pub(super) missing: usize,
}

impl Centres {
    /// The first events in `order` that differ from all before them.
    ///
    /// `points` are `dimension` numbers an event; `count` events there are.
    pub(super) fn choose(
        config: &FalkonConfig,
        order: &[usize],
        points: &[f64],
        dimension: usize,
    ) -> Result<Self> {
        let count = points.len() / dimension;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the root of a small number"
        )]
        let root = (count as f64).sqrt().ceil() as usize;
        let wanted = config.centres.unwrap_or((4 * root).min(count));
        if wanted > count {
            let allowed = "at most the number of events";
            return Err(CoreError::out_of_range("number of centres", wanted as f64, allowed).into());
        }
        let mut seen = HashSet::new();
        let mut events = Vec::with_capacity(wanted);
        for &event in order {
            let point = &points[event * dimension..(event + 1) * dimension];
            // Adding 0 makes -0 the same as 0.
            if seen.insert(point.iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<_>>()) {
                events.push(event);
            }
            if events.len() == wanted {
                break;
            }
        }
        Ok(Self { missing: wanted - events.len(), events })
    }
}

/// The chance that each of the chosen events had to be chosen, about: 1 at most.
pub(super) fn inclusion(sampling: CentreSampling, weights: &[f64], chosen: &[usize]) -> Vec<f64> {
    let count = chosen.len() as f64;
    let events = weights.iter().filter(|w| **w > 0.0).count() as f64;
    let chance = |event: usize| match sampling {
        CentreSampling::Uniform => count / events,
        // The absolute weights sum to 1.
        CentreSampling::ByWeight => count * weights[event],
    };
    chosen.iter().map(|&event| chance(event).min(1.0)).collect()
}

/// The width of the kernel: given, or a quantile of the distances between the first events in `order`.
pub(super) fn width(width: KernelWidth, order: &[usize], points: &[f64], dimension: usize) -> Result<f64> {
    let quantile = match width {
        KernelWidth::Fixed(width) => return Ok(width),
        KernelWidth::Quantile(quantile) => quantile,
    };
    let sample = &order[..order.len().min(WIDTH_SAMPLE)];
    let point = |event: usize| &points[event * dimension..(event + 1) * dimension];
    let mut squares: Vec<f64> = sample
        .iter()
        .enumerate()
        .flat_map(|(i, &a)| sample[..i].iter().map(move |&b| (a, b)))
        .map(|(a, b)| point(a).iter().zip(point(b)).map(|(x, y)| (x - y) * (x - y)).sum())
        .collect();
    if squares.is_empty() {
        return Err(CoreError::Empty { what: "list of pairs of events for the kernel width".into() }.into());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of pairs"
    )]
    let rank = (quantile * (squares.len() - 1) as f64).round() as usize;
    let width = squares.select_nth_unstable_by(rank, f64::total_cmp).1.sqrt();
    if width > 0.0 {
        Ok(width)
    } else {
        let what = "kernel width from that quantile of distances between events";
        Err(CoreError::out_of_range(what, width, "positive: take a higher quantile, or set it").into())
    }
}
