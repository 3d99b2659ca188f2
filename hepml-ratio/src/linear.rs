//! Ratios whose logarithm is a polynomial of first or second degree in the features.
//!
//! # Conventions
//! z = ln r = constant + b^T x + x^T Q x with a symmetric Q (zero at first degree). The parameters minimise a convex loss,
//! each side normalised to its own sum of weights, plus ridge/2 times the squares of the parameters but the constant, where
//! features are standardised to mean 0 and variance 1 over both sides (each counting the same, by |w|). With the BCE this is
//! logistic regression; Newton's method is then iteratively reweighted least squares.

use std::io::{Read, Write};
use std::ops::ControlFlow;

use hepml_core::nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use hepml_core::ndarray::{Array1, Array2, ArrayRef1};
use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, FitReport, Fitted, Item, Load, LogRatio, ModelFile, Observer, Progress,
    RatioEstimator, Save, Table, Weighted, check_finite,
};

use crate::error::{Error, Result};
use crate::loss::RatioLoss;
use crate::report::examine;
use crate::training_tables::TrainingTables;

const KIND: &str = "hepml-ratio/linear";
const VERSION: u32 = 1;
/// The most terms of the polynomial: the matrix of second derivatives has their square.
const MOST_TERMS: usize = 2000;
/// A spread below this fraction of the mean is rounding, not a feature.
const CONSTANT: f64 = 1e-12;
/// A step must lower the loss by this fraction of what the slope promises (Armijo's condition).
const SUFFICIENT: f64 = 1e-4;
/// Halvings of a step before the loss is taken to be at its minimum up to rounding.
const MOST_HALVINGS: u32 = 40;

/// The degree of the polynomial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub enum Degree {
    /// ln r = constant + b^T x.
    #[default]
    Linear,
    /// ln r = constant + b^T x + x^T Q x.
    Quadratic,
}

impl Degree {
    /// The number of terms in `features` features.
    fn terms(self, features: usize) -> usize {
        match self {
            Self::Linear => 1 + features,
            Self::Quadratic => 1 + features + features.saturating_mul(features.saturating_add(1)) / 2,
        }
    }
}

/// Learns a polynomial ln r by Newton's method.
///
/// The report has the curve `loss` (one value an iteration, ridge included), the measures `iterations`, `decrement` (how far
/// the loss is above its minimum, in quadratic approximation), `clipped losses`, and each coefficient with its error
/// (`coefficient/constant`, `coefficient/0`, `coefficient/0*1`, ... by columns; that of x_i x_j with i < j is 2 Q_ij). The
/// errors are those of independent weighted events (sandwich formula), without the bias of the ridge.
///
/// ```
/// use hepml_core::ndarray::Array2;
/// use hepml_core::rand::SeedableRng;
/// use hepml_core::rand_chacha::ChaCha8Rng;
/// use hepml_core::{RatioEstimator, Weighted};
/// use hepml_ratio::LinearConfig;
///
/// // Bins of a histogram: shares 1/4, 3/4 against 1/2, 1/2.
/// let x = Array2::from_shape_vec((2, 1), vec![0.0, 1.0]).unwrap();
/// let numerator = Weighted::new(x, vec![1.0, 3.0])?;
/// let denominator = numerator.reweighted(vec![1.0, 1.0])?;
/// let config = LinearConfig::default().ridge(0.0).examination(0.0);
/// let model = config.fit(&numerator, &denominator, &mut ChaCha8Rng::seed_from_u64(1), &mut ())?.model;
/// assert!((model.constant() - 0.5_f64.ln()).abs() < 1e-12);
/// assert!((model.linear()[0] - 3.0_f64.ln()).abs() < 1e-12);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
pub struct LinearConfig {
    degree: Degree,
    loss: RatioLoss,
    ridge: f64,
    iterations: usize,
    tolerance: f64,
    examination: f64,
}

impl Default for LinearConfig {
    fn default() -> Self {
        Self {
            degree: Degree::default(),
            loss: RatioLoss::default(),
            ridge: 1e-6,
            iterations: 100,
            tolerance: 1e-14,
            examination: 0.1,
        }
    }
}

impl LinearConfig {
    /// The degree of the polynomial (linear).
    #[must_use]
    pub fn degree(mut self, degree: Degree) -> Self {
        self.degree = degree;
        self
    }

    /// The loss (BCE), one that is convex.
    #[must_use]
    pub fn loss(mut self, loss: RatioLoss) -> Self {
        self.loss = loss;
        self
    }

