//! Ensembles of ratios.

use std::io::{Read, Write};

use hepml_core::ndarray::Array1;
use hepml_core::rand::{Rng, RngExt};
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, EventSet, FitReport, Fitted, Item, Load, LogRatio, ModelFile, Observer,
    RatioEstimator, Save, Weighted, fit_parts,
};

use crate::error::Result;
use crate::report::{examine_part, of_densities, warn_of_side};
use crate::split::{Part, SIDES, split_alike};

const KIND: &str = "hepml-ratio/ensemble";
/// The version of the layout of saved ensembles.
const LAYOUT: u32 = 1;

/// How the ratios of an ensemble's members are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum EnsembleMean {
    /// The mean of r: it keeps E_den\[r\] = 1 where the members have it, and follows the largest.
    #[default]
    Arithmetic,
    /// The mean of z = ln r: antisymmetric under exchange of the sides, and never above the arithmetic one.
    Geometric,
}

/// Ratios of the same events whose mean is a ratio, and whose spread says what the fits leave open.
#[derive(Debug, Clone, PartialEq)]
pub struct EnsembleRatio<M> {
    members: Vec<M>,
    mean: EnsembleMean,
}

/// What the members of an ensemble say of each event.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioSpread {
    /// ln r of the ensemble.
    pub log_ratio: Array1<f64>,
    /// The standard deviation of ln r over the members, with 1/(K - 1): of one member, not of the mean.
    pub deviation: Array1<f64>,
}

impl<M> EnsembleRatio<M> {
    /// An ensemble of these members.
    ///
    /// # Errors
    /// No members.
    pub fn new(members: Vec<M>, mean: EnsembleMean) -> Result<Self> {
        if members.is_empty() {
            return Err(CoreError::Empty { what: "ensemble".into() }.into());
        }
        Ok(Self { members, mean })
    }

    /// The members.
    pub fn members(&self) -> &[M] {
        &self.members
    }

    /// How their ratios are put together.
    pub fn mean(&self) -> EnsembleMean {
        self.mean
    }

    /// The ensemble's ln r and its spread, of each event.
    ///
    /// # Errors
    /// Those of the members; a single member; ln r of a member that is infinite, naming the event.
    pub fn spread<E: ?Sized>(&self, events: &E) -> Result<RatioSpread>
    where
        M: LogRatio<E>,
    {
        let count = self.members.len();
        if count < 2 {
            let allowed = "at least 2 for a spread";
            return Err(CoreError::out_of_range("number of members", count as f64, allowed).into());
        }
        let z = self.of_members(events)?;
        for z in &z {
            if let Some((event, &value)) = z.iter().enumerate().find(|(_, z)| z.is_infinite()) {
                let what = "log ratio of a member".into();
                return Err(CoreError::NotFinite { what, item: Item::event(event), value }.into());
            }
        }
        let deviation = Array1::from_shape_fn(z[0].len(), |event| {
            let mean = z.iter().map(|z| z[event]).sum::<f64>() / count as f64;
            let squares: f64 = z.iter().map(|z| (z[event] - mean).powi(2)).sum();
            (squares / (count - 1) as f64).sqrt()
        });
        Ok(RatioSpread { log_ratio: self.put_together(&z), deviation })
    }

    /// ln r of each member.
    fn of_members<E: ?Sized>(&self, events: &E) -> Result<Vec<Array1<f64>>>
    where
        M: LogRatio<E>,
    {
        let mut z: Vec<Array1<f64>> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let of_member = member.log_ratio(events)?;
            if let Some(first) = z.first()
                && of_member.len() != first.len()
            {
                return Err(CoreError::shape("log ratios of a member", first.len(), of_member.len()).into());
            }
            if let Some((event, &value)) = of_member.iter().enumerate().find(|(_, z)| z.is_nan()) {
                let what = "log ratio of a member".into();
                return Err(CoreError::NotFinite { what, item: Item::event(event), value }.into());
            }
            z.push(of_member);
        }
        Ok(z)
    }

    fn put_together(&self, z: &[Array1<f64>]) -> Array1<f64> {
        let count = z.len() as f64;
        Array1::from_shape_fn(z[0].len(), |event| match self.mean {
            EnsembleMean::Geometric => z.iter().map(|z| z[event]).sum::<f64>() / count,
            EnsembleMean::Arithmetic => {
                let largest = z.iter().map(|z| z[event]).fold(f64::NEG_INFINITY, f64::max);
                if largest.is_infinite() {
                    return largest;
                }
                let sum: f64 = z.iter().map(|z| (z[event] - largest).exp()).sum();
                largest + (sum / count).ln()
            }
        })
    }
}

