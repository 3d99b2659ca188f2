//! Losses whose minimum is a likelihood ratio.
//!
//! # Conventions
//! A loss is a functional L = E_num[a(z)] + E_den[b(z)] of z = ln r, where each mean is weighted and normalised to its own
//! sum of weights; `a` is the term of a numerator event, `b` that of a denominator event. All losses are written in z, so
//! that no ratio or probability is ever formed: f is only what the literature calls the network's output.
//!
//! # Functionals, minima and values (arXiv:2305.10500; LSIF: Kanamori, Hido, Sugiyama, JMLR 10 (2009) 1391)
//!
//! | loss | functional of f | optimum of f | a(z), b(z) | value at the optimum |
//! |---|---|---|---|---|
//! | BCE | -E_num ln f - E_den ln(1 - f) | p_num/(p_num + p_den) | softplus(-z), softplus(z) | 2 ln 2 - 2 JSD |
//! | MSE | E_num (1 - f)^2 + E_den f^2 | p_num/(p_num + p_den) | sigma(-z)^2, sigma(z)^2 | int p_num p_den/(p_num + p_den) |
//! | MLC | -E_num ln f + E_den (f - 1) | r | -z, e^z - 1 | -KL(num, den) |
//! | SQR | E_num f^(-1/2) + E_den f^(1/2) | r | e^(-z/2), e^(z/2) | 2 int sqrt(p_num p_den) |
//! | p-MSE, p > 1 | E_num (1 - f)^p + E_den f^p | f/(1 - f) = r^(1/(p - 1)) | sigma(-u)^p, sigma(u)^p with u = z/(p - 1) | int p_num p_den/(p_num^q + p_den^q)^(p - 1), q = 1/(p - 1) |
//! | p-SQR | E_num f^(-p/2) + E_den f^(p/2) | r^(1/p) | e^(-z/2), e^(z/2) | 2 int sqrt(p_num p_den) |
//! | LSIF | E_den f^2/2 - E_num f | r | -e^z, e^(2z)/2 | -1/2 int p_num^2/p_den |
//!
//! JSD is the Jensen-Shannon divergence, softplus(z) = ln(1 + e^z) and sigma(z) = 1/(1 + e^(-z)). BCE, MLC and SQR are convex
//! in z; the others are not. p-SQR in z is SQR: its p only says how a network's output is read, see
//! [`output_scale`](RatioLoss::output_scale).
//!
//! # Negative weights
//! With n and d the local densities of weight, each event's expected loss is n a(z) + d b(z). Its minimum is z = ln(n/d)
//! only where n > 0 and d > 0. Elsewhere (inf is the infimum over z):
//!
//! | loss | n < 0 < d | d < 0 < n |
//! |---|---|---|
//! | BCE, MLC, SQR, p-SQR | unbounded below, z runs to -inf | unbounded below, z runs to +inf |
//! | MSE, p-MSE | saturates: z runs to -inf (r to 0), inf = n | saturates: z runs to +inf, inf = d |
//! | LSIF in z | saturates: z runs to -inf (r to 0), inf = 0 | unbounded below, z runs to +inf |
//! | MSE linear in f | f = n/(n + d), r = n/d < 0 if n + d > 0, else unbounded | the same |
//! | LSIF linear in f (uLSIF) | r = n/d < 0 | unbounded below |
//!
//! Where both are negative every z = ln(n/d) is a maximum and all but the bounded MSE and p-MSE run away. The last two rows
//! are not losses in z, and no [`RatioLoss`]: there is LSIF of f = e^z, which is positive, and no learner that minimises the
//! LSIF or MSE of an f that is linear in its parameters (uLSIF). They say what such a loss would do. Of that there is the
//! stationary point of both over functions that are constant within bins, r = n/d of each bin whatever the signs: a ratio of
//! histograms ([`HistogramConfig`](crate::HistogramConfig)), which minimises no loss.
//!
//! What says how well a sample as a whole is behaved, and who reports it:
//!
//! | symptom | in the report | of |
//! |---|---|---|
//! | local net weight | `bins of negative net weight`, and a warning where it is beyond chance | all ([`examine`](crate::report::examine)) |
//! | runaway z | `clipped events`: held-out events at abs(z) > [`CLIP`] | all |
//! | clipped losses | `clipped losses` | networks, trees, linear |
//! | held-out loss | `held-out loss` with its error; a warning where it is below 0 though the loss is not, or above that of r = 1 | all but histograms |
//! | no minimum | the curvature: an error ([`NotConvex`](crate::Error::NotConvex)), a warning, `splits refused` | kernel; linear; trees |
//!
//! # Clipping
//! Exponentials that grow without bound are evaluated up to |z| = [`CLIP`] only. Beyond, the loss goes on along its tangent,
//! so it stays convex where it was and still pulls an event back; the second derivative stays that at the clip, so that
//! Newton steps remain finite. [`is_clipped`](RatioLoss::is_clipped) says of which events that is true.

