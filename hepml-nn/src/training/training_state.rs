//! Training that can be gone on with.

use std::io::{Read, Write};
use std::sync::Arc;

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, Load, ModelFile, Save};

use super::schedule::Plateau;
use super::{Optimiser, TrainingConfig};
use crate::error::Result;
use crate::parameters::{Gradients, Parameters};
use crate::saved;
use crate::scalar::Scalar;

/// All that training needs to go on as if it had never been interrupted: parameters, moments, averages, the best so far, the
/// seeds of its random streams and where it stands.
///
/// Saved as a [`ModelFile`] of kind `hepml-nn/training-state`.
#[derive(Debug, Clone)]
pub struct TrainingState<T: Scalar> {
    pub(super) parameters: Arc<Parameters<T>>,
    pub(super) moments: [Gradients<T>; 2],
    pub(super) average: Option<Arc<Parameters<T>>>,
    pub(super) best: Option<Parameters<T>>,
    pub(super) journal: Journal,
}

/// Where training stands, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub(super) struct Journal {
    /// What the moments are of.
    pub(super) optimiser: String,
    /// The training events.
    pub(super) events: usize,
    /// The batches of an epoch.
    pub(super) batches: usize,
    /// The epochs that are done.
    pub(super) epoch: usize,
    /// The batches of the next epoch that are done.
    pub(super) batch: usize,
    /// The steps that are done, over all epochs.
    pub(super) step: u64,
    /// The steps whose gradient was clipped.
    pub(super) clipped: u64,
    /// The seed of the streams of the orders of events, one for each epoch.
    pub(super) order_seed: u64,
    /// The seed of the streams of noise, one for each micro-batch.
    pub(super) noise_seed: u64,
    /// The sums of loss and penalty over the events of the epoch so far.
    pub(super) sums: [f64; 2],
    pub(super) plateau: Plateau,
    /// The best epoch, counted from 1, and its validation loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) best: Option<(usize, f64)>,
    /// The mean loss of the training events, as they were learned, of each epoch.
    pub(super) losses: Vec<f64>,
    /// The penalty over the number of events of each epoch.
    pub(super) penalties: Vec<f64>,
    /// The loss of the held-out events after each epoch.
    pub(super) validation: Vec<f64>,
    /// The learning rate at the end of each epoch.
    pub(super) rates: Vec<f64>,
}

/// The header of a saved state.
#[derive(Debug, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
struct Header {
    precision: String,
    /// The parameters in their order.
    parameters: Vec<String>,
    average: bool,
    best: bool,
    journal: Journal,
}

const KIND: &str = "hepml-nn/training-state";
const VERSION: u32 = 1;
const PARAMETERS: &str = "parameters";
const MOMENTS: [&str; 2] = ["first", "second"];
const AVERAGE: &str = "average";
const BEST: &str = "best";

impl<T: Scalar> TrainingState<T> {
    pub(super) fn new(
        config: &TrainingConfig,
        parameters: Parameters<T>,
        events: usize,
        rng: &mut dyn Rng,
    ) -> Self {
        let moments = [Gradients::zeros(&parameters), Gradients::zeros(&parameters)];
        let average = config.average.map(|_| Arc::new(parameters.clone()));
        let journal = Journal {
            optimiser: config.optimiser.kind().to_owned(),
            events,
            batches: config.batches(events),
            epoch: 0,
            batch: 0,
            step: 0,
            clipped: 0,
            order_seed: rng.next_u64(),
            noise_seed: rng.next_u64(),
            sums: [0.0; 2],
            plateau: Plateau::default(),
            best: None,
            losses: Vec::new(),
            penalties: Vec::new(),
            validation: Vec::new(),
            rates: Vec::new(),
        };
        Self { parameters: Arc::new(parameters), moments, average, best: None, journal }
    }

    /// The epochs that are done.
    pub fn epochs(&self) -> usize {
        self.journal.epoch
    }

    /// The steps that are done, over all epochs.
    pub fn steps(&self) -> u64 {
        self.journal.step
    }

    /// The parameters as the optimiser left them.
    pub fn parameters(&self) -> &Parameters<T> {
        &self.parameters
    }

    /// The best epoch so far, counted from 1, with its validation loss and parameters; none before the first epoch's end and
    /// without held-out events.
    pub fn best(&self) -> Option<(usize, f64, &Parameters<T>)> {
        let (epoch, loss) = self.journal.best?;
        Some((epoch, loss, self.best.as_ref()?))
    }

