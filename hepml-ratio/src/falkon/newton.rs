//! Newton's steps along the path of penalties, each solved for by preconditioned conjugate gradients.

use std::ops::ControlFlow;

use hepml_core::nalgebra::DVector;
use hepml_core::ndarray::{Array1, Array2};
use hepml_core::rand::{Rng, RngExt};
use hepml_core::{Error as CoreError, FitReport, Fitted, Observer, Progress, Streams, Table, Weighted};

use super::centres::{self, Centres};
use super::cholesky::Cholesky;
use super::config::{CentreSampling, FalkonConfig};
use super::kernel::{self, Kernel, KernelEvents};
use super::model::FalkonRatio;
use super::problem::{Logistic, Side};
use crate::error::{Error, Result};
use crate::loss::RatioLoss;
use crate::standardisation::{Standardisation, warn_of_constant_columns};
use crate::training_tables::TrainingTables;

/// Halvings of a step before it counts as no step at all: what is left is below rounding.
const HALVINGS: u32 = 40;
/// The part of the fall that the slope promises which a step must bring (Armijo).
const ARMIJO: f64 = 1e-4;
/// Random vectors for the effective dimension.
const PROBES: u64 = 16;
/// The jitter that is tried first, times M. Directions of K_MM whose eigenvalue is far below lambda M are suppressed by the penalty, so
/// it is nothing where lambda is far above this; and T^-1 amplifies the rounding of kernels by no more than its root's inverse.
const JITTER: f64 = 1e-12;
/// The part of lambda M from which a jitter is worth a warning.
const LARGE_JITTER: f64 = 0.1;

pub(super) fn fit(
    config: &FalkonConfig,
    numerator: &Weighted<Table>,
    denominator: &Weighted<Table>,
    rng: &mut dyn Rng,
    observer: &mut dyn Observer,
) -> Result<Fitted<FalkonRatio>> {
    config.check()?;
    let mut report = FitReport::new();
    let training = TrainingTables::new([numerator, denominator], config.examination, rng, &mut report)?;
    let sides = [Side::new(&training.sides[0]), Side::new(&training.sides[1])];
    let standardisation = Standardisation::of(&training.sides);
    let used = standardisation.used();
    if used.is_empty() {
        return Err(CoreError::Empty { what: "list of features that are not constant".into() }.into());
    }
    warn_of_constant_columns(&training.sides, &mut report);
    standardisation.warn_of_narrow_columns(&training.sides, &mut report);
    describe_weights(&mut report, &training.sides);

    let dimension = used.len();
    let points: Vec<f64> =
        training.sides.iter().flat_map(|side| standardisation.rows(side.events())).collect();
    let absolute: Vec<f64> = sides.iter().flat_map(Side::absolute).collect();
    let streams = Streams::from_rng(rng);
    let present = || absolute.iter().map(|w| if *w > 0.0 { 1.0 } else { 0.0 });
    let uniform = centres::random_order(present(), &mut streams.stream(0));
    let order = match config.sampling {
        CentreSampling::Uniform => &uniform,
        CentreSampling::ByWeight => &centres::random_order(absolute.iter().copied(), &mut streams.stream(0)),
    };
    let chosen = Centres::choose(config, order, &points, dimension)?;
    if chosen.missing > 0 {
        report.warn(format!(
            "{} centres instead of {}: no more events with a weight differ from one another",
            chosen.events.len(),
            chosen.events.len() + chosen.missing
        ));
    }
    let width = centres::width(config.width, &uniform, &points, dimension)?;
    let events = KernelEvents::new(&points, dimension, width);
    // All events, so that they are named by their place in the sample.
    for (name, sample) in [("numerator", numerator), ("denominator", denominator)] {
        let points = standardisation.rows(sample.events());
        if let Some((event, distance)) = KernelEvents::new(&points, dimension, width).too_far() {
            return Err(kernel::too_far(name, event, distance).into());
        }
    }
    let inclusion = centres::inclusion(config.sampling, &absolute, &chosen.events);
    let centres: Vec<f64> = chosen
        .events
        .iter()
        .flat_map(|event| &points[event * dimension..(event + 1) * dimension])
        .copied()
        .collect();
    let count = chosen.events.len();
    let gram = kernel::gram(&centres, dimension, width);
    let root = Cholesky::new(&gram, JITTER * count as f64)?;
    drop(gram);
    report.measure("kernel width", width, None);
    report.measure("centres", count as f64, None);
    report.measure("jitter", root.jitter, None);
    if root.jitter > LARGE_JITTER * config.lambda * count as f64 {
        report.warn(format!(
            "the jitter {:.1e} of the kernel matrix of the centres is not negligible against lambda M",
            root.jitter
        ));
    }

    let mut newton = Newton {
        kernel: Kernel::new(&centres, dimension, width)?,
        problem: Logistic::new(&sides),
        absolute: sides.iter().flat_map(Side::shares).map(f64::abs).collect(),
        z: vec![0.0; events.count()],
        events,
        centres: chosen.events,
        inclusion,
        beta: DVector::zeros(count),
        root,
        preconditioner: None,
    };
    newton.run(config, streams, observer, &mut report)?;
    let coefficients = Array1::from_iter(newton.root.solve_transposed(newton.beta).iter().copied());
    let centres =
        Array2::from_shape_vec((count, dimension), centres).expect("as many numbers as centres have");
    let model = FalkonRatio::new(standardisation, centres, coefficients, width)?;
    training.examine(&model, RatioLoss::Bce, rng, &mut report)?;
    Ok(Fitted { model, report })
}

