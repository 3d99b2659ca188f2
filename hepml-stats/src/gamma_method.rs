//! Wolff's Gamma method: errors of Monte Carlo averages from their autocorrelation.

use hepml_core::ndarray::ArrayView2;
use hepml_core::{Error as CoreError, Item};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::autocovariance::Autocovariance;
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::sample::{centre, check_values};

/// The shortest chain whose autocorrelation is looked at.
const SHORTEST_CHAIN: usize = 4;

/// How the summation window is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaConfig {
    /// S, the assumed ratio of the exponential to the integrated autocorrelation time; 1 to 2 is usual.
    pub s: f64,
    /// A window fixed by hand instead; 0 assumes independent samples.
    pub window: Option<usize>,
}

impl Default for GammaConfig {
    /// S = 1.5 and an automatic window, as in the paper.
    fn default() -> Self {
        Self { s: 1.5, window: None }
    }
}

/// A Monte Carlo average (or a function of averages) with its error and autocorrelation time.
#[derive(Debug, Clone, PartialEq)]
pub struct GammaEstimate {
    /// The value; with several chains, the bias of a nonlinear function is cancelled.
    pub value: f64,
    /// One standard deviation.
    pub error: f64,
    /// One standard deviation of the error.
    pub error_of_error: f64,
    /// The integrated autocorrelation time, in samples.
    pub tau_int: f64,
    /// One standard deviation of the autocorrelation time.
    pub tau_int_error: f64,
    /// The number of independent samples with the same error, N/(2 τ_int). Below some 25 the window is too short for the
    /// slowest modes, and error and τ_int are lower bounds.
    pub effective_size: f64,
    /// The summation window W.
    pub window: usize,
    /// ρ(t) for t = 0..=W, to look at: it should have decayed at W. See [`autocorrelation`](crate::autocorrelation) for
    /// more of it.
    pub autocorrelation: Vec<f64>,
    /// The bias that was subtracted from the value; 0 for one chain, where it cannot be estimated.
    pub bias: f64,
    /// The probability that the chains scatter as much as they do or more if they sample the same distribution; `None` for
    /// one chain.
    pub consistency: Option<f64>,
}

impl GammaEstimate {
    /// The value with its error.
    pub fn estimate(&self) -> Estimate {
        Estimate { value: self.value, error: self.error }
    }

    /// The integrated autocorrelation time with its error.
    pub fn autocorrelation_time(&self) -> Estimate {
        Estimate { value: self.tau_int, error: self.tau_int_error }
    }
}

/// The mean of one series, with its error and autocorrelation time.
///
/// Cost: O(N W) for N samples and a window W.
///
/// # Conventions
/// U. Wolff, hep-lat/0306017. τ_int = 1/2 + Σ_{t ≥ 1} ρ(t), so that independent samples have τ_int = 1/2 and
/// error² = 2 τ_int Γ(0)/N. Γ(t) is averaged over the N − R t pairs of the R chains (replicas), around the mean of all.
/// The summation window W is the first with g(W) = exp(−W/τ) − τ/√(W N) < 0, where
/// τ = S / ln[(2 τ_int(W) + 1)/(2 τ_int(W) − 1)]; where τ_int(W) ≤ 1/2 (anti-correlated or independent samples), τ is
/// tiny and the window closes at once, as in the paper. The bias of Γ from the unknown mean is cancelled by the factor
/// 1 + (2W + 1)/N on the variance (eq. 49). The errors are those of the paper: τ_int has 2 τ_int √((W + 1/2 − τ_int)/N)
/// (eq. 42), the error itself error · √((W + 1/2)/N).
///
/// The window closes at the latest near 0.12 N (for S = 1.5), even for a series that only drifts: look at
/// [`GammaEstimate::effective_size`]. [`Error::NoWindow`] is the case of a chain that is shorter than twice the window.
///
/// For a strongly anti-correlated series the window W = 1 is too short: the summed variance may be far too small, or not
/// positive, which is an error here. Fix the window by hand ([`GammaConfig::window`]) in that case.
///
/// ```
/// use hepml_stats::{gamma_method, GammaConfig};
///
/// // x_{i+1} = 0.8 x_i + noise has τ_int = (1 + 0.8)/(2 (1 − 0.8)) = 4.5.
/// let (mut state, mut x) = (1_u32, 0.0);
/// let series: Vec<f64> = (0..20_000)
///     .map(|_| {
///         state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
///         x = 0.8 * x + f64::from(state) / 4_294_967_296.0 - 0.5;
///         x
///     })
///     .collect();
/// let mean = gamma_method(&series, &GammaConfig::default())?;
/// assert!(mean.autocorrelation_time().pull(4.5).abs() < 3.0);
/// assert!(mean.estimate().pull(0.0).abs() < 3.0);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// Fewer than four samples; a sample that is not finite; a constant series; no window ([`Error::NoWindow`]); a variance
/// that is not positive ([`Error::NegativeVariance`]); S that is not positive; a window that is longer than half of the
/// series.
pub fn gamma_method(series: &[f64], config: &GammaConfig) -> Result<GammaEstimate> {
    gamma_method_chains(&[series], config)
}

