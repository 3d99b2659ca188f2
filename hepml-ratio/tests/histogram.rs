//! Ratios of histograms: exactness, kinds of bins, bad input, models on disk.

use std::ops::ControlFlow;

use hepml_core::ndarray::{ArrayView1, array};
use hepml_core::rand::{RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{Fitted, Load, LogRatio, ModelFile, Progress, RatioEstimator, Save, Table, Weighted};
use hepml_ratio::{HistogramConfig, HistogramRatio, RatioBins};

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(5)
}

fn uniform_table(events: usize, features: usize, rng: &mut ChaCha8Rng) -> Table {
    Table::from_shape_fn((events, features), |_| rng.random())
}

fn fit(config: &HistogramConfig, num: &Weighted<Table>, den: &Weighted<Table>) -> Fitted<HistogramRatio> {
    config.fit(num, den, &mut rng(), &mut ()).expect("good samples")
}

/// The bin of an event; the last feature runs fastest.
fn bin(model: &HistogramRatio, event: &ArrayView1<'_, f64>) -> usize {
    event
        .iter()
        .zip(model.inner_edges())
        .fold(0, |bin, (x, edges)| bin * (edges.len() + 1) + edges.iter().filter(|edge| *edge <= x).count())
}

/// Rounding of sums of a few thousand weights.
const ROUNDING: f64 = 1e-12;

#[test]
fn averages_to_one_and_reweights_the_bins_exactly() {
    let mut rng = rng();
    let num = Weighted::new(uniform_table(3000, 2, &mut rng), (0..3000).map(|_| rng.random()).collect());
    let num = num.unwrap();
    let den = Weighted::new(uniform_table(2000, 2, &mut rng), (0..2000).map(|_| rng.random()).collect());
    let den = den.unwrap();
    for bins in
        [RatioBins::Quantiles(7), RatioBins::Edges(vec![vec![0.0, 0.4, 1.0], vec![0.0, 0.1, 0.3, 1.0]])]
    {
        let model = fit(&HistogramConfig::new(bins).examination(0.0), &num, &den).model;
        let ratio = model.ratio(den.events()).unwrap();
        let sum: f64 = ratio.iter().zip(den.weights()).map(|(r, w)| r * w).sum();
        assert!((sum / den.sum_weights() - 1.0).abs() < ROUNDING);
        // In each bin the reweighted denominator is the numerator.
        let mut sums = vec![[0.0; 2]; model.shares()[0].len()];
        for (row, w) in num.events().rows().into_iter().zip(num.weights()) {
            sums[bin(&model, &row)][0] += w / num.sum_weights();
        }
        for ((row, w), r) in den.events().rows().into_iter().zip(den.weights()).zip(&ratio) {
            sums[bin(&model, &row)][1] += w * r / den.sum_weights();
        }
        assert!(sums.iter().all(|[n, d]| (n - d).abs() < ROUNDING && *n > 0.0));
    }
}

#[test]
fn quantile_bins_share_the_events_equally() {
    let mut rng = rng();
    let (num, den) = (uniform_table(1000, 1, &mut rng), uniform_table(1000, 1, &mut rng));
    let (num, den) = (Weighted::unit(num), Weighted::unit(den));
    let model = fit(&HistogramConfig::new(RatioBins::Quantiles(10)).examination(0.0), &num, &den).model;
    let [n, d] = model.shares();
    assert_eq!(n.len(), 10);
    for (n, d) in n.iter().zip(d) {
        // The edge event itself belongs to the bin above.
        assert!((n + d - 0.2).abs() <= 0.001 + ROUNDING, "{n} {d}");
    }
}

#[test]
fn equal_values_share_a_bin_and_a_constant_feature_has_one() {
    let num = Weighted::unit(array![[0.0, 3.0], [0.0, 3.0], [1.0, 3.0]]);
    let den = Weighted::unit(array![[0.0, 3.0], [1.0, 3.0], [1.0, 3.0]]);
    let model = fit(&HistogramConfig::default().examination(0.0), &num, &den).model;
    assert_eq!(model.inner_edges(), [vec![1.0], vec![]]);
    let ratio = model.ratio(&array![[0.0, 3.0], [1.0, 7.0]]).unwrap();
    assert!((ratio[0] - 2.0).abs() < ROUNDING && (ratio[1] - 0.5).abs() < ROUNDING);
}