/// What the report says of the samples.
fn describe_weights(report: &mut FitReport, sides: &[Weighted<Table>; 2]) {
    for (name, side) in ["numerator", "denominator"].into_iter().zip(sides) {
        report.measure(format!("effective sample size/training {name}"), side.effective_sample_size(), None);
        if side.negative_fraction() > 0.0 {
            report.warn(format!(
                "{:.1} % of the {name}'s weights are negative: that the loss is convex was checked along the directions of the conjugate gradients only",
                100.0 * side.negative_fraction()
            ));
        }
    }
}

/// The state of the iteration.
struct Newton {
    kernel: Kernel,
    problem: Logistic,
    events: KernelEvents,
    /// |omega| of each event.
    absolute: Vec<f64>,
    /// The centres' events, and the chance that each had to become one.
    centres: Vec<usize>,
    inclusion: Vec<f64>,
    /// K_MM + epsilon = L L^T, T = L^T.
    root: Cholesky,
    /// beta = T alpha, and z = K_nM alpha of each event.
    beta: DVector<f64>,
    z: Vec<f64>,
    /// Of the last step.
    preconditioner: Option<Cholesky>,
}

/// An approximate solution u of H u = g.
struct Direction {
    u: DVector<f64>,
    /// What it does to z.
    z: Vec<f64>,
    iterations: usize,
    /// The preconditioned residual relative to the preconditioned gradient.
    residual: f64,
}

impl Newton {
    fn run(
        &mut self,
        config: &FalkonConfig,
        streams: Streams,
        observer: &mut dyn Observer,
        report: &mut FitReport,
    ) -> Result<()> {
        let path = config.lambdas();
        let total = (path.len() as u64).saturating_add(config.steps as u64 - 1);
        // Lazily: the steps are a limit, and may be any number.
        let steps = path.into_iter().chain(std::iter::repeat_n(config.lambda, config.steps - 1));
        let (mut losses, mut decrements) = (Vec::new(), Vec::new());
        let (mut iterations, mut residuals) = (Vec::new(), Vec::new());
        let (mut lambdas, mut halvings) = (Vec::new(), Vec::new());
        let (mut converged, mut stuck) = (false, false);
        for (step, lambda) in steps.enumerate() {
            let last = lambda == config.lambda;
            let gradient = self.gradient(lambda)?;
            let curvatures = self.problem.curvatures(&self.z);
            self.precondition(lambda)?;
            let most = if last { config.iterations } else { config.path_iterations };
            let direction = self.solve(&gradient, &curvatures, lambda, most, config.cg_tolerance)?;
            let decrement = 0.5 * gradient.dot(&direction.u).max(0.0);
            converged = last && decrement <= config.tolerance && direction.residual <= config.cg_tolerance;
            let halved = self.advance(&direction, &gradient, lambda, converged);
            // Short of the last penalty a step that helps no more is no reason to worry.
            stuck = halved.is_none() && last && !converged;
            losses.push(self.problem.value(self.z.iter().copied()));
            decrements.push(decrement);
            iterations.push(direction.iterations as f64);
            residuals.push(direction.residual);
            lambdas.push(lambda);
            halvings.push(f64::from(halved.unwrap_or(HALVINGS)));
            let measures = [
                ("loss", losses[step]),
                ("lambda", lambda),
                ("decrement", decrement),
                ("residual", direction.residual),
            ];
            let progress =
                Progress { stage: "Newton", step: step as u64 + 1, total: Some(total), measures: &measures };
            report.stopped = observer.step(&progress) == ControlFlow::Break(()) && !converged;
            if converged || stuck || report.stopped {
                break;
            }
        }
        if !converged {
            report.warn(if stuck {
                "Newton's method found no step that lowers the loss: rounding, or a loss that is not convex"
                    .to_owned()
            } else {
                let decrement = decrements.last().expect("a path has a step");
                format!("Newton's method has not converged: its decrement is {decrement:.1e}")
            });
        }
        // The preconditioner is that of the last step: where the fit was stopped before, it is of another lambda.
        if lambdas.last() == Some(&config.lambda) {
            let (value, error) = self.effective_dimension(config.lambda, streams);
            report.measure("effective dimension", value, Some(error));
        }
        report.measure("loss", *losses.last().expect("a path has a step"), None);
        report.measure("Newton decrement", *decrements.last().expect("a path has a step"), None);
        for (name, curve) in [
            ("loss/train", losses),
            ("lambda", lambdas),
            ("Newton decrement", decrements),
            ("conjugate gradient iterations", iterations),
            ("conjugate gradient residual", residuals),
            ("halvings", halvings),
        ] {
            report.curve(name, curve);
        }
        Ok(())
    }

