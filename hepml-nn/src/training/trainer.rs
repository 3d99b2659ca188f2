//! The training loop.

use std::ops::ControlFlow;
use std::sync::Arc;

use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, Observer, Progress, Streams};

use super::crew::{Crew, Failure};
use super::divergence::HELD_OUT_LOSS;
use super::{Divergence, Objective, Trained, TrainingConfig, TrainingState};
use crate::error::{Error, Result};
use crate::parameters::Parameters;
use crate::scalar::Scalar;

impl TrainingConfig {
    /// Trains: minimises the mean of an objective over its events, from the parameters given. With held-out events
    /// (`validation`), those of the epoch with the lowest loss on them are returned.
    ///
    /// The observer sees every step (stage `training`, with the measures `loss`, `gradient` (its norm) and `rate`) and every epoch
    /// (stage `epoch`, with `loss/train`, `loss/validation` and `rate`). Where it breaks, training ends with the best parameters so
    /// far, or without held-out events those that it had.
    ///
    /// # Errors
    /// A configuration out of range; no events; patience without held-out events; what the objective returns;
    /// [`Error::Diverged`] for numbers that are not finite, with the state before that step and the best parameters so far.
    pub fn train<T: Scalar, O: Objective<T>>(
        &self,
        parameters: Parameters<T>,
        training: &O,
        validation: Option<&O>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Trained<T>> {
        self.check()?;
        let state = TrainingState::new(self, parameters, training.count(), rng);
        self.go_on(state, training, validation, observer)
    }

    /// Goes on with a training, as if it had not been interrupted: to the same bits for the same events, configuration and
    /// kind of processor. `parameters` are those of the network, of any values: the state must be one of them.
    ///
    /// # Errors
    /// A state of other parameters, of another optimiser, or of another number of events; as [`train`](Self::train).
    pub fn resume<T: Scalar, O: Objective<T>>(
        &self,
        state: TrainingState<T>,
        parameters: &Parameters<T>,
        training: &O,
        validation: Option<&O>,
        observer: &mut dyn Observer,
    ) -> Result<Trained<T>> {
        self.check()?;
        state.check(self, parameters, training.count())?;
        self.go_on(state, training, validation, observer)
    }

    /// The mean of an objective over its events, without noise and penalties.
    ///
    /// # Errors
    /// A configuration out of range; no events; what the objective returns; a loss that is not finite, naming its event.
    pub fn evaluate<T: Scalar, O: Objective<T>>(
        &self,
        parameters: &Parameters<T>,
        objective: &O,
    ) -> Result<f64> {
        self.check()?;
        check_events(objective)?;
        let mut crew = Crew::<T, O::Workspace>::new(self.threads, self.simd, self.micro_rows)?;
        let parameters = Arc::new(parameters.clone());
        let events: Vec<usize> = (0..objective.count()).collect();
        match crew.evaluate(objective, &parameters, &events) {
            Ok(sum) => Ok(sum / events.len() as f64),
            Err(Failure::Error(error)) => Err(error),
            Err(Failure::NotFinite(range)) => {
                let event = crew.culprit(objective, &parameters, &events[range.clone()]);
                let event = event.unwrap_or(events[range.start]);
                Err(CoreError::not_finite("loss", f64::NAN).at_event(event).into())
            }
        }
    }

    fn go_on<T: Scalar, O: Objective<T>>(
        &self,
        state: TrainingState<T>,
        training: &O,
        validation: Option<&O>,
        observer: &mut dyn Observer,
    ) -> Result<Trained<T>> {
        check_events(training)?;
        if let Some(validation) = validation {
            check_events(validation)?;
        } else if self.patience.is_some() {
            let what = "set of held-out events, by which patience is counted,";
            return Err(CoreError::Empty { what: what.into() }.into());
        }
        let crew = Crew::new(self.threads, self.simd, self.micro_rows)?;
        let mut trainer = Trainer {
            config: self,
            training,
            validation,
            crew,
            order: (0..training.count()).collect(),
            held_out: (0..validation.map_or(0, O::count)).collect(),
            state,
        };
        match trainer.run(observer) {
            Ok(end) => Ok(Trained::new(self, trainer.state, end, training.weights())),
            Err(Halt::Error(error)) => Err(error),
            Err(Halt::NotFinite { what, events, event }) => {
                Err(Error::Diverged(Box::new(Divergence::new(what, events, event, trainer.state))))
            }
        }
    }
}

/// How a training came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// All epochs are done.
    Done,
    /// The held-out loss has not become better for as long as patience lasts.
    OutOfPatience,
    /// The observer stopped it.
    Stopped,
}