    /// The strength of the ridge (1e-6: enough to keep separable samples finite).
    #[must_use]
    pub fn ridge(mut self, ridge: f64) -> Self {
        self.ridge = ridge;
        self
    }

    /// The most iterations (100); a fit that needs more is warned of.
    #[must_use]
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// The decrement of the loss below which the fit has converged (1e-14).
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The fraction of the events that nothing of the fit sees and the report speaks of (0.1); 0 for no examination.
    #[must_use]
    pub fn examination(mut self, fraction: f64) -> Self {
        self.examination = fraction;
        self
    }

    fn check(&self) -> Result<()> {
        self.loss.check()?;
        if !self.loss.is_convex() {
            return Err(Error::UnsuitableLoss { loss: self.loss, needs: "convex in ln r" });
        }
        if !(self.ridge >= 0.0 && self.ridge.is_finite()) {
            return Err(CoreError::out_of_range("ridge", self.ridge, "finite and 0 or more").into());
        }
        if !(self.tolerance > 0.0 && self.tolerance.is_finite()) {
            return Err(CoreError::out_of_range("tolerance", self.tolerance, "finite and positive").into());
        }
        if self.iterations == 0 {
            return Err(CoreError::out_of_range("number of iterations", 0.0, "at least 1").into());
        }
        Ok(())
    }

