//! Variational autoencoders.

use std::sync::Arc;

use hepml_core::ndarray::{Axis, s};
use hepml_core::rand::{Rng, RngExt};
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Sampler, Streams, Table, Weighted};

use super::Mlp;
use crate::encoding::{TableConfig, TableEncoder};
use crate::error::{Error, Result};
use crate::layers::{StackConfig, fill_normal, normal_matrix};
use crate::matrix::Matrix;
use crate::models::{Model, Unsupervised};
use crate::network::{Architecture, Network};
use crate::parameters::{ParameterId, Parameters};
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Function, Var};

/// The least deviation s that is learned, in units of the prepared columns: a column that can be predicted exactly would
/// else make the likelihood unbounded.
const LEAST_DEVIATION: f64 = 1e-3;

/// The most latent dimensions: an evaluation takes the mean over twice as many points an event, each of as many numbers.
const MOST_DIMENSIONS: usize = 512;

/// ln 2 pi.
const LN_TAU: f64 = 1.837_877_066_409_345_3;

/// The prior p(z) of a variational autoencoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
#[non_exhaustive]
pub enum LatentPrior {
    /// N(0, 1) in so many dimensions (arXiv:1312.6114):
    /// KL = sum_i [mu_i² + sigma_i² - 1 - ln sigma_i²]/2.
    Gaussian {
        /// L.
        dimensions: usize,
    },
    /// A mixture sum_k pi_k N(m_k, diag s_k²) whose weights, means and deviations are learned (arXiv:2104.08291 section 3; without
    /// its force between modes): KL = -sum_i [1 + ln 2 pi + ln sigma_i²]/2 - E_q[ln p(z)], the entropy of q in closed form, the rest
    /// as the reconstruction.
    Mixture {
        /// L.
        dimensions: usize,
        /// The number of Gaussians.
        components: usize,
    },
    /// A Dirichlet distribution of mixture weights r = softmax(z), R of them, which are what the decoder sees
    /// (arXiv:2104.08291 section 4). It is approximated by a Gaussian of z (arXiv:1703.01488, Laplace): mean
    /// m_i = ln alpha_i - (1/R) sum_j ln alpha_j, variance v_i = (1 - 2/R)/alpha_i + (1/R²) sum_j 1/alpha_j;
    /// KL = sum_i [sigma_i²/v_i + (mu_i - m_i)²/v_i - 1 - ln(sigma_i²/v_i)]/2.
    Dirichlet {
        /// The hyper-parameters alpha, R of them; below 1, weights near the corners of the simplex are preferred.
        alphas: Vec<f64>,
    },
}

impl LatentPrior {
    /// The number of latent numbers.
    pub fn dimensions(&self) -> usize {
        match self {
            Self::Gaussian { dimensions } | Self::Mixture { dimensions, .. } => *dimensions,
            Self::Dirichlet { alphas } => alphas.len(),
        }
    }

