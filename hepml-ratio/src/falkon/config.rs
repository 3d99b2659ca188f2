//! How a kernel logistic regression is fitted.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{
    Error as CoreError, Fitted, Observer, RatioEstimator, Result as CoreResult, Table, Weighted,
};

use super::model::FalkonRatio;
use super::newton;
use crate::error::Result;

/// The most steps of the path of lambda: each is a pass over all events.
const MOST_PATH_STEPS: usize = 10_000;

/// The width sigma of the kernel, in units of standardised features.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum KernelWidth {
    /// This width.
    Fixed(f64),
    /// This quantile (0 to 1) of the distances between the pairs of up to 1000 random events.
    Quantile(f64),
}

/// How centres are drawn among the events, without replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde")]
#[non_exhaustive]
pub enum CentreSampling {
    /// All events with the same chance.
    #[default]
    Uniform,
    /// With a chance that grows as |w|, either side normalised to its own sum of |w|.
    ByWeight,
}

/// Kernel logistic regression by the algorithm LogFalkon, as an estimator of ratios of densities.
///
/// # Conventions
/// z(x) = ln r(x) = sum_m alpha_m k(x, c_m) with the Gaussian kernel k(x, c) = exp(-|x - c|²/(2 sigma²)) of standardised
/// features and M centres c_m chosen among the events (Nystroem). alpha is the minimum of
///
/// J = sum_i omega_i softplus(-+ z_i) + lambda/2 alpha^T (K_MM + epsilon 1) alpha,
///
/// with - for numerator (label 1) and + for denominator events, omega the weights with either side normalised to 1/2, so that
/// J(z = 0) = ln 2, lambda is that of a mean loss, and the minimum is the ratio of densities. There is no constant term: far
/// from all centres z is 0. epsilon (reported as `jitter`) is what the Cholesky decomposition of K_MM needs in f64, and counts as
/// part of the problem.
///
/// # Algorithm
/// K_MM + epsilon = T^T T and beta = T alpha make the penalty lambda/2 |beta|². Newton's steps are solved for by conjugate gradients,
/// whose products K_nM^T D K_nM v are formed from blocks of the kernel matrix, preconditioned by A^-1, A^T A =
/// T W T^T + lambda, where W estimates the sum over events from that over the centres. lambda falls along a path, with a
/// step for each value, to its last one, where steps are taken until Newton's decrement g^T H^-1 g/2 is below a tolerance;
/// each step is halved until J falls. Falkon: arXiv:1705.10958; Newton's steps along a falling lambda: arXiv:1907.01771. As a
/// likelihood ratio: arXiv:2204.02317, which sigma at the 90th percentile of the distances and M >= sqrt(n) are from, too.
///
/// # Limits
/// A conjugate-gradient iteration costs n M exponentials, a step of Newton about M³ multiplications; the
/// kernel matrix K_nM is never kept. The memory is about 4 M² + 64 M + (d + 6) n numbers. |x - c|² is formed
/// as |x|² + |c|² - 2 x c, so that exponents are rounded to about 10^-16 |x/sigma|²; training events
/// farther than 10^5 sigma from the mean are turned away.
///
/// # Negative weights
/// softplus is convex, minus softplus is not: where the conjugate gradients meet a direction along which J curves downwards,
/// the fit is refused ([`Error::NotConvex`](crate::Error::NotConvex)). The penalty keeps J bounded below, and directions that
/// the iterations never met are not examined: the report says when there are negative weights.
///
/// # Example
/// ```
/// use hepml_core::rand::{RngExt, SeedableRng};
/// use hepml_core::{LogRatio, RatioEstimator, Table, Weighted, rand_chacha::ChaCha8Rng};
/// use hepml_ratio::FalkonConfig;
///
/// let mut rng = ChaCha8Rng::seed_from_u64(1);
/// // Densities 1 (denominator) and 2 x (numerator) between 0 and 1.
/// let mut sample = |power: f64| {
///     Weighted::unit(Table::from_shape_fn((2000, 1), |_| rng.random::<f64>().powf(power)))
/// };
/// let (numerator, denominator) = (sample(0.5), sample(1.0));
/// let fitted = FalkonConfig::default().fit(&numerator, &denominator, &mut rng, &mut ())?;
/// let z = fitted.model.log_ratio(&Table::from_elem((1, 1), 0.75))?;
/// assert!((z[0] - 1.5_f64.ln()).abs() < 0.1);
/// # Ok::<(), hepml_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields, default)]
pub struct FalkonConfig {
    pub(super) width: KernelWidth,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) centres: Option<usize>,
    pub(super) sampling: CentreSampling,
    pub(super) lambda: f64,
    pub(super) first_lambda: f64,
    pub(super) lambda_factor: f64,
    pub(super) path_iterations: usize,
    pub(super) iterations: usize,
    pub(super) cg_tolerance: f64,
    pub(super) steps: usize,
    pub(super) tolerance: f64,
    pub(super) examination: f64,
}

