//! Residual perceptrons, conditioned on a context.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{Table, Weighted};

use crate::encoding::{TableConfig, TableEncoder};
use crate::error::{Error, Result};
use crate::layers::{Dense, Dropout, Film, Initial, LayerNorm};
use crate::matrix::Matrix;
use crate::network::{Architecture, Network};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Function, Var};

/// A residual perceptron with feature-wise conditioning on a context (FiLM, arXiv:1709.07871; residual blocks with the
/// normalisation first, arXiv:1603.05027).
///
/// With features x and context c, and f the activation:
///
/// - h_0 = x W_0 + b_0,
/// - each block: u = (1 + gamma(c)) norm(h) + beta(c), with gamma and beta linear in c; h <- h + f(u W + b) W' + b',
/// - y = norm(h) W_y + b_y.
///
/// gamma, beta, W' and b' are 0 at first: the network begins as a linear one that does not see the context.
///
/// The context is some [columns](Self::context) of the table (parameters of a theory, the mass of a resonance, the transverse
/// momentum that a tagger is not to depend on); the others are the features. Without a context the blocks have none.
///
/// ```
/// use hepml_nn::{Function, ResidualMlpConfig};
///
/// // The last of 5 columns is what the network is conditioned on.
/// let config = ResidualMlpConfig::new(1).context([4]).blocks(3, 64).activation(Function::Gelu);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct ResidualMlpConfig {
    outputs: usize,
    context: Vec<usize>,
    blocks: usize,
    width: usize,
    activation: Function,
    dropout: f64,
    table: TableConfig,
}

impl ResidualMlpConfig {
    /// So many outputs, from two blocks of width 64 with [`Function::Silu`], on standardised tables, without context.
    pub fn new(outputs: usize) -> Self {
        Self {
            outputs,
            context: Vec::new(),
            blocks: 2,
            width: 64,
            activation: Function::Silu,
            dropout: 0.0,
            table: TableConfig::default(),
        }
    }

    /// The columns of the table, counted from 0, that are the context.
    #[must_use]
    pub fn context(mut self, columns: impl Into<Vec<usize>>) -> Self {
        self.context = columns.into();
        self
    }

    /// The number of blocks, and their width.
    #[must_use]
    pub fn blocks(mut self, count: usize, width: usize) -> Self {
        (self.blocks, self.width) = (count, width);
        self
    }

    /// The function f.
    #[must_use]
    pub fn activation(mut self, activation: Function) -> Self {
        self.activation = activation;
        self
    }

    /// The rate of [`Dropout`] after f.
    #[must_use]
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }

    /// How tables are prepared, the columns of the context among them.
    #[must_use]
    pub fn table(mut self, table: TableConfig) -> Self {
        self.table = table;
        self
    }

    /// The columns that are features, of so many columns.
    fn features(&self, columns: usize) -> Result<Vec<usize>> {
        let mut is_context = vec![false; columns];
        for &column in &self.context {
            match is_context.get_mut(column) {
                Some(place) if !*place => *place = true,
                Some(_) => {
                    let allowed = "named once";
                    return Err(hepml_core::Error::out_of_range(
                        "column of the context",
                        column as f64,
                        allowed,
                    )
                    .into());
                }
                None => {
                    let what = "column of the context".into();
                    return Err(
                        hepml_core::Error::IndexOutOfBounds { what, index: column, len: columns }.into()
                    );
                }
            }
        }
        let features: Vec<usize> = (0..columns).filter(|column| !is_context[*column]).collect();
        if features.is_empty() {
            return Err(
                hepml_core::Error::Empty { what: "list of columns that are not context".into() }.into()
            );
        }
        Ok(features)
    }
}

impl Architecture for ResidualMlpConfig {
    const KIND: &'static str = "hepml-nn/residual-mlp";
    type Encoder = TableEncoder;
    type Network = ResidualMlp;

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn fit_encoder(&self, events: &Weighted<Table>) -> Result<TableEncoder> {
        self.features(events.events().ncols())?;
        self.table.fit(events)
    }