use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Error as CoreError, EventSet, FitReport, LogRatio, Weighted};

use crate::error::Result;
use crate::weight_sum::WeightSum;

/// The |z| beyond which growing exponentials are replaced by their tangents: e^30 = 1.1e13 is far beyond any ratio that a
/// sample can measure, and its square is still finite in f32.
pub const CLIP: f64 = 30.0;

/// Standard deviations from which on a held-out loss is warned of: beyond chance in any number of fits.
const SIGMAS: f64 = 5.0;

/// A loss whose minimum over functions z of the event is the logarithm of the likelihood ratio.
///
/// ```
/// use hepml_ratio::RatioLoss;
///
/// // At the minimum the pull of the numerator and that of the denominator cancel.
/// let (p_num, p_den) = (0.3, 0.1_f64);
/// for loss in [RatioLoss::Bce, RatioLoss::Mlc, RatioLoss::Sqr] {
///     let z = (p_num / p_den).ln();
///     let [_, num, _] = loss.terms(true, z);
///     let [_, den, _] = loss.terms(false, z);
///     assert!((p_num * num + p_den * den).abs() < 1e-15);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum RatioLoss {
    /// Binary cross-entropy.
    #[default]
    Bce,
    /// Mean squared error of sigma(z).
    Mse,
    /// Maximum likelihood classifier.
    Mlc,
    /// Square-root loss.
    Sqr,
    /// p-MSE; its p is above 1, and 2 is the MSE.
    PMse(f64),
    /// p-SQR; its p is not 0, and 1 is the SQR.
    PSqr(f64),
    /// Least-squares importance fitting of f = e^z (not uLSIF, whose f is linear in its parameters and may be negative).
    Lsif,
}

impl RatioLoss {
    /// Checks the exponent of a p-loss.
    ///
    /// # Errors
    /// p-MSE: p not above 1 or not finite. p-SQR: p 0 or not finite.
    pub fn check(self) -> Result<()> {
        match self {
            Self::PMse(p) if !(p > 1.0 && p.is_finite()) => {
                Err(CoreError::out_of_range("p of the p-MSE", p, "finite and above 1").into())
            }
            Self::PSqr(p) if !(p != 0.0 && p.is_finite()) => {
                Err(CoreError::out_of_range("p of the p-SQR", p, "finite and not 0").into())
            }
            _ => Ok(()),
        }
    }