/// The mean of several independent chains, which may have different lengths.
///
/// # Errors
/// As [`gamma_method`], for each chain; no chains. Chains may be constant as long as not all samples are the same.
pub fn gamma_method_chains(chains: &[&[f64]], config: &GammaConfig) -> Result<GammaEstimate> {
    if chains.is_empty() {
        return Err(CoreError::Empty { what: "list of chains".into() }.into());
    }
    for chain in chains {
        check_values("sample", chain, SHORTEST_CHAIN)?;
    }
    let first = chains[0][0];
    if chains.iter().all(|chain| chain.iter().all(|value| *value == first)) {
        return Err(Error::Constant { what: "the series", value: first });
    }
    let means: Vec<f64> = chains.iter().map(|chain| centre(chain)).collect();
    let lengths: Vec<usize> = chains.iter().map(|chain| chain.len()).collect();
    let value = average(&means, &lengths);
    let deviations = chains.iter().map(|chain| chain.iter().map(|sample| sample - value).collect()).collect();
    summed(value, &means, &lengths, deviations, config)
}

/// A function f(A₁, ..., A_n) of the means of n observables, from one or several chains `[samples, n]`.
///
/// The samples are projected on the gradient, δ = Σ_α f_α (a_α − Ā_α), whose autocorrelation is that of f. The gradient
/// is numerical, as in the paper: symmetric differences with a step of one standard deviation of the mean of independent
/// samples, √(Γ_αα(0)/N). Observables that do not fluctuate contribute nothing. With R > 1 chains the bias of a nonlinear
/// f is estimated from their scatter and subtracted.
///
/// ```
/// use hepml_core::ndarray::Array2;
/// use hepml_stats::{gamma_method_derived, GammaConfig};
///
/// let samples = Array2::from_shape_fn((1000, 2), |(i, j)| ((i * 7 + j * 3) % 11) as f64 + 1.0);
/// let ratio = gamma_method_derived(&[samples.view()], |a| a[0] / a[1], &GammaConfig { window: Some(0), s: 1.5 })?;
/// assert!(ratio.estimate().pull(1.0).abs() < 1.0);
/// # Ok::<(), hepml_stats::Error>(())
/// ```
///
/// # Errors
/// As [`gamma_method_chains`]; chains with different numbers of observables; f that is not finite at the means, at the
/// means of a chain or at a step of the gradient.
pub fn gamma_method_derived(
    chains: &[ArrayView2<'_, f64>],
    f: impl Fn(&[f64]) -> f64,
    config: &GammaConfig,
) -> Result<GammaEstimate> {
    let Some(observables) = chains.first().map(ArrayView2::ncols) else {
        return Err(CoreError::Empty { what: "list of chains".into() }.into());
    };
    if observables == 0 {
        return Err(CoreError::Empty { what: "list of observables".into() }.into());
    }
    for chain in chains {
        if chain.ncols() != observables {
            return Err(CoreError::shape("observables of a chain", observables, chain.ncols()).into());
        }
        if chain.nrows() < SHORTEST_CHAIN {
            return Err(Error::TooFew { what: "sample".into(), needed: SHORTEST_CHAIN, got: chain.nrows() });
        }
        if let Some(((row, _), &value)) = chain.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(CoreError::NotFinite { what: "sample".into(), item: Item::event(row), value }.into());
        }
    }
    let lengths: Vec<usize> = chains.iter().map(ArrayView2::nrows).collect();
    let total = lengths.iter().sum::<usize>() as f64;
    let chain_means: Vec<Vec<f64>> = chains
        .iter()
        .map(|chain| chain.columns().into_iter().map(|column| centre(&column.to_vec())).collect())
        .collect();
    let means: Vec<f64> = (0..observables)
        .map(|alpha| average(&chain_means.iter().map(|means| means[alpha]).collect::<Vec<_>>(), &lengths))
        .collect();
    let value = hepml_core::finite("function of the means", f(&means))?;
    let mut chain_values = Vec::with_capacity(chains.len());
    for means in &chain_means {
        chain_values.push(hepml_core::finite("function of the means of a chain", f(means))?);
    }
    let mut gradient = vec![0.0; observables];
    let mut moved = means.clone();
    for alpha in 0..observables {
        let deviations = chains.iter().flat_map(|chain| chain.column(alpha)).map(|x| x - means[alpha]);
        let step = crate::mean::root_of_squares(deviations) / total;
        if step == 0.0 {
            continue;
        }
        moved[alpha] = means[alpha] + step;
        let above = hepml_core::finite("function at a step of its gradient", f(&moved))?;
        moved[alpha] = means[alpha] - step;
        let below = hepml_core::finite("function at a step of its gradient", f(&moved))?;
        moved[alpha] = means[alpha];
        gradient[alpha] = (above - below) / (2.0 * step);
    }
    let deviations: Vec<Vec<f64>> = chains
        .iter()
        .map(|chain| {
            chain
                .rows()
                .into_iter()
                .map(|row| {
                    row.iter().zip(&means).zip(&gradient).map(|((a, mean), slope)| slope * (a - mean)).sum()
                })
                .collect()
        })
        .collect();
    if deviations.iter().flatten().all(|delta| *delta == 0.0) {
        return Err(Error::Constant { what: "the function of the means", value });
    }
    summed(value, &chain_values, &lengths, deviations, config)
}

