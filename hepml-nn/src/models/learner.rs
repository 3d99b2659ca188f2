//! Learning targets.

use std::marker::PhantomData;

use hepml_core::ndarray::Axis;
use hepml_core::rand::Rng;
use hepml_core::{Fitted, Observer, Table, Weighted, check_finite};

use super::preparation::{Part, Preparation};
use super::{Head, Model};
use crate::encoding::{TableConfig, TableEncoder};
use crate::error::{Error, Result};
use crate::matrix::Matrix;
use crate::network::{Architecture, EncodedOf, Encoder, EventsOf, Network};
use crate::parameters::Parameters;
use crate::scalar::Scalar;
use crate::training::{Loss, Supervised, TrainingConfig};

/// How a network learns targets: architecture, loss, training, and the fraction of events that is held out.
///
/// The numbers it computes with are f32; [`precision`](Self::precision) changes that.
///
/// ```
/// use hepml_core::{Observables, Table, Weighted, rand::SeedableRng, rand_chacha::ChaCha8Rng};
/// use hepml_nn::{LearnerConfig, MlpConfig, StackConfig, TrainingConfig};
///
/// let events = Table::from_shape_fn((400, 2), |(i, j)| (i as f64 * (0.37 + j as f64)).sin());
/// let labels: Vec<usize> = events.rows().into_iter().map(|x| usize::from(x[0] > x[1])).collect();
///
/// let learner = LearnerConfig::classifier(MlpConfig::new(2).hidden(StackConfig::new([16])))
///     .training(TrainingConfig::new().epochs(30).rate(1e-2));
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let fitted = learner.fit_classes(&Weighted::unit(events.clone()), &labels, &mut rng, &mut ())?;
/// let probabilities = fitted.model.observe(&events)?;
/// let right = (0..400).filter(|&i| (probabilities[[i, 1]] > 0.5) == (labels[i] == 1)).count();
/// assert!(right > 360);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LearnerConfig<A, T = f32> {
    architecture: A,
    loss: Loss,
    training: TrainingConfig,
    validation: f64,
    standardise_targets: bool,
    precision: PhantomData<T>,
}

impl<A: Architecture> LearnerConfig<A> {
    /// A learner with this loss, the default training, and a tenth of the events held out.
    pub fn new(architecture: A, loss: Loss) -> Self {
        Self {
            architecture,
            loss,
            training: TrainingConfig::default(),
            validation: 0.1,
            standardise_targets: true,
            precision: PhantomData,
        }
    }

    /// A classifier: with one output, of two classes by [`Loss::BinaryCrossEntropy`]; with more, of as many classes by
    /// [`Loss::CrossEntropy`].
    pub fn classifier(architecture: A) -> Self {
        let loss = if architecture.outputs() == 1 { Loss::BinaryCrossEntropy } else { Loss::CrossEntropy };
        Self::new(architecture, loss)
    }
}

impl<A: Architecture, T: Scalar> LearnerConfig<A, T> {
    /// How it is trained.
    #[must_use]
    pub fn training(mut self, training: TrainingConfig) -> Self {
        self.training = training;
        self
    }

    /// The fraction of events that training does not see, and that decide when it ends; 0 for none.
    #[must_use]
    pub fn validation(mut self, fraction: f64) -> Self {
        self.validation = fraction;
        self
    }

    /// Whether the targets of a regression are brought to mean 0 and standard deviation 1 for the training, as they are unless
    /// this is called. The model's observables are in their own units either way; the loss, and the delta of
    /// [`Loss::Huber`], are in units of the standard deviations.
    #[must_use]
    pub fn standardise_targets(mut self, standardise: bool) -> Self {
        self.standardise_targets = standardise;
        self
    }

    /// The same with other numbers: `precision::<f64>()`.
    pub fn precision<U: Scalar>(self) -> LearnerConfig<A, U> {
        let Self { architecture, loss, training, validation, standardise_targets, precision: _ } = self;
        LearnerConfig {
            architecture,
            loss,
            training,
            validation,
            standardise_targets,
            precision: PhantomData,
        }
    }