    fn check(&self) -> Result<()> {
        let least = if matches!(self, Self::Dirichlet { .. }) { 2 } else { 1 };
        let range = hepml_core::Error::out_of_range;
        if self.dimensions() < least || self.dimensions() > MOST_DIMENSIONS {
            let (count, allowed) =
                (self.dimensions() as f64, "at least 1, and 2 for a Dirichlet distribution, and at most 512");
            return Err(range("number of latent dimensions", count, allowed).into());
        }
        match self {
            Self::Mixture { components: 0, .. } => {
                Err(range("number of components of a mixture", 0.0, "at least 1").into())
            }
            Self::Dirichlet { alphas } => match alphas.iter().find(|a| !(a.is_finite() && **a > 0.0)) {
                Some(&alpha) => {
                    Err(range("alpha of a Dirichlet distribution", alpha, "positive and finite").into())
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Mean and variance of each z_i, where that is all.
    fn gaussian(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        match self {
            Self::Gaussian { dimensions } => Some((vec![0.0; *dimensions], vec![1.0; *dimensions])),
            Self::Mixture { .. } => None,
            Self::Dirichlet { alphas } => {
                let count = alphas.len() as f64;
                let mean = alphas.iter().map(|a| a.ln()).sum::<f64>() / count;
                let shared = alphas.iter().map(|a| 1.0 / a).sum::<f64>() / (count * count);
                let means = alphas.iter().map(|a| a.ln() - mean).collect();
                Some((means, alphas.iter().map(|a| (1.0 - 2.0 / count) / a + shared).collect()))
            }
        }
    }
}

/// The deviations s of p(x|z), in units of the prepared columns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
#[non_exhaustive]
pub enum DecoderDeviation {
    /// One of each column, learned: s² = e^(2 l) + 10^-6.
    Learned,
    /// The same for all columns.
    Fixed {
        /// s.
        deviation: f64,
    },
}

/// A variational autoencoder on tables (arXiv:1312.6114), with Gaussian, Gaussian-mixture or Dirichlet latent space
/// (arXiv:2104.08291).
///
/// q(z|x) = N(z; mu(x), diag sigma²(x)) with mu and ln sigma² from a perceptron E; p(x|z) = N(x; D(z), diag s²) with a perceptron
/// D, of the columns as they are prepared (standardised). The evidence lower bound of an event,
/// ln p(x) >= E_q[ln p(x|z)] - KL(q(z|x) || p(z)), has the two terms, with the signs of losses,
///
/// - reconstruction: E_q sum_j [(x_j - D_j(z))²/s_j² + ln s_j² + ln 2 pi]/2,
/// - divergence: KL(q || p), as given for each [`LatentPrior`].
///
/// They are what the model [observes](hepml_core::Observables) of an event, [events, 2]: scores of anomaly both, and minus their
/// sum is the bound. What is minimised is reconstruction + beta divergence. Fitted by
/// [`UnsupervisedConfig`](crate::UnsupervisedConfig).
///
/// In training E_q is one reparametrised draw z = mu + sigma epsilon. In evaluation it is the cubature rule of third degree, the
/// mean over the 2 L points mu ± sqrt(L) sigma_i e_i of the L-dimensional z: deterministic, and exact where the integrand is a
/// polynomial of degree 3 or less, as for a linear D. [`Model::elbo_terms`] takes draws instead.
///
/// ```
/// use hepml_nn::{LatentPrior, StackConfig, VariationalAutoencoderConfig};
///
/// let config = VariationalAutoencoderConfig::new(LatentPrior::Dirichlet { alphas: vec![0.9, 0.9] })
///     .encoder(StackConfig::new([100]))
///     .decoder(StackConfig::new([]));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct VariationalAutoencoderConfig {
    prior: LatentPrior,
    encoder: StackConfig,
    decoder: StackConfig,
    deviation: DecoderDeviation,
    beta: f64,
    table: TableConfig,
}

impl VariationalAutoencoderConfig {
    /// An autoencoder with this prior, default hidden layers on either side, learned deviations and beta = 1, on standardised
    /// tables.
    pub fn new(prior: LatentPrior) -> Self {
        Self {
            prior,
            encoder: StackConfig::default(),
            decoder: StackConfig::default(),
            deviation: DecoderDeviation::Learned,
            beta: 1.0,
            table: TableConfig::default(),
        }
    }

    /// The hidden layers of E.
    #[must_use]
    pub fn encoder(mut self, hidden: StackConfig) -> Self {
        self.encoder = hidden;
        self
    }

    /// The hidden layers of D.
    #[must_use]
    pub fn decoder(mut self, hidden: StackConfig) -> Self {
        self.decoder = hidden;
        self
    }

    /// The deviations of p(x|z).
    #[must_use]
    pub fn deviation(mut self, deviation: DecoderDeviation) -> Self {
        self.deviation = deviation;
        self
    }

    /// The factor of the divergence in what is minimised; 1 for the evidence lower bound.
    #[must_use]
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    /// How tables are prepared.
    #[must_use]
    pub fn table(mut self, table: TableConfig) -> Self {
        self.table = table;
        self
    }
}

impl Architecture for VariationalAutoencoderConfig {
    const KIND: &'static str = "hepml-nn/variational-autoencoder";
    type Encoder = TableEncoder;
    type Network = VariationalAutoencoder;

    fn outputs(&self) -> usize {
        2
    }

    fn fit_encoder(&self, events: &Weighted<Table>) -> Result<TableEncoder> {
        self.table.fit(events)
    }

    fn build<T: Scalar>(
        &self,
        encoder: &TableEncoder,
        parameters: &mut Parameters<T>,
        rng: &mut dyn Rng,
    ) -> Result<VariationalAutoencoder> {
        self.prior.check()?;
        let range = hepml_core::Error::out_of_range;
        if !(self.beta.is_finite() && self.beta >= 0.0) {
            return Err(range("beta of a variational autoencoder", self.beta, "at least 0 and finite").into());
        }
        let (columns, dimensions) = (encoder.columns(), self.prior.dimensions());
        let deviation = match self.deviation {
            DecoderDeviation::Fixed { deviation } if !(deviation.is_finite() && deviation > 0.0) => {
                return Err(range("deviation of a decoder", deviation, "positive and finite").into());
            }
            DecoderDeviation::Fixed { deviation } => Deviation::Fixed(deviation),
            DecoderDeviation::Learned => {
                parameters.check_room(&[[1, columns]])?;
                Deviation::Learned(parameters.add("log_deviation", &Matrix::zeros(1, columns))?)
            }
        };
        let prior = match (&self.prior, self.prior.gaussian()) {
            (_, Some((means, variances))) => Prior::Gaussian { means, variances },
            (&LatentPrior::Mixture { components, .. }, None) => {
                parameters.check_room(&[
                    [1, components],
                    [components, dimensions],
                    [components, dimensions],
                ])?;
                Prior::Mixture {
                    components,
                    logits: parameters.add("prior/logits", &Matrix::zeros(1, components))?,
                    means: parameters.add("prior/means", &first_means(components, dimensions, rng))?,
                    log_deviations: parameters
                        .add("prior/log_deviations", &Matrix::zeros(components, dimensions))?,
                }
            }
            (_, None) => unreachable!("only mixtures are not Gaussian"),
        };
        Ok(VariationalAutoencoder {
            dimensions,
            prior,
            simplex: matches!(self.prior, LatentPrior::Dirichlet { .. }),
            deviation,
            beta: self.beta,
            encoder: Mlp::new(parameters, "encoder", columns, &self.encoder, 2 * dimensions, rng)?,
            decoder: Mlp::new(parameters, "decoder", dimensions, &self.decoder, columns, rng)?,
        })
    }
}

/// How far the Gaussians of a mixture are from the origin at first, as root mean square of a dimension. They have a deviation
/// of 1: nearer ones would soon be one.
const FIRST_DISTANCE: f64 = 2.0;

/// Means of a mixture around the origin, so that not all modes of the data are on one side; a single one is there.
fn first_means<T: Scalar>(components: usize, dimensions: usize, rng: &mut dyn Rng) -> Matrix<T> {
    let mut means = normal_matrix::<f64>(components, dimensions, rng).to_array();
    let centre = means.mean_axis(Axis(0)).expect("at least one component");
    means -= &centre;
    let distance = (means.mapv(|m| m * m).sum() / (components * dimensions) as f64).sqrt();
    if distance > 0.0 {
        means *= FIRST_DISTANCE / distance;
    }
    Matrix::from_array(&means)
}

/// A variational autoencoder, [built](VariationalAutoencoderConfig).
#[derive(Debug, Clone)]
pub struct VariationalAutoencoder {
    dimensions: usize,
    prior: Prior,
    /// Whether the decoder sees softmax(z).
    simplex: bool,
    deviation: Deviation,
    beta: f64,
    encoder: Mlp,
    decoder: Mlp,
}

#[derive(Debug, Clone)]
enum Prior {
    Gaussian { means: Vec<f64>, variances: Vec<f64> },
    Mixture { components: usize, logits: ParameterId, means: ParameterId, log_deviations: ParameterId },
}

#[derive(Debug, Clone)]
enum Deviation {
    Learned(ParameterId),
    Fixed(f64),
}

impl VariationalAutoencoder {
    /// mu and ln sigma² of q(z|x), each [rows, L].
    ///
    /// # Errors
    /// Another number of columns.
    pub fn posterior<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var) -> Result<[Var; 2]> {
        let both = self.encoder.forward(pass, &x)?;
        let means = pass.columns(both, 0..self.dimensions)?;
        Ok([means, pass.columns(both, self.dimensions..2 * self.dimensions)?])
    }

    /// What the decoder sees of z: z itself, or softmax(z) of a Dirichlet prior.
    ///
    /// # Errors
    /// A variable of another tape.
    pub fn latent<T: Scalar>(&self, pass: &mut Pass<'_, T>, z: Var) -> Result<Var> {
        if self.simplex { pass.softmax(z) } else { Ok(z) }
    }

    /// D [rows, columns] of what the decoder sees [rows, L].
    ///
    /// # Errors
    /// Another number of columns.
    pub fn decode<T: Scalar>(&self, pass: &mut Pass<'_, T>, latent: Var) -> Result<Var> {
        self.decoder.forward(pass, &latent)
    }

    /// Reconstruction and divergence [rows, 1] of x [rows, columns], with E_q as the mean over z = mu + sigma epsilon for the
    /// epsilon [rows * points, L], as many for each row, row after row.
    fn terms<T: Scalar>(&self, pass: &mut Pass<'_, T>, x: Var, epsilon: Option<Var>) -> Result<[Var; 2]> {
        let [means, log_variances] = self.posterior(pass, x)?;
        let rows = pass.shape(x)?.0;
        let half = pass.affine(log_variances, 0.5, 0.0)?;
        let deviations = pass.apply(Function::Exp, half)?;
        let epsilon = if let Some(epsilon) = epsilon {
            epsilon
        } else {
            let points = cubature::<T>(rows, self.dimensions);
            pass.constant(points.view())
        };
        let points = pass.shape(epsilon)?.0.checked_div(rows).unwrap_or(1);
        let which: Option<Arc<[u32]>> = if points == 1 {
            None
        } else {
            let rows = u32::try_from(rows).expect("batches have fewer than 2^32 rows");
            Some((0..rows).flat_map(|row| std::iter::repeat_n(row, points)).collect())
        };
        let repeated = |pass: &mut Pass<'_, T>, x: Var| match &which {
            None => Ok(x),
            Some(which) => pass.gather(x, which.clone()),
        };
        let averaged = |pass: &mut Pass<'_, T>, x: Var| {
            let x = pass.reshape(x, rows, points)?;
            let sum = pass.row_sums(x)?;
            pass.affine(sum, 1.0 / points as f64, 0.0)
        };
        let (x, deviations) = (repeated(pass, x)?, repeated(pass, deviations)?);
        let noise = pass.mul(deviations, epsilon)?;
        let z = repeated(pass, means)?;
        let z = pass.add(z, noise)?;

        let latent = self.latent(pass, z)?;
        let decoded = self.decode(pass, latent)?;
        let variance = self.variance(pass)?;
        let difference = pass.sub(x, decoded)?;
        let squares = pass.mul(difference, difference)?;
        let squares = pass.div(squares, variance)?;
        let norm = pass.apply(Function::Ln, variance)?;
        let sum = pass.add(squares, norm)?;
        let sum = pass.affine(sum, 0.5, 0.5 * LN_TAU)?;
        let reconstruction = pass.row_sums(sum)?;
        let reconstruction = averaged(pass, reconstruction)?;

        let divergence = match &self.prior {
            Prior::Gaussian { means: prior_means, variances } => {
                gaussian_divergence(pass, means, log_variances, prior_means, variances)?
            }
            Prior::Mixture { components, logits, means: prior_means, log_deviations } => {
                let entropy = pass.affine(log_variances, 0.5, 0.5 * (1.0 + LN_TAU))?;
                let entropy = pass.row_sums(entropy)?;
                let log_prior = {
                    let [logits, means, log_deviations] = [
                        pass.parameter(*logits)?,
                        pass.parameter(*prior_means)?,
                        pass.parameter(*log_deviations)?,
                    ];
                    mixture_log_density(pass, z, *components, logits, means, log_deviations)?
                };
                let log_prior = averaged(pass, log_prior)?;
                let sum = pass.add(entropy, log_prior)?;
                pass.affine(sum, -1.0, 0.0)?
            }
        };
        Ok([reconstruction, divergence])
    }

