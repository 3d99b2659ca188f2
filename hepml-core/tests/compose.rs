//! The shared traits carry the field's compositions: a histogram learner, a boxed one and a user's own, on tables and on
//! particle sets, and a two-step unfolding written against the traits alone and checked against its binned limit.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::ops::ControlFlow;

use hepml_core::ndarray::{Array1, ArrayView1, Axis};
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{
    Density, DynRatioEstimator, Erased, Error, EventMetric, EventSet, FitReport, Fitted, FourMomentum,
    LogRatio, Nested, Observables, ObserveWith, Observer, OnObservables, ParticleSet, ParticleSets, Progress,
    RatioEstimator, Result, Sampler, Streams, Table, Weighted,
};

/// The ratio of two histograms of one column: exact in the binned limit.
#[derive(Debug, Clone)]
struct Histograms {
    column: usize,
    edges: Vec<f64>,
}

#[derive(Debug, Clone)]
struct HistogramRatio {
    binning: Histograms,
    log_ratios: Vec<f64>,
}

impl Histograms {
    fn uniform(column: usize, bins: usize, low: f64, high: f64) -> Self {
        Self { column, edges: (0..=bins).map(|i| low + (high - low) * i as f64 / bins as f64).collect() }
    }

    fn bin(&self, row: &ArrayView1<'_, f64>) -> usize {
        self.edges[1..self.edges.len() - 1].partition_point(|edge| *edge <= row[self.column])
    }

    fn fractions(&self, side: &Weighted<Table>) -> Result<Vec<f64>> {
        let mut sums = vec![0.0; self.edges.len() - 1];
        for (row, weight) in side.events().events().zip(side.weights()) {
            sums[self.bin(&row)] += weight;
        }
        let total = side.sum_weights();
        if total <= 0.0 {
            return Err(Error::out_of_range("sum of weights", total, "positive"));
        }
        Ok(sums.into_iter().map(|sum| sum / total).collect())
    }
}

impl RatioEstimator<Table> for Histograms {
    type Model = HistogramRatio;

    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        _: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<HistogramRatio>> {
        let mut report = FitReport::new();
        let (p, q) = (self.fractions(numerator)?, self.fractions(denominator)?);
        report.measure("bins", p.len() as f64, None);
        let progress = Progress { stage: "filling", step: 1, total: Some(1), measures: &[] };
        report.stopped = observer.step(&progress).is_break();
        let log_ratios = p.iter().zip(&q).map(|(p, q)| if p == q { 0.0 } else { (p / q).ln() }).collect();
        Ok(Fitted { model: HistogramRatio { binning: self.clone(), log_ratios }, report })
    }
}

impl LogRatio<Table> for HistogramRatio {
    fn log_ratio(&self, events: &Table) -> Result<Array1<f64>> {
        Ok(events.events().map(|row| self.log_ratios[self.binning.bin(&row)]).collect())
    }
}

/// A user's own model: one method.
struct Exponentials {
    rate: f64,
}

impl LogRatio<ParticleSets> for Exponentials {
    fn log_ratio(&self, events: &ParticleSets) -> Result<Array1<f64>> {
        Ok(events.events().map(|event| self.rate * scalar_pt(event)).collect())
    }
}

/// A user's own learner of particle sets: an exponential tilt by the mean of the scalar pT.
struct Tilt;

impl RatioEstimator<ParticleSets> for Tilt {
    type Model = Exponentials;

    fn fit(
        &self,
        numerator: &Weighted<ParticleSets>,
        denominator: &Weighted<ParticleSets>,
        _: &mut dyn Rng,
        _: &mut dyn Observer,
    ) -> Result<Fitted<Exponentials>> {
        let mean = |side: &Weighted<ParticleSets>| {
            let sum: f64 =
                side.events().events().zip(side.weights()).map(|(event, w)| w * scalar_pt(event)).sum();
            sum / side.sum_weights()
        };
        let rate = 1.0 / mean(denominator) - 1.0 / mean(numerator);
        Ok(Fitted { model: Exponentials { rate }, report: FitReport::new() })
    }
}

fn scalar_pt(event: ParticleSet<'_>) -> f64 {
    event.momenta().iter().map(FourMomentum::pt).sum()
}

#[derive(Clone)]
struct ScalarPt;

impl Observables<ParticleSets> for ScalarPt {
    fn observe(&self, events: &ParticleSets) -> Result<Table> {
        let values: Array1<f64> = events.events().map(scalar_pt).collect();
        Ok(values.insert_axis(Axis(1)))
    }
}

