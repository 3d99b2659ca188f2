//! Models: what they learn, what they give back, and what they refuse.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::ops::ControlFlow;

use hepml_core::ndarray::{Array2, Axis, s};
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{Load, ModelFile, Observables, Progress, Save, Table, Weighted};
use hepml_nn::{
    Architecture, Encoder, Function, Head, LearnerConfig, Loss, MlpConfig, Model, Scalar, Schedule,
    StackConfig, TrainingConfig,
};

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn normals(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Table {
    Array2::from_shape_simple_fn((rows, columns), || normal(rng))
}

/// Any model will do; this one has all kinds of layers.
fn some_model<T: Scalar>(seed: u64) -> (Model<MlpConfig, T>, Table) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let table = normals(700, 3, &mut rng);
    let hidden = StackConfig::new([17, 5]).activation(Function::Silu).layer_norm(true).dropout(0.2);
    let config = MlpConfig::new(4).hidden(hidden);
    let encoder = config.fit_encoder(&Weighted::unit(table.clone())).unwrap();
    (Model::untrained(config, encoder, Head::Softmax, &mut rng).unwrap(), table)
}

fn error_of<T>(result: Result<T, impl Into<hepml_core::Error>>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error.into().to_string(),
    }
}

fn bits(table: &Table) -> Vec<u64> {
    table.iter().map(|x| x.to_bits()).collect()
}

fn round_trip<T: Scalar>() {
    let (model, table) = some_model::<T>(1);
    let bytes = model.to_bytes().unwrap();
    let loaded = Model::<MlpConfig, T>::from_bytes(&bytes).unwrap();
    assert_eq!(loaded.to_bytes().unwrap(), bytes);
    assert_eq!(loaded.parameters(), model.parameters());
    assert_eq!((loaded.architecture(), loaded.encoder()), (model.architecture(), model.encoder()));
    assert_eq!(bits(&loaded.observe(&table).unwrap()), bits(&model.observe(&table).unwrap()));
    assert_eq!(bits(&loaded.outputs(&table).unwrap()), bits(&model.outputs(&table).unwrap()));
}

#[test]
fn what_is_loaded_gives_the_same_bits() {
    round_trip::<f32>();
    round_trip::<f64>();
}

fn each_event_by_itself<T: Scalar>() {
    let (model, table) = some_model::<T>(2);
    let together = model.observe(&table).unwrap();
    assert_eq!(together.dim(), (700, 4));
    let order: Vec<usize> = (0..700).map(|i| (i * 143 + 11) % 700).collect();
    let permuted = model.observe(&table.select(Axis(0), &order)).unwrap();
    assert_eq!(bits(&permuted), bits(&together.select(Axis(0), &order)));
    for event in (0..700).step_by(13) {
        let alone = model.observe(&table.select(Axis(0), &[event])).unwrap();
        assert_eq!(bits(&alone), bits(&together.select(Axis(0), &[event])));
    }
    assert_eq!(model.observe(&Table::zeros((0, 3))).unwrap().dim(), (0, 4));
    // A function of one's own: the numbers of the events are those of the table.
    let numbers = model
        .for_events(&table, 1, |pass, _, events| {
            let numbers: Vec<T> = events.map(|event| T::from_f64(event as f64)).collect();
            let numbers = hepml_nn::Matrix::from_rows(numbers.len(), 1, &numbers)?;
            Ok(pass.constant(numbers.view()))
        })
        .unwrap();
    assert!(numbers.iter().enumerate().all(|(event, number)| *number == event as f64));
}

#[test]
fn an_event_is_worth_the_same_in_any_company() {
    each_event_by_itself::<f32>();
    each_event_by_itself::<f64>();
}

#[test]
fn models_go_to_other_threads() {
    fn is_send_and_sync<M: Send + Sync>() {}
    is_send_and_sync::<Model<MlpConfig>>();
    is_send_and_sync::<Model<MlpConfig, f64>>();
    is_send_and_sync::<LearnerConfig<MlpConfig>>();
    let (model, table) = some_model::<f32>(3);
    let here = model.observe(&table).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(|| model.observe(&table).unwrap())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), here);
        }
    });
}

