//! How long a lattice flow's convolutions take: `cargo run --release -q -p hepml-benches --bin conv_throughput -- --size 16`.
//!
//! A stack of circular 3 x 3 convolutions 2-8-8-k with a leaky ReLU (0.01) between them, forward, and forward and backward
//! from sum_i y_i² to weights, biases and input, in micro-batches as when training. Number i of the input is sin(0.7 i), of the weights of layer l
//! 0.2 sin(1.3 i + l), of the biases 0.1 cos(i + l): `peers/conv_peer.py` gives the same to PyTorch.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use hepml::nn::{
    Conv2dShape, Function, Gradients, ImageShape, Inputs, Matrix, Padding, Parameters, Scalar, SimdLevel,
    Tape,
};
use hepml_benches::process::cpu_seconds;
use serde_json::{Value, json};

/// Measures the processor time of a stack of convolutions, and prints JSON with the medians `forward` and `both` (in
/// seconds), and what they computed: `loss`, and the norms of its gradients by `input`, `weights` and `biases`.
#[derive(Parser)]
struct Arguments {
    /// Rows and columns of the lattice.
    #[arg(long, default_value_t = 8)]
    size: usize,
    /// The channels of the last layer.
    #[arg(long, default_value_t = 8)]
    last: usize,
    /// The samples of a step.
    #[arg(long, default_value_t = 256)]
    batch: usize,
    /// The steps that are measured.
    #[arg(long, default_value_t = 50)]
    steps: usize,
    /// The precision.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,
    /// The vector instructions to be used; the best that the processor has unless given.
    #[arg(long, value_enum)]
    simd: Option<Simd>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Precision {
    F32,
    F64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Simd {
    Portable,
    Avx2,
    Avx512,
}

impl From<Simd> for SimdLevel {
    fn from(simd: Simd) -> Self {
        match simd {
            Simd::Portable => Self::Portable,
            Simd::Avx2 => Self::Avx2,
            Simd::Avx512 => Self::Avx512,
        }
    }
}

/// The pixels of a micro-batch: as many samples as stay in the caches.
const MICRO_PIXELS: usize = 8192;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn matrix<T: Scalar>(rows: usize, columns: usize, f: impl Fn(f64) -> f64) -> Result<Matrix<T>> {
    let numbers: Vec<T> = (0..rows * columns).map(|i| T::from_f64(f(i as f64))).collect();
    Ok(Matrix::from_rows(rows, columns, &numbers)?)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

impl Arguments {
    fn run<T: Scalar>(&self) -> Result<Value> {
        let mut parameters = Parameters::<T>::new();
        let mut layers = Vec::new();
        for (layer, [inputs, outputs]) in [[2, 8], [8, 8], [8, self.last]].into_iter().enumerate() {
            let image = ImageShape::new(inputs, self.size, self.size);
            let shape = Conv2dShape::new(image, outputs, [3, 3], Padding::Circular)?;
            let (rows, columns) = shape.weights();
            let l = layer as f64;
            let weight = matrix(rows, columns, |i| 0.2 * (1.3 * i + l).sin())?;
            let bias = matrix(1, outputs, |i| 0.1 * (i + l).cos())?;
            let weight = parameters.add(format!("{layer}/weight"), &weight)?;
            layers.push((shape, weight, parameters.add(format!("{layer}/bias"), &bias)?));
        }
        let parameters = Arc::new(parameters);
        let pixels = self.size * self.size;
        let x = matrix::<T>(self.batch, 2 * pixels, |i| (0.7 * i).sin())?;
        let samples: Vec<usize> = (0..self.batch).collect();
        let mut micros = Vec::new();
        for samples in samples.chunks((MICRO_PIXELS / pixels).max(1)) {
            let mut micro = Matrix::default();
            micro.select_from(&x, samples)?;
            micros.push(micro);
        }
        let mut gradients = Gradients::zeros(&parameters);
        let mut tape = self.simd.map_or(Ok(Tape::new()), |simd| Tape::with_simd(simd.into()))?;
        let now = || cpu_seconds().ok_or("this system does not tell the processor time");
        let (mut forward, mut both, mut found) = (Vec::new(), Vec::new(), Value::Null);
        // The first step takes the memory.
        for step in 0..=self.steps {
            gradients.clear();
            let (mut forwards, mut total_loss, mut norm_by_input) = (0.0, 0.0, 0.0);
            let start = now()?;
            for x in &micros {
                let start = now()?;
                tape.begin(&parameters);
                let input = tape.input(x.view());
                let mut y = input;
                for (layer, (shape, weight, bias)) in layers.iter().enumerate() {
                    let (weight, bias) = (tape.parameter(*weight)?, tape.parameter(*bias)?);
                    let activation = (layer + 1 < layers.len()).then_some(Function::LeakyRelu(0.01));
                    y = tape.conv2d(y, weight, Some(bias), shape, activation)?;
                }
                forwards += now()? - start;
                let squares = tape.apply(Function::Power(2.0), y)?;
                let loss = tape.sum(squares)?;
                tape.backward(loss, &mut gradients)?;
                if step == 0 {
                    total_loss += tape.value(loss)?.scalar()?.to_f64();
                    let by_input = tape.gradient(input)?.ok_or("the loss depends on the input")?.to_array();
                    norm_by_input += by_input.iter().map(|g| g * g).sum::<f64>();
                }
            }
            let end = now()?;
            if step > 0 {
                forward.push(forwards);
                both.push(end - start);
                continue;
            }
            let norm = |which: fn(&(Conv2dShape, _, _)) -> hepml::nn::ParameterId| -> Result<f64> {
                let mut sum = 0.0;
                for layer in &layers {
                    let gradient = gradients.value(&parameters, which(layer))?.to_array();
                    sum += gradient.iter().map(|g| g * g).sum::<f64>();
                }
                Ok(sum.sqrt())
            };
            found = json!({
                "loss": total_loss,
                "input": norm_by_input.sqrt(),
                "weights": norm(|layer| layer.1)?,
                "biases": norm(|layer| layer.2)?,
            });
        }
        found["forward"] = median(forward).into();
        found["both"] = median(both).into();
        Ok(found)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.precision {
        Precision::F32 => arguments.run::<f32>(),
        Precision::F64 => arguments.run::<f64>(),
    };
    hepml_examples::exit_with(result.map(|value| format!("{value:#}\n")))
}