    /// T^-T K_nM^T l' + lambda beta.
    fn gradient(&self, lambda: f64) -> Result<DVector<f64>> {
        let sums = self.kernel.apply_transposed(&self.events, &self.problem.slopes(&self.z))?;
        Ok(self.root.solve(sums.into()) + lambda * &self.beta)
    }

    /// A^T A = T W T^T + lambda, with the sum over events of |omega| l'' k k^T estimated from the centres.
    fn precondition(&mut self, lambda: f64) -> Result<()> {
        let weights: Vec<f64> = self
            .centres
            .iter()
            .zip(&self.inclusion)
            .map(|(&event, inclusion)| {
                let sigmoid = 1.0 / (1.0 + (-self.z[event]).exp());
                self.absolute[event] * sigmoid * (1.0 - sigmoid) / inclusion
            })
            .collect();
        let mut matrix = self.root.congruence(&weights);
        for i in 0..weights.len() {
            matrix[(i, i)] += lambda;
        }
        let jitter = f64::EPSILON * matrix.trace();
        self.preconditioner = Some(Cholesky::new(&matrix, jitter)?);
        Ok(())
    }

    /// Conjugate gradients for A^-T H A^-1 (A u) = A^-T g, from 0.
    fn solve(
        &self,
        gradient: &DVector<f64>,
        curvatures: &[f64],
        lambda: f64,
        most: usize,
        tolerance: f64,
    ) -> Result<Direction> {
        let preconditioner = self.preconditioner.as_ref().expect("made before each step");
        let mut residual = preconditioner.solve(gradient.clone());
        let mut solution = DVector::zeros(residual.len());
        let mut search = residual.clone();
        let mut z = vec![0.0; self.z.len()];
        let first = residual.norm_squared();
        let mut square = first;
        let mut iterations = 0;
        while iterations < most && square > tolerance * tolerance * first {
            let v = preconditioner.solve_transposed(search.clone());
            let coefficients = self.root.solve_transposed(v.clone());
            let products = self.kernel.apply_twice(&self.events, coefficients.as_slice(), curvatures)?;
            let image = preconditioner.solve(self.root.solve(products.sums.into()) + lambda * v);
            let curvature = search.dot(&image);
            if curvature <= 0.0 || curvature.is_nan() {
                return Err(Error::NotConvex { lambda, curvature: curvature / search.norm_squared() });
            }
            let length = square / curvature;
            solution.axpy(length, &search, 1.0);
            residual.axpy(-length, &image, 1.0);
            for (z, value) in z.iter_mut().zip(products.values) {
                *z += length * value;
            }
            let next = residual.norm_squared();
            search = &residual + (next / square) * search;
            square = next;
            iterations += 1;
        }
        let relative = if first > 0.0 { (square / first).sqrt() } else { 0.0 };
        Ok(Direction { u: preconditioner.solve_transposed(solution), z, iterations, residual: relative })
    }

    /// Goes along a direction, half as far until J falls enough; the number of halvings, none where nothing helped.
    ///
    /// The last step of a converged iteration is taken as it is: its effect on J may be less than J's rounding.
    fn advance(
        &mut self,
        direction: &Direction,
        gradient: &DVector<f64>,
        lambda: f64,
        converged: bool,
    ) -> Option<u32> {
        let objective = |length: f64| {
            let z = self.z.iter().zip(&direction.z).map(|(z, change)| z - length * change);
            self.problem.value(z) + 0.5 * lambda * (&self.beta - length * &direction.u).norm_squared()
        };
        let (before, slope) = (objective(0.0), gradient.dot(&direction.u));
        let (mut length, mut halvings) = (1.0, 0);
        let falls = |length: f64| objective(length) <= before - ARMIJO * length * slope;
        while !(converged || falls(length)) {
            length *= 0.5;
            halvings += 1;
            if halvings == HALVINGS {
                return None;
            }
        }
        self.beta.axpy(-length, &direction.u, 1.0);
        for (z, change) in self.z.iter_mut().zip(&direction.z) {
            *z -= length * change;
        }
        Some(halvings)
    }

    /// tr H_0 (H_0 + lambda)^-1 of the Hessian H_0 without penalty, as estimated from the centres: M - lambda tr (A^T A)^-1, by
    /// random signs (Hutchinson); with its error.
    fn effective_dimension(&self, lambda: f64, streams: Streams) -> (f64, f64) {
        let preconditioner = self.preconditioner.as_ref().expect("a path has a step");
        let count = self.centres.len();
        let values: Vec<f64> = (0..PROBES)
            .map(|probe| {
                let mut rng = streams.stream(1 + probe);
                let signs = DVector::from_fn(count, |_, _| if rng.random::<bool>() { 1.0 } else { -1.0 });
                count as f64 - lambda * preconditioner.solve(signs).norm_squared()
            })
            .collect();
        let mean = values.iter().sum::<f64>() / PROBES as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (PROBES - 1) as f64;
        (mean, (variance / PROBES as f64).sqrt())
    }
}
