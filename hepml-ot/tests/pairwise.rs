//! Divergences between all pairs: order, threads, stopping, errors, handlers, bounds and what they spare.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use hepml_core::Progress;
use hepml_core::rand::RngExt;
use hepml_ot::{
    AngularCost, CorrelationCounts, CorrelationDimension, Divergence, Emd, EmdConfig, EnergyFlow, Error,
    GroundCost, LogAxis, Neighbour, Neighbours, PairHandler, PairHistogram, PairValues, Pairing, Result,
    Workspace,
};
use proptest::prelude::*;

type Rows = Vec<[f64; 3]>;

/// Independent uniform numbers from a seed.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut rng = hepml_core::Streams::new(seed).stream(0);
    move || rng.random::<f64>()
}

/// Jets of some particles about a few directions, most of the energy close to them, and now and then a jet twice.
fn jets(seed: u64, count: usize) -> Vec<EnergyFlow> {
    let mut draw = uniform(seed);
    let mut jets: Vec<EnergyFlow> = Vec::new();
    while jets.len() < count {
        if let Some(last) = jets.last().cloned()
            && draw() < 0.1
        {
            jets.push(last);
            continue;
        }
        let prongs: Vec<[f64; 2]> = (0..=index(draw(), 3)).map(|_| [draw() - 0.5, draw() - 0.5]).collect();
        let rows: Rows = (0..=index(draw(), 25))
            .map(|_| {
                let [y, phi] = prongs[index(draw(), prongs.len())];
                [40.0 * draw().powi(4), y + 0.3 * (draw() - 0.5), phi + 0.3 * (draw() - 0.5)]
            })
            .collect();
        jets.push(EnergyFlow::from_rows(&rows).unwrap());
    }
    jets
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a small number")]
fn index(uniform: f64, below: usize) -> usize {
    (uniform * below as f64) as usize
}

/// The difference of two numbers, with a bound as good as asked for; counts how often it is computed.
#[derive(Default)]
struct Difference {
    /// The bound is the difference less this.
    slack: Option<f64>,
    computed: AtomicUsize,
}

impl Divergence for Difference {
    type Event = f64;
    type Prepared<'a> = f64;
    type Workspace = ();

    fn prepare<'a>(&'a self, event: &'a f64) -> Result<f64> {
        if event.is_nan() { Err(Error::ValueOverflows) } else { Ok(*event) }
    }

    /// Numbers above 1000 have no differences.
    fn prepared_value(&self, (): &mut (), a: &f64, b: &f64) -> Result<f64> {
        self.computed.fetch_add(1, Ordering::Relaxed);
        if a.max(*b) > 1000.0 { Err(Error::ValueOverflows) } else { Ok((a - b).abs()) }
    }

    fn lower_bound(&self, a: &f64, b: &f64) -> f64 {
        self.slack.map_or(f64::NAN, |slack| (a - b).abs() - slack)
    }
}

/// The difference of the numbers as it is without a bound.
fn unbounded() -> Difference {
    Difference::default()
}

fn bounded(slack: f64) -> Difference {
    Difference { slack: Some(slack), ..Difference::default() }
}

fn pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    #[cfg(feature = "rayon")]
    {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }
    #[cfg(not(feature = "rayon"))]
    {
        let _ = threads;
        work()
    }
}

