//! Ensembles of models.

use std::io::{Read, Write};

use hepml_core::rand::{Rng, RngExt};
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    EventSet, FitReport, Fitted, Load, ModelFile, Observables, Observer, Save, Table, Weighted, fit_parts,
};

use super::{LearnerConfig, Model, Spread, Uncertainty};
use crate::error::{Error, Result};
use crate::network::{Architecture, EncodedOf, EventsOf, Network};
use crate::scalar::Scalar;

const KIND: &str = "hepml-nn/ensemble";
/// The version of the layout of saved ensembles.
const LAYOUT: u32 = 1;

/// Models of the same events: the members of a fit by [`EnsembleConfig`], or draws of a posterior
/// ([`Model::draws`]). Its observables are the means of theirs.
///
/// ```
/// use hepml_core::{ndarray::Array2, rand::SeedableRng, rand_chacha::ChaCha8Rng, Weighted};
/// use hepml_nn::{EnsembleConfig, LearnerConfig, Loss, MlpConfig, StackConfig, TrainingConfig};
///
/// let events = Array2::from_shape_fn((200, 1), |(i, _)| i as f64 / 100.0 - 1.0);
/// let targets = events.mapv(|x| x * x);
/// let learner = LearnerConfig::new(MlpConfig::new(1).hidden(StackConfig::new([16])), Loss::MeanSquared)
///     .training(TrainingConfig::new().epochs(20).rate(1e-2));
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// let events = Weighted::unit(events);
/// let fitted = EnsembleConfig::new(4).bootstrap(true).fit(&learner, &events, &targets, &mut rng, &mut ())?;
/// let spread = fitted.model.spread(events.events())?;
/// assert_eq!(spread.deviation.dim(), (200, 1));
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ensemble<M> {
    members: Vec<M>,
}

impl<M> Ensemble<M> {
    /// An ensemble of these members.
    ///
    /// # Errors
    /// No members.
    pub fn new(members: Vec<M>) -> Result<Self> {
        if members.is_empty() {
            return Err(hepml_core::Error::Empty { what: "ensemble".into() }.into());
        }
        Ok(Self { members })
    }

    /// The members.
    pub fn members(&self) -> &[M] {
        &self.members
    }

    /// Mean and standard deviation over the members, in each event.
    ///
    /// # Errors
    /// Those of the members; a single member.
    pub fn spread<E>(&self, events: &E) -> Result<Spread>
    where
        M: Observables<E>,
    {
        Spread::of(self.members.iter().map(|member| Ok(member.observe(events)?)))
    }

    /// Mean, aleatoric and epistemic deviation of the targets, for members whose observables are means and then ln variances:
    /// those fitted with [`Loss::Gaussian`](crate::Loss::Gaussian).
    ///
    /// # Errors
    /// As [`spread`](Self::spread); an odd number of observables; variances that overflow, naming the event.
    pub fn uncertainty<E>(&self, events: &E) -> Result<Uncertainty>
    where
        M: Observables<E>,
    {
        Uncertainty::of(self.members.iter().map(|member| Ok(member.observe(events)?)))
    }
}

/// The means of the members' observables.
impl<E, M: Observables<E>> Observables<E> for Ensemble<M> {
    fn observe(&self, events: &E) -> hepml_core::Result<Table> {
        let [first, rest @ ..] = &self.members[..] else {
            return Err(hepml_core::Error::Empty { what: "ensemble".into() });
        };
        let mut sum = first.observe(events)?;
        for member in rest {
            let table = member.observe(events)?;
            if table.dim() != sum.dim() {
                let (a, b) = (sum.dim(), table.dim());
                return Err(Error::Shapes { operation: "observables of members", a, b }.into());
            }
            sum += &table;
        }
        Ok(sum / self.members.len() as f64)
    }
}

impl<M: Save> Save for Ensemble<M> {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, LAYOUT, &self.members.len())?;
        for (index, member) in self.members.iter().enumerate() {
            file.insert_model(name(index), member)?;
        }
        file.save(writer)
    }
}

impl<M: Load> Load for Ensemble<M> {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, LAYOUT)?;
        let (count, got): (usize, usize) = (file.header()?, file.model_names().count());
        if count != got {
            return Err(hepml_core::Error::Model(format!("an ensemble of {count} with {got} members")));
        }
        let members = (0..count).map(|index| file.model(&name(index))).collect::<hepml_core::Result<_>>()?;
        Ok(Self::new(members)?)
    }
}

/// What a member is called in files, reports and progress.
fn name(index: usize) -> String {
    format!("member {index}")
}

