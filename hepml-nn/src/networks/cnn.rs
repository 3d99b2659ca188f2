//! Convolutional networks on jet images.

use hepml_core::rand::Rng;
use hepml_core::serde::{Deserialize, Serialize};
use hepml_core::{ParticleSets, Weighted};

use super::mlp::Mlp;
use crate::encoding::ImageEncoder;
use crate::error::Result;
use crate::layers::{Conv2d, Dropout, ImagePooling, Initial, Pool2d, StackConfig};
use crate::matrix::Matrix;
use crate::network::{Architecture, Network};
use crate::parameters::Parameters;
use crate::pass::Pass;
use crate::scalar::Scalar;
use crate::tape::{Conv2dShape, Function, Padding, Var};

/// One convolution of a [`CnnConfig`], and how its pixels are put together: x <- dropout(pool(f(w * x + b))).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct ConvBlock {
    channels: usize,
    kernel: [usize; 2],
    padding: Padding,
    activation: Function,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pooling: Option<ImagePooling>,
    dropout: f64,
}

impl ConvBlock {
    /// A convolution to so many channels with a square kernel, padded with zeros, ReLU, no pooling and no dropout.
    pub fn new(channels: usize, kernel: usize) -> Self {
        Self {
            channels,
            kernel: [kernel, kernel],
            padding: Padding::Zero,
            activation: Function::Relu,
            pooling: None,
            dropout: 0.0,
        }
    }

    /// What the convolution sees beyond the edges.
    #[must_use]
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// The function after the convolution.
    #[must_use]
    pub fn activation(mut self, activation: Function) -> Self {
        self.activation = activation;
        self
    }

    /// How pixels are put together.
    #[must_use]
    pub fn pooling(mut self, pooling: ImagePooling) -> Self {
        self.pooling = Some(pooling);
        self
    }

    /// The rate of [`Dropout`] at the end.
    #[must_use]
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }
}

/// A convolutional network on jet images (arXiv:1511.05190, 1612.01551): the field's historical baseline.
///
/// Jets become images ([`ImageEncoder`]); then for each block x <- pool(f(w * x + b)), and a multilayer perceptron of
/// all that is left of the pixels.
///
/// *Invariances*: those of the images. The convolutions commute with translations of the image by whole pixels, the poolings by
/// whole windows, both but for the edges; the perceptron that follows does not, unless [`ImagePooling::GlobalMean`] comes
/// before. It is not infrared and collinear safe: an image is linear in what falls into its pixels, but a soft or collinear
/// particle may move others across the edges of pixels, and does so by moving the axis.
///
/// Defaults: 32 x 32 pixels over |Δy|, |Δphi| <= 0.8, turned upright and standardised; three blocks of 16, 32 and 32 channels with
/// 3 x 3 kernels and max pooling of 2 x 2; a hidden layer of 64. For two outputs, 47,010 parameters.
///
/// ```
/// use hepml_nn::{CnnConfig, ConvBlock, ImageEncoder, ImagePooling, StackConfig};
///
/// let config = CnnConfig::new(2)
///     .image(ImageEncoder::new(16, 0.4).upright(true).standardise(true))
///     .blocks(vec![ConvBlock::new(8, 3).pooling(ImagePooling::Max(2)), ConvBlock::new(16, 3)])
///     .head(StackConfig::new([32]).dropout(0.2));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "hepml_core::serde", deny_unknown_fields)]
pub struct CnnConfig {
    image: ImageEncoder,
    blocks: Vec<ConvBlock>,
    head: StackConfig,
    outputs: usize,
}

impl CnnConfig {
    /// The defaults, with so many outputs (2 for a classifier of two kinds).
    pub fn new(outputs: usize) -> Self {
        let block = |channels| ConvBlock::new(channels, 3).pooling(ImagePooling::Max(2));
        Self {
            image: ImageEncoder::default().upright(true).standardise(true),
            blocks: vec![block(16), block(32), block(32)],
            head: StackConfig::new([64]),
            outputs,
        }
    }

    /// How jets become images.
    #[must_use]
    pub fn image(mut self, image: ImageEncoder) -> Self {
        self.image = image;
        self
    }

    /// The convolutions.
    #[must_use]
    pub fn blocks(mut self, blocks: Vec<ConvBlock>) -> Self {
        self.blocks = blocks;
        self
    }

    /// The hidden layers of the perceptron.
    #[must_use]
    pub fn head(mut self, layers: StackConfig) -> Self {
        self.head = layers;
        self
    }
}

impl Architecture for CnnConfig {
    const KIND: &'static str = "hepml-nn/cnn";
    type Encoder = ImageEncoder;
    type Network = Cnn;

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn fit_encoder(&self, events: &Weighted<ParticleSets>) -> Result<ImageEncoder> {
        self.image.clone().fitted(events)
    }

    fn build<T: Scalar>(
        &self,
        encoder: &ImageEncoder,
        parameters: &mut Parameters<T>,
        rng: &mut dyn Rng,
    ) -> Result<Cnn> {
        let mut shape = encoder.shape()?;
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for (index, block) in self.blocks.iter().enumerate() {
            let name = format!("conv/{index}");
            let conv = Conv2dShape::new(shape, block.channels, block.kernel, block.padding)?;
            let conv = Conv2d::new(parameters, &name, conv, Some(block.activation), Initial::HeUniform, rng)?;
            shape = conv.output();
            let pool = block.pooling.map(|pooling| pooling.build(shape)).transpose()?;
            if let Some(pool) = &pool {
                shape = pool.output();
            }
            blocks.push((conv, pool, Dropout::new(block.dropout)?));
        }
        let head = Mlp::new(parameters, "head", shape.columns(), &self.head, self.outputs, rng)?;
        Ok(Cnn { blocks, head })
    }
}

/// The network of a [`CnnConfig`].
#[derive(Debug, Clone)]
pub struct Cnn {
    blocks: Vec<(Conv2d, Option<Pool2d>, Dropout)>,
    head: Mlp,
}

impl<T: Scalar> Network<T> for Cnn {
    type Input = Matrix<T>;

    fn forward(&self, pass: &mut Pass<'_, T>, images: &Var) -> Result<Var> {
        let mut x = *images;
        for (conv, pool, dropout) in &self.blocks {
            x = conv.forward(pass, x)?;
            if let Some(pool) = pool {
                x = pool.forward(pass, x)?;
            }
            x = dropout.forward(pass, x)?;
        }
        self.head.forward(pass, &x)
    }
}
