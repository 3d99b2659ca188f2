//! The samples that are compared.

use std::error::Error;
use std::time::Instant;

use clap::ValueEnum;
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::{Nested, Observer, Table, Weighted};
use hepml::ratio::{CellResampling, Euclid, NeuralResampling, TreesConfig};

/// What is done about negative weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Draw events by learned moments of the weight (arXiv:2007.11586).
    Neural,
    /// Share weights between neighbours (arXiv:2109.07851).
    Cell,
    /// Both.
    Both,
}

/// A sample and how it came about.
pub(crate) struct Sample {
    /// Its key in JSON.
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) events: Weighted<Table>,
    /// How long that took.
    pub(crate) seconds: f64,
    pub(crate) warnings: Vec<String>,
}

/// The sample itself, what is left of it where negative weights are dropped, and what the method makes of it.
pub(crate) fn samples(
    method: Method,
    original: Weighted<Table>,
    rng: &mut ChaCha8Rng,
    observer: &mut dyn Observer,
) -> Result<Vec<Sample>, Box<dyn Error>> {
    let mut samples = vec![dropped(&original)?];
    if method != Method::Cell {
        let start = Instant::now();
        // At each x the positive weights outweigh the negative ones, so that a loss over both is bounded below; the moments
        // change slowly over the two observables, which few leaves follow.
        let trees = TreesConfig::new().max_leaves(4).learning_rate(0.05).trees(400).examination(0.0);
        let fitted = NeuralResampling::new(trees.clone(), trees).fit(
            &original,
            rng,
            &mut Nested::new("moments", observer),
        )?;
        let resampled = fitted.model.resample(&original, rng)?;
        samples.push(Sample {
            name: "neural",
            label: "neural resampling",
            events: resampled.events,
            seconds: start.elapsed().as_secs_f64(),
            warnings: [fitted.report.warnings, resampled.report.warnings].concat(),
        });
    }
    if method != Method::Neural {
        let start = Instant::now();
        let metric = Euclid::standardised(original.events())?;
        let resampled = CellResampling::new().resample_table(&original, &metric)?;
        samples.push(Sample {
            name: "cell",
            label: "cell resampling",
            events: resampled.events,
            seconds: start.elapsed().as_secs_f64(),
            warnings: resampled.report.warnings,
        });
    }
    let label = "original";
    samples.insert(0, Sample { name: label, label, events: original, seconds: 0.0, warnings: Vec::new() });
    Ok(samples)
}

/// The positive weights, times what makes their sum that of all.
fn dropped(original: &Weighted<Table>) -> Result<Sample, Box<dyn Error>> {
    let positive: Vec<usize> = (0..original.len()).filter(|&event| original.weights()[event] > 0.0).collect();
    let positive = original.select(&positive)?;
    let factor = original.sum_weights() / positive.sum_weights();
    let events = positive.reweighted(positive.weights().iter().map(|weight| factor * weight).collect())?;
    Ok(Sample { name: "dropped", label: "negative ones dropped", events, seconds: 0.0, warnings: Vec::new() })
}