    /// s² [1, columns] or [1, 1].
    fn variance<T: Scalar>(&self, pass: &mut Pass<'_, T>) -> Result<Var> {
        match self.deviation {
            Deviation::Fixed(deviation) => Ok(pass.number(deviation * deviation)),
            Deviation::Learned(id) => {
                let logarithm = pass.parameter(id)?;
                let double = pass.affine(logarithm, 2.0, 0.0)?;
                let variance = pass.apply(Function::Exp, double)?;
                pass.affine(variance, 1.0, LEAST_DEVIATION * LEAST_DEVIATION)
            }
        }
    }
}

/// The points of the cubature rule of third degree for a standard normal distribution, ± sqrt(L) e_i, for each row.
fn cubature<T: Scalar>(rows: usize, dimensions: usize) -> Matrix<T> {
    let mut points = Matrix::zeros(rows * 2 * dimensions, dimensions);
    let far = T::from_f64((dimensions as f64).sqrt());
    for row in 0..rows {
        for dimension in 0..dimensions {
            for (side, value) in [far, -far].into_iter().enumerate() {
                points.row_mut(2 * (row * dimensions + dimension) + side)[dimension] = value;
            }
        }
    }
    points
}

/// sum_i [sigma_i²/v_i + (mu_i - m_i)²/v_i - 1 - ln(sigma_i²/v_i)]/2.
fn gaussian_divergence<T: Scalar>(
    pass: &mut Pass<'_, T>,
    means: Var,
    log_variances: Var,
    prior_means: &[f64],
    prior_variances: &[f64],
) -> Result<Var> {
    let row = |pass: &mut Pass<'_, T>, numbers: &mut dyn Iterator<Item = f64>| -> Result<Var> {
        let numbers: Vec<T> = numbers.map(T::from_f64).collect();
        let matrix = Matrix::from_rows(1, numbers.len(), &numbers)?;
        Ok(pass.constant(matrix.view()))
    };
    let centre = row(pass, &mut prior_means.iter().copied())?;
    let inverse = row(pass, &mut prior_variances.iter().map(|v| 1.0 / v))?;
    let logarithm = row(pass, &mut prior_variances.iter().map(|v| v.ln()))?;
    let distance = pass.sub(means, centre)?;
    let squares = pass.mul(distance, distance)?;
    let squares = pass.mul(squares, inverse)?;
    // d = ln(sigma²/v): e^d - d - 1, which is at least 0.
    let relative = pass.sub(log_variances, logarithm)?;
    let exponential = pass.apply(Function::Exp, relative)?;
    let sum = pass.add(squares, exponential)?;
    let sum = pass.sub(sum, relative)?;
    let sum = pass.affine(sum, 0.5, -0.5)?;
    pass.row_sums(sum)
}