    /// The loss of one event of unit weight at z, with its first and second derivative in z.
    ///
    /// Clipped as the module says; finite for |z| up to 1e200. The exponent is not looked at, as [`check`](Self::check) does:
    /// p-MSE with p = 1, which `check` refuses, has slopes of NaN.
    pub fn terms(self, numerator: bool, z: f64) -> [f64; 3] {
        let at = self.clipped_to(numerator, z);
        // Every loss but MLC and LSIF is its own mirror image: b(z) = a(-z).
        let [value, slope, curvature] = match self {
            Self::Bce => mirrored(numerator, at, softplus_terms),
            Self::Mse => mirrored(numerator, at, |z| power_terms(2.0, z)),
            Self::PMse(p) => mirrored(numerator, at, |z| power_terms(p, z)),
            Self::Sqr | Self::PSqr(_) => mirrored(numerator, at, |z| {
                let root = (0.5 * z).exp();
                [root, 0.5 * root, 0.25 * root]
            }),
            Self::Mlc if numerator => [-at, -1.0, 0.0],
            Self::Mlc => {
                let ratio = at.exp();
                [at.exp_m1(), ratio, ratio]
            }
            Self::Lsif if numerator => {
                let ratio = at.exp();
                [-ratio, -ratio, -ratio]
            }
            Self::Lsif => {
                let square = (2.0 * at).exp();
                [0.5 * square, square, 2.0 * square]
            }
        };
        [value + slope * (z - at), slope, curvature]
    }

    /// Whether the loss of an event at z is clipped.
    pub fn is_clipped(self, numerator: bool, z: f64) -> bool {
        self.clipped_to(numerator, z) != z
    }

    /// Where the terms of an event are evaluated: z, unless an exponential grows too large there.
    fn clipped_to(self, numerator: bool, z: f64) -> f64 {
        match (self, numerator) {
            (Self::Bce | Self::Mse | Self::PMse(_), _) | (Self::Mlc, true) => z,
            (Self::Mlc | Self::Sqr | Self::PSqr(_), false) | (Self::Lsif, _) => z.min(CLIP),
            (Self::Sqr | Self::PSqr(_), true) => z.max(-CLIP),
        }
    }

    /// Whether both terms are convex in z, so that a model linear in its parameters has one minimum (positive weights).
    pub fn is_convex(self) -> bool {
        match self {
            Self::Bce | Self::Mlc | Self::Sqr | Self::PSqr(_) => true,
            Self::Mse | Self::PMse(_) | Self::Lsif => false,
        }
    }

    /// Whether neither term is below 0: a functional below 0 then tells of negative weights.
    pub fn is_positive(self) -> bool {
        match self {
            Self::Bce | Self::Mse | Self::PMse(_) | Self::Sqr | Self::PSqr(_) => true,
            Self::Mlc | Self::Lsif => false,
        }
    }

    /// Adds the loss of events that had no part in a fit to its report: `held-out loss`, with the error of independent
    /// weighted events.
    ///
    /// Warns of a loss below 0 that could not be, and of one above that of r = 1, each beyond chance.
    pub(crate) fn measure_held_out<E: EventSet>(
        self,
        model: &impl LogRatio<E>,
        sides: [&Weighted<E>; 2],
        report: &mut FitReport,
    ) -> Result<()> {
        // Without a sum of weights there are no means: `examine` has warned of it.
        if sides.iter().any(|side| !WeightSum::of(side.weights()).is_positive()) {
            return Ok(());
        }
        let mut loss = [0.0; 2];
        let mut excess = [0.0; 2];
        for (side, numerator) in sides.into_iter().zip([true, false]) {
            let z = model.log_ratio(side.events())?;
            let at_one = self.terms(numerator, 0.0)[0];
            let terms: Vec<f64> = z.iter().map(|z| self.terms(numerator, *z)[0]).collect();
            let sum = side.sum_weights();
            let mean_and_variance = |shift: f64| {
                let values = || terms.iter().zip(side.weights()).map(|(term, w)| (w / sum, term - shift));
                let mean: f64 = values().map(|(share, value)| share * value).sum();
                let variance: f64 = values().map(|(share, value)| (share * (value - mean)).powi(2)).sum();
                [mean, variance]
            };
            for (sum, part) in loss.iter_mut().zip(mean_and_variance(0.0)) {
                *sum += part;
            }
            for (sum, part) in excess.iter_mut().zip(mean_and_variance(at_one)) {
                *sum += part;
            }
        }
        let error = loss[1].sqrt();
        if !(loss[0].is_finite() && error.is_finite()) {
            report.warn("the held-out loss is beyond the range of numbers");
            return Ok(());
        }
        report.measure("held-out loss", loss[0], Some(error));
        if self.is_positive() && loss[0] < -SIGMAS * error {
            report.warn("the held-out loss is below 0, which only negative net weights make it: it may have no minimum");
        }
        if excess[0] > SIGMAS * excess[1].sqrt() {
            report.warn(format!(
                "the held-out loss is {:.2e} above that of r = 1 everywhere: the fit describes its own events only, or ran away",
                excess[0]
            ));
        }
        Ok(())
    }