/// An observer that breaks at a step.
fn stop_at(step: usize) -> impl FnMut(&Progress<'_>) -> ControlFlow<()> + Send {
    let mut seen = 0;
    move |_: &Progress<'_>| {
        seen += 1;
        if seen == step { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// A handler that writes down all it gets.
#[derive(Debug, Clone, Default, PartialEq)]
struct Record {
    pairing: Option<Pairing>,
    limit: Option<f64>,
    pairs: Vec<(usize, usize, Option<f64>)>,
}

impl PairHandler for Record {
    fn begin(&mut self, pairing: Pairing) -> Result<()> {
        self.pairing = Some(pairing);
        Ok(())
    }

    fn limit(&self) -> f64 {
        self.limit.unwrap_or(f64::INFINITY)
    }

    fn pair(&mut self, first: usize, second: usize, value: f64) {
        self.pairs.push((first, second, Some(value)));
    }

    fn beyond(&mut self, first: usize, second: usize) {
        self.pairs.push((first, second, None));
    }
}

#[test]
fn all_pairs_are_those_pairs() {
    let (events, emd) = (jets(1, 40), EmdConfig::new().beta(2.0).build().unwrap());
    let mut steps = Vec::new();
    let mut watch = |p: &Progress<'_>| {
        steps.push((p.stage.to_owned(), p.step, p.total));
        ControlFlow::Continue(())
    };
    let pairs = emd.pairwise(&events).unwrap();
    let emds = pairs.values(&mut watch).unwrap();
    assert!(emds.is_complete());
    assert_eq!((emds.pairing(), emds.exponent()), (Pairing::Within { events: 40 }, 0.5));
    assert!(steps.is_sorted());
    assert_eq!(steps.last(), Some(&("pairwise".to_owned(), 780, Some(780))));
    for i in 0..40 {
        for j in i + 1..40 {
            let got = emds.get(i, j).unwrap();
            let expected = emd.value(&events[i], &events[j]).unwrap();
            // Prepared or not: another way to the same optimum.
            assert!((got - expected).abs() <= 1e-11 * (1.0 + expected), "{got} {expected}");
            assert_eq!(emds.get(j, i), emds.get(i, j));
        }
    }
    assert_eq!((emds.get(7, 7), emds.get(0, 40)), (None, None));
    let cross = emd.cross(&events[..7], &events[7..]).unwrap().values(&mut ()).unwrap();
    assert_eq!(cross.pairing(), Pairing::Between { rows: 7, columns: 33 });
    let square = emds.to_array().unwrap();
    assert!(square.diag().iter().all(|value| *value == 0.0));
    assert_eq!(square, square.t());
    for ((i, j), &value) in cross.to_array().unwrap().indexed_iter() {
        assert_eq!(value, square[(i, j + 7)]);
        assert_eq!(cross.get(i, j), Some(value));
    }
    assert_eq!((cross.get(0, 33), cross.get(7, 0)), (None, None));
    let metric = emds.clone().into_metric().unwrap();
    assert_eq!(metric.exponent(), 1.0);
    assert!(metric.values().iter().zip(emds.values()).all(|(m, v)| *m == v.sqrt()));
    assert_eq!(metric.clone().into_metric().unwrap(), metric);
}

#[test]
fn few_events() {
    let numbers = [5.0, 1.0, 1.5, 7.0];
    for few in 0..=3 {
        let expected: Vec<f64> = [(0, 1), (0, 2), (1, 2)]
            .into_iter()
            .filter(|(_, j)| *j < few)
            .map(|(i, j): (usize, usize)| f64::abs(numbers[i] - numbers[j]))
            .collect();
        let divergence = bounded(0.0);
        let pairs = divergence.pairwise(&numbers[..few]).unwrap();
        let values = pairs.values(&mut ()).unwrap();
        assert_eq!(values.values(), expected);
        assert_eq!(values.to_array().unwrap().dim(), (few, few));
        let (neighbours, report) = pairs.nearest(2, &mut ()).unwrap();
        assert_eq!(neighbours.lists().len(), few);
        assert!(neighbours.lists().iter().all(|list| list.len() == few - 1));
        assert!(report.is_complete());
        assert_eq!(report.total, expected.len());
        for columns in 0..=2 {
            let cross = divergence.cross(&numbers[..few], &numbers[1..=columns]).unwrap();
            let values = cross.values(&mut ()).unwrap();
            assert_eq!(values.to_array().unwrap().dim(), (few, columns));
            let (neighbours, _) = cross.nearest(5, &mut ()).unwrap();
            assert!(neighbours.lists().iter().all(|list| list.len() == columns));
        }
        let dimension = pairs.correlation_dimension(&LogAxis::new(1.0, 20.0, 1).unwrap(), &mut ());
        assert!(dimension.is_err(), "{dimension:?}");
    }
    let message = unbounded().pairwise(&numbers).unwrap().nearest(0, &mut ()).unwrap_err().to_string();
    assert_eq!(message, "number of neighbours is 0, but must be at least 1");
}

#[test]
fn streams_come_in_packed_order() {
    for count in [2, 3, 17, 40, 100] {
        let numbers: Vec<f64> = (0..count).map(|i| f64::from(i * i % 31)).collect();
        let divergence = unbounded();
        let pairs = divergence.pairwise(&numbers).unwrap();
        let mut record = Record::default();
        let report = pairs.stream(&mut record, &mut ()).unwrap();
        assert_eq!((report.settled, report.computed), (report.total, report.total));
        assert_eq!(record.pairing, Some(pairs.pairing()));
        let expected: Vec<_> =
            pairs.pairing().pairs().map(|(i, j)| (i, j, Some((numbers[i] - numbers[j]).abs()))).collect();
        assert_eq!(record.pairs, expected);
        let mut replayed = Record::default();
        pairs.values(&mut ()).unwrap().replay(&mut replayed).unwrap();
        assert_eq!(replayed, record);

        // Both of a pair of handlers get what is theirs, whatever the other asks for.
        let mut both = (
            Record { limit: Some(3.0), ..Record::default() },
            Record { limit: Some(9.0), ..Record::default() },
        );
        let divergence = bounded(1.0);
        let pairs = divergence.cross(&numbers, &numbers[..2]).unwrap();
        let report = pairs.stream(&mut both, &mut ()).unwrap();
        assert_eq!(report.computed, divergence.computed.load(Ordering::Relaxed));
        for limit in [3.0, 9.0] {
            let expected: Vec<_> = pairs
                .pairing()
                .pairs()
                .map(|(i, j)| (i, j, Some((numbers[i] - numbers[j]).abs()).filter(|value| *value < limit)))
                .collect();
            assert_eq!(if limit == 3.0 { &both.0.pairs } else { &both.1.pairs }, &expected);
        }
        let below_10 =
            pairs.pairing().pairs().filter(|(i, j)| (numbers[*i] - numbers[*j]).abs() < 10.0).count();
        assert_eq!(report.computed, below_10);
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let (events, others, emd) = (jets(2, 70), jets(3, 20), Emd::default());
    let axis = LogAxis::new(5.0, 60.0, 6).unwrap();
    let run = |threads: usize| {
        pool(threads, || {
            let pairs = emd.pairwise(&events).unwrap();
            let mut handlers = (
                (Record::default(), CorrelationCounts::new(axis.clone())),
                PairHistogram::weighted(axis.clone(), vec![0.3; 70]).unwrap(),
            );
            let mut steps = Vec::new();
            let mut watch = |p: &Progress<'_>| {
                steps.push(p.step);
                ControlFlow::Continue(())
            };
            let report = pairs.stream(&mut handlers, &mut watch).unwrap();
            let nearest = pairs.nearest(4, &mut watch).unwrap();
            let cross = emd.cross(&events, &others).unwrap();
            let values = cross.values(&mut watch).unwrap();
            (handlers, report, nearest, values, cross.nearest(2, &mut watch).unwrap(), steps)
        })
    };
    let one = run(1);
    for threads in [2, 7] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

#[test]
fn errors_are_the_first_in_packed_order() {
    // Pairs with event 90 or 33 have no value; 33 comes first with event 0.
    let mut numbers: Vec<f64> = (0..100).map(f64::from).collect();
    (numbers[90], numbers[33]) = (2000.0, 3000.0);
    for threads in [1, 2, 7] {
        pool(threads, || {
            let divergence = unbounded();
            let pairs = divergence.pairwise(&numbers).unwrap();
            let mut record = Record::default();
            let error = pairs.stream(&mut record, &mut ()).unwrap_err();
            assert_eq!(error.to_string(), "events 0 and 33: the total cost or its proof overflows");
            assert_eq!(record.pairs.len(), 32);
            assert!(matches!(pairs.values(&mut ()), Err(Error::Pair { first: 0, second: 33, .. })));
            assert!(matches!(pairs.nearest(3, &mut ()), Err(Error::Pair { first: 0 | 33, .. })));
            // In the middle: rows before 50 are sound against these columns.
            let mut rows: Vec<f64> = (0..100).map(f64::from).collect();
            (rows[50], rows[52]) = (1e6, 1e6);
            let cross = divergence.cross(&rows, &rows[..45]).unwrap();
            let mut record = Record::default();
            let error = cross.stream(&mut record, &mut ()).unwrap_err();
            assert!(matches!(error, Error::Pair { first: 50, second: 0, .. }), "{error}");
            assert_eq!(record.pairs.len(), 50 * 45);
            assert!(matches!(cross.nearest(3, &mut ()), Err(Error::Pair { first: 50, .. })));
            let mut columns = rows[..45].to_vec();
            columns[20] = 1e6;
            columns[40] = 1e6;
            let cross = divergence.cross(&rows[..45], &columns).unwrap();
            assert!(matches!(cross.values(&mut ()), Err(Error::Pair { first: 0, second: 20, .. })));
            // What bounds show to be far is not computed and so has no error.
            let divergence = bounded(0.5);
            let pairs = divergence.pairwise(&numbers).unwrap();
            let mut record = Record { limit: Some(100.0), ..Record::default() };
            let report = pairs.stream(&mut record, &mut ()).unwrap();
            assert_eq!((report.settled, report.computed), (4950, 4950 - 98 - 99));
        });
    }
    let emd = EmdConfig::new().max_pivots(1).build().unwrap();
    let mut events = jets(4, 30);
    events[11] = events[10].clone();
    let error = emd.pairwise(&events).unwrap().values(&mut ()).unwrap_err();
    assert!(matches!(error, Error::Pair { .. }), "{error}");
    let core: hepml_core::Error = error.into();
    assert!(core.downcast_ref::<Error>().is_some());
}

#[test]
fn events_that_cannot_be_prepared_are_named() {
    let mut numbers = vec![1.0; 50];
    (numbers[20], numbers[30]) = (f64::NAN, f64::NAN);
    let divergence = unbounded();
    for threads in [1, 2, 7] {
        pool(threads, || {
            let error = divergence.pairwise(&numbers).map(|_| ()).unwrap_err();
            assert_eq!(error.to_string(), "event 20: the total cost or its proof overflows");
            let error = divergence.cross(&numbers[..20], &numbers[5..]).map(|_| ()).unwrap_err();
            assert!(matches!(error, Error::Event { list: "column", index: 15, .. }), "{error}");
            let error = divergence.cross(&numbers, &numbers[5..]).map(|_| ()).unwrap_err();
            assert!(matches!(error, Error::Event { list: "row", index: 20, .. }), "{error}");
        });
    }
}

/// A divergence whose values are what the events say.
struct Says;

impl Divergence for Says {
    type Event = f64;
    type Prepared<'a> = f64;
    type Workspace = ();

    fn prepare<'a>(&'a self, event: &'a f64) -> Result<f64> {
        Ok(*event)
    }

    fn prepared_value(&self, (): &mut (), _: &f64, b: &f64) -> Result<f64> {
        Ok(*b)
    }

    fn exponent(&self) -> f64 {
        0.5
    }
}

#[test]
fn values_and_limits_that_are_no_numbers_are_errors() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let columns = [1.0, bad];
        let cross = Says.cross(&[0.0], &columns).unwrap();
        let expected = format!("events 0 and 1: value is not finite ({bad})");
        assert_eq!(cross.values(&mut ()).unwrap_err().to_string(), expected);
        assert_eq!(cross.nearest(1, &mut ()).unwrap_err().to_string(), expected);
    }
    let pairs = Says.pairwise(&[1.0, 2.0]).unwrap();
    let mut record = Record { limit: Some(f64::NAN), ..Record::default() };
    let message = pairs.stream(&mut record, &mut ()).unwrap_err().to_string();
    assert_eq!(message, "limit of a handler of pairs is NaN, but must be a number");
    for both in [(Some(f64::NAN), None), (None, Some(f64::NAN))] {
        let record = |limit| Record { limit, ..Record::default() };
        assert!(pairs.stream(&mut (record(both.0), record(both.1)), &mut ()).is_err());
        let values = pairs.values(&mut ()).unwrap();
        assert!(values.replay(&mut (record(both.0), record(both.1))).is_err());
    }
    assert!(Says.value_if_below(&mut (), &1.0, &2.0, f64::NAN).is_err());
    assert_eq!(Says.value_if_below(&mut (), &1.0, &2.0, f64::INFINITY).unwrap(), Some(2.0));
    assert_eq!(Says.value_if_below(&mut (), &1.0, &2.0, 2.0).unwrap(), None);
    assert_eq!(Says.value_if_below(&mut (), &1.0, &2.0, f64::NEG_INFINITY).unwrap(), None);
    // Negative values have no root.
    let values = Says.pairwise(&[1.0, 4.0, -2.0]).unwrap().values(&mut ()).unwrap();
    let message = values.into_metric().unwrap_err().to_string();
    assert!(message.starts_with("events 0 and 2: value whose root is taken is -2"), "{message}");
}