#[test]
fn tables_that_do_not_fit_are_named() {
    let (model, mut table) = some_model::<f32>(4);
    assert_eq!(error_of(model.observe(&Table::zeros((5, 2)))), "columns of a table: expected 3, got 2");
    assert_eq!(error_of(model.observe(&Table::zeros((0, 2)))), "columns of a table: expected 3, got 2");
    table[[612, 2]] = f64::NAN;
    table[[650, 0]] = f64::INFINITY;
    assert_eq!(error_of(model.observe(&table)), "column 2 of the table of event 612 is not finite (NaN)");
}

#[test]
fn outputs_that_overflow_are_named() {
    let config = MlpConfig::new(1).hidden(StackConfig::new([4]).activation(Function::Exp));
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut table = normals(300, 1, &mut rng);
    let encoder = config.fit_encoder(&Weighted::unit(table.clone())).unwrap();
    let model = Model::<_, f32>::untrained(config, encoder, Head::Identity, &mut rng).unwrap();
    table[[277, 0]] = 1e6;
    table[[278, 0]] = -1e6;
    let error = error_of(model.observe(&table));
    assert!(error.starts_with("output 0 of the network of event 27"), "{error}");
}

/// The file of a model, with its header changed.
fn with_header(file: &ModelFile, kind: &str, change: impl Fn(&mut serde_json::Value)) -> ModelFile {
    let mut header: serde_json::Value = file.header().unwrap();
    change(&mut header);
    let mut changed = ModelFile::new(kind, file.version(), &header).unwrap();
    for name in file.tensor_names() {
        changed.insert(name, file.tensor(name).unwrap().clone()).unwrap();
    }
    changed
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let (model, _) = some_model::<f32>(6);
    let bytes = model.to_bytes().unwrap();
    let load = |bytes: &[u8]| error_of(Model::<MlpConfig>::from_bytes(bytes).map(|_| ()));

    for length in [0, 5, 8, 300, bytes.len() - 1] {
        assert!(load(&bytes[..length]).contains("truncated"), "{}", load(&bytes[..length]));
    }
    let error = error_of(Model::<MlpConfig, f64>::from_bytes(&bytes).map(|_| ()));
    assert!(error.contains("f32") && error.contains("f64"), "{error}");

    let file = ModelFile::from_bytes(&bytes).unwrap();
    let other = with_header(&file, "hepml-nn/pfn", |_| {}).to_bytes().unwrap();
    assert!(load(&other).contains("expected a model of kind \"hepml-nn/mlp\", got \"hepml-nn/pfn\""));
    let wider = with_header(&file, "hepml-nn/mlp", |header| {
        header["architecture"]["hidden"]["widths"] = serde_json::json!([18, 5]);
    });
    assert!(load(&wider.to_bytes().unwrap()).contains("tensor \"mlp/0/weight\": expected shape [3, 18]"));
    let widest = with_header(&file, "hepml-nn/mlp", |header| {
        header["architecture"]["hidden"]["widths"] = serde_json::json!([u64::MAX, u64::MAX]);
    });
    assert!(load(&widest.to_bytes().unwrap()).contains("far more than are saved"));
    let shallower = with_header(&file, "hepml-nn/mlp", |header| {
        header["architecture"]["hidden"]["layer_norm"] = false.into();
    });
    assert!(load(&shallower.to_bytes().unwrap()).contains("tensor \"mlp/0/norm/bias\" is no parameter"));
    let deeper = with_header(&file, "hepml-nn/mlp", |header| {
        header["architecture"]["hidden"]["widths"] = serde_json::json!([17, 5, 5]);
    });
    assert!(
        load(&deeper.to_bytes().unwrap()).contains("no tensor in the saved model named \"mlp/2/weight\"")
    );
    let empty = with_header(&file, "hepml-nn/mlp", |header| {
        header["architecture"]["outputs"] = 0.into();
    });
    assert!(load(&empty.to_bytes().unwrap()).contains("number of outputs"));
    let unknown = with_header(&file, "hepml-nn/mlp", |header| {
        header["architecture"]["momentum"] = 1.into();
    });
    assert!(load(&unknown.to_bytes().unwrap()).contains("momentum"));
}