    /// The number s with z = s u, where u is the logit (p-MSE) or logarithm (p-SQR) of the output f that the loss was
    /// published for: p - 1 for p-MSE, p for p-SQR, else 1.
    ///
    /// A network whose last layer gives u follows the published parametrisation; it moves the scale on which the network
    /// begins and learns, not the minimum.
    pub fn output_scale(self) -> f64 {
        match self {
            Self::PMse(p) => p - 1.0,
            Self::PSqr(p) => p,
            Self::Bce | Self::Mse | Self::Mlc | Self::Sqr | Self::Lsif => 1.0,
        }
    }

    /// The least loss min over z of p_num a(z) + p_den b(z), in closed form, for densities p_num, p_den > 0.
    ///
    /// Its integral is the value of the functional at the optimum, without clipping.
    pub fn minimum(self, p_num: f64, p_den: f64) -> f64 {
        match self {
            // ln_1p keeps the digits of the side that is the larger.
            Self::Bce => p_num * (p_den / p_num).ln_1p() + p_den * (p_num / p_den).ln_1p(),
            Self::Mse => p_num * (p_den / (p_num + p_den)),
            Self::PMse(p) => {
                let q = 1.0 / (p - 1.0);
                let (small, large) = if p_num < p_den { (p_num, p_den) } else { (p_den, p_num) };
                // p_num p_den/(p_num^q + p_den^q)^(p - 1), without powers of the larger.
                small * (1.0 + (small / large).powf(q)).powf(1.0 - p)
            }
            Self::Mlc => -p_num * (p_num / p_den).ln() + p_num - p_den,
            Self::Sqr | Self::PSqr(_) => 2.0 * p_num.sqrt() * p_den.sqrt(),
            Self::Lsif => -0.5 * p_num * (p_num / p_den),
        }
    }
}

/// The terms of a loss with a(z) = b(-z), given b.
fn mirrored(numerator: bool, z: f64, denominator: impl Fn(f64) -> [f64; 3]) -> [f64; 3] {
    if numerator {
        let [value, slope, curvature] = denominator(-z);
        [value, -slope, curvature]
    } else {
        denominator(z)
    }
}

/// ln(1 + e^z).
fn softplus_terms(z: f64) -> [f64; 3] {
    let [below, above] = sigmoids(z);
    [z.max(0.0) + (-z.abs()).exp().ln_1p(), above, above * below]
}

/// sigma(z/(p - 1))^p.
fn power_terms(p: f64, z: f64) -> [f64; 3] {
    let scale = 1.0 / (p - 1.0);
    let [below, above] = sigmoids(scale * z);
    let power = if p == 2.0 { above * above } else { above.powf(p) };
    let slope = scale * p * power * below;
    [power, slope, scale * slope * (p * below - above)]
}

/// sigma(-z) and sigma(z), each to full relative precision.
fn sigmoids(z: f64) -> [f64; 2] {
    let small = (-z.abs()).exp();
    let (less, more) = (small / (1.0 + small), 1.0 / (1.0 + small));
    if z < 0.0 { [more, less] } else { [less, more] }
}