/// Whatever is kept of a stopped computation is the same as of the whole, and does not depend on the threads.
#[test]
fn stopping_keeps_what_is_done() {
    let numbers: Vec<f64> = (0..75).map(|i| f64::from(i * i % 97)).collect();
    let divergence = bounded(2.0);
    let pairs = divergence.pairwise(&numbers).unwrap();
    let all = pairs.values(&mut ()).unwrap();
    let (all_nearest, _) = pairs.nearest(3, &mut ()).unwrap();
    let mut steps = 0;
    let mut count = |_: &Progress<'_>| {
        steps += 1;
        ControlFlow::Continue(())
    };
    pairs.values(&mut count).unwrap();
    assert!(steps > 100);
    let mut done = 0;
    for step in 1..=steps {
        let run = |threads: usize| -> (PairValues, Record, usize) {
            pool(threads, || {
                let part = pairs.values(&mut stop_at(step)).unwrap();
                let mut record = Record::default();
                let report = pairs.stream(&mut record, &mut stop_at(step)).unwrap();
                (part, record, report.settled)
            })
        };
        let (part, record, settled) = run(1);
        if step % 20 == 0 {
            for threads in [2, 7] {
                assert!(run(threads) == (part.clone(), record.clone(), settled));
            }
        }
        assert_eq!(part.values(), &all.values()[..settled]);
        assert_eq!(record.pairs.len(), settled);
        assert!(settled >= done);
        done = settled;
        assert_eq!(part.is_complete(), step == steps);
        if !part.is_complete() {
            assert!(matches!(part.to_array(), Err(Error::Incomplete { total: 2775, .. })));
            let mut counts = CorrelationCounts::new(LogAxis::new(1.0, 50.0, 3).unwrap());
            part.replay(&mut counts).unwrap();
            assert!(matches!(counts.dimension(), Err(Error::Incomplete { total: 2775, .. })));
            let axis = LogAxis::new(1.0, 50.0, 3).unwrap();
            let stopped = pairs.correlation_dimension(&axis, &mut stop_at(step));
            assert!(matches!(stopped, Err(Error::Incomplete { .. })));
        }
    }
    assert_eq!(done, 2775);
    let mut step = 0;
    loop {
        step += 1;
        let (part, report) = pairs.nearest(3, &mut stop_at(step)).unwrap();
        let events = part.lists().len();
        assert!(events > 0);
        assert_eq!(part.lists(), &all_nearest.lists()[..events]);
        assert_eq!(report.settled, 2775 - (75 - events) * (74 - events.min(74)) / 2);
        assert_eq!(report.is_complete(), events >= 74);
        if events == 75 {
            break;
        }
    }
    assert!(step > 2);
    let cross = divergence.cross(&numbers, &numbers[..30]).unwrap();
    let part = cross.values(&mut stop_at(9)).unwrap();
    assert!(!part.is_complete() && part.to_array().is_err() && !part.values().is_empty());
    assert_eq!(part.get(0, 29), all.get(0, 29));
    let (part, report) = cross.nearest(3, &mut stop_at(1)).unwrap();
    assert_eq!((part.lists().len(), report.settled), (64, 64 * 30));
}