/// x ~ N(±(a, 0), 1): the exact logit is 2 a x_0.
fn two_gaussians(count: usize, a: f64, seed: u64) -> (Table, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut table = normals(count, 2, &mut rng);
    let labels: Vec<usize> = (0..count).map(|event| event % 2).collect();
    for (mut row, label) in table.rows_mut().into_iter().zip(&labels) {
        row[0] += if *label == 1 { a } else { -a };
    }
    (table, labels)
}

fn small_training(epochs: usize) -> TrainingConfig {
    TrainingConfig::new().epochs(epochs).rate(1e-2).schedule(Schedule::Cosine { last: 0.0 })
}

/// A network that learns the optimum: its excess over the entropy of the exact posterior, -E[ln p(label|x)], on fresh events.
/// The number of parameters over twice the number of events is what a maximum-likelihood fit is expected to exceed it by:
/// 82/16000 = 0.005; the bound leaves room for as much again, and for three standard deviations (0.001) of the paired
/// difference.
const EXCESS: f64 = 0.012;

fn classifier_reaches_the_optimum<T: Scalar>(outputs: usize) {
    let (table, labels) = two_gaussians(8000, 1.0, 7);
    let learner = LearnerConfig::classifier(
        MlpConfig::new(outputs).hidden(StackConfig::new([16]).activation(Function::Tanh)),
    )
    .training(small_training(12))
    .precision::<T>();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let fitted = learner.fit_classes(&Weighted::unit(table), &labels, &mut rng, &mut ()).unwrap();
    let (fresh, labels) = two_gaussians(20_000, 1.0, 9);
    let probabilities = fitted.model.observe(&fresh).unwrap();
    let mut excess = 0.0;
    for (event, &label) in labels.iter().enumerate() {
        let sign = if label == 1 { 1.0 } else { -1.0 };
        let exact = 1.0 / (1.0 + (-sign * 2.0 * fresh[[event, 0]]).exp());
        let signal = probabilities[[event, outputs - 1]];
        let learned = if label == 1 { signal } else { 1.0 - signal };
        excess += (exact / learned).ln() / labels.len() as f64;
    }
    assert!(excess.abs() < EXCESS, "{excess}");
    assert_eq!(fitted.report.get("events/class 0").unwrap().value, 4000.0);
    assert_eq!(fitted.report.get("events/validation").unwrap().value, 800.0);
    assert_eq!(fitted.model.summary().measures["events/class 1"], 4000.0);
    assert_eq!(fitted.model.head(), if outputs == 1 { &Head::Sigmoid } else { &Head::Softmax });
    let raw = fitted.model.outputs(&fresh).unwrap();
    assert_eq!(fitted.model.head().apply(raw).unwrap(), probabilities);
}

#[test]
fn classifiers_reach_the_optimum() {
    classifier_reaches_the_optimum::<f32>(1);
    classifier_reaches_the_optimum::<f32>(2);
    classifier_reaches_the_optimum::<f64>(2);
}

#[test]
fn regressions_return_the_units_of_their_targets() {
    // y = 1000 + 50 x_0 + 5 noise, and a second target of other units.
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let table = normals(4000, 2, &mut rng);
    let targets = Table::from_shape_fn((4000, 2), |(event, target)| {
        let x = table.row(event);
        match target {
            0 => 1000.0 + 50.0 * x[0] + 5.0 * normal(&mut rng),
            _ => 1e-3 * x[1],
        }
    });
    let events = Weighted::unit(table);
    let fresh = normals(1000, 2, &mut rng);
    let one = targets.slice(s![.., ..1]).to_owned();
    let fit = |outputs: usize, loss: Loss, targets: &Table, seed: u64| {
        let architecture = MlpConfig::new(outputs).hidden(StackConfig::new([16]).activation(Function::Silu));
        let learner = LearnerConfig::new(architecture, loss).training(small_training(15));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let fitted = learner.fit(&events, targets, &mut rng, &mut ()).unwrap();
        fitted.model.observe(&fresh).unwrap()
    };
    let off = |predicted: &Table, column: usize, exact: &dyn Fn(usize) -> f64| {
        let sum: f64 = (0..1000).map(|event| (predicted[[event, column]] - exact(event)).powi(2)).sum();
        (sum / 1000.0).sqrt()
    };
    let first = |event: usize| 1000.0 + 50.0 * fresh[[event, 0]];
    let second = |event: usize| 1e-3 * fresh[[event, 1]];
    // The noise is 5; what a fit of 82 parameters to 3600 events leaves of it is 5 sqrt(82/3600) = 0.75, and the network's own
    // approximation of a line about as much.
    let mean = fit(2, Loss::MeanSquared, &targets, 11);
    assert!(off(&mean, 0, &first) < 2.0, "{}", off(&mean, 0, &first));
    assert!(off(&mean, 1, &second) < 5e-5, "{}", off(&mean, 1, &second));

    let gaussian = fit(2, Loss::Gaussian, &one, 12);
    assert!(off(&gaussian, 0, &first) < 2.0);
    let variance = gaussian.column(1).mapv(|log| (log / 2.0).exp()).mean().unwrap();
    assert!((variance / 5.0 - 1.0).abs() < 0.1, "{variance}");

    // The quantiles at ± 1 sigma of each target.
    let levels = vec![0.158_655_253_931_457_05, 0.841_344_746_068_542_9];
    let quantiles = fit(4, Loss::Quantile { levels }, &targets, 13);
    let width = (&quantiles.column(1) - &quantiles.column(0)).mean().unwrap();
    assert!((width / 10.0 - 1.0).abs() < 0.15, "{width}");
    assert!(off(&quantiles, 0, &|event| first(event) - 5.0) < 3.0);
}