/// ln sum_k pi_k N(z; m_k, diag s_k²) [rows, 1].
fn mixture_log_density<T: Scalar>(
    pass: &mut Pass<'_, T>,
    z: Var,
    components: usize,
    logits: Var,
    means: Var,
    log_deviations: Var,
) -> Result<Var> {
    let dimensions = pass.shape(z)?.1 as f64;
    let mut densities = Vec::with_capacity(components);
    for component in 0..components {
        let which: Arc<[u32]> = [u32::try_from(component).expect("fewer than 2^32 components")].into();
        let mean = pass.gather(means, which.clone())?;
        let logarithm = pass.gather(log_deviations, which)?;
        let minus = pass.affine(logarithm, -1.0, 0.0)?;
        let inverse = pass.apply(Function::Exp, minus)?;
        let distance = pass.sub(z, mean)?;
        let pull = pass.mul(distance, inverse)?;
        let squares = pass.mul(pull, pull)?;
        let exponent = pass.row_sums(squares)?;
        let exponent = pass.affine(exponent, -0.5, -0.5 * LN_TAU * dimensions)?;
        let norm = pass.row_sums(logarithm)?;
        densities.push(pass.sub(exponent, norm)?);
    }
    let densities = pass.concat(&densities)?;
    let weights = pass.log_softmax(logits)?;
    let terms = pass.add(densities, weights)?;
    pass.log_sum_exp(terms)
}