proptest! {
    /// Numbers with many ties, bounds from useless to exact: the neighbours are those of all values sorted.
    #[test]
    fn neighbours_are_those_of_all_values(
        numbers in prop::collection::vec(0..40_u8, 0..70),
        others in prop::collection::vec(0..40_u8, 0..20),
        k in 1..9_usize,
        slack in prop_oneof![Just(None), Just(Some(0.0)), Just(Some(0.5)), Just(Some(3.0)), Just(Some(1e9))],
    ) {
        let floats = |list: &[u8]| -> Vec<f64> { list.iter().map(|x| f64::from(*x)).collect() };
        let (numbers, others) = (floats(&numbers), floats(&others));
        let divergence = Difference { slack, ..Difference::default() };
        let expected = |event: usize, others: &[f64], itself: bool| {
            let mut all: Vec<Neighbour> = (0..others.len())
                .filter(|j| !itself || *j != event)
                .map(|index| Neighbour { index, value: (numbers[event] - others[index]).abs() })
                .collect();
            all.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.index.cmp(&b.index)));
            all.truncate(k);
            all
        };
        for within in [true, false] {
            let pairs = if within { divergence.pairwise(&numbers) } else { divergence.cross(&numbers, &others) }.unwrap();
            divergence.computed.store(0, Ordering::Relaxed);
            let (found, report) = pairs.nearest(k, &mut ()).unwrap();
            prop_assert_eq!(report.computed, divergence.computed.load(Ordering::Relaxed));
            prop_assert!(report.computed <= report.total && report.is_complete());
            let mut streamed = Neighbours::new(k).unwrap();
            pairs.stream(&mut streamed, &mut ()).unwrap();
            prop_assert_eq!(&streamed, &found);
            for (event, list) in found.lists().iter().enumerate() {
                prop_assert_eq!(list, &expected(event, if within { &numbers } else { &others }, within));
            }
        }
    }

    /// The same of EMDs, bit for bit, and of the dimension and the histogram, which compute fewer than all.
    #[test]
    fn what_bounds_spare_changes_nothing(
        seed in 0..10_000_u64,
        (radius, beta, normalise, periodic) in config(),
    ) {
        let emd = emd(radius, beta, normalise, periodic);
        // Without bounds: the same cost, but not known to be angular.
        let cost = AngularCost::new(radius, beta, periodic).unwrap();
        let plain = move |a: [f64; 2], b: [f64; 2]| cost.cost(a, b);
        let plain = if normalise { Emd::normalised_with_cost(plain) } else { Emd::with_cost(plain) };
        let (events, others) = (jets(seed, 24), jets(seed + 1, 9));
        prop_assume!(!normalise || events.iter().chain(&others).all(|jet| jet.total_energy() > 0.0));
        let pairs = emd.pairwise(&events).unwrap();
        let values = pairs.values(&mut ()).unwrap();
        let mut brute = Neighbours::new(3).unwrap();
        values.replay(&mut brute).unwrap();
        prop_assert_eq!(&pairs.nearest(3, &mut ()).unwrap().0, &brute);
        let cross = emd.cross(&others, &events).unwrap();
        let mut brute = Neighbours::new(3).unwrap();
        cross.values(&mut ()).unwrap().replay(&mut brute).unwrap();
        prop_assert_eq!(&cross.nearest(3, &mut ()).unwrap().0, &brute);
        let unbounded = plain.pairwise(&events).unwrap().nearest(3, &mut ()).unwrap().1;
        prop_assert_eq!(unbounded.computed, unbounded.total);

        let mut sorted = values.values().to_vec();
        sorted.sort_by(f64::total_cmp);
        let highest = sorted[sorted.len() / 3];
        prop_assume!(highest > 0.0);
        let axis = LogAxis::new(0.1 * highest, highest, 5).unwrap();
        let mut streamed = (CorrelationCounts::new(axis.clone()), PairHistogram::new(axis.clone()));
        let mut replayed = streamed.clone();
        pairs.stream(&mut streamed, &mut ()).unwrap();
        values.replay(&mut replayed).unwrap();
        prop_assert_eq!(&streamed, &replayed);
        prop_assert_eq!(streamed.1.overflow().pairs, sorted.iter().filter(|value| **value >= highest).count());
    }

    /// Bounds are bounds, for events far from the origin, on the other side of the azimuth, of very different energies, too.
    #[test]
    fn lower_bounds_are_below(a in rows(), b in rows(), config in config(), (scale, shift) in far()) {
        let emd = emd(config.0, config.1, config.2, config.3);
        let flow = |rows: &[[f64; 3]], factor: f64| {
            let rows: Rows = rows.iter().map(|[e, y, phi]| [factor * e, scale * y + shift, scale * phi]).collect();
            EnergyFlow::from_rows(&rows).unwrap()
        };
        for (a, b) in [(flow(&a, 1.0), flow(&b, 1.0)), (flow(&a, 1.0), flow(&a, 1.0)), (flow(&a, 1e-3), flow(&b, 5.0))] {
            let workspace = &mut Workspace::default();
            let prepared = [emd.prepare(&a), emd.prepare(&b)].map(|event| event.unwrap());
            let bound = emd.lower_bound(&prepared[0], &prepared[1]);
            prop_assert!(!bound.is_nan());
            if let Ok(value) = emd.prepared_value(workspace, &prepared[0], &prepared[1]) {
                prop_assert!(bound <= value, "{} {}", bound, value);
                prop_assert!(emd.lower_bound(&prepared[1], &prepared[0]) <= value);
                let [a, b] = &prepared;
                prop_assert_eq!(emd.value_if_below(workspace, a, b, value).unwrap(), None);
                prop_assert_eq!(emd.value_if_below(workspace, a, b, value.next_up()).unwrap(), Some(value));
            }
        }
    }
}

