//! How a network learns a ratio.

use std::marker::PhantomData;

use hepml_core::rand::Rng;
use hepml_core::serde::de::DeserializeOwned;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, EventSet, Fitted, Observer, RatioEstimator, Weighted};
use hepml_nn::{
    Architecture, EncodedOf, Encoder, EventsOf, Head, Model, Network, Parameters, Scalar, TrainingConfig,
};

use super::NetworkRatio;
use super::objective::RatioObjective;
use super::parts::Selection;
use super::ratio_training::ratio_training;
use crate::error::{Error, Result};
use crate::loss::{CLIP, RatioLoss};
use crate::report::{examine, of_densities, warn_of_side};
use crate::split::SIDES;

/// Learns a ratio with a network of one output: any architecture of hepml-nn, on tables or on particle sets.
///
/// The network gives z = ln r itself (times [`RatioLoss::output_scale`]), and minimises E_num\[a(z)\] + E_den\[b(z)\] of a
/// [`RatioLoss`], each mean over the side's own sum of weights, which may be of either sign. A tenth of each side that nothing of the fit
/// sees is what the report speaks of (`examination`; see [`report`](crate::report)); with a training of one's own, another tenth
/// chooses the best epoch (`validation`). The numbers it computes with are f32; [`precision`](Self::precision) changes
/// that.
///
/// The report has the curves and measures of the training, `clipped losses` (how often, in training and validation, the loss
/// of an event was clipped), those of [`examine`], and the `held-out loss` of the same events.
///
/// ```
/// use hepml_core::{LogRatio, RatioEstimator, Table, Weighted, rand::SeedableRng, rand_chacha::ChaCha8Rng};
/// use hepml_nn::{MlpConfig, StackConfig, TrainingConfig};
/// use hepml_ratio::NetworkConfig;
///
/// // Densities 2x and 1 on [0, 1], so that r = 2x.
/// let numerator = Table::from_shape_fn((1000, 1), |(i, _)| ((i as f64 + 0.5) / 1000.0).sqrt());
/// let denominator = Table::from_shape_fn((1000, 1), |(i, _)| (i as f64 + 0.5) / 1000.0);
/// let learner = NetworkConfig::new(MlpConfig::new(1).hidden(StackConfig::new([16])))
///     .training(TrainingConfig::new().epochs(30).rate(1e-2));
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let fitted = learner.fit(&Weighted::unit(numerator), &Weighted::unit(denominator), &mut rng, &mut ())?;
/// let z = fitted.model.log_ratio(&Table::from_elem((1, 1), 0.75))?;
/// assert!((z[0] - 1.5_f64.ln()).abs() < 0.2);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    crate = "hepml_core::serde",
    deny_unknown_fields,
    bound(serialize = "A: Serialize", deserialize = "A: DeserializeOwned")
)]
pub struct NetworkConfig<A, T = f32> {
    architecture: A,
    loss: RatioLoss,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    training: Option<TrainingConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validation: Option<f64>,
    examination: f64,
    #[serde(skip)]
    precision: PhantomData<fn() -> T>,
}

impl<A> NetworkConfig<A> {
    /// An architecture of one output with the binary cross-entropy, trained as [`ratio_training`] says for the events at hand.
    pub fn new(architecture: A) -> Self {
        Self {
            architecture,
            loss: RatioLoss::default(),
            training: None,
            validation: None,
            examination: 0.1,
            precision: PhantomData,
        }
    }
}

impl<A, T> NetworkConfig<A, T> {
    /// What it minimises.
    #[must_use]
    pub fn loss(mut self, loss: RatioLoss) -> Self {
        self.loss = loss;
        self
    }

    /// How it is trained; by [`ratio_training`] of the number of events unless set.
    #[must_use]
    pub fn training(mut self, training: TrainingConfig) -> Self {
        self.training = Some(training);
        self
    }

    /// The fraction of each side that decides which epoch is the best, 0 for none. Unless set it is 0.1 with a
    /// [`training`](Self::training) of one's own, and 0 with [`ratio_training`], which is too short to be stopped early.
    #[must_use]
    pub fn validation(mut self, fraction: f64) -> Self {
        self.validation = Some(fraction);
        self
    }

    /// The fraction of each side on which the ratio is examined; 0 for none.
    #[must_use]
    pub fn examination(mut self, fraction: f64) -> Self {
        self.examination = fraction;
        self
    }

    /// The same with other numbers: `precision::<f64>()`.
    #[must_use]
    pub fn precision<U: Scalar>(self) -> NetworkConfig<A, U> {
        let Self { architecture, loss, training, validation, examination, precision: _ } = self;
        NetworkConfig { architecture, loss, training, validation, examination, precision: PhantomData }
    }
}

