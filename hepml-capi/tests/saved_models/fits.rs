//! Fits of ratios: those of Rust, bit for bit.

use hepml::core::{LogRatio, RatioEstimator, Save, Weighted};
use hepml::nn::{MlpConfig, StackConfig};
use hepml::ratio::{NetworkConfig, RatioLoss, TreesConfig, ratio_training};
use hepml_capi::{hepml_learner, hepml_status};

use crate::call::{Side, Table, fit, options};
use crate::kinds::{rng, table};

const EVENTS: usize = 400;
const SEED: u64 = 12;

struct Samples {
    tables: [hepml::core::Table; 2],
    weights: Vec<f64>,
    handles: [Table; 2],
}

impl Samples {
    fn new() -> Self {
        let tables = [table(EVENTS, 2, 0.5, 1), table(EVENTS, 2, -0.5, 2)];
        let weights = (0..EVENTS).map(|event| 0.5 + (event % 3) as f64).collect();
        let handles = tables.each_ref().map(Table::new);
        Self { tables, weights, handles }
    }

    fn sides(&self) -> [Side<'_>; 2] {
        [(&self.handles[0], Some(&self.weights)), (&self.handles[1], None)]
    }

    fn weighted(&self) -> [Weighted<hepml::core::Table>; 2] {
        let [above, below] = &self.tables;
        [Weighted::new(above.clone(), self.weights.clone()).unwrap(), Weighted::unit(below.clone())]
    }

    /// Whether a fit is that of an estimator of Rust: its file, its numbers and its report.
    fn compare<R>(&self, learner: hepml_learner, options: Option<&str>, estimator: &R)
    where
        R: RatioEstimator<hepml::core::Table>,
        R::Model: Save,
    {
        let [above, below] = self.weighted();
        let expected = estimator.fit(&above, &below, &mut rng(SEED), &mut ()).unwrap();
        for threads in [1, 2] {
            let (outcome, model) = fit(learner, options, self.sides(), SEED, threads, None);
            outcome.unwrap();
            let model = model.unwrap();
            assert_eq!(model.bytes(), expected.model.to_bytes().unwrap());
            let z = model.table(&self.handles[0], threads, EVENTS).unwrap();
            assert_eq!(z, expected.model.log_ratio(above.events()).unwrap().to_vec());
            assert_eq!(model.info().is_ratio, 1);

            let report = model.report();
            assert_eq!(report["stopped"], false);
            assert_eq!(report["warnings"].as_array().unwrap().len(), expected.report.warnings.len());
            let loss = expected.report.get("held-out loss").unwrap();
            assert_eq!(report["measures"]["held-out loss"]["value"], loss.value);
            assert_eq!(report["measures"]["held-out loss"]["error"], loss.error.unwrap());
            for (name, curve) in &expected.report.curves {
                let got: Vec<f64> = serde_json::from_value(report["curves"][name].clone()).unwrap();
                assert_eq!(&got, curve, "{name}");
            }
        }
        let (_, other) = fit(learner, options, self.sides(), SEED + 1, 1, None);
        assert_ne!(other.unwrap().bytes(), expected.model.to_bytes().unwrap());
    }
}

#[test]
fn trees_are_those_of_rust() {
    let samples = Samples::new();
    let options = r#"{"trees": 12, "max_depth": 3, "loss": "Mlc"}"#;
    let config = TreesConfig::new().trees(12).max_depth(3).loss(RatioLoss::Mlc);
    samples.compare(hepml_learner::Trees, Some(options), &config);
    samples.compare(hepml_learner::Trees, None, &TreesConfig::new());
}

#[test]
fn networks_are_those_of_rust() {
    let samples = Samples::new();
    samples.compare(hepml_learner::Mlp, None, &NetworkConfig::new(MlpConfig::new(1)));
    let options = r#"{"hidden": {"widths": [6, 5], "activation": "Silu"}, "examination": 0.2,
        "training": {"epochs": 3, "schedule": "Constant"}, "validation": 0.25}"#;
    let mlp = MlpConfig::new(1).hidden(StackConfig::new([6, 5]).activation(hepml::nn::Function::Silu));
    let training = ratio_training(2 * EVENTS).epochs(3).schedule(hepml::nn::Schedule::Constant);
    let config = NetworkConfig::new(mlp).training(training).validation(0.25).examination(0.2);
    samples.compare(hepml_learner::Mlp, Some(options), &config);
}