fn rows() -> impl Strategy<Value = Rows> {
    let smooth = (0.01..100.0, -2.0..2.0, -3.1..3.1).prop_map(|(pt, y, phi)| [pt, y, phi]);
    let core = (0.01..100.0, -0.4..0.4, -0.4..0.4).prop_map(|(pt, y, phi)| [pt, y, phi]);
    let grid = (0..4_u8, 0..4_u8, 0..4_u8)
        .prop_map(|(pt, y, phi)| [f64::from(pt), f64::from(y) * 0.25, f64::from(phi) * 0.25]);
    let line = (0.1..1.0, -1.0..1.0).prop_map(|(pt, y)| [pt, y, 0.0]);
    let count = 1..30_usize;
    prop_oneof![
        prop::collection::vec(smooth, count.clone()),
        prop::collection::vec(core, count.clone()),
        prop::collection::vec(grid, count.clone()).prop_map(|mut rows| {
            rows[0][0] = 2.0;
            rows
        }),
        prop::collection::vec(line, count),
    ]
}

fn config() -> impl Strategy<Value = (f64, f64, bool, bool)> {
    let radius = prop_oneof![Just(1.0), Just(0.4), Just(5.0), Just(1e-6)];
    let beta = prop_oneof![Just(1.0), Just(2.0), Just(0.5), Just(3.3), Just(1.5)];
    (radius, beta, any::<bool>(), any::<bool>())
}