#[test]
fn targets_are_left_alone_where_that_is_asked_for() {
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    let table = normals(200, 1, &mut rng);
    let targets = table.mapv(|x| 3.0 + x);
    let learner = LearnerConfig::new(MlpConfig::new(1), Loss::MeanSquared)
        .standardise_targets(false)
        .training(small_training(2));
    let model = learner.fit(&Weighted::unit(table), &targets, &mut rng, &mut ()).unwrap().model;
    assert_eq!(model.head(), &Head::Identity);
}

#[test]
fn the_same_seed_gives_the_same_model() {
    let (table, labels) = two_gaussians(300, 1.0, 15);
    let weights: Vec<f64> = (0..300).map(|event| if event % 10 == 0 { -0.5 } else { 1.0 }).collect();
    let events = Weighted::new(table, weights).unwrap();
    let hidden = StackConfig::new([8]).dropout(0.1);
    let fit = |seed: u64, threads: usize| {
        let learner = LearnerConfig::classifier(MlpConfig::new(2).hidden(hidden.clone()))
            .training(small_training(3).threads(threads));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        learner.fit_classes(&events, &labels, &mut rng, &mut ()).unwrap().model.to_bytes().unwrap()
    };
    assert_eq!(fit(1, 1), fit(1, 2));
    assert_ne!(fit(1, 1), fit(2, 1));
}

#[test]
fn preprocessing_sees_training_events_only() {
    let mut rng = ChaCha8Rng::seed_from_u64(16);
    let table = normals(100, 1, &mut rng);
    let targets = table.clone();
    let learner =
        LearnerConfig::new(MlpConfig::new(1), Loss::MeanSquared).training(small_training(1)).validation(0.3);
    let fitted = learner.fit(&Weighted::unit(table.clone()), &targets, &mut rng, &mut ()).unwrap();
    assert_eq!(fitted.report.get("events").unwrap().value, 70.0);
    // The mean of 70 of the events, not of all.
    let all = table.mean().unwrap();
    let mean = fitted.model.encoder().means().next().unwrap();
    assert!(mean != all && (mean - all).abs() < 0.5);
}