/// The members' mean. Geometrically, an event that one member calls infinite and another one 0 has none, and is an error.
impl<E: ?Sized, M: LogRatio<E>> LogRatio<E> for EnsembleRatio<M> {
    fn log_ratio(&self, events: &E) -> hepml_core::Result<Array1<f64>> {
        let z = self.put_together(&self.of_members(events)?);
        match z.iter().position(|z| z.is_nan()) {
            None => Ok(z),
            Some(event) => {
                let what = "geometric mean of ratios that are 0 and infinite".into();
                Err(CoreError::NotFinite { what, item: Item::event(event), value: z[event] })
            }
        }
    }
}

impl<M: Save> Save for EnsembleRatio<M> {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, LAYOUT, &(self.members.len(), self.mean))?;
        for (index, member) in self.members.iter().enumerate() {
            file.insert_model(name(index), member)?;
        }
        file.save(writer)
    }
}

impl<M: Load> Load for EnsembleRatio<M> {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, LAYOUT)?;
        let ((count, mean), got): ((usize, EnsembleMean), usize) =
            (file.header()?, file.model_names().count());
        if count != got {
            return Err(CoreError::Model(format!("an ensemble of {count} with {got} members")));
        }
        let members = (0..count).map(|index| file.model(&name(index))).collect::<hepml_core::Result<_>>()?;
        Ok(Self::new(members, mean)?)
    }
}

/// What a member is called in files and reports.
fn name(index: usize) -> String {
    format!("member {index}")
}

/// Fits an [`EnsembleRatio`]: several members by the same estimator, at the same time, each with random numbers of its own.
///
/// Members differ by what their estimator draws: first weights, what it holds out, the order of events (deep ensembles,
/// arXiv:1612.01474). Their spread is then what the fit leaves open, not the statistical error of the events, which all members share:
/// for that, let each see a [bootstrap](Self::bootstrap) replica. The result does not depend on the number of threads.
///
/// A tenth of each side is held out from all members, and what it says of the mean is in the report (see
/// [`examine`](crate::report::examine)): a warning, if the mean has no ln r at one of its events. The reports
/// of the members are its parts. Where the observer stops the fit, the members that are finished are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct EnsembleConfig<R> {
    estimator: R,
    members: usize,
    mean: EnsembleMean,
    bootstrap: bool,
    examination: f64,
}

impl<R> EnsembleConfig<R> {
    /// So many members by this estimator, with the arithmetic mean, all of the same events.
    pub fn new(estimator: R, members: usize) -> Self {
        Self { estimator, members, mean: EnsembleMean::default(), bootstrap: false, examination: 0.1 }
    }

    /// How the ratios of the members are put together.
    #[must_use]
    pub fn mean(mut self, mean: EnsembleMean) -> Self {
        self.mean = mean;
        self
    }

    /// Whether a member's weight of an event is multiplied by how often it was drawn in n draws of its side's n events with
    /// replacement (Efron 1979). As a weight, no event is both learned and held out by a member.
    #[must_use]
    pub fn bootstrap(mut self, bootstrap: bool) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// The fraction of each side on which the mean is examined; 0 for none.
    #[must_use]
    pub fn examination(mut self, fraction: f64) -> Self {
        self.examination = fraction;
        self
    }
}