impl<T: Scalar> Network<T> for VariationalAutoencoder {
    type Input = Matrix<T>;

    /// Reconstruction and divergence, [events, 2].
    fn forward(&self, pass: &mut Pass<'_, T>, x: &Var) -> Result<Var> {
        let (rows, dimensions) = (pass.shape(*x)?.0, self.dimensions);
        let epsilon = pass.noise().map(|noise| normal_matrix::<T>(rows, dimensions, noise));
        let epsilon = epsilon.map(|epsilon| pass.constant(epsilon.view()));
        let terms = self.terms(pass, *x, epsilon)?;
        pass.concat(&terms)
    }
}

impl<T: Scalar> Unsupervised<T> for VariationalAutoencoder {
    fn losses(&self, pass: &mut Pass<'_, T>, x: &Var) -> Result<Var> {
        let terms = self.forward(pass, x)?;
        let reconstruction = pass.columns(terms, 0..1)?;
        let divergence = pass.columns(terms, 1..2)?;
        let divergence = pass.affine(divergence, self.beta, 0.0)?;
        pass.add(reconstruction, divergence)
    }
}

/// # Variational autoencoders
impl<T: Scalar> Model<VariationalAutoencoderConfig, T> {
    /// mu and then ln sigma² of q(z|x), [events, 2 L].
    ///
    /// # Errors
    /// Events that cannot be encoded, naming event and column.
    pub fn posterior(&self, events: &Table) -> Result<Table> {
        self.for_events(events, 2 * self.dimensions(), |pass, x, _| {
            let x = pass.constant(x.view());
            let parts = self.network().posterior(pass, x)?;
            pass.concat(&parts)
        })
    }