    fn fit_sides(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<LinearRatio>> {
        self.check()?;
        let mut report = FitReport::new();
        let training = TrainingTables::new([numerator, denominator], self.examination, rng, &mut report)?;
        let terms = self.degree.terms(training.features());
        if terms > MOST_TERMS {
            let allowed = "at most 2000";
            return Err(
                CoreError::out_of_range("number of terms of the polynomial", terms as f64, allowed).into()
            );
        }
        let (means, inverse_scales) = standardisation(&training, &mut report)?;
        let mut model =
            LinearRatio { degree: self.degree, means, inverse_scales, parameters: DVector::zeros(terms) };
        let objective = Objective::new(self, &model, &training)?;
        let covariance = self.minimise(&objective, &mut model.parameters, &mut report, observer)?;
        if let Some(covariance) = covariance {
            model.report_coefficients(&covariance, &mut report);
        }
        if let Some([numerator, denominator]) = &training.held_out {
            examine(&model, numerator, denominator, rng, &mut report)?;
        }
        Ok(Fitted { model, report })
    }

    /// Newton's method with damping and backtracking; the covariance of the parameters, where the loss has a minimum.
    fn minimise(
        &self,
        objective: &Objective<'_>,
        parameters: &mut DVector<f64>,
        report: &mut FitReport,
        observer: &mut dyn Observer,
    ) -> Result<Option<DMatrix<f64>>> {
        let mut curve = Vec::new();
        let mut at = objective.expand(parameters);
        let (mut decrement, mut converged) = (f64::INFINITY, false);
        for step in 1..=self.iterations {
            curve.push(at.value);
            let Some(factor) = damped(&at.curvature) else { break };
            let direction = factor.solve(&-&at.slope);
            let promised = at.slope.dot(&direction);
            decrement = -0.5 * promised;
            let progress = Progress {
                stage: "newton",
                step: step as u64,
                total: Some(self.iterations as u64),
                measures: &[("loss", at.value), ("decrement", decrement)],
            };
            if observer.step(&progress) == ControlFlow::Break(()) {
                report.stopped = true;
                break;
            }
            if decrement <= self.tolerance {
                // The loss cannot tell any more, but the last step doubles the digits of the parameters.
                *parameters += direction;
                converged = true;
                break;
            }
            let mut length = 1.0;
            let next = (0..MOST_HALVINGS).find_map(|_| {
                let next = &*parameters + &direction * length;
                let lower = objective.value(&next) <= at.value + SUFFICIENT * length * promised;
                length *= 0.5;
                lower.then_some(next)
            });
            // No step lowers the loss: it is at its minimum, as far as rounding lets one see.
            let Some(next) = next else { break };
            *parameters = next;
            at = objective.expand(parameters);
        }
        report.curve("loss", curve.clone());
        report.measure("iterations", curve.len() as f64, None);
        report.measure("decrement", decrement, None);
        report.measure("clipped losses", objective.clipped(parameters) as f64, None);
        if parameters.iter().any(|value| !value.is_finite()) {
            return Err(hepml_stats::Error::Undefined {
                what: "linear ratio".into(),
                reason: "its parameters run to infinity".into(),
            }
            .into());
        }
        if !converged && !report.stopped && decrement > self.tolerance.sqrt() {
            report.warn(format!(
                "not converged after {} iterations (decrement {decrement:.1e}): the samples may be separable, or a net weight negative",
                curve.len()
            ));
        }
        if objective.separates(parameters) {
            report.warn(
                "every training event of the numerator has a larger ln r than any of the denominator: its size is that of the ridge, not of the samples",
            );
        }
        let Some(factor) = Cholesky::new(at.curvature.clone()) else {
            report.warn("the loss has no minimum at the fitted parameters (negative net weights): no errors");
            return Ok(None);
        };
        let half = factor.solve(&objective.fluctuation(parameters));
        Ok(Some(factor.solve(&half.transpose())))
    }
}

impl RatioEstimator<Table> for LinearConfig {
    type Model = LinearRatio;

    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> hepml_core::Result<Fitted<LinearRatio>> {
        Ok(self.fit_sides(numerator, denominator, rng, observer)?)
    }
}

/// Means and inverse standard deviations (0 for a constant column) over both sides.
fn standardisation(training: &TrainingTables, report: &mut FitReport) -> Result<(Vec<f64>, Vec<f64>)> {
    let shares = training.sides.each_ref().map(|side| {
        let largest = side.weights().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        let size: f64 = side.weights().iter().map(|w| w.abs() / largest).sum();
        side.weights().iter().map(|w| 0.5 * w.abs() / largest / size).collect::<Vec<f64>>()
    });
    let (mut means, mut inverse_scales) = (Vec::new(), Vec::new());
    for column in 0..training.features() {
        let values = || {
            training.sides.iter().zip(&shares).flat_map(move |(side, shares)| {
                side.events().column(column).into_iter().copied().zip(shares.iter().copied())
            })
        };
        let mean: f64 = values().map(|(x, share)| x * share).sum();
        let variance: f64 = values().map(|(x, share)| share * (x - mean).powi(2)).sum();
        if !(mean.is_finite() && variance.is_finite()) {
            let what = format!("variance of column {column}");
            return Err(CoreError::NotFinite { what: what.into(), item: Item::NONE, value: variance }.into());
        }
        let scale = variance.sqrt();
        means.push(mean);
        if scale > CONSTANT * mean.abs() && (1.0 / scale).is_finite() {
            inverse_scales.push(1.0 / scale);
        } else {
            inverse_scales.push(0.0);
            report.warn(format!("column {column} is constant: the ratio does not depend on it"));
        }
    }
    Ok((means, inverse_scales))
}

/// The factor of a matrix, made positive definite by the least damping that does, if it is finite.
fn damped(matrix: &DMatrix<f64>) -> Option<Cholesky<f64, Dyn>> {
    if let Some(factor) = Cholesky::new(matrix.clone()) {
        return Some(factor);
    }
    let size = matrix.diagonal().iter().fold(0.0_f64, |size, entry| size.max(entry.abs()));
    (-12..6).find_map(|power| {
        let mut raised = matrix.clone();
        for i in 0..raised.nrows() {
            raised[(i, i)] += size.max(f64::MIN_POSITIVE) * 10.0_f64.powi(power);
        }
        Cholesky::new(raised)
    })
}

/// A value with its first and second derivatives.
struct Expansion {
    value: f64,
    slope: DVector<f64>,
    curvature: DMatrix<f64>,
}

/// The loss as a function of the parameters.
struct Objective<'a> {
    loss: RatioLoss,
    ridge: f64,
    training: &'a TrainingTables,
    /// The terms of the polynomial of every event, of each side: one column an event.
    terms: [DMatrix<f64>; 2],
    /// Parameters of constant columns: nothing depends on them.
    free: Vec<bool>,
}

impl<'a> Objective<'a> {
    fn new(config: &LinearConfig, model: &LinearRatio, training: &'a TrainingTables) -> Result<Self> {
        let count = model.parameters.len();
        let mut terms = training.sides.each_ref().map(|side| DMatrix::zeros(count, side.len()));
        let mut largest = vec![0.0_f64; count];
        for (side, terms) in training.sides.iter().zip(&mut terms) {
            for (event, (row, mut column)) in
                side.events().rows().into_iter().zip(terms.column_iter_mut()).enumerate()
            {
                for ((entry, largest), value) in column.iter_mut().zip(&mut largest).zip(model.terms(&row)) {
                    if !(value * value).is_finite() {
                        let what = "term of the polynomial".into();
                        return Err(CoreError::NotFinite { what, item: Item::event(event), value }.into());
                    }
                    *entry = value;
                    *largest = largest.max(value.abs());
                }
            }
        }
        let free = largest.into_iter().map(|largest| largest == 0.0).collect();
        Ok(Self { loss: config.loss, ridge: config.ridge, training, terms, free })
    }

