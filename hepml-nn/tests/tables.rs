//! Networks on tables: what they can represent, and what conditions them.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use hepml_core::ndarray::Axis;
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{Load, Observables, Save, Table, Weighted};
use hepml_nn::{
    Architecture, ColumnFunction, Encoder, Function, Head, LearnerConfig, Loss, Model, ResidualMlpConfig,
    Scalar, Schedule, TableConfig, TrainingConfig,
};

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn normals(rows: usize, columns: usize, seed: u64) -> Table {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Table::from_shape_simple_fn((rows, columns), || normal(&mut rng))
}

fn config() -> ResidualMlpConfig {
    ResidualMlpConfig::new(1).context([1]).blocks(2, 24).activation(Function::Silu)
}

fn training(epochs: usize) -> TrainingConfig {
    TrainingConfig::new().epochs(epochs).rate(1e-2).schedule(Schedule::Cosine { last: 0.0 })
}

/// What is left of targets of variance 1 after 20 epochs of 3000 events.
const LEFT: f64 = 0.02;

#[test]
fn a_context_modulates_the_features() {
    // y = x cos(c) + x' sin(c): linear in the features, with coefficients that the context turns.
    let exact = |table: &Table| {
        let values = table.rows().into_iter().map(|row| row[0] * row[1].cos() + row[2] * row[1].sin());
        Table::from_shape_vec((table.nrows(), 1), values.collect()).unwrap()
    };
    let table = normals(3000, 3, 1);
    let learner = LearnerConfig::new(config(), Loss::MeanSquared).training(training(20));
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let model = learner.fit(&Weighted::unit(table.clone()), &exact(&table), &mut rng, &mut ()).unwrap().model;
    let fresh = normals(2000, 3, 3);
    let left = |fresh: &Table, predicted: &Table| (predicted - &exact(fresh)).mapv(|d| d * d).mean().unwrap();
    let predicted = model.observe(&fresh).unwrap();
    assert!(left(&fresh, &predicted) < LEFT, "{}", left(&fresh, &predicted));
    // The context of another event is worth nothing.
    let mut shuffled = fresh.clone();
    let contexts: Vec<f64> = fresh.column(1).iter().copied().collect();
    for (event, mut row) in shuffled.rows_mut().into_iter().enumerate() {
        row[1] = contexts[(event + 1) % 2000];
    }
    assert!(left(&fresh, &model.observe(&shuffled).unwrap()) > 0.2);

    let loaded = Model::<ResidualMlpConfig>::from_bytes(&model.to_bytes().unwrap()).unwrap();
    assert_eq!(loaded.observe(&fresh).unwrap(), predicted);
}

fn begins_without_seeing_the_context<T: Scalar>() {
    let table = normals(600, 3, 4);
    let encoder = config().fit_encoder(&Weighted::unit(table.clone())).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let model = Model::<_, T>::untrained(config(), encoder, Head::Identity, &mut rng).unwrap();
    let outputs = model.outputs(&table).unwrap();
    let mut other = table.clone();
    other.column_mut(1).fill(7.0);
    assert_eq!(model.outputs(&other).unwrap(), outputs);
    other.column_mut(0).fill(7.0);
    assert_ne!(model.outputs(&other).unwrap(), outputs);
    let order: Vec<usize> = (0..600).map(|i| (i * 7 + 3) % 600).collect();
    let permuted = model.outputs(&table.select(Axis(0), &order)).unwrap();
    assert_eq!(permuted, outputs.select(Axis(0), &order));
}

#[test]
fn a_residual_perceptron_begins_without_seeing_the_context() {
    begins_without_seeing_the_context::<f32>();
    begins_without_seeing_the_context::<f64>();
}

#[test]
fn contexts_that_cannot_be_are_named() {
    let events = Weighted::unit(normals(20, 3, 6));
    let error = |config: ResidualMlpConfig| {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let learner = LearnerConfig::new(config, Loss::MeanSquared);
        match learner.fit(&events, &Table::zeros((20, 1)), &mut rng, &mut ()) {
            Ok(_) => panic!("no error"),
            Err(error) => error.to_string(),
        }
    };
    assert!(error(config().context([3])).contains("column of the context: index 3"));
    assert!(error(config().context([1, 1])).contains("named once"));
    assert!(error(config().context([0, 1, 2])).contains("not context is empty"));
    assert!(error(config().blocks(1, 1)).contains("width"));
    assert!(error(config().dropout(-0.5)).contains("rate of a dropout"));
}

#[test]
fn without_context_or_blocks_a_residual_perceptron_still_works() {
    let table = normals(50, 2, 8);
    for config in [ResidualMlpConfig::new(2), ResidualMlpConfig::new(2).blocks(0, 8)] {
        let encoder = config.fit_encoder(&Weighted::unit(table.clone())).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let model = Model::<_, f32>::untrained(config, encoder, Head::Identity, &mut rng).unwrap();
        assert_eq!(model.outputs(&table).unwrap().dim(), (50, 2));
    }
}

#[test]
fn units_do_not_matter_to_standardised_tables() {
    // Columns in other units, and weights in another unit: the same network inputs to rounding.
    let table = normals(500, 2, 10).mapv(f64::exp);
    let config = TableConfig::default().function(0, ColumnFunction::Ln);
    let weights: Vec<f64> = (0..500).map(|event| 1.0 - 1.5 * f64::from(event % 3 == 0)).collect();
    let mut other = table.clone();
    other.mapv_inplace(|x| 1000.0 * x);
    let a = config.fit(&Weighted::new(table.clone(), weights.clone()).unwrap()).unwrap();
    let scaled = weights.iter().map(|w| 1e-9 * w).collect();
    let b = config.fit(&Weighted::new(other.clone(), scaled).unwrap()).unwrap();
    let (a, b) = (a.encode::<f64>(&table).unwrap().to_array(), b.encode::<f64>(&other).unwrap().to_array());
    let largest = (&a - &b).fold(0.0_f64, |m, d| m.max(d.abs()));
    assert!(largest < ROUNDING, "{largest}");
}

/// Of sums of 500 logarithms of order 10, over deviations of order 1.
const ROUNDING: f64 = 1e-11;
