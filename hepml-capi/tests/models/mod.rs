//! The saved models that the programs in C load, small ones, made by the crates that users make theirs with.

use std::path::Path;

use hepml::core::rand::{RngExt, SeedableRng};
use hepml::core::rand_chacha::ChaCha8Rng;
use hepml::core::{FourMomentum, ParticleSets, RatioEstimator, Save, Table, Weighted};
use hepml::nn::{LearnerConfig, MlpConfig, PfnConfig, StackConfig, TableConfig, TrainingConfig};
use hepml::ratio::TreesConfig;

const EVENTS: usize = 200;

fn table(columns: usize, shift: f64, rng: &mut ChaCha8Rng) -> Table {
    Table::from_shape_fn((EVENTS, columns), |(event, column)| {
        let side = if column == 0 && event % 2 == 1 { shift } else { 0.0 };
        2.0 * rng.random::<f64>() - 1.0 + side
    })
}

fn labels() -> Vec<usize> {
    (0..EVENTS).map(|event| event % 2).collect()
}

fn training() -> TrainingConfig {
    TrainingConfig::new().epochs(2)
}

/// Writes tagger.model, pfn.model and trees.model; tests/c/fixtures.h says what they are.
pub(crate) fn write(folder: &Path) {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);

    let network =
        MlpConfig::new(2).hidden(StackConfig::new([8])).table(TableConfig::default().names(["a", "b", "c"]));
    let events = Weighted::unit(table(3, 0.5, rng));
    let tagger =
        LearnerConfig::classifier(network).training(training()).fit_classes(&events, &labels(), rng, &mut ());
    let tagger = tagger.expect("a network learns from a table").model;
    tagger.save_file(&folder.join("tagger.model")).expect("the folder can be written to");

    let mut jet = |label: usize| -> Vec<FourMomentum> {
        let particle = |index: usize| {
            let y = 0.3 * (index % (1 + label)) as f64 + 0.1 * rng.random::<f64>();
            FourMomentum::from_pt_y_phi_m(1.0 + index as f64, y, 0.1 * rng.random::<f64>(), 0.0)
                .expect("finite")
        };
        (0..10).map(particle).collect()
    };
    let jets =
        ParticleSets::from_events(labels().into_iter().map(&mut jet).collect::<Vec<_>>()).expect("finite");
    let network = PfnConfig::new(2).phi(StackConfig::new([32, 32])).f(StackConfig::new([16]));
    let learner = LearnerConfig::classifier(network).training(training());
    let pfn = learner.fit_classes(&Weighted::unit(jets), &labels(), rng, &mut ());
    let pfn = pfn.expect("a network learns from sets").model;
    pfn.save_file(&folder.join("pfn.model")).expect("the folder can be written to");

    let (numerator, denominator) = (Weighted::unit(table(2, 0.5, rng)), Weighted::unit(table(2, 0.0, rng)));
    let trees = TreesConfig::new().trees(20).fit(&numerator, &denominator, rng, &mut ());
    let trees = trees.expect("trees learn from tables").model;
    trees.save_file(&folder.join("trees.model")).expect("the folder can be written to");
}