impl<R> EnsembleConfig<R> {
    fn learn<E: EventSet>(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<EnsembleRatio<R::Model>>>
    where
        R: RatioEstimator<E>,
        R::Model: Send,
    {
        if self.members == 0 {
            return Err(CoreError::out_of_range("number of members", 0.0, "at least 1").into());
        }
        let sides = [numerator, denominator];
        let (held_out, training) = if self.examination == 0.0 {
            (None, Part::whole(sides))
        } else {
            let [held_out, training] = split_alike(sides, self.examination, rng)?;
            (Some(held_out), training)
        };
        let [numerator, denominator] = &training.sides;
        let fits = fit_parts(self.members, "member", rng, observer, |_, rng, observer| {
            let fitted = if self.bootstrap {
                let (numerator, denominator) = (replica(numerator, rng)?, replica(denominator, rng)?);
                self.estimator.fit(&numerator, &denominator, rng, observer)
            } else {
                self.estimator.fit(numerator, denominator, rng, observer)
            };
            fitted.map_err(|error| training.named(error))
        })?;

        let mut report = FitReport::new();
        of_densities(&mut report);
        for (name, side) in SIDES.into_iter().zip(sides) {
            warn_of_side(name, side.weights(), &mut report);
        }
        let mut members = Vec::with_capacity(self.members);
        for (index, fitted) in fits.into_iter().enumerate() {
            let Some(fitted) = fitted else { continue };
            for warning in &fitted.report.warnings {
                report.warn(format!("{}: {warning}", name(index)));
            }
            report.part(name(index), fitted.report);
            members.push(fitted.model);
        }
        if members.is_empty() {
            return Err(CoreError::Stopped { stage: "the first members of an ensemble".into() }.into());
        }
        report.measure("members", members.len() as f64, None);
        if members.len() < self.members {
            report.stopped = true;
            report.warn(format!("stopped with {} of {} members", members.len(), self.members));
        }
        let model = EnsembleRatio::new(members, self.mean)?;
        if let Some(part) = held_out {
            examine_part(&model, &part, rng, &mut report)?;
        }
        Ok(Fitted { model, report })
    }
}

impl<E, R> RatioEstimator<E> for EnsembleConfig<R>
where
    E: EventSet,
    R: RatioEstimator<E>,
    R::Model: Send,
{
    type Model = EnsembleRatio<R::Model>;

    fn fit(
        &self,
        numerator: &Weighted<E>,
        denominator: &Weighted<E>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> hepml_core::Result<Fitted<Self::Model>> {
        Ok(self.learn(numerator, denominator, rng, observer)?)
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

#[cfg(test)]
mod tests {
    use hepml_core::ndarray::array;
    use hepml_core::rand::SeedableRng;
    use hepml_core::rand_chacha::ChaCha8Rng;
    use hepml_core::{Progress, Result as CoreResult, Table};
    use std::ops::ControlFlow;

    use super::*;

    /// A constant ratio.
    #[derive(Debug, Clone, PartialEq)]
    struct Constant(f64);

    impl LogRatio<Table> for Constant {
        fn log_ratio(&self, events: &Table) -> CoreResult<Array1<f64>> {
            Ok(Array1::from_elem(events.nrows(), self.0))
        }
    }

    /// Draws a constant, after as many steps.
    struct Draws;

    impl RatioEstimator<Table> for Draws {
        type Model = Constant;

        fn fit(
            &self,
            numerator: &Weighted<Table>,
            _: &Weighted<Table>,
            rng: &mut dyn Rng,
            observer: &mut dyn Observer,
        ) -> CoreResult<Fitted<Constant>> {
            for step in 1..=3 {
                let progress = Progress { stage: "drawing", step, total: Some(3), measures: &[] };
                if observer.step(&progress) == ControlFlow::Break(()) {
                    return Err(CoreError::Stopped { stage: "drawing".into() });
                }
            }
            let model = Constant(rng.random::<f64>() + numerator.sum_weights());
            Ok(Fitted { model, report: FitReport::new() })
        }
    }

    fn sides() -> [Weighted<Table>; 2] {
        [0.0, 1.0].map(|shift| Weighted::unit(Table::from_shape_fn((50, 1), |(i, _)| i as f64 + shift)))
    }

    #[test]
    fn means_and_spread_are_those_of_the_formulas() {
        let table: Table = array![[0.0]];
        let of = |z: &[f64], mean| {
            let ensemble = EnsembleRatio::new(z.iter().map(|z| Constant(*z)).collect(), mean).unwrap();
            (ensemble.log_ratio(&table), ensemble.spread(&table))
        };
        let (z, spread) = of(&[1.0, 2.0, 6.0], EnsembleMean::Geometric);
        assert_eq!((z.unwrap()[0], spread.unwrap().deviation[0]), (3.0, 7.0_f64.sqrt()));
        let (z, _) = of(&[2.0_f64.ln(), 4.0_f64.ln()], EnsembleMean::Arithmetic);
        assert!((z.unwrap()[0] - 3.0_f64.ln()).abs() < 1e-15);
        let (z, _) = of(&[900.0, 900.0], EnsembleMean::Arithmetic);
        assert_eq!(z.unwrap()[0], 900.0);
        let (z, spread) = of(&[f64::NEG_INFINITY, 0.0], EnsembleMean::Arithmetic);
        assert!((z.unwrap()[0] + 2.0_f64.ln()).abs() < 1e-15);
        assert!(spread.unwrap_err().to_string().contains("event 0"));
        let (z, _) = of(&[f64::NEG_INFINITY, f64::INFINITY], EnsembleMean::Geometric);
        assert!(z.unwrap_err().to_string().contains("event 0"));
        let (_, spread) = of(&[1.0], EnsembleMean::Geometric);
        assert!(spread.unwrap_err().to_string().contains("at least 2"));
        assert!(EnsembleRatio::<Constant>::new(Vec::new(), EnsembleMean::Geometric).is_err());
    }

    #[test]
    fn members_have_streams_of_their_own() {
        let [numerator, denominator] = sides();
        let fit = |bootstrap: bool| {
            let config = EnsembleConfig::new(Draws, 4).bootstrap(bootstrap);
            config.fit(&numerator, &denominator, &mut ChaCha8Rng::seed_from_u64(1), &mut ()).unwrap()
        };
        let fitted = fit(false);
        let z: Vec<f64> = fitted.model.members().iter().map(|member| member.0).collect();
        assert!((1..4).all(|i| z[i] != z[i - 1]), "{z:?}");
        assert_eq!(fitted.report.parts.len(), 4);
        assert!(fitted.report.get("normalisation").is_some());
        assert_eq!(fit(false).model, fitted.model);
        assert_ne!(fit(true).model, fitted.model);
    }

    #[test]
    fn what_is_finished_is_kept() {
        let [numerator, denominator] = sides();
        let mut steps = 0;
        let mut observer = |progress: &Progress<'_>| {
            assert!(progress.stage.starts_with("member ") && progress.stage.ends_with("/drawing"));
            steps += 1;
            if steps > 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let config = EnsembleConfig::new(Draws, 4);
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let fitted = config.fit(&numerator, &denominator, rng, &mut observer).unwrap();
        assert!(fitted.report.stopped && (1..4).contains(&fitted.model.members().len()));
        let mut never = |_: &Progress<'_>| ControlFlow::Break(());
        let error = config.fit(&numerator, &denominator, rng, &mut never).unwrap_err();
        assert!(matches!(error, CoreError::Stopped { .. }));
    }

    #[test]
    fn heavy_events_are_named_wherever_they_end_up() {
        let [numerator, denominator] = sides();
        for event in 0..50 {
            let mut weights = vec![1.0; 50];
            weights[event] = 1e12;
            let heavy = denominator.reweighted(weights).unwrap();
            let rng = &mut ChaCha8Rng::seed_from_u64(2);
            let fitted = EnsembleConfig::new(Draws, 2).fit(&numerator, &heavy, rng, &mut ()).unwrap();
            let expected = format!("event {event} of the denominator carries 100 % of its weight");
            let is_expected = |warning: &String| warning.starts_with(&expected);
            assert!(fitted.report.warnings.iter().any(is_expected), "{:?}", fitted.report.warnings);
        }
    }

    /// r of 0 at some place, and a number that is none at another.
    #[derive(Debug, Clone, Copy)]
    struct Holes([f64; 2]);

    impl LogRatio<Table> for Holes {
        fn log_ratio(&self, events: &Table) -> CoreResult<Array1<f64>> {
            for (event, x) in events.iter().enumerate() {
                if *x == self.0[0] {
                    return Err(CoreError::out_of_range("ratio", 0.0, "positive").at_event(event));
                } else if *x == self.0[1] {
                    return Err(CoreError::not_finite("x", f64::NAN).at_event(event));
                }
            }
            Ok(Array1::zeros(events.nrows()))
        }
    }

    impl RatioEstimator<Table> for Holes {
        type Model = Self;

        fn fit(
            &self,
            _: &Weighted<Table>,
            _: &Weighted<Table>,
            _: &mut dyn Rng,
            _: &mut dyn Observer,
        ) -> CoreResult<Fitted<Self>> {
            Ok(Fitted { model: *self, report: FitReport::new() })
        }
    }

    #[test]
    fn a_ratio_that_is_not_positive_is_no_end_of_a_fit() {
        let [numerator, denominator] = sides();
        let fit = |holes: [f64; 2]| {
            let config = EnsembleConfig::new(Holes(holes), 2).examination(0.9);
            config.fit(&numerator, &denominator, &mut ChaCha8Rng::seed_from_u64(3), &mut ())
        };
        // One of them is held out.
        let (mut warned, mut refused) = (0, 0);
        for event in 0..5 {
            let place = f64::from(event);
            let fitted = fit([place, -1.0]).unwrap();
            let text = format!("the ratio is not examined: numerator: ratio of event {event} is 0");
            warned += usize::from(fitted.report.warnings.iter().any(|warning| warning.starts_with(&text)));
            // Bad input is an error.
            let text = format!("numerator: x of event {event} is not finite (NaN)");
            refused += usize::from(fit([-1.0, place]).is_err_and(|error| error.to_string() == text));
        }
        assert!(warned > 0 && warned == refused, "{warned} {refused}");
    }

    #[test]
    fn bad_input() {
        let [numerator, denominator] = sides();
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        for config in [EnsembleConfig::new(Draws, 0), EnsembleConfig::new(Draws, 2).examination(1.0)] {
            assert!(config.fit(&numerator, &denominator, rng, &mut ()).is_err());
        }
    }
}
