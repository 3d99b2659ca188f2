//! Events with weights.

use std::sync::Arc;

use rand::{Rng, RngExt};

use crate::error::{Error, Item, Result};
use crate::event_set::EventSet;

/// Shared events with finite, possibly negative, weights.
///
/// The events sit behind an [`Arc`]: [`reweighted`](Self::reweighted) copies none of them.
#[derive(Debug, Clone)]
pub struct Weighted<E> {
    events: Arc<E>,
    weights: Vec<f64>,
}

impl<E: EventSet> Weighted<E> {
    /// Events with one weight each.
    ///
    /// # Errors
    /// Another number of weights than of events; a weight that is not finite, naming its event.
    pub fn new(events: impl Into<Arc<E>>, weights: Vec<f64>) -> Result<Self> {
        let events = events.into();
        if weights.len() != events.event_count() {
            return Err(Error::shape("weights", events.event_count(), weights.len()));
        }
        if let Some((event, &value)) = weights.iter().enumerate().find(|(_, weight)| !weight.is_finite()) {
            return Err(Error::NotFinite { what: "weight".into(), item: Item::event(event), value });
        }
        Ok(Self { events, weights })
    }

    /// Events of weight 1.
    pub fn unit(events: impl Into<Arc<E>>) -> Self {
        let events = events.into();
        let weights = vec![1.0; events.event_count()];
        Self { events, weights }
    }

    /// The same events with other weights.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn reweighted(&self, weights: Vec<f64>) -> Result<Self> {
        Self::new(self.events.clone(), weights)
    }

    /// The events.
    pub fn events(&self) -> &E {
        &self.events
    }

    /// The events, to share.
    pub fn shared_events(&self) -> Arc<E> {
        self.events.clone()
    }

    /// The weights.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// The sum of the weights.
    pub fn sum_weights(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// The sum of the squared weights: the variance of the sum for Poisson events.
    pub fn sum_squared_weights(&self) -> f64 {
        self.weights.iter().map(|w| w * w).sum()
    }

    /// Kish's effective sample size (sum w)²/(sum w²); 0 where all weights vanish.
    pub fn effective_sample_size(&self) -> f64 {
        // Scaled by the largest weight, so that squares neither overflow nor underflow.
        let largest = self.weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        if largest == 0.0 {
            return 0.0;
        }
        let (sum, squares) =
            self.weights.iter().map(|w| w / largest).fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
        sum * sum / squares
    }

    /// The fraction of events with a negative weight; 0 without events.
    pub fn negative_fraction(&self) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        self.weights.iter().filter(|w| **w < 0.0).count() as f64 / self.len() as f64
    }

    /// The events at `indices` with their weights.
    ///
    /// # Errors
    /// [`Error::IndexOutOfBounds`].
    pub fn select(&self, indices: &[usize]) -> Result<Self> {
        let events = self.events.select_events(indices)?;
        Ok(Self { events: Arc::new(events), weights: indices.iter().map(|&i| self.weights[i]).collect() })
    }

    /// All events of `parts`, one after another, with their weights.
    ///
    /// # Errors
    /// As [`EventSet::concat_events`].
    pub fn concat(parts: &[&Self]) -> Result<Self> {
        let events: Vec<&E> = parts.iter().map(|part| &*part.events).collect();
        let events = E::concat_events(&events)?;
        Ok(Self {
            events: Arc::new(events),
            weights: parts.iter().flat_map(|part| &part.weights).copied().collect(),
        })
    }

    /// A random split into two: the first with `round(fraction * len)` events, the second with the rest.
    ///
    /// Weights are kept as they are: each part carries about its fraction of the sum of weights.
    ///
    /// # Errors
    /// A fraction outside [0, 1].
    pub fn split(&self, fraction: f64, rng: &mut dyn Rng) -> Result<(Self, Self)> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Error::out_of_range("fraction of a split", fraction, "between 0 and 1"));
        }
        let order = shuffled(self.len(), rng);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and len")]
        let first = (fraction * self.len() as f64).round() as usize;
        Ok((self.select(&order[..first])?, self.select(&order[first..])?))
    }

    /// Random folds of near-equal size: for each, the indices of its events. Every event is in exactly one.
    ///
    /// # Errors
    /// Fewer than 2 folds, or more folds than events.
    pub fn folds(&self, count: usize, rng: &mut dyn Rng) -> Result<Vec<Vec<usize>>> {
        if count < 2 || count > self.len() {
            let allowed = "at least 2 and at most the number of events";
            return Err(Error::out_of_range("number of folds", count as f64, allowed));
        }
        let order = shuffled(self.len(), rng);
        Ok((0..count)
            .map(|k| order[k * order.len() / count..(k + 1) * order.len() / count].to_vec())
            .collect())
    }
}

/// The indices below `len` in random order (Fisher-Yates).
fn shuffled(len: usize, rng: &mut dyn Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for i in (1..len).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    order
}