    /// Checks that it is a state of such parameters, and that a configuration can go on with it.
    pub(super) fn check(
        &self,
        config: &TrainingConfig,
        parameters: &Parameters<T>,
        events: usize,
    ) -> Result<()> {
        let wrong = |what: String| Err(CoreError::Model(format!("training state: {what}")).into());
        for id in parameters.ids().chain(self.parameters.ids()) {
            let (Ok(name), Ok(got)) = (parameters.name(id), self.parameters.name(id)) else {
                let (expected, got) = (parameters.count(), self.parameters.count());
                return wrong(format!("it has {got} parameters, but the network {expected}"));
            };
            let (shape, got_shape) = (parameters.value(id)?.shape(), self.parameters.value(id)?.shape());
            if (name, shape) != (got, got_shape) {
                return wrong(format!(
                    "its parameter {got:?} {got_shape:?} is {name:?} {shape:?} in the network"
                ));
            }
        }
        let Journal { optimiser, events: known, batches, batch, .. } = &self.journal;
        if optimiser != config.optimiser.kind() {
            let kind = config.optimiser.kind();
            return wrong(format!("its moments are those of {optimiser}, but the optimiser is {kind}"));
        }
        if *known != events {
            return wrong(format!("it has seen {known} training events, but there are {events}"));
        }
        if *batch > 0 && *batches != config.batches(events) {
            let now = config.batches(events);
            return wrong(format!("its epoch was begun in {batches} batches, but there would be {now}"));
        }
        if self.average.is_some() != config.average.is_some() {
            let (has, wants) = if config.average.is_some() { ("no", "one") } else { ("an", "none") };
            return wrong(format!("it has {has} average of the parameters, but the configuration {wants}"));
        }
        Ok(())
    }
}

impl<T: Scalar> Save for TrainingState<T> {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let parameters = &*self.parameters;
        let names = parameters.ids().map(|id| Ok(parameters.name(id)?.to_owned())).collect::<Result<_>>()?;
        let header = Header {
            precision: T::NAME.to_owned(),
            parameters: names,
            average: self.average.is_some(),
            best: self.best.is_some(),
            journal: self.journal.clone(),
        };
        let mut file = ModelFile::new(KIND, VERSION, &header)?;
        saved::insert_parameters(&mut file, PARAMETERS, parameters)?;
        for (prefix, moment) in MOMENTS.into_iter().zip(&self.moments) {
            for id in parameters.ids() {
                let name = format!("{prefix}/{}", parameters.name(id)?);
                saved::insert(&mut file, name, moment.value(parameters, id)?)?;
            }
        }
        if let Some(average) = &self.average {
            saved::insert_parameters(&mut file, AVERAGE, average)?;
        }
        if let Some(best) = &self.best {
            saved::insert_parameters(&mut file, BEST, best)?;
        }
        file.save(writer)
    }
}

impl<T: Scalar> Load for TrainingState<T> {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, VERSION)?;
        let header: Header = file.header()?;
        if header.precision != T::NAME {
            let (expected, got) = (T::NAME, &header.precision);
            return Err(CoreError::Model(format!("expected a training state in {expected}, got {got}")));
        }
        let mut parameters = Parameters::new();
        for name in &header.parameters {
            parameters.add(name.clone(), &saved::get(&file, &format!("{PARAMETERS}/{name}"))?)?;
        }
        let block = |prefix: &str| -> Result<Parameters<T>> {
            let mut block = parameters.clone();
            saved::read_parameters(&file, prefix, &mut block)?;
            Ok(block)
        };
        let mut moments = [Gradients::zeros(&parameters), Gradients::zeros(&parameters)];
        for (prefix, moment) in MOMENTS.into_iter().zip(&mut moments) {
            moment.values_mut().copy_from_slice(block(prefix)?.values());
        }
        let average = header.average.then(|| block(AVERAGE)).transpose()?.map(Arc::new);
        let best = header.best.then(|| block(BEST)).transpose()?;
        let journal = header.journal;
        if best.is_some() != journal.best.is_some() {
            return Err(CoreError::Model("training state: best parameters without a best epoch".to_owned()));
        }
        if journal.batch > journal.batches {
            let (batch, batches) = (journal.batch, journal.batches);
            return Err(CoreError::Model(format!("training state: batch {batch} of {batches}")));
        }
        Ok(Self { parameters: Arc::new(parameters), moments, average, best, journal })
    }
}

impl TrainingConfig {
    /// The batches of an epoch.
    pub(super) fn batches(&self, events: usize) -> usize {
        events.div_ceil(self.batch_size)
    }
}

impl Optimiser {
    /// What the moments that it keeps mean: a state of another kind cannot be gone on with.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Sgd { .. } => "sgd",
            Self::Adam { .. } | Self::AdamW { .. } => "adam",
        }
    }
}