/// A scale of distances and a shift of the rapidity.
fn far() -> impl Strategy<Value = (f64, f64)> {
    prop_oneof![
        6 => Just((1.0, 0.0)),
        1 => Just((1.0, 1e6)),
        1 => Just((1e-9, 0.3)),
        1 => Just((1e5, 0.0)),
        1 => Just((1e200, 0.0)),
        1 => Just((1e-200, 0.0)),
        1 => Just((1.0, 1e300)),
    ]
}

fn emd(radius: f64, beta: f64, normalise: bool, periodic_phi: bool) -> Emd {
    EmdConfig::new()
        .radius(radius)
        .beta(beta)
        .normalise(normalise)
        .periodic_phi(periodic_phi)
        .build()
        .unwrap()
}

/// Bounds that are tight are what makes them useful: a loss of them is not to go unnoticed.
#[test]
fn lower_bounds_are_close() {
    let events = jets(7, 40);
    let mean = |emd: &Emd| -> f64 {
        let pairs: Vec<(usize, usize)> = Pairing::Within { events: 40 }.pairs().collect();
        let ratio = |(i, j): &(usize, usize)| {
            let [a, b] = [&events[*i], &events[*j]].map(|event| emd.prepare(event).unwrap());
            let value = emd.prepared_value(&mut Workspace::default(), &a, &b).unwrap();
            if value == 0.0 { 1.0 } else { emd.lower_bound(&a, &b) / value }
        };
        pairs.iter().map(ratio).sum::<f64>() / pairs.len() as f64
    };
    for (radius, beta, normalise, periodic, least) in [
        (0.8, 1.0, true, false, 0.8),
        (0.8, 1.0, false, false, 0.8),
        (0.8, 1.0, false, true, 0.8),
        (0.8, 2.0, true, false, 0.9),
        (0.8, 2.0, false, false, 0.8),
        (0.8, 3.3, true, false, 0.6),
        (0.8, 0.5, true, false, 0.4),
    ] {
        let got = mean(&emd(radius, beta, normalise, periodic));
        println!("{radius} {beta} {normalise} {periodic}: {got}");
        assert!(got > least, "{radius} {beta} {normalise} {periodic}: {got}");
    }
}

#[test]
fn bounds_of_special_events() {
    let flow = |rows: &[[f64; 3]]| EnergyFlow::from_rows(rows).unwrap();
    let (one, far) = (flow(&[[3.0, 0.1, 0.2]]), flow(&[[1.0, 0.1, 0.7]]));
    let (empty, zero) = (EnergyFlow::default(), flow(&[[0.0, 0.5, 0.5]]));
    let bound = |emd: &Emd, a: &EnergyFlow, b: &EnergyFlow| {
        emd.lower_bound(&emd.prepare(a).unwrap(), &emd.prepare(b).unwrap())
    };
    // One particle against one at a distance 0.5, at a right angle to a direction of projection.
    let default = Emd::default();
    assert!((bound(&default, &one, &far) - 2.5).abs() < 0.02);
    for nothing in [&empty, &zero] {
        assert!((bound(&default, &one, nothing) - 3.0).abs() < 1e-9);
        assert_eq!(bound(&default, nothing, nothing), 0.0);
    }
    // Of what has no value nothing is known, so the error is not hidden by a bound.
    let normalised = emd(1.0, 1.0, true, false);
    if let (Ok(a), Ok(b)) = (normalised.prepare(&one), normalised.prepare(&empty)) {
        assert_eq!(normalised.lower_bound(&a, &b), f64::NEG_INFINITY);
        assert!(normalised.value_if_below(&mut Workspace::default(), &a, &b, -1.0).is_err());
    }
    // Across the azimuth's end the way is short.
    let (left, right) = (flow(&[[1.0, 0.0, 3.1]]), flow(&[[1.0, 0.0, -3.1]]));
    assert!(bound(&emd(1.0, 1.0, true, true), &left, &right) <= 0.1);
    assert!(bound(&emd(1.0, 1.0, true, false), &left, &right) > 6.0);
}