    /// The latent numbers [events, L] as the decoder sees them: mu, or softmax(mu) of a Dirichlet prior, the weights of its
    /// mixtures, which arXiv:2104.08291 tells classes by.
    ///
    /// # Errors
    /// As [`posterior`](Self::posterior).
    pub fn encode(&self, events: &Table) -> Result<Table> {
        self.for_events(events, self.dimensions(), |pass, x, _| {
            let x = pass.constant(x.view());
            let [means, _] = self.network().posterior(pass, x)?;
            self.network().latent(pass, means)
        })
    }

    /// The events [points, columns] of latent numbers [points, L] as the decoder sees them, in the units of the events.
    ///
    /// # Errors
    /// Another number of columns; a number that is not finite.
    pub fn decode(&self, latents: &Table) -> Result<Table> {
        self.encoder().decode(&self.decode_prepared(latents)?)
    }

    fn decode_prepared(&self, latents: &Table) -> Result<Table> {
        if latents.ncols() != self.dimensions() {
            return Err(Error::shape("latent numbers", self.dimensions(), latents.ncols()));
        }
        let columns = self.encoder().columns();
        self.for_rows("latent numbers", latents, columns, |pass, z| self.network().decode(pass, z))
    }

    /// The events as they come out of the bottleneck, in their units: D(mu).
    ///
    /// # Errors
    /// As [`posterior`](Self::posterior).
    pub fn reconstruct(&self, events: &Table) -> Result<Table> {
        self.decode(&self.encode(events)?)
    }

