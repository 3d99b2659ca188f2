//! How to train.

use hepml_core::Error as CoreError;
use hepml_core::SimdLevel;
use hepml_core::serde::{Deserialize, Serialize};

use super::{Optimiser, Schedule};
use crate::error::Result;

/// The most threads that a training uses; each has memory of its own.
const MOST_THREADS: usize = 1024;

/// The configuration of a training: by default 20 epochs of batches of 100 events, Adam at a constant rate of 1e-3.
///
/// # What it does
/// Each epoch goes through all events in a new random order, in ceil(events/`batch_size`) batches whose sizes differ by at most
/// one. A batch minimises the mean of its events' losses, plus the network's penalties (KL divergences) over the number of all
/// events. Batches are cut into micro-batches of about `micro_rows` rows, which fit the caches, and these are shared out among
/// threads; gradients are summed in a fixed order, and noise comes from random streams of its own for each micro-batch, so
/// that the result is the same for any number of threads, bit for bit.
///
/// After each epoch the held-out events, if there are any, are evaluated without noise. Their loss decides which epoch's
/// parameters are returned, and when to stop early.
///
/// ```
/// use hepml_core::{rand::SeedableRng, rand_chacha::ChaCha8Rng};
/// use hepml_nn::{
///     Dense, Initial, Loss, Matrix, Network, Parameters, Pass, Result, Schedule, Supervised, TrainingConfig, Var,
/// };
///
/// // A line through (0, 1), (1, 3), (2, 5).
/// struct Line(Dense);
///
/// impl Network<f64> for Line {
///     type Input = Matrix<f64>;
///
///     fn forward(&self, pass: &mut Pass<'_, f64>, x: &Var) -> Result<Var> {
///         self.0.forward(pass, *x)
///     }
/// }
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let mut parameters = Parameters::new();
/// let line = Line(Dense::new(&mut parameters, "line", [1, 1], None, Initial::Zeros, &mut rng)?);
/// let x = Matrix::from_rows(3, 1, &[0.0, 1.0, 2.0])?;
/// let y = Matrix::from_rows(3, 1, &[1.0, 3.0, 5.0])?;
/// let objective = Supervised::new(&line, &x, &y, &[1.0, 1.0, 1.0], Loss::MeanSquared)?;
/// let config = TrainingConfig::new().epochs(500).rate(0.1).schedule(Schedule::cosine());
/// let trained = config.train(parameters, &objective, None, &mut rng, &mut ())?;
/// assert!(config.evaluate(&trained.parameters, &objective)? < 1e-6);
/// # Ok::<(), hepml_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct TrainingConfig {
    pub(super) epochs: usize,
    pub(super) batch_size: usize,
    pub(super) micro_rows: usize,
    pub(super) rate: f64,
    pub(super) optimiser: Optimiser,
    pub(super) schedule: Schedule,
    pub(super) warm_up: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) clip_norm: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) patience: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) average: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) threads: Option<usize>,
    #[serde(skip)]
    pub(super) simd: Option<SimdLevel>,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch_size: 100,
            micro_rows: 256,
            rate: 1e-3,
            optimiser: Optimiser::default(),
            schedule: Schedule::default(),
            warm_up: 0,
            clip_norm: None,
            patience: None,
            average: None,
            threads: None,
            simd: None,
        }
    }
}

impl TrainingConfig {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often to go through the events.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// The events of a step.
    #[must_use]
    pub fn batch_size(mut self, events: usize) -> Self {
        self.batch_size = events;
        self
    }

    /// The rows (events, or particles of sets) that are computed at once; `usize::MAX` for whole batches, which losses that
    /// couple events need.
    #[must_use]
    pub fn micro_rows(mut self, rows: usize) -> Self {
        self.micro_rows = rows;
        self
    }

    /// The learning rate, which the schedule multiplies.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// How parameters follow gradients, weight decay included.
    #[must_use]
    pub fn optimiser(mut self, optimiser: Optimiser) -> Self {
        self.optimiser = optimiser;
        self
    }

    /// How the learning rate changes.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// The steps of a linear warm-up: step t = 0, 1, ... is taken at min(1, (t + 1)/(steps + 1)) of the scheduled rate.
    #[must_use]
    pub fn warm_up(mut self, steps: usize) -> Self {
        self.warm_up = steps;
        self
    }

    /// The largest norm of the gradient of all parameters together: longer ones are shortened to it, and counted.
    #[must_use]
    pub fn clip_norm(mut self, norm: f64) -> Self {
        self.clip_norm = Some(norm);
        self
    }

    /// Stops after so many epochs in a row without a better validation loss.
    #[must_use]
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = Some(epochs);
        self
    }

    /// Evaluates and returns an exponential moving average of the parameters: after each step t = 1, 2, ... they count
    /// 1 - min(decay, (1 + t)/(10 + t)), so that the first steps are soon forgotten.
    #[must_use]
    pub fn average(mut self, decay: f64) -> Self {
        self.average = Some(decay);
        self
    }

    /// The threads to use, at most 1024; all there are if this is not called. It changes no result.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Computes with certain vector instructions instead of the best there are: for tests and comparisons. It is not saved.
    ///
    /// AVX2 and AVX-512 give the same bits. The portable level rounds products before it adds them, and a long training then
    /// goes another way.
    #[must_use]
    pub fn simd(mut self, level: SimdLevel) -> Self {
        self.simd = Some(level);
        self
    }

    /// Checks the numbers, as training does first.
    ///
    /// # Errors
    /// A number out of range, named.
    pub fn check(&self) -> Result<()> {
        let positive = [
            ("number of epochs", self.epochs),
            ("batch size", self.batch_size),
            ("rows of a micro-batch", self.micro_rows),
            ("patience", self.patience.unwrap_or(1)),
            ("number of threads", self.threads.unwrap_or(1)),
        ];
        if let Some((what, _)) = positive.into_iter().find(|(_, number)| *number == 0) {
            return Err(CoreError::out_of_range(what, 0.0, "at least 1").into());
        }
        if self.threads.is_some_and(|threads| threads > MOST_THREADS) {
            let threads = self.threads.unwrap_or(1) as f64;
            return Err(CoreError::out_of_range("number of threads", threads, "at most 1024").into());
        }
        let lengths = [("learning rate", self.rate), ("clip norm", self.clip_norm.unwrap_or(1.0))];
        if let Some((what, value)) = lengths.into_iter().find(|(_, x)| !(*x > 0.0 && x.is_finite())) {
            return Err(CoreError::out_of_range(what, value, "positive and finite").into());
        }
        if let Some(decay) = self.average.filter(|decay| !(0.0..1.0).contains(decay)) {
            let what = "decay of the parameters' average";
            return Err(CoreError::out_of_range(what, decay, "from 0 up to below 1").into());
        }
        self.optimiser.check()?;
        self.schedule.check()
    }
}
