//! How a network learns a ratio.

use std::marker::PhantomData;

use hepml_core::rand::Rng;
use hepml_core::serde::de::DeserializeOwned;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, Fitted, Observer, RatioEstimator, Weighted};
use hepml_nn::{
    Architecture, EncodedOf, Encoder, EventsOf, Head, Model, Network, Parameters, Scalar, TrainingConfig,
};

use super::NetworkRatio;
use super::objective::RatioObjective;
use super::parts::{SIDES, Selection};
use crate::error::Result;
use crate::loss::{CLIP, RatioLoss};
use crate::report::{examine, warn_of_weights};

/// Learns a ratio with a network of one output: any architecture of hepml-nn, on tables or on particle sets.
///
/// The network gives z = ln r itself (times [`RatioLoss::output_scale`]), and minimises E_num\[a(z)\] + E_den\[b(z)\] of a
/// [`RatioLoss`], each mean over the side's own sum of weights, which may be of either sign. A tenth of each side is held out to
/// choose the best epoch (`validation`), and another tenth that nothing of the fit sees is what the report speaks of
/// (`examination`; see [`report`](crate::report)). The numbers it computes with are f32; [`precision`](Self::precision) changes
/// that.
///
/// The report has the curves and measures of the training, `clipped losses` (how often, in training and validation, the loss
/// of an event was clipped), and those of [`examine`].
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
    training: TrainingConfig,
    validation: f64,
    examination: f64,
    #[serde(skip)]
    precision: PhantomData<fn() -> T>,
}

impl<A> NetworkConfig<A> {
    /// An architecture of one output with the binary cross-entropy and the default training.
    pub fn new(architecture: A) -> Self {
        Self {
            architecture,
            loss: RatioLoss::default(),
            training: TrainingConfig::default(),
            validation: 0.1,
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

    /// How it is trained.
    #[must_use]
    pub fn training(mut self, training: TrainingConfig) -> Self {
        self.training = training;
        self
    }

    /// The fraction of each side that decides which epoch is the best; 0 for none.
    #[must_use]
    pub fn validation(mut self, fraction: f64) -> Self {
        self.validation = fraction;
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
    fn check(&self) -> Result<()> {
        self.training.check()?;
        self.loss.check()?;
        if self.architecture.outputs() != 1 {
            let what = "outputs of the network of a ratio";
            return Err(CoreError::shape(what, 1, self.architecture.outputs()).into());
        }
        for (what, fraction) in
            [("validation fraction", self.validation), ("examination fraction", self.examination)]
        {
            if !(0.0..1.0).contains(&fraction) {
                return Err(CoreError::out_of_range(what, fraction, "at least 0 and below 1").into());
            }
        }
        Ok(())
    }

    /// Whether no event of positive weight can have a loss below 0.
    fn loss_is_positive(&self) -> bool {
        !matches!(self.loss, RatioLoss::Mlc | RatioLoss::Lsif)
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
        let parts = Selection::cut([numerator, denominator], &[self.validation, self.examination], rng)?;
        let [validation, examination, training] =
            <[_; 3]>::try_from(parts).unwrap_or_else(|_| unreachable!("two fractions and the rest"));
        let joined = training.joined("training")?;
        let encoder = self.architecture.fit_encoder(&joined).map_err(|error| training.named(error.into()))?;
        let training = training.encode::<T, _>(&encoder, &joined)?;
        let validation = if validation.is_empty() {
            None
        } else {
            Some(validation.encode::<T, _>(&encoder, &validation.joined("validation")?)?)
        };
        if !examination.is_empty() {
            // Events that cannot be encoded are found before the training, and named.
            let [above, below] = &examination.sides;
            examination.encode::<T, _>(&encoder, &Weighted::concat(&[above, below])?)?;
        }

        let mut parameters = Parameters::new();
        let network = self.architecture.build(&encoder, &mut parameters, rng)?;
        let objective = RatioObjective::new(&network, &training, self.loss);
        let held_out = validation.as_ref().map(|part| RatioObjective::new(&network, part, self.loss));
        let trained = self.training.train(parameters, &objective, held_out.as_ref(), rng, observer)?;
        let clipped = objective.clipped() + held_out.as_ref().map_or(0, RatioObjective::clipped);

        let mut report = trained.report;
        report.measure("clipped losses", clipped as f64, None);
        if clipped > 0 {
            report.warn(format!("losses were clipped {clipped} times in training, at |ln r| > {CLIP}"));
        }
        if self.loss_is_positive() && report.curves.iter().any(|(name, curve)| is_negative_loss(name, curve))
        {
            report.warn(
                "the loss fell below 0, which only a region of negative net weight makes it do: it may have no minimum",
            );
        }
        for note in encoder.notes() {
            report.warn(note);
        }
        for (name, side) in SIDES.into_iter().zip([numerator, denominator]) {
            warn_of_weights(name, side.weights(), &mut report);
        }
        let scale = self.loss.output_scale();
        let head =
            if scale == 1.0 { Head::Identity } else { Head::Affine { scale: vec![scale], shift: vec![0.0] } };
        let model = Model::new(self.architecture.clone(), encoder, network, trained.parameters, head)?;
        let model = NetworkRatio::new(model, self.loss);
        if self.examination > 0.0 {
            let [above, below] = &examination.sides;
            examine(&model, above, below, rng, &mut report)?;
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

fn is_negative_loss(name: &str, curve: &[f64]) -> bool {
    name.starts_with("loss/") && curve.iter().any(|loss| *loss < 0.0)
}