/// How an [`Ensemble`] is fitted: how many members, and whether each sees the same events.
///
/// Members differ by their first weights, by what is held out and by the order of the events (deep ensembles,
/// arXiv:1612.01474). Their spread is then what training leaves open. It is not the statistical error of the training events,
/// which all of them share: for that, let each see a bootstrap replica of them. The spread of a bootstrap is that of fits to other
/// events of the same number and distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct EnsembleConfig {
    members: usize,
    bootstrap: bool,
}

impl Default for EnsembleConfig {
    /// Five members of the same events.
    fn default() -> Self {
        Self::new(5)
    }
}

impl EnsembleConfig {
    /// So many members of the same events.
    pub fn new(members: usize) -> Self {
        Self { members, bootstrap: false }
    }

    /// Whether a member's weight of an event is multiplied by how often it was drawn in N draws of N events with replacement
    /// (Efron 1979). As a weight, no event is both learned and held out.
    #[must_use]
    pub fn bootstrap(mut self, bootstrap: bool) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// An ensemble of fits to targets ([`LearnerConfig::fit`]). Members are fitted at the same time, and come out the same
    /// whatever the number of threads.
    ///
    /// # Errors
    /// No members; those of the first member that fails.
    pub fn fit<A: Architecture, T: Scalar>(
        &self,
        learner: &LearnerConfig<A, T>,
        events: &Weighted<EventsOf<A>>,
        targets: &Table,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Ensemble<Model<A, T>>>>
    where
        A::Network: Network<T, Input = EncodedOf<A, T>>,
    {
        self.fit_with(events, rng, observer, |events, rng, observer| {
            learner.fit(events, targets, rng, observer)
        })
    }

    /// An ensemble of classifiers ([`LearnerConfig::fit_classes`]), whose observables are the means of the members'
    /// probabilities.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_classes<A: Architecture, T: Scalar>(
        &self,
        learner: &LearnerConfig<A, T>,
        events: &Weighted<EventsOf<A>>,
        labels: &[usize],
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Ensemble<Model<A, T>>>>
    where
        A::Network: Network<T, Input = EncodedOf<A, T>>,
    {
        self.fit_with(events, rng, observer, |events, rng, observer| {
            learner.fit_classes(events, labels, rng, observer)
        })
    }

    /// An ensemble of anything that is fitted to weighted events: `fit` gets those of a member, and a generator and an observer
    /// of its own.
    ///
    /// The observer sees the members' progress under their names (`member 0/training`), several at a time. Where it breaks, the
    /// members that are finished are kept. The report has those of the members as parts, their warnings, and the measure
    /// `members`.
    ///
    /// # Errors
    /// No members; no member finished when the observer broke; those of the first member that fails.
    pub fn fit_with<E, M, F>(
        &self,
        events: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
        fit: F,
    ) -> Result<Fitted<Ensemble<M>>>
    where
        E: EventSet,
        M: Send,
        F: Fn(&Weighted<E>, &mut dyn Rng, &mut dyn Observer) -> Result<Fitted<M>> + Sync,
    {
        if self.members == 0 {
            return Err(hepml_core::Error::out_of_range("number of members", 0.0, "at least 1").into());
        }
        let fits = fit_parts(self.members, "member", rng, observer, |_, rng, observer| {
            if self.bootstrap {
                replica(events, rng).and_then(|events| fit(&events, rng, observer))
            } else {
                fit(events, rng, observer)
            }
        })?;

        let mut report = FitReport::new();
        let mut members = Vec::with_capacity(self.members);
        for (member, fitted) in fits.into_iter().enumerate() {
            let Some(fitted) = fitted else { continue };
            for warning in &fitted.report.warnings {
                report.warn(format!("{}: {warning}", name(member)));
            }
            report.part(name(member), fitted.report);
            members.push(fitted.model);
        }
        report.stopped = members.len() < self.members;
        if members.is_empty() {
            return Err(
                hepml_core::Error::Stopped { stage: "the first members of an ensemble".into() }.into()
            );
        }
        report.measure("members", members.len() as f64, None);
        if report.stopped {
            report.warn(format!("stopped with {} of {} members", members.len(), self.members));
        }
        Ok(Fitted { model: Ensemble::new(members)?, report })
    }
}

/// The events with bootstrapped weights.
fn replica<E: EventSet>(events: &Weighted<E>, rng: &mut dyn Rng) -> Result<Weighted<E>> {
    let count = events.len();
    let mut weights = vec![0.0; count];
    for _ in 0..count {
        let event = rng.random_range(0..count);
        weights[event] += events.weights()[event];
    }
    Ok(events.reweighted(weights)?)
}