/// OmniFold (arXiv:1911.09107, eqs. 2-5) without acceptance effects, for any learners of any two types of events.
struct TwoStep<D, T> {
    detector: D,
    truth: T,
    iterations: usize,
}

impl<D, T> TwoStep<D, T> {
    fn unfold<R: EventSet, P: EventSet>(
        &self,
        data: &Weighted<R>,
        simulated: &R,
        generated: &P,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Vec<f64>>
    where
        D: RatioEstimator<R>,
        T: RatioEstimator<P>,
    {
        let simulated = Weighted::unit(simulated.clone());
        let generated = Weighted::unit(generated.clone());
        let mut push = vec![1.0; generated.len()];
        for iteration in 0..self.iterations {
            let mut observer = Nested::new(format!("iteration {iteration}"), observer);
            let current = simulated.reweighted(push.clone())?;
            let fitted = self.detector.fit(data, &current, rng, &mut observer)?;
            let ratio = fitted.model.log_ratio(simulated.events())?;
            let pull: Vec<f64> = push.iter().zip(&ratio).map(|(w, z)| w * z.exp()).collect();
            let fitted = self.truth.fit(
                &generated.reweighted(pull)?,
                &generated.reweighted(push.clone())?,
                rng,
                &mut observer,
            )?;
            let ratio = fitted.model.log_ratio(generated.events())?;
            push.iter_mut().zip(&ratio).for_each(|(w, z)| *w *= z.exp());
        }
        Ok(push)
    }
}

/// Events with one particle of the given pT, and the same smeared to a table.
fn toy(n: usize, mean: f64, rng: &mut dyn Rng) -> (ParticleSets, Table) {
    let truth: Vec<f64> = (0..n).map(|_| -mean * f64::ln(1.0 - rng.random::<f64>())).collect();
    let smeared: Array1<f64> =
        truth.iter().map(|pt| pt + 0.8 * (rng.random::<f64>() + rng.random::<f64>() - 1.0)).collect();
    let sets =
        ParticleSets::from_events(truth.iter().map(|&pt| [FourMomentum::new(pt, 0.0, pt, 0.0)])).unwrap();
    (sets, smeared.insert_axis(Axis(1)))
}

const BINS: usize = 8;

fn binning() -> Histograms {
    Histograms::uniform(0, BINS, 0.0, 4.0)
}

/// Iterative Bayesian unfolding (D'Agostini 1995) of the same binned numbers, written from its own formula:
/// p(t) <- p(t) sum_m R(m|t) d(m) / sum_t' R(m|t') p(t').
fn bayesian_unfolding(data: &[f64], response: &[Vec<f64>], prior: &[f64], iterations: usize) -> Vec<f64> {
    let mut p = prior.to_vec();
    for _ in 0..iterations {
        let folded: Vec<f64> = (0..BINS).map(|m| (0..BINS).map(|t| response[t][m] * p[t]).sum()).collect();
        p = (0..BINS)
            .map(|t| p[t] * (0..BINS).map(|m| response[t][m] * data[m] / folded[m]).sum::<f64>())
            .collect();
    }
    p
}

#[test]
fn two_step_unfolding_is_bayesian_unfolding_in_the_binned_limit() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (generated, simulated) = toy(4000, 1.0, &mut rng);
    let (_, measured) = toy(3000, 1.3, &mut rng);
    let data = Weighted::unit(measured);
    let truth = OnObservables { observables: ScalarPt, inner: binning() };
    let unfolding = TwoStep { detector: binning(), truth, iterations: 5 };
    let mut stages = Vec::new();
    let mut observer = |p: &Progress<'_>| {
        stages.push(p.stage.to_owned());
        ControlFlow::Continue(())
    };
    let weights = unfolding.unfold(&data, &simulated, &generated, &mut rng, &mut observer).unwrap();
    assert_eq!(stages.len(), 10);
    assert_eq!(stages[9], "iteration 4/filling");

    let bins = binning();
    let observed = ScalarPt.observe(&generated).unwrap();
    let mut response = vec![vec![0.0; BINS]; BINS];
    let mut prior = vec![0.0; BINS];
    for (t, m) in observed.events().zip(simulated.events()) {
        response[bins.bin(&t)][bins.bin(&m)] += 1.0;
        prior[bins.bin(&t)] += 1.0;
    }
    for (row, count) in response.iter_mut().zip(&prior) {
        for r in row {
            *r /= count;
        }
    }
    for p in &mut prior {
        *p /= generated.event_count() as f64;
    }
    let expected = bayesian_unfolding(&bins.fractions(&data).unwrap(), &response, &prior, 5);

    let unfolded = bins.fractions(&Weighted::new(observed, weights).unwrap()).unwrap();
    for (got, expected) in unfolded.iter().zip(&expected) {
        assert!((got - expected).abs() < 1e-12, "{unfolded:?} {expected:?}");
    }
    assert!((unfolded[0] - prior[0]).abs() > 0.03, "the unfolding moved nothing");
}