#[test]
fn histograms_hold_every_pair_once() {
    // Differences: 0, 1, 1, 3, 3, 4.
    let numbers = [1.0, 1.0, 2.0, 5.0];
    let weights = [1.0, 2.0, -3.0, 0.5];
    let axis = LogAxis::new(1.0, 4.0, 2).unwrap();
    assert_eq!(axis.edges().len(), 3);
    let divergence = bounded(0.25);
    let pairs = divergence.pairwise(&numbers).unwrap();
    let mut plain = PairHistogram::new(axis.clone());
    let mut weighted = PairHistogram::weighted(axis.clone(), weights).unwrap();
    pairs.stream(&mut plain, &mut ()).unwrap();
    pairs.stream(&mut weighted, &mut ()).unwrap();
    let all = |h: &PairHistogram| {
        [h.zeros(), h.underflow(), h.bins()[0], h.bins()[1], h.overflow()]
            .map(|bin| (bin.pairs, bin.sum, bin.sum_of_squares))
    };
    assert_eq!(all(&plain), [(1, 1.0, 1.0), (0, 0.0, 0.0), (2, 2.0, 2.0), (1, 1.0, 1.0), (2, 2.0, 2.0)]);
    assert_eq!(
        all(&weighted),
        [
            (1, 2.0, 4.0),
            (0, 0.0, 0.0),
            (2, -3.0 - 6.0, 9.0 + 36.0),
            (1, -1.5, 2.25),
            (2, 0.5 + 1.0, 0.25 + 1.0)
        ]
    );
    // Another stream comes on top.
    pairs.stream(&mut plain, &mut ()).unwrap();
    assert_eq!(plain.zeros().pairs, 2);
    let cross = Says.cross(&[0.0, 0.0], &[-1.0, 0.5, 1.0]).unwrap();
    let mut histogram = PairHistogram::cross_weighted(axis.clone(), [1.0, 2.0], [1.0, 1.0, 3.0]).unwrap();
    cross.stream(&mut histogram, &mut ()).unwrap();
    assert_eq!((histogram.underflow().pairs, histogram.bins()[0].sum), (4, 9.0));

    let begin = |histogram: PairHistogram, pairing: Pairing| {
        let mut histogram = histogram;
        histogram.begin(pairing).unwrap_err().to_string()
    };
    let within = Pairing::Within { events: 3 };
    let between = Pairing::Between { rows: 2, columns: 3 };
    let one = || PairHistogram::weighted(axis.clone(), [1.0, 2.0]).unwrap();
    let two = || PairHistogram::cross_weighted(axis.clone(), [1.0, 2.0], [1.0]).unwrap();
    assert_eq!(begin(one(), within), "weights of the events: expected 3, got 2");
    assert_eq!(begin(one(), between), "lists of weights: expected 2, got 1");
    assert_eq!(begin(two(), between), "weights of the columns: expected 3, got 1");
    assert_eq!(begin(two(), Pairing::Within { events: 2 }), "lists of weights: expected 1, got 2");
    let message = PairHistogram::weighted(axis.clone(), [1.0, f64::NAN]).unwrap_err().to_string();
    assert_eq!(message, "weight of event 1 is not finite (NaN)");
    // Products of weights, and their squares, are numbers.
    let message = PairHistogram::cross_weighted(axis.clone(), [1.0], [1.0, -1e71]).unwrap_err().to_string();
    assert!(message.starts_with("weight of event 1 is -1000"), "{message}");
    assert!(message.ends_with("but must be from -1e70 to 1e70"), "{message}");
    let mut histogram = PairHistogram::weighted(axis, [1e70, -1e70, 1e70, 1e70]).unwrap();
    pairs.stream(&mut histogram, &mut ()).unwrap();
    assert!(all(&histogram).iter().all(|(_, sum, squares)| sum.is_finite() && squares.is_finite()));
}

#[test]
fn a_dimension_is_that_of_one_list() {
    let axis = LogAxis::new(0.1, 1.0, 2).unwrap();
    let cross = Says.cross(&[1.0], &[2.0]).unwrap();
    let message = cross.correlation_dimension(&axis, &mut ()).unwrap_err().to_string();
    assert_eq!(message, "a correlation dimension is that of one list of events, not of two");
}

fn dimension(
    emd: &Emd,
    events: &[EnergyFlow],
    (lowest, highest, bins): (f64, f64, usize),
) -> CorrelationDimension {
    let axis = LogAxis::new(lowest, highest, bins).unwrap();
    emd.pairwise(events).unwrap().correlation_dimension(&axis, &mut ()).unwrap()
}

#[test]
fn points_on_a_line_and_in_the_plane_have_dimensions_one_and_two() {
    // One particle of energy 1 each: the EMD is the distance. 400 events; edges of the region lower the dimension by
    // about the ratio of the scale to its size 1, so the tolerance grows with the scale.
    for (seed, expected) in [(8, 1.0), (9, 2.0)] {
        let mut draw = uniform(seed);
        let events: Vec<EnergyFlow> = (0..400)
            .map(|_| {
                let y = if expected == 2.0 { draw() } else { 0.0 };
                EnergyFlow::from_rows(&[[1.0, y, draw()]]).unwrap()
            })
            .collect();
        let emds = Emd::default().pairwise(&events).unwrap().values(&mut ()).unwrap();
        let found = dimension(&Emd::default(), &events, (0.02, 0.16, 3));
        let mut counts = CorrelationCounts::new(LogAxis::new(0.02, 0.16, 3).unwrap());
        emds.replay(&mut counts).unwrap();
        assert_eq!(counts.dimension().unwrap(), found);
        assert_eq!(found.points().len(), 3);
        for at in found.points() {
            let off = (at.dimension - expected).abs();
            assert!(off < 4.0 * at.error + at.scale * expected, "{at:?}");
            assert!(at.error < 0.3, "{at:?}");
        }
        // Bins of equal ratios, from their edges.
        assert!((found.points()[0].scale - 0.02 * 2_f64.sqrt()).abs() < 1e-12);
        let below = |scale: f64| emds.values().iter().filter(|emd| **emd < scale).count();
        assert_eq!(found.points()[2].pairs, below(0.16));
        let expected = (below(0.16) as f64 / below(0.08) as f64).log2();
        assert!((found.points()[2].dimension - expected).abs() < 1e-9);
    }
}

