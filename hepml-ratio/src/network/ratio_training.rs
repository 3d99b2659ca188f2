//! How a network is trained for a ratio where nothing else is said.

use hepml_nn::{Optimiser, Schedule, TrainingConfig};

/// The steps for a thousand events of each side; they grow with the number of events to this power.
const STEPS: f64 = 500.0;
const STEPS_POWER: f64 = 0.6;
/// The batches of an epoch, while a batch has a size between the least and the most.
const BATCHES: usize = 100;
const LEAST_BATCH: usize = 100;
const MOST_BATCH: usize = 500;
const RATE: f64 = 1e-2;
const AVERAGE: f64 = 0.99;
const CLIP_NORM: f64 = 1.0;

/// The training of a [`NetworkConfig`](super::NetworkConfig) by default, for a number of events to learn from (both sides together).
///
/// What makes z a good ln r, and not only a good score, is other than what a classifier needs. Found by experiment on toys with the
/// exact ratio, with small networks (see the README of the crate):
///
/// - The average of the parameters over the last hundred steps (decay 0.99): a step of MLC or SQR shifts z by what a few
///   events of large r happen to be, which the average takes out.
/// - Gradients shortened to norm 1: the exponentials of MLC, SQR and LSIF can make that of the first steps so large that Adam,
///   which remembers it, hardly moves again.
/// - A rate of 1e-2 that falls to 0 along half a cosine, over 500 (events/2000)^0.6 steps: enough to fit smooth ratios, and few
///   enough that small samples are not learned by heart. No epoch is chosen by its validation loss: from few events that choice
///   is mostly noise, and events held out for it are lost to the fit.
/// - Weight decay (AdamW) of 2/(rate steps): a weight that no gradient holds up falls to 1/e over the whole training.
///
/// Batches have a hundredth of the events, 100 at least and 500 at most.
///
/// ```
/// let training = hepml_ratio::ratio_training(20_000).threads(1);
/// ```
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of steps")]
pub fn ratio_training(events: usize) -> TrainingConfig {
    let steps = (STEPS * (events as f64 / 2000.0).powf(STEPS_POWER)).max(STEPS / 2.0);
    let batch = (events / BATCHES).clamp(LEAST_BATCH, MOST_BATCH);
    let epochs = (steps / events.div_ceil(batch).max(1) as f64).ceil() as usize;
    TrainingConfig::new()
        .epochs(epochs)
        .batch_size(batch)
        .rate(RATE)
        .schedule(Schedule::cosine())
        .optimiser(Optimiser::adam_w(2.0 / (RATE * steps)))
        .clip_norm(CLIP_NORM)
        .average(AVERAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_events_has_a_training() {
        for events in [0, 1, 99, 2000, 200_000, usize::MAX] {
            ratio_training(events).check().unwrap_or_else(|error| panic!("{events}: {error}"));
        }
    }
}