#[test]
fn signed_weights_give_negative_ratios_without_a_logarithm() {
    let edges = RatioBins::Edges(vec![vec![0.0, 1.0, 2.0]]);
    let num = Weighted::new(array![[0.5], [1.5]], vec![-1.0, 3.0]).unwrap();
    let den = Weighted::unit(array![[0.5], [1.5]]);
    let fitted = fit(&HistogramConfig::new(edges).examination(0.0), &num, &den);
    let events = array![[1.2], [0.2]];
    assert_eq!(fitted.model.ratio(&events).unwrap().to_vec(), [3.0, -1.0]);
    let error = fitted.model.log_ratio(&events).unwrap_err().to_string();
    assert!(error.contains("event 1") && error.contains("-1"), "{error}");
    assert_eq!(fitted.report.get("negative bins").unwrap().value, 1.0);
    assert!(fitted.report.warnings.iter().any(|warning| warning.contains("negative net weight")));
}

#[test]
fn empty_bins_are_warned_of_and_name_the_event() {
    let edges = RatioBins::Edges(vec![vec![0.0, 1.0, 2.0, 3.0, 4.0]]);
    let num = Weighted::unit(array![[0.5], [1.5], [9.0]]);
    let den = Weighted::unit(array![[0.5], [2.5]]);
    let fitted = fit(&HistogramConfig::new(edges).examination(0.0), &num, &den);
    let model = &fitted.model;
    for (name, bins) in
        [("empty bins/both", 0.0), ("empty bins/denominator", 2.0), ("empty bins/numerator", 1.0)]
    {
        assert_eq!(fitted.report.get(name).unwrap().value, bins, "{name}");
    }
    assert_eq!(fitted.report.get("events outside of the edges").unwrap().value, 1.0);
    assert_eq!(model.ratio(&array![[2.5]]).unwrap()[0], 0.0);
    assert!(model.log_ratio(&array![[0.5], [2.5]]).unwrap_err().to_string().contains("event 1"));
    assert!(model.ratio(&array![[0.5], [0.5], [1.5]]).unwrap_err().to_string().contains("event 2"));
}

#[test]
fn disjoint_samples_have_no_ratio() {
    let (num, den) = (Weighted::unit(array![[0.5]]), Weighted::unit(array![[1.5]]));
    let config = HistogramConfig::new(RatioBins::Edges(vec![vec![0.0, 1.0, 2.0]])).examination(0.0);
    assert!(config.fit(&num, &den, &mut rng(), &mut ()).is_err());
}

#[test]
fn held_out_events_are_examined() {
    let mut rng = rng();
    let (num, den) = (uniform_table(2000, 1, &mut rng), uniform_table(2000, 1, &mut rng));
    let fitted = fit(&HistogramConfig::default(), &Weighted::unit(num), &Weighted::unit(den));
    let normalisation = fitted.report.get("normalisation").unwrap();
    assert!((normalisation.value - 1.0).abs() < 5.0 * normalisation.error.unwrap());
    let sum: f64 = fitted.model.shares()[0].iter().sum();
    assert!((sum - 1.0).abs() < ROUNDING);
}

#[test]
fn the_observer_may_stop_and_the_model_is_there() {
    let side = Weighted::unit(array![[0.0], [1.0]]);
    let config = HistogramConfig::default().examination(0.0);
    let mut stop = |_: &Progress<'_>| ControlFlow::Break(());
    assert!(config.fit(&side, &side, &mut rng(), &mut stop).unwrap().report.stopped);
}