#[test]
fn the_jackknife_error_is_the_spread_over_samples() {
    // 150 samples of 60 clustered events, in which pairs are strongly correlated.
    let mut draw = uniform(3);
    let (mut dimensions, mut errors) = (Vec::new(), Vec::new());
    for _ in 0..150 {
        let events: Vec<EnergyFlow> = (0..60)
            .map(|_| {
                let width = if draw() < 0.3 { 1.0 } else { 0.3 };
                EnergyFlow::from_rows(&[[1.0, width * draw(), width * draw()]]).unwrap()
            })
            .collect();
        let found = dimension(&Emd::default(), &events, (0.1, 0.4, 1));
        dimensions.push(found.points()[0].dimension);
        errors.push(found.points()[0].error);
    }
    let count = dimensions.len() as f64;
    let mean = dimensions.iter().sum::<f64>() / count;
    let spread = (dimensions.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    let error = errors.iter().sum::<f64>() / count;
    // The spread of 150 samples is itself known to 1/√300 = 6 %: 4 sigma.
    assert!((error / spread - 1.0).abs() < 0.24, "{error} {spread}");
}

#[test]
fn the_jackknife_is_the_dimension_without_each_event_in_turn() {
    let mut draw = uniform(11);
    let numbers: Vec<f64> = (0..25).map(|_| (draw() * 40.0).round() / 4.0).collect();
    let axis = LogAxis::new(0.5, 4.0, 3).unwrap();
    let found = bounded(0.5).pairwise(&numbers).unwrap().correlation_dimension(&axis, &mut ()).unwrap();
    assert_eq!(found.points().len(), 3);
    // By counting, anew for each set of events; many values are at an edge, so not below it.
    let slope = |numbers: &[f64], bin: usize| {
        let below = |scale: f64| {
            let pairs = Pairing::Within { events: numbers.len() };
            pairs.pairs().filter(|(i, j)| (numbers[*i] - numbers[*j]).abs() < scale).count() as f64
        };
        (below(axis.edges()[bin + 1]) / below(axis.edges()[bin])).ln() / 2_f64.ln()
    };
    for (bin, at) in found.points().iter().enumerate() {
        let without: Vec<f64> =
            (0..25).map(|out| slope(&[&numbers[..out], &numbers[out + 1..]].concat(), bin)).collect();
        let mean = without.iter().sum::<f64>() / 25.0;
        let variance = 24.0 / 25.0 * without.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        assert!((at.dimension - slope(&numbers, bin)).abs() < 1e-12);
        assert!(variance > 0.0 && (at.error - variance.sqrt()).abs() < 1e-12);
    }
}

#[test]
fn a_correlation_dimension_needs_pairs() {
    let events: Vec<EnergyFlow> =
        [0.0, 1.0, 3.0].map(|y| EnergyFlow::from_rows(&[[1.0, y, 0.0]]).unwrap()).into();
    let emd = EmdConfig::new().radius(10.0).build().unwrap();
    let pairs = emd.pairwise(&events).unwrap();
    let message = |lowest, highest, bins| {
        let found =
            LogAxis::new(lowest, highest, bins).and_then(|axis| pairs.correlation_dimension(&axis, &mut ()));
        found.unwrap_err().to_string()
    };
    assert_eq!(message(0.0, 1.0, 3), "lowest scale is 0, but must be positive and finite");
    assert_eq!(message(1.0, 1.0, 3), "highest scale is 1, but must be finite and above the lowest");
    assert_eq!(message(1.0, f64::NAN, 3), "highest scale is NaN, but must be finite and above the lowest");
    assert_eq!(message(1.0, 2.0, 0), "axis of scales is empty");
    assert_eq!(
        message(1.0, 2.0, usize::MAX),
        "number of bins is 18446744073709552000, but must be at most 100000"
    );
    // Neighbouring numbers, whose logarithms are the same.
    let different = "but must be few enough that their edges are different numbers";
    assert_eq!(message(1e300, 1e300_f64.next_up(), 1), format!("number of bins is 1, {different}"));
    assert_eq!(message(1.0, 1.0 + 4e-16, 5), format!("number of bins is 5, {different}"));
    // One pair is at 0.1: without either of its events none is left.
    assert!(message(0.11, 0.15, 1).starts_with("no scale from 1.1e-1 to 1.5e-1 has enough pairs"));
    let axis = LogAxis::new(0.1, 1.0, 2).unwrap();
    let two = emd.pairwise(&events[..2]).unwrap();
    let message = two.correlation_dimension(&axis, &mut ()).unwrap_err().to_string();
    assert_eq!(message, "number of events for a jackknife is 2, but must be at least 3");
}