    /// For each event: its side, its terms, its share of the side's weight and its z.
    fn events<'b>(
        &'b self,
        parameters: &'b DVector<f64>,
    ) -> impl Iterator<Item = (bool, hepml_core::nalgebra::DVectorView<'b, f64>, f64, f64)> {
        (0..2).flat_map(move |side| {
            let sum = self.training.sums[side];
            self.terms[side]
                .column_iter()
                .zip(self.training.sides[side].weights())
                .map(move |(terms, weight)| (side == 0, terms, weight / sum, terms.dot(parameters)))
        })
    }

    fn penalty(&self, parameters: &DVector<f64>) -> f64 {
        0.5 * self.ridge * parameters.iter().skip(1).map(|value| value * value).sum::<f64>()
    }

    fn value(&self, parameters: &DVector<f64>) -> f64 {
        let sum: f64 = self
            .events(parameters)
            .map(|(numerator, _, share, z)| share * self.loss.terms(numerator, z)[0])
            .sum();
        sum + self.penalty(parameters)
    }

    fn expand(&self, parameters: &DVector<f64>) -> Expansion {
        let count = parameters.len();
        let mut value = self.penalty(parameters);
        let mut slope = self.ridge * parameters;
        slope[0] = 0.0;
        let mut curvature = DMatrix::identity(count, count) * self.ridge;
        curvature[(0, 0)] = 0.0;
        for (numerator, terms, share, z) in self.events(parameters) {
            let [v, d, dd] = self.loss.terms(numerator, z);
            value += share * v;
            slope.axpy(share * d, &terms, 1.0);
            curvature.syger(share * dd, &terms, &terms, 1.0);
        }
        for (i, _) in self.free.iter().enumerate().filter(|(_, free)| **free) {
            curvature[(i, i)] = 1.0;
        }
        curvature.fill_upper_triangle_with_lower_triangle();
        Expansion { value, slope, curvature }
    }

    /// The covariance of the slope: for each side, the sum of the squared deviations of the events' slopes from their mean.
    fn fluctuation(&self, parameters: &DVector<f64>) -> DMatrix<f64> {
        let count = parameters.len();
        let mut means = [DVector::zeros(count), DVector::zeros(count)];
        for (numerator, terms, share, z) in self.events(parameters) {
            means[usize::from(!numerator)].axpy(share * self.loss.terms(numerator, z)[1], &terms, 1.0);
        }
        let mut covariance = DMatrix::zeros(count, count);
        for (numerator, terms, share, z) in self.events(parameters) {
            let slope = terms * self.loss.terms(numerator, z)[1] - &means[usize::from(!numerator)];
            covariance.syger(share * share, &slope, &slope, 1.0);
        }
        covariance.fill_upper_triangle_with_lower_triangle();
        covariance
    }

    /// Whether every event of the numerator that counts has a larger z than any of the denominator.
    fn separates(&self, parameters: &DVector<f64>) -> bool {
        let (mut least, mut largest) = (f64::INFINITY, f64::NEG_INFINITY);
        for (numerator, _, share, z) in self.events(parameters) {
            if share != 0.0 && numerator {
                least = least.min(z);
            } else if share != 0.0 {
                largest = largest.max(z);
            }
        }
        least > largest
    }

    fn clipped(&self, parameters: &DVector<f64>) -> usize {
        self.events(parameters).filter(|(numerator, _, _, z)| self.loss.is_clipped(*numerator, *z)).count()
    }
}

/// A ratio whose logarithm is a polynomial of first or second degree.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearRatio {
    degree: Degree,
    means: Vec<f64>,
    inverse_scales: Vec<f64>,
    /// Of 1, u_i, and u_i u_j with i <= j in the order (0, 0), (0, 1), ..., for the standardised features u.
    parameters: DVector<f64>,
}

impl LinearRatio {
    /// The degree of the polynomial.
    pub fn degree(&self) -> Degree {
        self.degree
    }

    /// The constant of ln r = constant + b^T x + x^T Q x.
    pub fn constant(&self) -> f64 {
        self.polynomial(&self.parameters).0
    }

    /// b of ln r = constant + b^T x + x^T Q x, `[features]`.
    pub fn linear(&self) -> Array1<f64> {
        self.polynomial(&self.parameters).1
    }

    /// The symmetric Q of ln r = constant + b^T x + x^T Q x, `[features, features]`; zero at first degree.
    pub fn quadratic(&self) -> Array2<f64> {
        self.polynomial(&self.parameters).2
    }