    fn build<T: Scalar>(
        &self,
        encoder: &TableEncoder,
        parameters: &mut Parameters<T>,
        rng: &mut dyn Rng,
    ) -> Result<ResidualMlp> {
        let features = self.features(encoder.columns())?;
        // Of a single number a layer norm leaves nothing.
        for (what, number, least) in [("outputs", self.outputs, 1), ("width", self.width, 2)] {
            if number < least {
                let what = format!("{what} of a residual perceptron");
                return Err(Error::shape(format!("{what}, at least"), least, number));
            }
        }
        let dropout = Dropout::new(self.dropout)?;
        let (width, context) = (self.width, self.context.len());
        let glorot = Initial::GlorotUniform;
        let first = Dense::new(parameters, "first", [features.len(), width], None, glorot, rng)?;
        // Grown as there is room for their parameters: their number may be any.
        let mut blocks = Vec::new();
        for index in 0..self.blocks {
            let name = |part: &str| format!("blocks/{index}/{part}");
            let norm = LayerNorm::new(parameters, &name("norm"), width)?;
            let film = match context {
                0 => None,
                _ => Some(Film::new(parameters, &name("film"), context, width, rng)?),
            };
            let function = Some(self.activation);
            let inner =
                Dense::new(parameters, &name("inner"), [width, width], function, Initial::HeUniform, rng)?;
            let outer = Dense::new(parameters, &name("outer"), [width, width], None, Initial::Zeros, rng)?;
            blocks.push(Block { norm, film, inner, outer });
        }
        let norm = LayerNorm::new(parameters, "norm", width)?;
        let last = Dense::new(parameters, "output", [width, self.outputs], None, glorot, rng)?;
        Ok(ResidualMlp { features, context: self.context.clone(), first, blocks, norm, last, dropout })
    }
}

/// A residual perceptron, [built](ResidualMlpConfig).
#[derive(Debug, Clone)]
pub struct ResidualMlp {
    /// The columns.
    features: Vec<usize>,
    context: Vec<usize>,
    first: Dense,
    blocks: Vec<Block>,
    norm: LayerNorm,
    last: Dense,
    dropout: Dropout,
}

#[derive(Debug, Clone)]
struct Block {
    norm: LayerNorm,
    film: Option<Film>,
    inner: Dense,
    outer: Dense,
}

impl ResidualMlp {
    /// The outputs [rows, outputs] for features [rows, features] and a context [rows, context], which is there if the network
    /// was built for one.
    ///
    /// # Errors
    /// Other numbers of columns or rows; a context that is missing, or too much.
    pub fn conditioned<T: Scalar>(
        &self,
        pass: &mut Pass<'_, T>,
        features: Var,
        context: Option<Var>,
    ) -> Result<Var> {
        let got = match context {
            Some(context) => pass.shape(context)?.1,
            None => 0,
        };
        if got != self.context.len() {
            return Err(Error::shape("columns of the context", self.context.len(), got));
        }
        let mut h = self.first.forward(pass, features)?;
        for block in &self.blocks {
            let mut u = block.norm.forward(pass, h)?;
            if let (Some(film), Some(context)) = (&block.film, context) {
                u = film.forward(pass, u, context)?;
            }
            let u = block.inner.forward(pass, u)?;
            let u = self.dropout.forward(pass, u)?;
            let u = block.outer.forward(pass, u)?;
            h = pass.add(h, u)?;
        }
        let h = self.norm.forward(pass, h)?;
        self.last.forward(pass, h)
    }
}

impl<T: Scalar> Network<T> for ResidualMlp {
    type Input = Matrix<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, x: &Var) -> Result<Var> {
        let columns = self.features.len() + self.context.len();
        let got = pass.shape(*x)?.1;
        if got != columns {
            return Err(Error::shape("columns of the features and the context", columns, got));
        }
        if self.context.is_empty() {
            return self.conditioned(pass, *x, None);
        }
        let features = choose(pass, *x, &self.features)?;
        let context = choose(pass, *x, &self.context)?;
        self.conditioned(pass, features, Some(context))
    }
}

/// Some columns, in runs of neighbours.
fn choose<T: Scalar>(pass: &mut Pass<'_, T>, x: Var, columns: &[usize]) -> Result<Var> {
    let mut parts = Vec::new();
    let runs = columns.chunk_by(|a, b| a + 1 == *b);
    for run in runs {
        parts.push(pass.columns(x, run[0]..run[0] + run.len())?);
    }
    if let [part] = parts[..] { Ok(part) } else { pass.concat(&parts) }
}