    /// Reconstruction and divergence [events, 2], with E_q as the mean over so many draws; minus their sum is an unbiased
    /// estimate of the evidence lower bound of the prepared columns. That of the events in their units adds
    /// sum_j ln |d prepared_j/dx_j|.
    ///
    /// # Errors
    /// No samples; as [`posterior`](Self::posterior).
    pub fn elbo_terms(&self, events: &Table, samples: usize, rng: &mut dyn Rng) -> Result<Table> {
        if samples == 0 {
            return Err(hepml_core::Error::out_of_range("number of samples", 0.0, "at least 1").into());
        }
        let streams = Streams::from_rng(rng);
        self.for_events(events, 2, |pass, x, numbers| {
            let mut epsilon = Matrix::<T>::zeros(x.rows() * samples, self.dimensions());
            for (row, event) in numbers.enumerate() {
                let mut rng = streams.stream(event as u64);
                for sample in 0..samples {
                    fill_normal(epsilon.row_mut(row * samples + sample), &mut rng);
                }
            }
            let (x, epsilon) = (pass.constant(x.view()), pass.constant(epsilon.view()));
            let terms = self.network().terms(pass, x, Some(epsilon))?;
            pass.concat(&terms)
        })
    }

    /// Draws of the prior [count, L], as the decoder sees them.
    pub fn sample_latents(&self, count: usize, rng: &mut dyn Rng) -> Table {
        let mut latents = normal_matrix::<f64>(count, self.dimensions(), rng).to_array();
        match &self.network().prior {
            Prior::Gaussian { means, variances } => {
                for mut row in latents.rows_mut() {
                    for ((z, mean), variance) in row.iter_mut().zip(means).zip(variances) {
                        *z = mean + variance.sqrt() * *z;
                    }
                }
            }
            Prior::Mixture { logits, means, log_deviations, .. } => {
                let value = |id: &ParameterId| {
                    self.parameters().value(*id).expect("a parameter of this network").to_array()
                };
                let (logits, means, log_deviations) = (value(logits), value(means), value(log_deviations));
                let largest = logits.iter().fold(f64::NEG_INFINITY, |m, x| m.max(*x));
                let weights: Vec<f64> = logits.iter().map(|x| (x - largest).exp()).collect();
                for mut row in latents.rows_mut() {
                    let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
                    let drawn = weights.iter().position(|weight| {
                        left -= weight;
                        left < 0.0
                    });
                    // None where rounding leaves a rest: the last.
                    let component = drawn.unwrap_or(weights.len() - 1);
                    for (dimension, z) in row.iter_mut().enumerate() {
                        let at = [component, dimension];
                        *z = means[at] + log_deviations[at].exp() * *z;
                    }
                }
            }
        }
        if self.network().simplex {
            for mut row in latents.rows_mut() {
                let largest = row.iter().fold(f64::NEG_INFINITY, |m, z| m.max(*z));
                row.mapv_inplace(|z| (z - largest).exp());
                let sum = row.sum();
                row.mapv_inplace(|r| r / sum);
            }
        }
        latents
    }

    /// The deviations s of p(x|z), of the prepared columns.
    pub fn deviations(&self) -> Vec<f64> {
        match self.network().deviation {
            Deviation::Fixed(deviation) => vec![deviation; self.encoder().columns()],
            Deviation::Learned(id) => {
                let logarithms = self.parameters().value(id).expect("a parameter of this network");
                let deviation = |l: &T| (2.0 * l.to_f64()).exp() + LEAST_DEVIATION * LEAST_DEVIATION;
                logarithms.row(0).iter().map(|l| deviation(l).sqrt()).collect()
            }
        }
    }

    fn dimensions(&self) -> usize {
        self.network().dimensions
    }
}

/// Draws of p(x|z) p(z), in the units of the events.
impl<T: Scalar> Sampler<Table> for Model<VariationalAutoencoderConfig, T> {
    fn sample(&self, n: usize, rng: &mut dyn Rng) -> hepml_core::Result<Table> {
        let latents = self.sample_latents(n, rng);
        let mut events = self.decode_prepared(&latents)?;
        let deviations = self.deviations();
        let noise = normal_matrix::<f64>(n, deviations.len(), rng).to_array();
        for (mut column, (noise, deviation)) in
            events.columns_mut().into_iter().zip(noise.axis_iter(Axis(1)).zip(deviations))
        {
            column.scaled_add(deviation, &noise.slice(s![..]));
        }
        Ok(self.encoder().decode(&events)?)
    }
}