    /// A model of targets [events, targets], fitted to weighted events.
    ///
    /// The events that are held out are drawn from `rng`; preprocessing is fitted to the others. The model's observables are
    /// probabilities if the loss is a cross-entropy (of the classes; of each target being 1); else the outputs of the network,
    /// in the units of the targets: their means, their quantiles, or for [`Loss::Gaussian`] their means and then the logarithms
    /// of their variances.
    ///
    /// # Errors
    /// Other numbers of targets than of events, or than the network's outputs are for; a target that is not finite or that the
    /// loss does not take, events that cannot be encoded, naming event and column; a configuration that cannot be built; those
    /// of the training.
    pub fn fit(
        &self,
        events: &Weighted<EventsOf<A>>,
        targets: &Table,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Model<A, T>>>
    where
        A::Network: Network<T, Input = EncodedOf<A, T>>,
    {
        self.training.check()?;
        if targets.nrows() != events.len() {
            return Err(Error::shape("rows of targets", events.len(), targets.nrows()));
        }
        let outputs = self.architecture.outputs();
        if self.loss.outputs(targets.ncols()) != outputs {
            let what = format!("outputs of the network, for {} targets,", targets.ncols());
            return Err(Error::shape(what, self.loss.outputs(targets.ncols()), outputs));
        }
        check_finite("targets", targets)?;
        self.loss.check_targets(&Matrix::<f64>::from_array(targets))?;
        let prepared = Preparation::<A, T>::new(&self.architecture, events, self.validation, rng)?;
        let rows = |events: &[usize]| targets.select(Axis(0), events);
        let mut notes = Vec::new();
        let training_targets =
            Weighted::new(rows(&prepared.training.events), prepared.training.weights.clone())?;
        let encoder = TableConfig::default().standardise(self.standardises()).fit(&training_targets)?;
        if self.standardises() {
            notes.extend(encoder.notes().into_iter().map(|note| format!("targets: {note}")));
        }
        let head = match self.loss {
            Loss::CrossEntropy => Head::Softmax,
            Loss::BinaryCrossEntropy => Head::Sigmoid,
            _ if self.standardises() => self.unstandardised(&encoder),
            _ => Head::Identity,
        };

        let mut parameters = Parameters::new();
        let network = self.architecture.build(&prepared.encoder, &mut parameters, rng)?;
        let training_targets = encoder.encode(training_targets.events())?;
        let validation_targets = match &prepared.validation {
            Some(part) => encoder.encode(&rows(&part.events))?,
            None => Matrix::default(),
        };
        let Part { inputs, weights, .. } = &prepared.training;
        let training = Supervised::new(&network, inputs, &training_targets, weights, self.loss.clone())?;
        let validation = match &prepared.validation {
            Some(Part { inputs, weights, .. }) => {
                Some(Supervised::new(&network, inputs, &validation_targets, weights, self.loss.clone())?)
            }
            None => None,
        };
        let trained = self.training.train(parameters, &training, validation.as_ref(), rng, observer)?;
        drop((training, validation));
        let mut report = trained.report;
        prepared.report(&mut report);
        for note in notes {
            report.warn(note);
        }
        let model =
            Model::new(self.architecture.clone(), prepared.encoder, network, trained.parameters, head)?
                .with_summary(&report);
        Ok(Fitted { model, report })
    }

    /// A classifier, fitted to weighted events with a label each, counted from 0; the loss must be a cross-entropy.
    ///
    /// The model's observables are the probabilities of the classes, or with one output that of class 1, for classes that are as
    /// frequent as in the training events, by their weights.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); another number of labels than of events; a label of no class, naming the event; a class without
    /// an event whose weight is not 0.
    pub fn fit_classes(
        &self,
        events: &Weighted<EventsOf<A>>,
        labels: &[usize],
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Model<A, T>>>
    where
        A::Network: Network<T, Input = EncodedOf<A, T>>,
    {
        let outputs = self.architecture.outputs();
        let classes = match (&self.loss, outputs) {
            (Loss::BinaryCrossEntropy, 1) => 2,
            (Loss::CrossEntropy, 2..) => outputs,
            _ => return Err(Error::NotAClassifier { loss: self.loss.clone(), outputs }),
        };
        if labels.len() != events.len() {
            return Err(Error::shape("labels", events.len(), labels.len()));
        }
        let mut counts = vec![0_usize; classes];
        let mut targets = Table::zeros((labels.len(), outputs));
        for (event, (&label, &weight)) in labels.iter().zip(events.weights()).enumerate() {
            let Some(count) = counts.get_mut(label) else {
                let what = format!("class of event {event}").into();
                return Err(hepml_core::Error::IndexOutOfBounds { what, index: label, len: classes }.into());
            };
            *count += usize::from(weight != 0.0);
            if outputs == 1 {
                targets[[event, 0]] = label as f64;
            } else {
                targets[[event, label]] = 1.0;
            }
        }
        if let Some(class) = counts.iter().position(|count| *count == 0) {
            let what = format!("class {class} (counting events whose weight is not 0)").into();
            return Err(hepml_core::Error::Empty { what }.into());
        }
        let mut fitted = self.fit(events, &targets, rng, observer)?;
        for (class, count) in counts.into_iter().enumerate() {
            fitted.report.measure(format!("events/class {class}"), count as f64, None);
        }
        fitted.model = fitted.model.with_summary(&fitted.report);
        Ok(fitted)
    }

    /// Whether targets are to be standardised.
    fn standardises(&self) -> bool {
        let is_probability = matches!(self.loss, Loss::CrossEntropy | Loss::BinaryCrossEntropy);
        self.standardise_targets && !is_probability
    }

    /// The head that undoes the standardisation of targets.
    fn unstandardised(&self, encoder: &TableEncoder) -> Head {
        let (mut scale, mut shift): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        let levels = match &self.loss {
            Loss::Quantile { levels } => levels.len(),
            _ => 1,
        };
        for (mean, deviation) in encoder.means().zip(encoder.scales()) {
            scale.extend(std::iter::repeat_n(deviation, levels));
            shift.extend(std::iter::repeat_n(mean, levels));
        }
        if self.loss == Loss::Gaussian {
            // ln variance in units of the target's square.
            for deviation in encoder.scales() {
                scale.push(1.0);
                shift.push(2.0 * deviation.ln());
            }
        }
        Head::Affine { scale, shift }
    }
}