/// The mean of the chains' values, weighted with their lengths.
fn average(values: &[f64], lengths: &[usize]) -> f64 {
    let total = lengths.iter().sum::<usize>() as f64;
    let first = values[0];
    first
        + values
            .iter()
            .zip(lengths)
            .map(|(value, &length)| (value - first) * (length as f64 / total))
            .sum::<f64>()
}

/// The error from the deviations of each sample; `value` belongs to all samples, `chain_values` to each chain.
fn summed(
    value: f64,
    chain_values: &[f64],
    lengths: &[usize],
    deviations: Vec<Vec<f64>>,
    config: &GammaConfig,
) -> Result<GammaEstimate> {
    for chain in &deviations {
        crate::sample::check_finite("deviation from the mean", chain)?;
    }
    let mut gamma = Autocovariance::new(deviations);
    let n = gamma.count as f64;
    let longest = gamma.longest();
    let window = match config.window {
        Some(window) if window <= longest => window,
        Some(window) => {
            let allowed = "at most half of the shortest chain";
            return Err(CoreError::out_of_range("summation window", window as f64, allowed).into());
        }
        None => automatic_window(&mut gamma, config.s)?,
    };
    let summed = gamma.at(0) + 2.0 * (1..=window).map(|lag| gamma.at(lag)).sum::<f64>();
    if summed <= 0.0 {
        return Err(Error::NegativeVariance { window, value: summed * gamma.scale * gamma.scale });
    }
    // The unknown mean lowers every Γ(t) by about variance/N (eq. 49).
    let missing = summed / n;
    let variance = summed + (2 * window + 1) as f64 * missing;
    let at_zero = gamma.at(0) + missing;
    let autocorrelation = (0..=window).map(|lag| (gamma.at(lag) + missing) / at_zero).collect();
    let tau_int = 0.5 * variance / at_zero;
    let w = window as f64;
    let error = gamma.scale * (variance / n).sqrt();
    // ρ may exceed 1 by its own error, and τ_int then W + 1/2: no error is quoted rather than NaN.
    let tau_int_error = 2.0 * tau_int * ((w + 0.5 - tau_int).max(0.0) / n).sqrt();

    let chains = chain_values.len();
    let (mut bias, mut consistency) = (0.0, None);
    if chains >= 2 {
        let mean_of_chains = average(chain_values, lengths);
        bias = (mean_of_chains - value) / (chains as f64 - 1.0);
        let chi2: f64 = chain_values
            .iter()
            .zip(lengths)
            .map(|(chain, &length)| length as f64 * ((chain - mean_of_chains) / gamma.scale).powi(2))
            .sum::<f64>()
            / variance;
        let distribution = ChiSquared::new(chains as f64 - 1.0).expect("at least one degree of freedom");
        consistency = Some(distribution.sf(chi2));
    }
    Ok(GammaEstimate {
        value: hepml_core::finite("value", value - bias)?,
        error: hepml_core::finite("error", error)?,
        error_of_error: error * ((w + 0.5) / n).sqrt(),
        tau_int,
        tau_int_error,
        effective_size: 0.5 * n / tau_int,
        window,
        autocorrelation,
        bias,
        consistency,
    })
}