    /// The pairs of columns of the quadratic terms.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let features = match self.degree {
            Degree::Linear => 0,
            Degree::Quadratic => self.means.len(),
        };
        (0..features).flat_map(move |i| (i..features).map(move |j| (i, j)))
    }

    /// The terms 1, u_i, u_i u_j of an event.
    fn terms(&self, event: &ArrayRef1<f64>) -> Vec<f64> {
        let mut terms = Vec::with_capacity(self.parameters.len());
        terms.push(1.0);
        terms.extend(
            event
                .iter()
                .zip(&self.means)
                .zip(&self.inverse_scales)
                .map(|((x, mean), inverse)| (x - mean) * inverse),
        );
        for (i, j) in self.pairs() {
            terms.push(terms[1 + i] * terms[1 + j]);
        }
        terms
    }

    /// The constant, b and Q in the features themselves, of parameters in the standardised ones.
    fn polynomial(&self, parameters: &DVector<f64>) -> (f64, Array1<f64>, Array2<f64>) {
        let features = self.means.len();
        let mut quadratic = Array2::zeros((features, features));
        for ((i, j), parameter) in self.pairs().zip(parameters.iter().skip(1 + features)) {
            let value = parameter * self.inverse_scales[i] * self.inverse_scales[j];
            if i == j {
                quadratic[[i, i]] = value;
            } else {
                quadratic[[i, j]] = 0.5 * value;
                quadratic[[j, i]] = 0.5 * value;
            }
        }
        let means = Array1::from_vec(self.means.clone());
        let at_means = quadratic.dot(&means);
        let scaled: Array1<f64> =
            parameters.iter().skip(1).zip(&self.inverse_scales).map(|(b, inverse)| b * inverse).collect();
        let constant = parameters[0] - scaled.dot(&means) + means.dot(&at_means);
        (constant, scaled - 2.0 * at_means, quadratic)
    }

    /// The coefficients of 1, x_i, x_i x_j (i <= j), of parameters in the standardised features.
    fn coefficients(&self, parameters: &DVector<f64>) -> DVector<f64> {
        let (constant, linear, quadratic) = self.polynomial(parameters);
        let pairs = self.pairs().map(|(i, j)| if i == j { 1.0 } else { 2.0 } * quadratic[[i, j]]);
        DVector::from_vec(std::iter::once(constant).chain(linear).chain(pairs).collect())
    }

    fn report_coefficients(&self, covariance: &DMatrix<f64>, report: &mut FitReport) {
        let count = self.parameters.len();
        // The coefficients are linear in the parameters.
        let mut jacobian = DMatrix::zeros(count, count);
        for k in 0..count {
            let mut unit = DVector::zeros(count);
            unit[k] = 1.0;
            jacobian.set_column(k, &self.coefficients(&unit));
        }
        let covariance = &jacobian * covariance * jacobian.transpose();
        let names = std::iter::once("constant".to_owned())
            .chain((0..self.means.len()).map(|i| i.to_string()))
            .chain(self.pairs().map(|(i, j)| format!("{i}*{j}")));
        for ((k, name), value) in names.enumerate().zip(self.coefficients(&self.parameters).iter()) {
            let error = covariance[(k, k)].max(0.0).sqrt();
            report.measure(format!("coefficient/{name}"), *value, Some(error));
        }
    }
}

impl LogRatio<Table> for LinearRatio {
    fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
        if events.ncols() != self.means.len() {
            return Err(CoreError::shape("columns of the table", self.means.len(), events.ncols()));
        }
        check_finite("events", events)?;
        events
            .rows()
            .into_iter()
            .enumerate()
            .map(|(event, row)| {
                let z: f64 = self.terms(&row).iter().zip(self.parameters.iter()).map(|(t, p)| t * p).sum();
                if z.is_finite() {
                    Ok(z)
                } else {
                    Err(CoreError::NotFinite { what: "ln r".into(), item: Item::event(event), value: z })
                }
            })
            .collect()
    }
}

impl Save for LinearRatio {
    fn save(&self, writer: &mut dyn Write) -> hepml_core::Result<()> {
        let mut file = ModelFile::new(KIND, VERSION, &self.degree)?;
        file.insert_f64("means", &Array1::from_vec(self.means.clone()))?;
        file.insert_f64("inverse_scales", &Array1::from_vec(self.inverse_scales.clone()))?;
        file.insert_f64("parameters", &Array1::from_iter(self.parameters.iter().copied()))?;
        file.save(writer)
    }
}