#[test]
fn fits_that_cannot_be_are_refused() {
    let (table, labels) = two_gaussians(40, 1.0, 17);
    let events = Weighted::unit(table.clone());
    let mut rng = ChaCha8Rng::seed_from_u64(18);
    let learner = LearnerConfig::classifier(MlpConfig::new(2)).training(small_training(1));
    let mut fit_classes = |learner: &LearnerConfig<MlpConfig>, events: &Weighted<Table>, labels: &[usize]| {
        error_of(learner.fit_classes(events, labels, &mut rng, &mut ()).map(|_| ()))
    };
    assert_eq!(fit_classes(&learner, &events, &labels[1..]), "labels: expected 40, got 39");
    assert!(fit_classes(&learner, &events, &[0; 40]).starts_with("class 1"));
    let mut wrong = labels.clone();
    wrong[7] = 2;
    assert!(fit_classes(&learner, &events, &wrong).contains("class of event 7: index 2"));
    // A class whose events have no weight.
    let weights = labels.iter().map(|label| if *label == 1 { 0.0 } else { 1.0 }).collect();
    assert!(fit_classes(&learner, &events.reweighted(weights).unwrap(), &labels).starts_with("class 1"));
    let nothing = Weighted::unit(Table::zeros((0, 2)));
    assert!(fit_classes(&learner, &nothing, &[]).contains("empty"));
    let regression = LearnerConfig::new(MlpConfig::new(2), Loss::MeanSquared);
    assert!(fit_classes(&regression, &events, &labels).contains("classes want"));
    let all_held_out = learner.clone().validation(0.99);
    assert!(fit_classes(&all_held_out, &events, &labels).contains("training and validation"));
    assert!(fit_classes(&learner.clone().validation(1.0), &events, &labels).contains("validation fraction"));
    let narrow = LearnerConfig::classifier(MlpConfig::new(2).hidden(StackConfig::new([3, 0])));
    assert!(fit_classes(&narrow, &events, &labels).contains("width of layer 1"));
    let dropped = LearnerConfig::classifier(MlpConfig::new(2).hidden(StackConfig::new([3]).dropout(1.0)));
    assert!(fit_classes(&dropped, &events, &labels).contains("rate of a dropout"));
    // The event is the one in the table, whichever part it came to.
    for event in [3, 12, 21, 33] {
        let mut bad = table.clone();
        bad[[event, 1]] = f64::NAN;
        let error = fit_classes(&learner, &Weighted::unit(bad), &labels);
        assert_eq!(error, format!("column 1 of the table of event {event} is not finite (NaN)"));
    }

    let mut fit = |learner: &LearnerConfig<MlpConfig>, targets: &Table| {
        error_of(learner.fit(&events, targets, &mut rng, &mut ()).map(|_| ()))
    };
    assert!(fit(&regression, &Table::zeros((39, 2))).contains("rows of targets"));
    assert!(fit(&regression, &Table::zeros((40, 1))).contains("outputs of the network"));
    let mut targets = Table::zeros((40, 2));
    targets[[9, 1]] = f64::INFINITY;
    assert!(fit(&regression, &targets).contains("targets, column 1, of event 9"));
    assert!(fit(&learner, &Table::zeros((40, 2))).contains("class probabilities"));
    let zeros = events.reweighted(vec![0.0; 40]).unwrap();
    let error = error_of(regression.fit(&zeros, &Table::zeros((40, 2)), &mut rng, &mut ()).map(|_| ()));
    assert!(error.contains("weights"), "{error}");
}

#[test]
fn columns_that_do_not_vary_are_reported() {
    let (mut table, labels) = two_gaussians(60, 1.0, 19);
    table.column_mut(1).fill(5.0);
    let learner = LearnerConfig::classifier(MlpConfig::new(2)).training(small_training(1));
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let fitted = learner.fit_classes(&Weighted::unit(table), &labels, &mut rng, &mut ()).unwrap();
    let warned = |warnings: &[String]| warnings.iter().any(|w| w.contains("column 1 has the same value"));
    assert!(warned(&fitted.report.warnings) && warned(&fitted.model.summary().warnings));
}

#[test]
fn an_observer_may_stop_a_fit() {
    let (table, labels) = two_gaussians(60, 1.0, 21);
    let learner = LearnerConfig::classifier(MlpConfig::new(2)).training(small_training(50));
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    let mut steps = 0;
    let mut stop = |_: &Progress<'_>| {
        steps += 1;
        if steps == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let fitted = learner.fit_classes(&Weighted::unit(table.clone()), &labels, &mut rng, &mut stop).unwrap();
    assert!(fitted.report.stopped && fitted.model.summary().stopped);
    assert_eq!(fitted.model.observe(&table).unwrap().dim(), (60, 2));
}

#[test]
fn encoders_travel_with_models() {
    let (model, table) = some_model::<f64>(23);
    let loaded = Model::<MlpConfig, f64>::from_bytes(&model.to_bytes().unwrap()).unwrap();
    let (a, b) =
        (model.encoder().encode::<f64>(&table).unwrap(), loaded.encoder().encode::<f64>(&table).unwrap());
    assert_eq!(a, b);
}