fn automatic_window(gamma: &mut Autocovariance, s: f64) -> Result<usize> {
    if !(s.is_finite() && s > 0.0) {
        return Err(CoreError::out_of_range("S of the Gamma method", s, "positive and finite").into());
    }
    let n = gamma.count as f64;
    let variance = gamma.at(0);
    let mut correlated = 0.0; // τ_int − 1/2
    for window in 1..=gamma.longest() {
        correlated += gamma.at(window) / variance;
        // ln[(2 τ_int + 1)/(2 τ_int − 1)] = ln(1 + 1/(τ_int − 1/2))
        let tau = if correlated <= 0.0 { f64::MIN_POSITIVE } else { s / (1.0 / correlated).ln_1p() };
        let w = window as f64;
        if (-w / tau).exp() < tau / (w * n).sqrt() {
            return Ok(window);
        }
    }
    Err(Error::NoWindow { longest: gamma.longest(), tau_int: 0.5 + correlated })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hepml_core::ndarray::Array2;

    fn noise(n: usize, seed: u32) -> Vec<f64> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f64::from(state) / 4_294_967_296.0 - 0.5
            })
            .collect()
    }

    fn walk(n: usize, a: f64, seed: u32) -> Vec<f64> {
        let mut x = 0.0;
        noise(n, seed)
            .into_iter()
            .map(|noise| {
                x = a * x + noise;
                x
            })
            .collect()
    }

    #[test]
    fn no_window_is_the_naive_error() {
        let series = noise(1000, 5);
        let naive =
            gamma_method(&series, &GammaConfig { window: Some(0), ..GammaConfig::default() }).unwrap();
        // s²/n with s² = Σ/(n − 1), up to the order of the bias cancellation, 1 + 1/n against 1/(1 − 1/n).
        let exact = crate::mean(&series).unwrap();
        assert_eq!(naive.tau_int, 0.5);
        assert!((naive.error / exact.error - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_derived_identity_is_the_mean() {
        let series = walk(3000, 0.7, 9);
        let mean = gamma_method(&series, &GammaConfig::default()).unwrap();
        let table = Array2::from_shape_vec((3000, 1), series).unwrap();
        let derived = gamma_method_derived(&[table.view()], |a| a[0], &GammaConfig::default()).unwrap();
        assert_eq!(mean.window, derived.window);
        assert!((mean.error / derived.error - 1.0).abs() < 1e-9);
    }

    #[test]
    fn chains_of_one_series_agree_with_it() {
        let series = walk(4000, 0.5, 3);
        let whole = gamma_method(&series, &GammaConfig::default()).unwrap();
        let parts =
            gamma_method_chains(&[&series[..1000], &series[1000..]], &GammaConfig::default()).unwrap();
        assert!((whole.value - parts.value).abs() < 1e-15);
        assert!((whole.error / parts.error - 1.0).abs() < 0.02);
        assert!(whole.consistency.is_none());
        assert!(parts.consistency.unwrap() > 0.01);
    }

    #[test]
    fn chains_that_disagree_are_seen() {
        let one = noise(1000, 1);
        let other: Vec<f64> = noise(1000, 2).iter().map(|x| x + 0.3).collect();
        let both = gamma_method_chains(&[&one, &other], &GammaConfig { window: Some(1), s: 1.5 }).unwrap();
        assert!(both.consistency.unwrap() < 1e-6);
    }

    #[test]
    fn an_alternating_series_has_no_variance_in_the_window() {
        let series: Vec<f64> = (0..100).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let error = gamma_method(&series, &GammaConfig::default()).unwrap_err();
        assert!(matches!(error, Error::NegativeVariance { window: 1, .. }), "{error}");
    }

    #[test]
    fn a_chain_shorter_than_the_window_is_an_error() {
        let (long, short) = (walk(2000, 0.95, 3), walk(10, 0.95, 4));
        let error = gamma_method_chains(&[&long, &short], &GammaConfig::default()).unwrap_err();
        assert!(matches!(error, Error::NoWindow { longest: 5, .. }), "{error}");
    }

    #[test]
    fn a_drift_is_worth_a_few_samples() {
        let series: Vec<f64> = (0..5000).map(f64::from).collect();
        let mean = gamma_method(&series, &GammaConfig::default()).unwrap();
        assert!(mean.effective_size < 10.0, "{}", mean.effective_size);
    }

    #[test]
    fn bad_input() {
        let config = GammaConfig::default();
        assert!(gamma_method(&[], &config).is_err());
        assert!(gamma_method(&[1.0, 2.0, 3.0], &config).is_err());
        assert!(
            gamma_method(&[1.0, 2.0, f64::NAN, 3.0], &config).unwrap_err().to_string().contains("event 2")
        );
        assert!(matches!(gamma_method(&[0.1; 50], &config), Err(Error::Constant { .. })));
        assert!(gamma_method_chains(&[], &config).is_err());
        for s in [0.0, -1.0, f64::NAN] {
            assert!(gamma_method(&noise(100, 1), &GammaConfig { s, window: None }).is_err());
        }
        assert!(gamma_method(&noise(100, 1), &GammaConfig { s: 1.5, window: Some(51) }).is_err());
        let table = Array2::from_shape_fn((10, 2), |(i, j)| (i * i * (j + 1) % 7) as f64);
        assert!(gamma_method_derived(&[], |a| a[0], &config).is_err());
        assert!(gamma_method_derived(&[table.view()], |_| f64::NAN, &config).is_err());
        assert!(gamma_method_derived(&[table.view()], |_| 1.0, &config).is_err());
        let narrow = Array2::<f64>::zeros((10, 1));
        assert!(gamma_method_derived(&[table.view(), narrow.view()], |a| a[0], &config).is_err());
        let empty = Array2::<f64>::zeros((10, 0));
        assert!(gamma_method_derived(&[empty.view()], |_| 0.0, &config).is_err());
    }
}
