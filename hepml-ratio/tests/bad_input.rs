//! What every learner, and everything made of learners, does with input that it cannot make sense of: a clear error, or a fit
//! whose report says what is wrong, and finite numbers throughout.

use hepml_core::ndarray::Axis;
use hepml_core::rand::{Rng, RngExt, SeedableRng};
use hepml_core::rand_chacha::ChaCha8Rng;
use hepml_core::{
    DynRatioEstimator, Erased, FitReport, Fitted, LogRatio, Observer, RatioEstimator, Result, Table, Weighted,
};
use hepml_nn::{MlpConfig, StackConfig, TrainingConfig};
use hepml_ratio::{
    CalibratedEstimator, CrossFitConfig, Degree, EnsembleConfig, FalkonConfig, HistogramConfig,
    IsotonicCalibration, LinearConfig, NetworkConfig, PlattCalibration, RatioBins, RatioLoss, Renormalised,
    SignedPartsConfig, TreesConfig, YieldRatioConfig,
};

/// Events of a side, unless a case is about their number.
const EVENTS: usize = 300;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(11)
}

/// Two columns of N(mean, 1) numbers (Box, Muller).
fn gaussian(events: usize, mean: f64, seed: u64) -> Table {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Table::from_shape_simple_fn((events, 2), || {
        let (u, v): (f64, f64) = (rng.random(), rng.random());
        mean + (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    })
}

/// A linear ratio, renormalised on the denominator.
#[derive(Clone)]
struct RenormalisedLinear;

impl RatioEstimator<Table> for RenormalisedLinear {
    type Model = Renormalised<<LinearConfig as RatioEstimator<Table>>::Model>;

    fn fit(
        &self,
        numerator: &Weighted<Table>,
        denominator: &Weighted<Table>,
        rng: &mut dyn Rng,
        observer: &mut dyn Observer,
    ) -> Result<Fitted<Self::Model>> {
        let fitted = LinearConfig::default().fit(numerator, denominator, rng, observer)?;
        Ok(Fitted { model: Renormalised::new(fitted.model, denominator)?, report: fitted.report })
    }
}

type Learner = (&'static str, Box<dyn DynRatioEstimator<Table>>);

fn erased<R: RatioEstimator<Table> + 'static>(learner: R) -> Box<dyn DynRatioEstimator<Table>>
where
    R::Model: 'static,
{
    Box::new(Erased(learner))
}

fn learners() -> Vec<Learner> {
    let network = || {
        NetworkConfig::new(MlpConfig::new(1).hidden(StackConfig::new([8])))
            .training(TrainingConfig::new().epochs(4).rate(1e-2))
    };
    let linear = LinearConfig::default;
    vec![
        ("network", erased(network())),
        ("network, MLC", erased(network().loss(RatioLoss::Mlc))),
        ("trees", erased(TreesConfig::new())),
        ("trees, MLC", erased(TreesConfig::new().loss(RatioLoss::Mlc).min_child_weight(0.0))),
        ("trees, LSIF", erased(TreesConfig::new().loss(RatioLoss::Lsif).min_child_weight(0.0))),
        ("kernels", erased(FalkonConfig::default())),
        ("histogram", erased(HistogramConfig::new(RatioBins::Quantiles(5)))),
        ("linear", erased(linear())),
        ("linear, MLC", erased(linear().loss(RatioLoss::Mlc))),
        ("quadratic, SQR", erased(linear().degree(Degree::Quadratic).loss(RatioLoss::Sqr))),
        ("ensemble", erased(EnsembleConfig::new(linear(), 2).bootstrap(true))),
        ("cross-fit", erased(CrossFitConfig::new(linear(), 3))),
        ("signed parts", erased(SignedPartsConfig::new(linear()))),
        (
            "isotonic",
            erased(CalibratedEstimator {
                estimator: linear(),
                calibration: IsotonicCalibration::new(),
                held_out: 0.3,
                examination: 0.1,
            }),
        ),
        (
            "Platt",
            erased(CalibratedEstimator {
                estimator: linear(),
                calibration: PlattCalibration::new(),
                held_out: 0.3,
                examination: 0.1,
            }),
        ),
        ("renormalised", erased(RenormalisedLinear)),
        ("yields", erased(YieldRatioConfig::new(linear()))),
    ]
}

/// What may come of a case.
#[derive(Default)]
struct Allowed {
    /// An error with all words of one of these lists.
    refused: &'static [&'static [&'static str]],
    /// A fit with a warning that has one of these words.
    warned: &'static [&'static str],
    /// A fit without a warning of it.
    fitted: bool,
}

struct Case {
    name: &'static str,
    sides: [Weighted<Table>; 2],
    allowed: Allowed,
}

fn warnings(report: &FitReport) -> Vec<String> {
    let parts = report.parts.iter().flat_map(|(_, part)| warnings(part));
    report.warnings.iter().cloned().chain(parts).collect()
}

/// The first number of a report that is none, or that has the name of another.
fn bad_number(report: &FitReport) -> Option<String> {
    let measures = report.measures.iter().filter(|(_, measure)| {
        !(measure.value.is_finite() && measure.error.is_none_or(|error| error.is_finite() && error >= 0.0))
    });
    let [names, curve_names] = [
        report.measures.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        report.curves.iter().map(|(name, _)| name).collect(),
    ];
    let is_twice =
        |names: &[&String], name: &&String| names.iter().filter(|other| *other == name).count() > 1;
    let twice = names.iter().filter(|name| is_twice(&names, name));
    let twice = twice.chain(curve_names.iter().filter(|name| is_twice(&curve_names, name)));
    let curves = report.curves.iter().filter(|(_, curve)| curve.iter().any(|value| !value.is_finite()));
    measures
        .map(|(name, measure)| format!("{name}: {measure:?}"))
        .chain(curves.map(|(name, curve)| format!("{name}: {curve:?}")))
        .chain(twice.map(|name| format!("{name} is there twice")))
        .chain(report.parts.iter().filter_map(|(_, part)| bad_number(part)))
        .next()
}

/// What is wrong with what a learner made of a case, if anything is.
fn complaint(learner: &dyn DynRatioEstimator<Table>, case: &Case) -> Option<String> {
    let Allowed { refused, warned, fitted: may_fit } = &case.allowed;
    let has_all = |text: &str, words: &[&str]| words.iter().all(|word| text.contains(word));
    let fitted = match learner.fit_dyn(&case.sides[0], &case.sides[1], &mut rng(), &mut ()) {
        Err(error) => {
            let error = error.to_string();
            let is_allowed = refused.iter().any(|words| has_all(&error, words));
            return (!is_allowed).then(|| format!("refused: {error}"));
        }
        Ok(fitted) => fitted,
    };
    let said = warnings(&fitted.report);
    let is_warned = said.iter().any(|warning| warned.iter().any(|word| warning.contains(word)));
    if !(is_warned || *may_fit) {
        return Some(format!("fitted, with the warnings {said:?}"));
    }
    if let Some(number) = bad_number(&fitted.report) {
        return Some(format!("report: {number}"));
    }
    for side in &case.sides {
        match fitted.model.log_ratio(side.events()) {
            Ok(z) => {
                if let Some(event) = z.iter().position(|z| !z.is_finite()) {
                    return Some(format!("ln r of event {event} is {}", z[event]));
                }
            }
            // A ratio that is 0 or negative has no logarithm.
            Err(error) => {
                let error = error.to_string();
                if !(error.contains("ratio") && error.contains("event")) {
                    return Some(format!("evaluation: {error}"));
                }
            }
        }
    }
    None
}

fn check(cases: &[Case]) {
    let mut complaints = Vec::new();
    for case in cases {
        for (name, learner) in &learners() {
            if let Some(complaint) = complaint(&**learner, case) {
                complaints.push(format!("{}, {name}: {complaint}", case.name));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// N(+1/4, 1) and N(-1/4, 1) in two columns.
fn good() -> [Weighted<Table>; 2] {
    [(0.25, 1), (-0.25, 2)].map(|(mean, seed)| Weighted::unit(gaussian(EVENTS, mean, seed)))
}

fn of_tables(change: impl Fn(&mut Table)) -> [Weighted<Table>; 2] {
    good().map(|side| {
        let mut table = side.events().clone();
        change(&mut table);
        Weighted::unit(table)
    })
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let [numerator, denominator] = good();
    let with = |event, column, value| {
        let mut table = gaussian(EVENTS, 0.25, 1);
        table[[event, column]] = value;
        Weighted::unit(table)
    };
    let none = || Weighted::unit(Table::zeros((0, 2)));
    let narrow = Weighted::unit(gaussian(EVENTS, 0.0, 1).select(Axis(1), &[0]));
    let weighing = |side: &Weighted<Table>, weight: &dyn Fn(usize) -> f64| {
        side.reweighted((0..EVENTS).map(weight).collect()).unwrap()
    };
    let cancelling = |event: usize| if event < 100 { 1.0 } else { -1.0 };
    let case = |name, numerator: &Weighted<Table>, denominator: &Weighted<Table>, words| Case {
        name,
        sides: [numerator.clone(), denominator.clone()],
        allowed: Allowed { refused: words, ..Allowed::default() },
    };
    check(&[
        case("NaN", &with(7, 1, f64::NAN), &denominator, &[&["column 1", "event"]]),
        case("infinity", &numerator, &with(3, 0, f64::INFINITY), &[&["column 0", "event"]]),
        case("no numerator", &none(), &denominator, &[&["numerator"]]),
        case("no denominator", &numerator, &none(), &[&["denominator"]]),
        case("neither", &none(), &none(), &[&["numerator"]]),
        case(
            "no columns",
            &Weighted::unit(Table::zeros((9, 0))),
            &Weighted::unit(Table::zeros((9, 0))),
            &[&[]],
        ),
        case("weightless numerator", &weighing(&numerator, &|_| 0.0), &denominator, &[&["numerator"]]),
        case("weightless denominator", &numerator, &weighing(&denominator, &|_| 0.0), &[&["denominator"]]),
        case("negative net weight", &weighing(&numerator, &cancelling), &denominator, &[&["numerator"]]),
        case(
            "negative net weight below",
            &numerator,
            &weighing(&denominator, &cancelling),
            &[&["denominator"]],
        ),
        case("other columns", &numerator, &narrow, &[&["columns"]]),
        case("other columns above", &narrow, &denominator, &[&["columns"]]),
    ]);
}

/// The event that is to blame is named as the user knows it, by its side and number.
#[test]
fn the_event_is_named() {
    let [numerator, denominator] = good();
    for event in [0, 123, EVENTS - 1] {
        let mut table = numerator.events().clone();
        table[[event, 1]] = f64::NAN;
        let bad = Weighted::unit(table);
        for (name, learner) in learners() {
            for (side, sides) in [("numerator", [&bad, &denominator]), ("denominator", [&denominator, &bad])]
            {
                let error =
                    learner.fit_dyn(sides[0], sides[1], &mut rng(), &mut ()).err().unwrap().to_string();
                let words = [side, "column 1", &format!("event {event} ")];
                assert!(words.iter().all(|word| error.contains(word)), "{name}, {side}, {event}: {error}");
            }
        }
    }
    for weight in [f64::NAN, f64::INFINITY] {
        let mut weights = vec![1.0; EVENTS];
        weights[17] = weight;
        let error = numerator.reweighted(weights).unwrap_err().to_string();
        assert!(error.contains("weight") && error.contains("event 17"), "{error}");
    }
}

#[test]
fn what_is_odd_is_said() {
    let [numerator, denominator] = good();
    let shifted = Weighted::unit(numerator.events() + 1000.0);
    let mut weights = vec![1.0; EVENTS];
    weights[17] = 1e12;
    let heavy = |side: &Weighted<Table>| side.reweighted(weights.clone()).unwrap();
    let case = |name, sides, refused, warned| Case {
        name,
        sides,
        allowed: Allowed { refused, warned, fitted: false },
    };
    let outweighs: &[&str] = &["carries", "carry"];
    check(&[
        case(
            "disjoint",
            [shifted, denominator.clone()],
            &[&["overlap"]],
            &["overlap", "larger ln r than any", "weight of the numerator alone"],
        ),
        case("one weight of 1e12", [heavy(&numerator), denominator.clone()], &[], outweighs),
        case("one weight of 1e12 below", [numerator, heavy(&denominator)], &[], outweighs),
        case(
            "one constant column",
            of_tables(|table| table.column_mut(1).fill(3.1)),
            &[],
            &["column 1 is constant", "column 1 has the same value"],
        ),
        case(
            "nothing but constants",
            of_tables(|table| table.fill(3.1)),
            &[&["constant"], &["all log ratios are equal"]],
            &["column 0 is constant", "column 0 has the same value"],
        ),
    ]);
}

#[test]
fn what_is_harmless_is_fitted() {
    let signed = good().map(|side| {
        let mut rng = rng();
        let weights = (0..EVENTS).map(|_| if rng.random_bool(0.3) { -1.0 } else { 1.0 }).collect();
        side.reweighted(weights).unwrap()
    });
    let pick = |events: &[usize]| good().map(|side| side.select(events).unwrap());
    let case =
        |name, sides, refused| Case { name, sides, allowed: Allowed { refused, warned: &[], fitted: true } };
    check(&[
        case("good", good(), &[]),
        // Where the net weight of few events happens to be negative there may be nothing to fit, and that is what is said.
        case("negative weights", signed, &[&["negative"]]),
        case("one event a side", pick(&[5]), &[&[]]),
        case("two events a side", pick(&[5, 6]), &[&[]]),
        case("five events a side", pick(&[5, 6, 7, 8, 9]), &[&[]]),
        case("duplicated events", pick(&[4; EVENTS]), &[&[]]),
        case(
            "every event twice",
            pick(&[(0..EVENTS).collect::<Vec<_>>(), (0..EVENTS).collect()].concat()),
            &[],
        ),
        case(
            "duplicated columns",
            of_tables(|table| {
                let first = table.column(0).to_owned();
                table.column_mut(1).assign(&first);
            }),
            &[],
        ),
        case("scale 1e-300", of_tables(|table| *table *= 1e-300), &[&["column 0"]]),
        case("scale 1e300", of_tables(|table| *table *= 1e300), &[&["column 0"]]),
        case("offset 1e12", of_tables(|table| *table += 1e12), &[]),
    ]);
}

/// Units leave the ratio: it still tells the sides apart as well as it did.
#[test]
fn units_change_nothing() {
    let separation = |learner: &dyn DynRatioEstimator<Table>, sides: &[Weighted<Table>; 2]| {
        let model = learner.fit_dyn(&sides[0], &sides[1], &mut rng(), &mut ())?.model;
        let z = [model.log_ratio(sides[0].events())?, model.log_ratio(sides[1].events())?];
        let [above, below] = z.map(|z| z.mean().expect("events"));
        Ok::<f64, hepml_core::Error>(above - below)
    };
    for (name, learner) in learners() {
        let plain = separation(&*learner, &good()).unwrap();
        // Trees that may follow single events are worth nothing to a steep loss: none is kept.
        assert!(plain > 0.1 || name.starts_with("trees, "), "{name}: {plain}");
        for (units, sides) in [
            ("1e-300", of_tables(|table| *table *= 1e-300)),
            ("1e300", of_tables(|table| *table *= 1e300)),
            ("1e12", of_tables(|table| *table += 1e12)),
        ] {
            let other = match separation(&*learner, &sides) {
                Ok(other) => other,
                // Networks compute in f32: what they cannot take they refuse.
                Err(error) if name.contains("network") && error.to_string().contains("column 0") => continue,
                Err(error) => panic!("{name}, {units}: {error}"),
            };
            // 1e12 + x keeps x to 1e-4, which may move an event from one bin to the next.
            assert!((other - plain).abs() <= 0.02 * plain, "{name}, {units}: {other} {plain}");
        }
    }
}

#[test]
fn evaluation_names_what_is_wrong() {
    let [numerator, denominator] = good();
    for (name, learner) in learners() {
        let model = learner.fit_dyn(&numerator, &denominator, &mut rng(), &mut ()).unwrap().model;
        for columns in [0, 1, 3] {
            let error = model.log_ratio(&Table::zeros((4, columns))).unwrap_err().to_string();
            assert!(error.contains("expected 2") && error.contains("got"), "{name}: {error}");
        }
        for value in [f64::NAN, f64::INFINITY] {
            let mut events = numerator.events().clone();
            events[[2, 1]] = value;
            let error = model.log_ratio(&events).unwrap_err().to_string();
            assert!(error.contains("event 2") && error.contains("column 1"), "{name}: {error}");
        }
        assert_eq!(model.log_ratio(&Table::zeros((0, 2))).unwrap().len(), 0, "{name}");
        // Far away there is no number, or a finite one.
        for x in [-1e300, 1e300] {
            match model.log_ratio(&Table::from_elem((1, 2), x)) {
                Ok(z) => assert!(z[0].is_finite(), "{name}"),
                Err(error) => assert!(error.to_string().contains("event 0"), "{name}: {error}"),
            }
        }
    }
}