#[test]
fn erased_and_concrete_learners_agree() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (_, numerator) = toy(500, 1.3, &mut rng);
    let (_, denominator) = toy(500, 1.0, &mut rng);
    let (numerator, denominator) = (Weighted::unit(numerator), Weighted::unit(denominator));
    let concrete = binning().fit(&numerator, &denominator, &mut rng, &mut ()).unwrap();
    let learners: Vec<Box<dyn DynRatioEstimator<Table>>> =
        vec![Box::new(Erased(binning())), Box::new(Erased(Histograms::uniform(0, 3, 0.0, 4.0)))];
    let models: Vec<Box<dyn LogRatio<Table>>> =
        learners.iter().map(|l| l.fit(&numerator, &denominator, &mut rng, &mut ()).unwrap().model).collect();
    let events = denominator.events();
    assert_eq!(models[0].log_ratio(events).unwrap(), concrete.model.log_ratio(events).unwrap());
    assert_ne!(models[1].log_ratio(events).unwrap(), concrete.model.log_ratio(events).unwrap());
    assert_eq!(concrete.report.get("bins").unwrap().value, BINS as f64);
    // E_den[r] = 1, whatever the binning (no empty denominator bins here).
    for model in &models {
        let mean = model.log_ratio(events).unwrap().mapv(f64::exp).mean().unwrap();
        assert!((mean - 1.0).abs() < 1e-12, "{mean}");
    }
}