impl<A: Architecture, T: Scalar> NetworkConfig<A, T>
where
    A::Network: Network<T, Input = EncodedOf<A, T>>,
{
    fn validation_fraction(&self) -> f64 {
        self.validation.unwrap_or(if self.training.is_some() { 0.1 } else { 0.0 })
    }

    fn check(&self) -> Result<()> {
        if let Some(training) = &self.training {
            training.check()?;
        }
        self.loss.check()?;
        if self.architecture.outputs() != 1 {
            let what = "outputs of the network of a ratio";
            return Err(CoreError::shape(what, 1, self.architecture.outputs()).into());
        }
        for (what, fraction) in
            [("validation fraction", self.validation_fraction()), ("examination fraction", self.examination)]
        {
            if !(0.0..1.0).contains(&fraction) {
                return Err(CoreError::out_of_range(what, fraction, "at least 0 and below 1").into());
            }
        }
        Ok(())
    }

    fn learn(
        &self,
        numerator: &Weighted<EventsOf<A>>,
        denominator: &Weighted<EventsOf<A>>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<NetworkRatio<A, T>>> {
        self.check()?;
        for (name, side) in SIDES.into_iter().zip([numerator, denominator]) {
            if side.is_empty() {
                return Err(CoreError::Empty { what: name.into() }.into());
            }
        }
        let parts =
            Selection::cut([numerator, denominator], &[self.validation_fraction(), self.examination], rng)?;
        let [validation, examination, training] =
            <[_; 3]>::try_from(parts).unwrap_or_else(|_| unreachable!("two fractions and the rest"));
        let joined = training.joined("training")?;
        let encoder = self.architecture.fit_encoder(&joined).map_err(|error| training.named(error.into()))?;
        let learned = training.encode::<T, _>(&encoder, &joined)?;
        let held_out = if validation.is_empty() {
            None
        } else {
            Some(validation.encode::<T, _>(&encoder, &validation.joined("validation")?)?)
        };
        if !examination.is_empty() {
            // Events that cannot be encoded are found before the training, and named.
            let [above, below] = &examination.part.sides;
            examination.encode::<T, _>(&encoder, &Weighted::concat(&[above, below])?)?;
        }

        let mut parameters = Parameters::new();
        let network = self.architecture.build(&encoder, &mut parameters, rng)?;
        let objective = RatioObjective::new(&network, &learned, self.loss);
        let held_out = held_out.as_ref().map(|part| RatioObjective::new(&network, part, self.loss));
        let trained = self
            .training
            .clone()
            .unwrap_or_else(|| ratio_training(learned.weights.len()))
            .train(parameters, &objective, held_out.as_ref(), rng, observer)
            .map_err(|error| named(error, &training, &validation))?;
        let clipped = objective.clipped() + held_out.as_ref().map_or(0, RatioObjective::clipped);

        let mut report = trained.report;
        of_densities(&mut report);
        report.measure("clipped losses", clipped as f64, None);
        if clipped > 0 {
            report.warn(format!("losses were clipped {clipped} times in training, at |ln r| > {CLIP}"));
        }
        if self.loss.is_positive() && report.curves.iter().any(|(name, curve)| is_negative_loss(name, curve))
        {
            report.warn(
                "the loss fell below 0, which only a region of negative net weight makes it do: it may have no minimum",
            );
        }
        for note in encoder.notes() {
            report.warn(note);
        }
        for (name, side) in SIDES.into_iter().zip([numerator, denominator]) {
            warn_of_side(name, side.weights(), &mut report);
        }
        let scale = self.loss.output_scale();
        let head =
            if scale == 1.0 { Head::Identity } else { Head::Affine { scale: vec![scale], shift: vec![0.0] } };
        let model = Model::new(self.architecture.clone(), encoder, network, trained.parameters, head)?;
        let model = NetworkRatio::new(model, self.loss);
        if self.examination > 0.0 {
            let [above, below] = &examination.part.sides;
            examine(&model, above, below, rng, &mut report)
                .map_err(|error| examination.part.named(error.into()))?;
            self.loss.measure_held_out(&model, [above, below], &mut report)?;
        }
        Ok(Fitted { model: model.with_summary(&report), report })
    }
}

impl<A: Architecture, T: Scalar> RatioEstimator<EventsOf<A>> for NetworkConfig<A, T>
where
    A::Network: Network<T, Input = EncodedOf<A, T>>,
{
    type Model = NetworkRatio<A, T>;

    fn fit(
        &self,
        numerator: &Weighted<EventsOf<A>>,
        denominator: &Weighted<EventsOf<A>>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> hepml_core::Result<Fitted<NetworkRatio<A, T>>> {
        Ok(self.learn(numerator, denominator, rng, observer)?)
    }
}

/// The same error, with an event at which the training diverged by its side and the number that the user knows it by.
fn named<E: EventSet>(error: hepml_nn::Error, training: &Selection<E>, validation: &Selection<E>) -> Error {
    match error {
        hepml_nn::Error::Diverged(divergence) => {
            let part = if divergence.is_held_out() { validation } else { training };
            Error::Diverged { event: divergence.event().and_then(|event| part.place(event)), divergence }
        }
        error => error.into(),
    }
}

fn is_negative_loss(name: &str, curve: &[f64]) -> bool {
    name.starts_with("loss/") && curve.iter().any(|loss| *loss < 0.0)
}