impl Default for FalkonConfig {
    fn default() -> Self {
        Self {
            width: KernelWidth::Quantile(0.9),
            centres: None,
            sampling: CentreSampling::Uniform,
            lambda: 1e-6,
            first_lambda: 1e-2,
            lambda_factor: 0.1,
            path_iterations: 4,
            iterations: 100,
            cg_tolerance: 1e-2,
            steps: 30,
            tolerance: 1e-9,
            examination: 0.1,
        }
    }
}

impl FalkonConfig {
    /// The width of the kernel; the 90th percentile of distances unless set.
    #[must_use]
    pub const fn width(mut self, width: KernelWidth) -> Self {
        self.width = width;
        self
    }

    /// The number of centres M; 4 sqrt(n) for n events unless set (or all events where there are fewer).
    #[must_use]
    pub const fn centres(mut self, count: usize) -> Self {
        self.centres = Some(count);
        self
    }

    /// How the centres are drawn; uniformly unless set.
    #[must_use]
    pub const fn sampling(mut self, sampling: CentreSampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// The penalty lambda > 0; 1e-6 unless set.
    #[must_use]
    pub const fn lambda(mut self, lambda: f64) -> Self {
        self.lambda = lambda;
        self
    }

    /// The path of penalties: from `first` each `factor` (below 1) times the one before, until lambda is reached; from 1e-2
    /// by 0.1 unless set, at most 10,000 of them. At each a step of at most `iterations` conjugate gradients (4 unless set) is taken.
    #[must_use]
    pub const fn path(mut self, first: f64, factor: f64, iterations: usize) -> Self {
        (self.first_lambda, self.lambda_factor, self.path_iterations) = (first, factor, iterations);
        self
    }

    /// For each step at the last lambda, at most so many iterations of conjugate gradients (100 unless set), until their residual has fallen by `tolerance`
    /// (1e-2 unless set).
    #[must_use]
    pub const fn conjugate_gradients(mut self, iterations: usize, tolerance: f64) -> Self {
        (self.iterations, self.cg_tolerance) = (iterations, tolerance);
        self
    }

    /// At most so many steps at the last lambda (30 unless set), until Newton's decrement g^T H^-1 g/2, by which J can still
    /// fall, is at most `tolerance` (1e-9 unless set; what n events can tell apart is about 1/n).
    #[must_use]
    pub const fn newton(mut self, steps: usize, tolerance: f64) -> Self {
        (self.steps, self.tolerance) = (steps, tolerance);
        self
    }

    /// The fraction of each side that is held out from the fit, on which the ratio is examined
    /// ([`examine`](crate::report::examine)); 0.1 unless set, 0 for none.
    #[must_use]
    pub const fn examination(mut self, fraction: f64) -> Self {
        self.examination = fraction;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let positive = |what: &'static str, value: f64| {
            let allowed = "positive and finite";
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(CoreError::out_of_range(what, value, allowed))
            }
        };
        match self.width {
            KernelWidth::Fixed(width) => positive("kernel width", width)?,
            KernelWidth::Quantile(quantile) => {
                if !(quantile > 0.0 && quantile <= 1.0) {
                    let what = "quantile of distances for the kernel width";
                    return Err(CoreError::out_of_range(what, quantile, "above 0 and at most 1").into());
                }
            }
        }
        positive("lambda", self.lambda)?;
        positive("first lambda of the path", self.first_lambda)?;
        positive("tolerance of Newton's decrement", self.tolerance)?;
        for (what, value) in [
            ("factor of the path of lambda", self.lambda_factor),
            ("tolerance of conjugate gradients", self.cg_tolerance),
        ] {
            if !(value > 0.0 && value < 1.0) {
                return Err(CoreError::out_of_range(what, value, "between 0 and 1").into());
            }
        }
        for (what, count) in [
            ("number of centres", self.centres.unwrap_or(1)),
            ("iterations along the path", self.path_iterations),
            ("iterations of conjugate gradients", self.iterations),
            ("steps of Newton", self.steps),
        ] {
            if count == 0 {
                return Err(CoreError::out_of_range(what, 0.0, "at least 1").into());
            }
        }
        let path = (self.first_lambda.ln() - self.lambda.ln()) / -self.lambda_factor.ln();
        if path > MOST_PATH_STEPS as f64 {
            let what = "number of steps of the path of lambda";
            return Err(CoreError::out_of_range(what, path.ceil(), "at most 10000").into());
        }
        Ok(())
    }

    /// The penalties, largest first; the last is lambda.
    pub(super) fn lambdas(&self) -> Vec<f64> {
        let mut path: Vec<f64> =
            std::iter::successors(Some(self.first_lambda), |lambda| Some(lambda * self.lambda_factor))
                // A value within rounding of the last one would be a step at the same penalty.
                .take_while(|lambda| *lambda > 1.001 * self.lambda)
                // Times a factor near 1, a subnormal number rounds to itself.
                .take(MOST_PATH_STEPS)
                .collect();
        path.push(self.lambda);
        path
    }
}