impl Load for LinearRatio {
    fn load(reader: &mut dyn Read) -> hepml_core::Result<Self> {
        let file = ModelFile::load(reader)?;
        file.expect(KIND, VERSION)?;
        let degree: Degree = file.header()?;
        let means: Array1<f64> = file.f64("means")?;
        file.expect_shape("inverse_scales", &[means.len()])?;
        file.expect_shape("parameters", &[degree.terms(means.len())])?;
        let inverse_scales: Array1<f64> = file.f64("inverse_scales")?;
        let parameters: Array1<f64> = file.f64("parameters")?;
        Ok(Self {
            degree,
            means: means.to_vec(),
            inverse_scales: inverse_scales.to_vec(),
            parameters: DVector::from_vec(parameters.to_vec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::ndarray::array;
    use hepml_core::rand::{RngExt, SeedableRng};
    use hepml_core::rand_chacha::ChaCha8Rng;

    /// A step of Newton's method at a decrement of 1e-14, 1e-7 from the minimum, ends within rounding of it.
    const CONVERGED: f64 = 1e-11;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(3)
    }

    fn samples() -> [Weighted<Table>; 2] {
        let mut rng = rng();
        [0.3, 0.0].map(|shift| {
            let table = Table::from_shape_fn((500, 2), |(_, column)| {
                (0..4).map(|_| rng.random::<f64>()).sum::<f64>() + shift * column as f64
            });
            let weights = (0..500).map(|_| rng.random()).collect();
            Weighted::new(table, weights).unwrap()
        })
    }

    fn exact() -> LinearConfig {
        LinearConfig::default().ridge(0.0).examination(0.0)
    }

    fn fit(config: LinearConfig, [num, den]: &[Weighted<Table>; 2]) -> Fitted<LinearRatio> {
        config.fit(num, den, &mut rng(), &mut ()).unwrap()
    }

    #[test]
    fn the_polynomial_in_the_features_is_the_model() {
        for degree in [Degree::Linear, Degree::Quadratic] {
            let sides = samples();
            let model = fit(exact().degree(degree), &sides).model;
            let (b, q) = (model.linear(), model.quadratic());
            for (row, z) in
                sides[0].events().rows().into_iter().zip(model.log_ratio(sides[0].events()).unwrap())
            {
                let written = model.constant() + b.dot(&row) + row.dot(&q.dot(&row));
                assert!((written - z).abs() < 1e-12 * 100.0, "{written} {z}");
            }
        }
    }

    /// MLC at its minimum: with a constant among the terms, E_den[r] = 1, and the moments of the reweighted denominator are
    /// those of the numerator.
    #[test]
    fn the_moments_of_mlc_are_matched() {
        let sides = samples();
        let model = fit(exact().degree(Degree::Quadratic).loss(RatioLoss::Mlc), &sides).model;
        let mut moments = [[0.0; 4]; 2];
        for (side, moments) in sides.iter().zip(&mut moments) {
            let z = model.log_ratio(side.events()).unwrap();
            for ((row, w), z) in side.events().rows().into_iter().zip(side.weights()).zip(z) {
                let share = w / side.sum_weights()
                    * if std::ptr::eq(side, &raw const sides[1]) { z.exp() } else { 1.0 };
                for (moment, value) in moments.iter_mut().zip([1.0, row[0], row[1] * row[1], row[0] * row[1]])
                {
                    *moment += share * value;
                }
            }
        }
        for (n, d) in moments[0].iter().zip(moments[1]) {
            assert!((n - d).abs() < 100.0 * CONVERGED, "{n} {d}");
        }
    }

    #[test]
    fn exchanging_the_sides_mirrors_the_fit() {
        let [num, den] = samples();
        for loss in [RatioLoss::Bce, RatioLoss::Sqr] {
            let model = fit(exact().loss(loss), &[num.clone(), den.clone()]).model;
            let mirrored = fit(exact().loss(loss), &[den.clone(), num.clone()]).model;
            for (a, b) in
                model.log_ratio(num.events()).unwrap().iter().zip(mirrored.log_ratio(num.events()).unwrap())
            {
                assert!((a + b).abs() < CONVERGED);
            }
        }
    }

    #[test]
    fn scaled_weights_doubled_events_and_other_units_change_nothing() {
        let [num, den] = samples();
        let model = fit(exact(), &[num.clone(), den.clone()]).model;
        let z = model.log_ratio(num.events()).unwrap();
        let same = |model: &LinearRatio, events: &Table| {
            model
                .log_ratio(events)
                .unwrap()
                .iter()
                .zip(&z)
                .for_each(|(a, b)| assert!((a - b).abs() < CONVERGED));
        };
        let scaled = num.reweighted(num.weights().iter().map(|w| 1e6 * w).collect()).unwrap();
        same(&fit(exact(), &[scaled, den.clone()]).model, num.events());
        let doubled = Weighted::concat(&[&num, &num]).unwrap();
        same(&fit(exact(), &[doubled, den.clone()]).model, num.events());
        let units = |side: &Weighted<Table>| {
            let table = side.events() * &array![1e9, -1e-9] + &array![3e9, 7.0];
            Weighted::new(table, side.weights().to_vec()).unwrap()
        };
        // The second column keeps 7 digits after its offset of 7.
        let model = fit(exact(), &[units(&num), units(&den)]).model;
        for (a, b) in model.log_ratio(units(&num).events()).unwrap().iter().zip(&z) {
            assert!((a - b).abs() < 1e-4);
        }
    }

    #[test]
    fn derivatives_of_the_objective() {
        let [num, den] = samples();
        for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
            let config = exact().degree(Degree::Quadratic).loss(loss).ridge(0.1);
            let training = TrainingTables::new([&num, &den], 0.0, &mut rng(), &mut FitReport::new()).unwrap();
            let model = fit(config, &[num.clone(), den.clone()]).model;
            let objective = Objective::new(&config, &model, &training).unwrap();
            let at = DVector::from_fn(model.parameters.len(), |i, _| 0.1 * (i as f64 - 2.0));
            let Expansion { value, slope, curvature } = objective.expand(&at);
            assert!((value - objective.value(&at)).abs() < 1e-14 * 100.0);
            let h = 1e-5;
            for i in 0..at.len() {
                let mut shift = DVector::zeros(at.len());
                shift[i] = h;
                let (up, down) = (objective.expand(&(&at + &shift)), objective.expand(&(&at - &shift)));
                // Central differences of step 1e-5: truncation 1e-10, rounding 1e-11.
                assert!((slope[i] - (up.value - down.value) / (2.0 * h)).abs() < 1e-8);
                for j in 0..at.len() {
                    assert!((curvature[(i, j)] - (up.slope[j] - down.slope[j]) / (2.0 * h)).abs() < 1e-7);
                }
            }
        }
    }

    #[test]
    fn separable_samples_stay_finite_and_are_warned_of() {
        let sides = [Weighted::unit(array![[1.0], [2.0]]), Weighted::unit(array![[-1.0], [-2.0]])];
        let overlapping =
            [Weighted::unit(array![[-0.5], [2.0]]), Weighted::unit(array![[-1.0], [-2.0], [-0.5], [2.0]])];
        for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
            for config in [LinearConfig::default().examination(0.0), exact(), exact().iterations(3)] {
                let warned = |sides: &[Weighted<Table>; 2]| {
                    let fitted = fit(config.loss(loss), sides);
                    let z = fitted.model.log_ratio(sides[0].events()).unwrap();
                    assert!(z.iter().all(|z| z.is_finite()));
                    fitted.report.warnings.iter().any(|warning| warning.contains("larger ln r than any"))
                };
                assert!(warned(&sides), "{loss:?}");
                assert!(!warned(&overlapping), "{loss:?}");
            }
        }
        let report = fit(exact().iterations(8), &sides).report;
        assert!(report.warnings.iter().any(|warning| warning.contains("not converged")), "{report:?}");
    }

    #[test]
    fn constant_columns_do_not_count() {
        let column = |table: &Table| {
            let mut table = table.clone();
            table.column_mut(0).fill(3.1);
            Weighted::unit(table)
        };
        let sides = samples().map(|side| column(side.events()));
        for degree in [Degree::Linear, Degree::Quadratic] {
            for loss in [RatioLoss::Bce, RatioLoss::Mlc] {
                let fitted = fit(exact().degree(degree).loss(loss), &sides);
                assert_eq!(fitted.model.linear()[0], 0.0);
                assert!(fitted.model.linear()[1].is_finite());
                assert!(
                    fitted.report.warnings.iter().any(|warning| warning.contains("column 0 is constant"))
                );
            }
        }
    }

    #[test]
    fn negative_weights_are_fitted_while_the_net_weight_is_positive() {
        // Bins 0 and 1: 2 - 1 and 3 against 1 and 1.
        let num = Weighted::new(array![[0.0], [0.0], [1.0]], vec![2.0, -1.0, 3.0]).unwrap();
        let den = Weighted::unit(array![[0.0], [1.0]]);
        for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr, RatioLoss::PSqr(0.5)] {
            let model = fit(exact().loss(loss), &[num.clone(), den.clone()]).model;
            assert!((model.constant() - 0.5_f64.ln()).abs() < CONVERGED, "{loss:?}");
            assert!((model.linear()[0] - 3.0_f64.ln()).abs() < CONVERGED, "{loss:?}");
        }
        // Net weight -1 in bin 0: unbounded below, which is warned of or an error, never a silent number.
        let num = num.reweighted(vec![1.0, -2.0, 3.0]).unwrap();
        for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
            match exact().loss(loss).fit(&num, &den, &mut rng(), &mut ()) {
                Ok(fitted) => assert!(!fitted.report.warnings.is_empty(), "{loss:?} {:?}", fitted.report),
                Err(error) => assert!(error.to_string().contains("infinity"), "{error}"),
            }
        }
    }

    #[test]
    fn an_event_that_outweighs_the_others_is_warned_of() {
        let [num, den] = samples();
        let mut weights = num.weights().to_vec();
        weights[17] = 1e12;
        let fitted = fit(LinearConfig::default(), &[num.reweighted(weights).unwrap(), den.clone()]);
        assert!(fitted.report.warnings.iter().any(|warning| warning.contains("event 17 of the numerator")));
        assert!(fitted.model.log_ratio(den.events()).is_ok());
        let report = fit(LinearConfig::default(), &[num, den]).report;
        assert!(!report.warnings.iter().any(|warning| warning.contains("carries")), "{report:?}");
    }

    #[test]
    fn the_observer_may_stop() {
        let sides = samples();
        let mut stop = |progress: &Progress<'_>| {
            if progress.step == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let report = exact().fit(&sides[0], &sides[1], &mut rng(), &mut stop).unwrap().report;
        assert!(report.stopped);
        assert_eq!(report.get("iterations").unwrap().value, 2.0);
    }

    #[test]
    fn held_out_events_are_examined() {
        let fitted = fit(LinearConfig::default(), &samples());
        assert!(fitted.report.get("normalisation").is_some());
        assert!(fitted.report.get("coefficient/1").unwrap().error.unwrap() > 0.0);
    }

    #[test]
    fn saved_and_loaded() {
        let model = fit(exact().degree(Degree::Quadratic), &samples()).model;
        let bytes = model.to_bytes().unwrap();
        assert_eq!(LinearRatio::from_bytes(&bytes).unwrap(), model);
        assert!(LinearRatio::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        let other = LinearRatio { degree: Degree::Linear, ..model };
        assert!(LinearRatio::from_bytes(&other.to_bytes().unwrap()).is_err());
        let config = exact().loss(RatioLoss::PSqr(0.3));
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<LinearConfig>(&json).unwrap(), config);
    }

    #[test]
    fn bad_input() {
        let [num, den] = samples();
        let fails = |config: LinearConfig, num: &Weighted<Table>, den: &Weighted<Table>| {
            config.fit(num, den, &mut rng(), &mut ()).unwrap_err().to_string()
        };
        for loss in [RatioLoss::Mse, RatioLoss::PMse(1.5), RatioLoss::Lsif] {
            assert!(fails(exact().loss(loss), &num, &den).contains("convex"));
        }
        fails(exact().loss(RatioLoss::PSqr(0.0)), &num, &den);
        fails(exact().ridge(-1.0), &num, &den);
        fails(exact().tolerance(0.0), &num, &den);
        fails(exact().iterations(0), &num, &den);
        fails(exact().examination(1.0), &num, &den);
        let mut table = num.events().clone();
        table[[7, 1]] = f64::INFINITY;
        let error = fails(exact(), &Weighted::unit(table.clone()), &den);
        assert!(error.contains("event 7") && error.contains("column 1"), "{error}");
        table[[7, 1]] = 1e200;
        assert!(fails(exact(), &Weighted::unit(table), &den).contains("column 1"));
        let cancelling = (0..500).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(fails(exact(), &num.reweighted(cancelling).unwrap(), &den).contains("sum"));
        let wide = Weighted::unit(Table::zeros((2, 100)));
        assert!(fails(exact().degree(Degree::Quadratic), &wide, &wide).contains("terms"));
        let model = fit(exact(), &[num, den]).model;
        assert!(model.log_ratio(&array![[1.0]]).is_err());
        assert!(
            model
                .log_ratio(&array![[1.0, 1.0], [f64::NAN, 1.0]])
                .unwrap_err()
                .to_string()
                .contains("event 1")
        );
    }
}