#[cfg(test)]
mod tests {
    use hepml_core::Table;
    use hepml_core::ndarray::Array1;

    use super::*;

    /// z of x: a slope.
    struct Line(f64);

    impl LogRatio<Table> for Line {
        fn log_ratio(&self, events: &Table) -> hepml_core::Result<Array1<f64>> {
            Ok(events.column(0).mapv(|x| self.0 * x))
        }
    }

    /// Half of the events at -1 and half at 1, with these weights.
    fn side(weights: [f64; 2]) -> Weighted<Table> {
        let events = Table::from_shape_fn((4000, 1), |(event, _)| if event % 2 == 0 { -1.0 } else { 1.0 });
        Weighted::new(events, (0..4000).map(|event| weights[event % 2]).collect()).expect("a weight an event")
    }

    fn measured(loss: RatioLoss, slope: f64, sides: [[f64; 2]; 2]) -> FitReport {
        let mut report = FitReport::new();
        let sides = sides.map(side);
        loss.measure_held_out(&Line(slope), [&sides[0], &sides[1]], &mut report).expect("finite numbers");
        report
    }

    #[test]
    fn the_held_out_loss_is_the_functional_with_its_error() {
        // Shares 1/4, 3/4 against 1/2, 1/2 at z = -1, 1.
        let report = measured(RatioLoss::Sqr, 1.0, [[1.0, 3.0], [2.0, 2.0]]);
        let (low, high) = ((-0.5_f64).exp(), 0.5_f64.exp());
        let means = [0.25 * high + 0.75 * low, 0.5 * low + 0.5 * high];
        // Shares of single events: 1/8000 and 3/8000 against 1/4000.
        let variance = |shares: [f64; 2], [a, b]: [f64; 2], mean: f64| {
            2000.0 * ((shares[0] * (a - mean)).powi(2) + (shares[1] * (b - mean)).powi(2))
        };
        let error = (variance([1.25e-4, 3.75e-4], [high, low], means[0])
            + variance([2.5e-4, 2.5e-4], [low, high], means[1]))
        .sqrt();
        let loss = report.get("held-out loss").expect("measured");
        assert!((loss.value - means[0] - means[1]).abs() < 1e-13, "{loss:?}");
        assert!((loss.error.expect("known") - error).abs() < 1e-13, "{loss:?} {error}");
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    }

    #[test]
    fn negative_net_weights_and_runaway_fits_are_warned_of() {
        // At -1 the numerator is negative: the farther z runs, the lower the loss.
        for loss in [RatioLoss::Bce, RatioLoss::Sqr, RatioLoss::PSqr(2.0)] {
            let report = measured(loss, 10.0, [[-1.0, 2.0], [1.0, 1.0]]);
            assert!(report.warnings.iter().any(|warning| warning.contains("below 0")), "{loss:?} {report:?}");
        }
        // MLC is negative where it should be.
        let report = measured(RatioLoss::Mlc, 0.5, [[1.0, 3.0], [2.0, 2.0]]);
        assert!(report.get("held-out loss").expect("measured").value < 0.0 && report.warnings.is_empty());
        // The wrong way round, it is worse than to know nothing.
        for loss in [RatioLoss::Bce, RatioLoss::Mse, RatioLoss::Mlc, RatioLoss::Sqr, RatioLoss::Lsif] {
            let report = measured(loss, -2.0, [[1.0, 3.0], [2.0, 2.0]]);
            let is_said = |warning: &String| warning.contains("above that of r = 1");
            assert!(report.warnings.iter().any(is_said), "{loss:?} {report:?}");
        }
        // Clipped, the loss is still a number, until it is none.
        let report = measured(RatioLoss::Lsif, 1e300, [[1.0, 3.0], [2.0, 2.0]]);
        assert!(report.get("held-out loss").is_none() && report.warnings[0].contains("range of numbers"));
    }
}