/// Why training cannot go on.
enum Halt {
    Error(Error),
    NotFinite { what: &'static str, events: Vec<usize>, event: Option<usize> },
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// A training that is running.
struct Trainer<'a, T: Scalar, O: Objective<T>> {
    config: &'a TrainingConfig,
    training: &'a O,
    validation: Option<&'a O>,
    crew: Crew<T, O::Workspace>,
    /// The order of the events in this epoch.
    order: Vec<usize>,
    /// All held-out events.
    held_out: Vec<usize>,
    state: TrainingState<T>,
}

impl<T: Scalar, O: Objective<T>> Trainer<'_, T, O> {
    fn run(&mut self, observer: &mut dyn Observer) -> Result<End, Halt> {
        self.state.journal.batches = self.config.batches(self.training.count());
        let (epochs, batches) = (self.config.epochs, self.state.journal.batches);
        let total = epochs.saturating_mul(batches) as u64;
        while self.state.journal.epoch < epochs {
            if self.is_out_of_patience() {
                return Ok(End::OutOfPatience);
            }
            self.shuffle();
            while self.state.journal.batch < batches {
                let rate = self.rate(self.state.journal.step, total);
                let (loss, gradient) = self.step(rate)?;
                let progress = Progress {
                    stage: "training",
                    step: self.state.journal.step,
                    total: Some(total),
                    measures: &[("loss", loss), ("gradient", gradient), ("rate", rate)],
                };
                if observer.step(&progress) == ControlFlow::Break(()) {
                    return Ok(End::Stopped);
                }
            }
            self.finish_epoch(total)?;
            let journal = &self.state.journal;
            let last = |curve: &[f64]| curve.last().copied();
            let measures = [
                ("loss/train", last(&journal.losses)),
                ("rate", last(&journal.rates)),
                ("loss/validation", last(&journal.validation)),
            ]
            .map(|(name, value)| value.map(|value| (name, value)));
            let measures: Vec<(&str, f64)> = measures.into_iter().flatten().collect();
            let (step, total) = (journal.epoch as u64, Some(epochs as u64));
            let progress = Progress { stage: "epoch", step, total, measures: &measures };
            if observer.step(&progress) == ControlFlow::Break(()) && self.state.journal.epoch < epochs {
                return Ok(End::Stopped);
            }
        }
        Ok(if self.is_out_of_patience() { End::OutOfPatience } else { End::Done })
    }

    fn is_out_of_patience(&self) -> bool {
        let journal = &self.state.journal;
        let best = journal.best.map_or(0, |(epoch, _)| epoch);
        self.config.patience.is_some_and(|patience| journal.epoch - best >= patience)
    }

    /// Puts the events in the order of this epoch: the same whatever was done before (Fisher-Yates).
    fn shuffle(&mut self) {
        let journal = &self.state.journal;
        let mut rng = Streams::new(journal.order_seed).stream(journal.epoch as u64);
        self.order.iter_mut().enumerate().for_each(|(index, event)| *event = index);
        for last in (1..self.order.len()).rev() {
            self.order.swap(last, rng.random_range(0..=last));
        }
    }

    /// The learning rate of a step, counted from 0.
    fn rate(&self, step: u64, total: u64) -> f64 {
        let warm_up = ((step + 1) as f64 / (self.config.warm_up as f64 + 1.0)).min(1.0);
        let factor = self.config.schedule.factor(step, total, &self.state.journal.plateau);
        self.config.rate * factor * warm_up
    }