#[test]
fn learners_of_particle_sets_compose() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (numerator, denominator) = (toy(2000, 1.3, &mut rng).0, toy(2000, 1.0, &mut rng).0);
    let (numerator, denominator) = (Weighted::unit(numerator), Weighted::unit(denominator));
    let by_closure = ObserveWith(|sets: &ParticleSets| ScalarPt.observe(sets));
    let boxed: Box<dyn DynRatioEstimator<Table>> = Box::new(Erased(binning()));
    let learners: Vec<Box<dyn DynRatioEstimator<ParticleSets>>> = vec![
        Box::new(Erased(Tilt)),
        Box::new(Erased(OnObservables { observables: ScalarPt, inner: binning() })),
        Box::new(Erased(OnObservables { observables: by_closure, inner: boxed })),
    ];
    let ratios: Vec<Array1<f64>> = std::thread::scope(|scope| {
        let streams = Streams::from_rng(&mut rng);
        let threads: Vec<_> = learners
            .iter()
            .enumerate()
            .map(|(i, learner)| {
                let (numerator, denominator) = (&numerator, &denominator);
                scope.spawn(move || {
                    let fitted =
                        learner.fit(numerator, denominator, &mut streams.stream(i as u64), &mut ())?;
                    fitted.model.log_ratio(denominator.events())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
    });
    assert_eq!(ratios[1], ratios[2]);
    // The tilt is the exact model of two exponentials, up to its normalisation: slope 1 - 1/1.3.
    let slope = Exponentials { rate: 1.0 - 1.0 / 1.3 }.log_ratio(denominator.events()).unwrap();
    let far = (&ratios[0] - &slope).mapv(f64::abs).into_iter().fold(0.0, f64::max);
    assert!(far < 0.1 * slope.iter().fold(0.0, |m: f64, z| m.max(*z)), "{far}");
}

#[derive(Debug, thiserror::Error)]
#[error("mine")]
struct Mine;

#[test]
fn stops_and_errors_travel() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (_, table) = toy(50, 1.0, &mut rng);
    let sample = Weighted::unit(table.clone());
    let mut stop = |_: &Progress<'_>| ControlFlow::Break(());
    assert!(binning().fit(&sample, &sample, &mut rng, &mut stop).unwrap().report.stopped);
    let cancelled = sample.reweighted(vec![0.0; 50]).unwrap();
    let error = binning().fit(&cancelled, &sample, &mut rng, &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "sum of weights is 0, but must be positive");
    let mut weights = vec![1.0; 50];
    weights[7] = f64::NAN;
    assert_eq!(sample.reweighted(weights).unwrap_err().to_string(), "weight of event 7 is not finite (NaN)");

    assert!(Error::other(Mine).downcast_ref::<Mine>().is_some());
    assert!(Error::other(Mine).downcast_ref::<std::fmt::Error>().is_none());
}

#[test]
fn weighted_samples_split_and_fold() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let rows: Table = Array1::from_iter((0..100).map(f64::from)).insert_axis(Axis(1));
    let weights: Vec<f64> = (0..100).map(|i| if i % 5 == 0 { -1.0 } else { 2.0 }).collect();
    let sample = Weighted::new(rows, weights).unwrap();
    assert_eq!((sample.sum_weights(), sample.sum_squared_weights()), (140.0, 340.0));
    assert!((sample.effective_sample_size() - 140.0 * 140.0 / 340.0).abs() < 1e-12);
    assert!((sample.negative_fraction() - 0.2).abs() < 1e-15);
    let (train, test) = sample.split(0.7, &mut rng).unwrap();
    assert_eq!((train.len(), test.len()), (70, 30));
    assert_eq!(sample.split(0.666, &mut rng).unwrap().0.len(), 67, "a fraction of events is rounded");
    let both = Weighted::concat(&[&train, &test]).unwrap();
    let mut seen: Vec<(f64, f64)> =
        both.events().iter().copied().zip(both.weights().iter().copied()).collect();
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    let expected: Vec<(f64, f64)> =
        sample.events().iter().copied().zip(sample.weights().iter().copied()).collect();
    assert_eq!(seen, expected);
    let folds = sample.folds(7, &mut rng).unwrap();
    assert!(folds.iter().all(|fold| (14..=15).contains(&fold.len())));
    let mut all: Vec<usize> = folds.concat();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
    for bad in [-0.1, 1.1, f64::NAN] {
        assert!(sample.split(bad, &mut rng).is_err());
    }
    assert!(sample.folds(1, &mut rng).is_err() && sample.folds(101, &mut rng).is_err());
    // Same seed, same split: value stability.
    let again = sample.split(0.7, &mut ChaCha8Rng::seed_from_u64(6)).unwrap().0;
    let once = sample.split(0.7, &mut ChaCha8Rng::seed_from_u64(6)).unwrap().0;
    assert_eq!(again.events(), once.events());
    // Scales at which squares overflow or vanish.
    for scale in [1e300, 1e-300] {
        let scaled = sample.reweighted(sample.weights().iter().map(|w| w * scale).collect()).unwrap();
        assert!((scaled.effective_sample_size() - sample.effective_sample_size()).abs() < 1e-9);
    }
}

/// A density and its sampler, boxed.
struct Uniform;

impl Density<Table> for Uniform {
    fn log_prob(&self, events: &Table) -> Result<Array1<f64>> {
        let inside = |row: &ArrayView1<'_, f64>| row.iter().all(|x| (0.0..1.0).contains(x));
        Ok(events.events().map(|row| if inside(&row) { 0.0 } else { f64::NEG_INFINITY }).collect())
    }
}

impl Sampler<Table> for Uniform {
    fn sample(&self, n: usize, rng: &mut dyn Rng) -> Result<Table> {
        Ok(Table::from_shape_simple_fn((n, 2), || rng.random()))
    }
}

/// A distance of events, used through a reference and a box.
struct Difference;

impl EventMetric<ParticleSets> for Difference {
    fn distance(&self, a: ParticleSet<'_>, b: ParticleSet<'_>) -> Result<f64> {
        Ok((scalar_pt(a) - scalar_pt(b)).abs())
    }
}

#[test]
fn densities_samplers_and_metrics_work_behind_pointers() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let sampler: Box<dyn Sampler<Table>> = Box::new(Uniform);
    let density: Box<dyn Density<Table>> = Box::new(Uniform);
    let sample = sampler.sample(10, &mut rng).unwrap();
    assert_eq!(sample.dim(), (10, 2));
    assert!(density.log_prob(&sample).unwrap().iter().all(|z| *z == 0.0));
    let metric: Box<dyn EventMetric<ParticleSets>> = Box::new(Difference);
    let sets = toy(2, 1.0, &mut rng).0;
    let distance = metric.distance(sets.event(0), sets.event(1)).unwrap();
    assert_eq!(distance, metric.distance(sets.event(1), sets.event(0)).unwrap());
    assert!(distance > 0.0);
}