#[test]
fn saved_and_loaded() {
    let mut rng = rng();
    let (num, den) = (uniform_table(300, 2, &mut rng), uniform_table(300, 2, &mut rng));
    let config = HistogramConfig::new(RatioBins::Quantiles(3)).examination(0.0);
    let model = fit(&config, &Weighted::unit(num), &Weighted::unit(den)).model;
    let bytes = model.to_bytes().unwrap();
    assert_eq!(HistogramRatio::from_bytes(&bytes).unwrap(), model);
    assert!(HistogramRatio::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    // Three shares of the numerator, two of the denominator, in two bins.
    let mut other = ModelFile::new("hepml-ratio/histogram", 1, &1).unwrap();
    for (name, numbers) in
        [("edges/0", array![0.5]), ("numerator", array![0.5, 0.3, 0.2]), ("denominator", array![0.5, 0.5])]
    {
        other.insert_f64(name, &numbers).unwrap();
    }
    assert!(
        HistogramRatio::from_bytes(&other.to_bytes().unwrap()).unwrap_err().to_string().contains("shares")
    );
    let mut other = ModelFile::new("hepml-ratio/other", 1, &()).unwrap();
    other.insert_f64("numerator", &array![1.0]).unwrap();
    assert!(HistogramRatio::from_bytes(&other.to_bytes().unwrap()).is_err());
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<HistogramConfig>(&json).unwrap(), config);
}

#[test]
fn bad_input() {
    let good = Weighted::unit(array![[0.5], [0.6]]);
    let config = HistogramConfig::default().examination(0.0);
    let fails = |config: &HistogramConfig, num: &Weighted<Table>, den: &Weighted<Table>| {
        config.fit(num, den, &mut rng(), &mut ()).unwrap_err().to_string()
    };
    assert!(fails(&config, &Weighted::unit(array![[0.5], [f64::NAN]]), &good).contains("event 1"));
    assert!(fails(&config, &good, &Weighted::unit(Table::zeros((0, 1)))).contains("denominator"));
    assert!(fails(&config, &good, &Weighted::unit(Table::zeros((2, 2)))).contains("columns"));
    let zero = good.reweighted(vec![0.0, 0.0]).unwrap();
    assert!(fails(&config, &zero, &good).contains("sum"));
    assert!(fails(&config, &good, &zero).contains("sum"));
    for edges in [vec![], vec![vec![0.0]], vec![vec![1.0, 0.0]], vec![vec![0.0, f64::NAN]]] {
        fails(&HistogramConfig::new(RatioBins::Edges(edges)), &good, &good);
    }
    fails(&HistogramConfig::new(RatioBins::Quantiles(0)), &good, &good);
    fails(&HistogramConfig::new(RatioBins::Quantiles(usize::MAX)), &good, &good);
    for fraction in [-0.1, 1.0, f64::NAN] {
        fails(&HistogramConfig::default().examination(fraction), &good, &good);
    }
    assert!(serde_json::from_str::<HistogramConfig>(r#"{"bin": {"Quantiles": 5}}"#).is_err());
    let read: HistogramConfig = serde_json::from_str(r#"{"bins": {"Quantiles": 5}}"#).unwrap();
    assert_eq!(read, HistogramConfig::new(RatioBins::Quantiles(5)));
    let model = fit(&config, &good, &good).model;
    assert!(model.ratio(&array![[0.5, 0.5]]).is_err());
    assert!(model.log_ratio(&array![[0.5], [f64::INFINITY]]).unwrap_err().to_string().contains("event 1"));
}

#[test]
fn events_without_a_ratio_are_left_out_of_the_examination() {
    let mut rng = rng();
    // The middle bin of the three has no event of either side but one, which may be held out.
    let mut side = || {
        let mut table = uniform_table(400, 1, &mut rng).mapv(|x| if x < 0.5 { x } else { x + 1.0 });
        table[[0, 0]] = 1.0;
        Weighted::unit(table)
    };
    let (num, den) = (side(), side());
    let config = HistogramConfig::new(RatioBins::Edges(vec![vec![0.0, 0.75, 1.25, 2.0]])).examination(0.9);
    let report = fit(&config, &num, &den).report;
    assert!(
        report.warnings.iter().any(|warning| warning.contains("1 held-out events are left out")),
        "{report:?}"
    );
    let normalisation = report.get("normalisation").unwrap();
    assert!((normalisation.value - 1.0).abs() < 5.0 * 0.1, "{normalisation:?}");
}