    /// One step: the mean loss of its batch and the norm of its gradient.
    fn step(&mut self, rate: f64) -> Result<(f64, f64), Halt> {
        let Self { config, training, crew, order, state, .. } = self;
        let journal = &state.journal;
        let (batch, batches) = (journal.batch, journal.batches);
        let events = &order[batch * order.len() / batches..(batch + 1) * order.len() / batches];
        let noise = Streams::new(journal.noise_seed);
        let kernel = crew.kernel();
        let learned = crew.learn(*training, &state.parameters, events, noise, journal.step);
        let (sums, gradients) = match learned {
            Ok(learned) => learned,
            Err(Failure::Error(error)) => return Err(error.into()),
            Err(Failure::NotFinite(range)) => {
                let events = events[range].to_vec();
                let event = crew.culprit(*training, &state.parameters, &events);
                return Err(Halt::NotFinite { what: "the loss", events, event });
            }
        };
        // The gradients are those of the sum over the batch.
        let share = 1.0 / events.len() as f64;
        let norm = share * kernel.sum_of_squares(gradients.values()).sqrt();
        if !norm.is_finite() {
            let events = events.to_vec();
            return Err(Halt::NotFinite { what: "the gradient", events, event: None });
        }
        let mut scale = share;
        if let Some(limit) = config.clip_norm
            && norm > limit
        {
            scale *= limit / norm;
            state.journal.clipped += 1;
        }
        // Tapes have let go of the parameters: nothing is copied, unless the caller has kept a copy of the state.
        let parameters = Arc::make_mut(&mut state.parameters);
        let step = state.journal.step + 1;
        config.optimiser.step(kernel, parameters, gradients, &mut state.moments, [scale, rate], step);
        if let (Some(decay), Some(average)) = (config.average, &mut state.average) {
            let steps = step as f64;
            let share = 1.0 - decay.min((1.0 + steps) / (10.0 + steps));
            let average = Arc::make_mut(average).values_mut();
            kernel.blend(average, T::from_f64(share), state.parameters.values());
        }
        let journal = &mut state.journal;
        journal.step = step;
        journal.batch += 1;
        journal.sums[0] += sums.loss;
        journal.sums[1] += sums.penalty;
        Ok((share * (sums.loss + sums.penalty), norm))
    }

    /// Evaluates the held-out events, and keeps the parameters if they are the best so far.
    fn finish_epoch(&mut self, total: u64) -> Result<(), Halt> {
        let rate = self.rate(self.state.journal.step - 1, total);
        let Self { config, validation, crew, held_out, state, order, .. } = self;
        let kernel = crew.kernel();
        if let Some(average) = &mut state.average {
            Arc::make_mut(average).refresh(kernel);
        }
        if !state.parameters.values().iter().all(|x| x.is_finite()) {
            return Err(Halt::NotFinite { what: "a parameter", events: Vec::new(), event: None });
        }
        let parameters = state.average.as_ref().unwrap_or(&state.parameters);
        let held_out_loss = match validation {
            None => None,
            Some(validation) => match crew.evaluate(*validation, parameters, held_out) {
                Ok(sum) => Some(sum / held_out.len() as f64),
                Err(Failure::Error(error)) => return Err(error.into()),
                Err(Failure::NotFinite(range)) => {
                    let events = held_out[range].to_vec();
                    let event = crew.culprit(*validation, parameters, &events);
                    return Err(Halt::NotFinite { what: HELD_OUT_LOSS, events, event });
                }
            },
        };
        let journal = &mut state.journal;
        let [loss, penalty] = journal.sums.map(|sum| sum / order.len() as f64);
        journal.sums = [0.0; 2];
        journal.batch = 0;
        journal.epoch += 1;
        journal.losses.push(loss);
        journal.penalties.push(penalty);
        journal.rates.push(rate);
        journal.plateau.note(&config.schedule, held_out_loss.unwrap_or(loss + penalty));
        if let Some(loss) = held_out_loss {
            journal.validation.push(loss);
            if journal.best.is_none_or(|(_, best)| loss < best) {
                journal.best = Some((journal.epoch, loss));
                state.best = Some(Parameters::clone(parameters));
            }
        }
        Ok(())
    }
}

fn check_events<T: Scalar, O: Objective<T>>(objective: &O) -> Result<()> {
    if objective.count() == 0 {
        return Err(CoreError::Empty { what: "list of events".into() }.into());
    }
    Ok(())
}
