//! How long a step of training takes: `cargo run --release -q -p hepml-benches --bin nn_throughput -- FOLDER`.
//!
//! The problem comes from a folder of npy files, so that `peers/nn_peer.py` can give the same to others: `x` [rows, inputs],
//! `targets` [events, outputs], for sets `offsets` [events + 1, 1], and the first values of each layer, `phi0_weight`
//! [inputs, outputs], `phi0_bias` [1, outputs], ... for sets and `f0_weight`, `f0_bias`, ... All layers but the last are
//! followed by max(x, 0). Training is what the library does for its users: Adam at 1e-3 on shuffled batches.

mod layers;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use hepml::core::rand::SeedableRng;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::io::read_npy;
use hepml::nn::{
    Inputs, Loss, Matrix, Network, Parameters, Pass, Scalar, Segments, Sets, SimdLevel, Supervised, Tape,
    TrainingConfig,
};
use hepml_benches::process::cpu_seconds;
use layers::{Layers, Rows, SetsOfRows};
use serde_json::json;

/// Measures the processor time of training or of inference, and prints JSON with `seconds` (a step, or all events) and `losses`
/// (the mean over each epoch).
#[derive(Parser)]
struct Arguments {
    /// The folder with the npy files.
    folder: PathBuf,
    /// What is measured.
    #[arg(long, value_enum, default_value_t = What::Training)]
    what: What,
    /// The precision.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,
    /// The events of a step.
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// How often to go through the events.
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    /// The rows that are computed at once.
    #[arg(long)]
    micro_rows: Option<usize>,
    /// How many threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The vector instructions to be used; the best that the processor has unless given.
    #[arg(long, value_enum)]
    simd: Option<Simd>,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Training,
    Inference,
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

type Result<T> = std::result::Result<T, Box<dyn Error>>;

impl Arguments {
    fn matrix<T: Scalar>(&self, name: &str) -> Result<Matrix<T>> {
        Ok(Matrix::from_array(&read_npy(self.folder.join(name).with_extension("npy"))?))
    }

    fn training(&self) -> TrainingConfig {
        let mut config =
            TrainingConfig::new().epochs(self.epochs).batch_size(self.batch).threads(self.threads);
        if let Some(rows) = self.micro_rows {
            config = config.micro_rows(rows);
        }
        if let Some(simd) = self.simd {
            config = config.simd(simd.into());
        }
        config
    }

    fn run<T: Scalar>(&self) -> Result<serde_json::Value> {
        let mut parameters = Parameters::<T>::new();
        let phi = Layers::read(self, "phi", &mut parameters)?;
        let f = Layers::read(self, "f", &mut parameters)?;
        let rows = self.matrix::<T>("x")?;
        let targets = self.matrix::<T>("targets")?;
        if !self.folder.join("offsets.npy").exists() {
            return self.measure(&Rows { f }, &rows, &targets, parameters);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "offsets")]
        let offsets: Vec<usize> =
            read_npy(self.folder.join("offsets.npy"))?.iter().map(|x| *x as usize).collect();
        let segments = Segments::new(offsets)?;
        let (weights, globals) = (Matrix::zeros(segments.rows(), 0), Matrix::zeros(segments.count(), 0));
        let sets = Sets { rows, weights, globals, segments };
        self.measure(&SetsOfRows { phi, f }, &sets, &targets, parameters)
    }

    fn measure<T: Scalar, N: Network<T>>(
        &self,
        network: &N,
        inputs: &N::Input,
        targets: &Matrix<T>,
        parameters: Parameters<T>,
    ) -> Result<serde_json::Value> {
        let events = inputs.count();
        let now = || cpu_seconds().ok_or("this system does not tell the processor time");
        match self.what {
            What::Training => {
                let loss = if targets.columns() == 1 { Loss::BinaryCrossEntropy } else { Loss::CrossEntropy };
                let objective = Supervised::new(network, inputs, targets, &vec![1.0; events], loss)?;
                let mut rng = ChaCha8Rng::seed_from_u64(1);
                // PyTorch has trained before it is measured, too.
                self.training().epochs(1).train(parameters.clone(), &objective, None, &mut rng, &mut ())?;
                let mut rng = ChaCha8Rng::seed_from_u64(1);
                let start = now()?;
                let trained = self.training().train(parameters, &objective, None, &mut rng, &mut ())?;
                let steps = self.epochs * events.div_ceil(self.batch);
                let seconds = (now()? - start) / steps as f64;
                let losses = trained
                    .report
                    .curves
                    .iter()
                    .find(|(name, _)| name == "loss/train")
                    .map(|(_, curve)| curve);
                Ok(json!({ "seconds": seconds, "steps": steps, "losses": losses }))
            }
            What::Inference => {
                let parameters = std::sync::Arc::new(parameters);
                let mut tape = self.simd.map_or(Ok(Tape::new()), |simd| Tape::with_simd(simd.into()))?;
                let mut batch = N::Input::default();
                let mut sum = 0.0;
                let mut start = now()?;
                // The first time takes the memory.
                for epoch in 0..=self.epochs {
                    if epoch == 1 {
                        start = now()?;
                    }
                    let mut first = 0;
                    while first < events {
                        let (mut last, mut rows) = (first, 0);
                        while last < events && (last == first || rows < self.micro_rows.unwrap_or(256)) {
                            rows += inputs.rows_of(last);
                            last += 1;
                        }
                        batch.select_from(inputs, &(first..last).collect::<Vec<_>>())?;
                        tape.begin(&parameters);
                        let vars = batch.record(&mut tape, false)?;
                        let outputs = network.forward(&mut Pass::evaluation(&mut tape), &vars)?;
                        sum += tape.value(outputs)?.row(0)[0].to_f64();
                        first = last;
                    }
                }
                let seconds = (now()? - start) / self.epochs as f64;
                Ok(json!({ "seconds": seconds, "events": events, "sum": sum }))
            }
        }
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