#[test]
fn options_given_back_change_nothing() {
    let samples = Samples::new();
    for learner in [hepml_learner::Trees, hepml_learner::Mlp] {
        let all = options(learner).to_string();
        let fitted = [None, Some(all.as_str())].map(|options| {
            let (outcome, model) = fit(learner, options, samples.sides(), SEED, 1, None);
            outcome.unwrap();
            model.unwrap().bytes()
        });
        assert_eq!(fitted[0], fitted[1]);
    }
}

#[test]
fn stopped_fits_keep_what_they_have() {
    let samples = Samples::new();
    for (learner, threads) in [(hepml_learner::Trees, 1), (hepml_learner::Mlp, 2)] {
        for stop_at in [1, 4] {
            let (outcome, model) = fit(learner, None, samples.sides(), SEED, threads, Some(stop_at));
            assert_eq!(outcome.unwrap_err().0, hepml_status::Stopped);
            let model = model.expect("a fit that has begun has a model");
            assert_eq!(model.report()["stopped"], true);
            assert_eq!(model.table(&samples.handles[0], 1, EVENTS).unwrap().len(), EVENTS);
        }
        let (outcome, model) = fit(learner, None, samples.sides(), SEED, threads, Some(u64::MAX));
        outcome.unwrap();
        assert_eq!(model.unwrap().report()["stopped"], false);
    }
}

#[test]
fn wrong_options_and_samples_are_named() {
    let samples = Samples::new();
    let fails = |learner, options: Option<&str>, sides: [Side<'_>; 2], threads| {
        let (outcome, model) = fit(learner, options, sides, SEED, threads, None);
        assert!(model.is_none());
        outcome.unwrap_err()
    };
    let with = |learner, options: &str| fails(learner, Some(options), samples.sides(), 1);
    let (trees, mlp) = (hepml_learner::Trees, hepml_learner::Mlp);
    for (learner, options, said) in [
        (trees, "{", "no JSON"),
        (trees, "3", "not a JSON object"),
        (trees, r#"{"depth": 3}"#, "unknown field `depth`"),
        (trees, r#"{"trees": "many"}"#, "options: trees: "),
        (mlp, r#"{"hidden": {"dropout": []}}"#, "options: hidden.dropout: "),
        (mlp, r#"{"training": {"epoch": 3}}"#, "training.epoch: unknown field"),
    ] {
        let (status, message) = with(learner, options);
        assert_eq!(status, hepml_status::InvalidOptions, "{message}");
        assert!(message.contains(said), "{message}");
    }
    for (learner, options, said) in [
        (trees, r#"{"trees": 1000000000000}"#, "number of trees"),
        (trees, r#"{"max_bins": 1}"#, "largest number of bins"),
        (mlp, r#"{"hidden": {"widths": [1000000000000]}}"#, "at most 2^27"),
        (mlp, r#"{"hidden": {"widths": [18446744073709551615, 18446744073709551615]}}"#, "at most 2^27"),
        (mlp, r#"{"training": {"threads": 1000000000}}"#, "number of threads"),
        (mlp, r#"{"training": {"rate": -1}}"#, "learning rate"),
        (mlp, r#"{"examination": 2}"#, "examination fraction"),
    ] {
        let (status, message) = with(learner, options);
        assert_eq!(status, hepml_status::OutOfRange, "{message}");
        assert!(message.contains(said), "{message}");
    }

    let [above, below] = &samples.handles;
    let three = [0.1, 0.2, 0.3];
    let (status, message) = fails(trees, None, [(above, None), (below, Some(&three))], 1);
    assert_eq!(status, hepml_status::Shape);
    assert!(message.contains("denominator_weights") && message.contains("400"), "{message}");
    let mut weights = vec![1.0; EVENTS];
    weights[17] = f64::NAN;
    let (status, message) = fails(mlp, None, [(above, Some(&weights)), (below, None)], 1);
    assert_eq!(status, hepml_status::NotFinite);
    assert!(message.contains("numerator_weights") && message.contains("event 17"), "{message}");
    let wide = Table::new(&table(EVENTS, 3, 0.0, 1));
    assert_eq!(fails(trees, None, [(above, None), (&wide, None)], 1).0, hepml_status::Shape);
    let empty = Table::new(&table(0, 2, 0.0, 1));
    for learner in [trees, mlp] {
        assert_ne!(fails(learner, None, [(&empty, None), (below, None)], 1).0, hepml_status::Panic);
        assert_eq!(fails(learner, None, samples.sides(), 1025).0, hepml_status::OutOfRange);
    }
}