impl RatioEstimator<Table> for FalkonConfig {
    type Model = FalkonRatio;

    /// # Errors
    /// A configuration out of range; a side without events (or none left to learn from) or whose sum of weights is not positive; tables of different
    /// columns; a feature that is not finite, naming event and column; features that are all constant, a kernel width of 0,
    /// more centres than events, an event too far away for the kernel;
    /// [`NotConvex`](crate::Error::NotConvex) with negative weights.
    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> CoreResult<Fitted<FalkonRatio>> {
        Ok(newton::fit(self, numerator, denominator, rng, observer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_falls_to_lambda() {
        let config = FalkonConfig::default().lambda(1e-4).path(1e-2, 0.1, 3);
        assert_eq!(config.lambdas().len(), 3);
        assert_eq!(config.lambdas()[2], 1e-4);
        assert_eq!(FalkonConfig::default().lambda(1.0).lambdas(), [1.0]);
        // 3 of the smallest numbers times 0.9 are 3.
        let stuck = FalkonConfig::default().lambda(1e-323).path(1e-322, 0.9, 1);
        assert!(stuck.check().is_ok() && stuck.lambdas().len() <= MOST_PATH_STEPS + 1);
    }

    #[test]
    fn a_configuration_out_of_range_is_named() {
        let config = FalkonConfig::default();
        for (config, what) in [
            (config.clone().width(KernelWidth::Fixed(0.0)), "kernel width"),
            (config.clone().width(KernelWidth::Fixed(f64::NAN)), "kernel width"),
            (config.clone().width(KernelWidth::Quantile(0.0)), "quantile"),
            (config.clone().lambda(-1.0), "lambda"),
            (config.clone().path(1.0, 1.0, 2), "factor"),
            (config.clone().path(f64::INFINITY, 0.5, 2), "first lambda"),
            (config.clone().path(1e-2, 1.0 - 1e-12, 4), "path of lambda"),
            (config.clone().centres(0), "number of centres"),
            (config.clone().newton(0, 1e-9), "steps"),
            (config.clone().conjugate_gradients(10, 2.0), "conjugate gradients"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert!(config.check().is_ok());
    }
}
