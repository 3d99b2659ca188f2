//! Optimal transport and shapes through the C functions: the same bits as the Rust calls, clear failures, outputs untouched by them.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

use hepml::core::{FourMomentum, ParticleSets};
use hepml::ot::{
    Disk, Divergence, Emd, EmdConfig, EnergyFlow, Isotropy, IsotropyCost, Manifold, ManifoldDistanceConfig,
    NSubjettinessConfig, Points, Ring, SpectralEmdConfig, Spherocity, Thrust, WithCentre,
};
use hepml_capi::*;

/// What outputs hold before a call.
const OLD: f64 = -7.25;

fn last_message() -> String {
    // SAFETY: the message ends in NUL and stays until the next failing call of this thread.
    unsafe { CStr::from_ptr(hepml_last_error_message()) }.to_str().unwrap().to_owned()
}

#[track_caller]
fn ok(status: hepml_status) {
    assert_eq!(status, hepml_status::Ok, "{}", last_message());
}

#[track_caller]
fn fails(status: hepml_status, expected: hepml_status, message: &str) {
    assert_eq!(status, expected, "{}", last_message());
    assert!(last_message().contains(message), "{:?} is not in {:?}", message, last_message());
}

/// Rows (pt, y, phi) that look like a jet, the same for the same seed.
fn jet(particles: usize, seed: u64) -> Vec<[f64; 3]> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..particles).map(|_| [1.0 + 30.0 * uniform().powi(3), uniform() - 0.5, uniform() - 0.5]).collect()
}

fn jets(count: u64) -> Vec<Vec<[f64; 3]>> {
    (0..count).map(|seed| jet(usize::try_from(seed * 7 % 13).unwrap() + 1, seed + 1)).collect()
}

/// A view of rows.
fn rows(rows: &[[f64; 3]]) -> hepml_particles {
    let first = rows.as_ptr().cast::<f64>();
    hepml_particles {
        pt: first,
        y: first.wrapping_add(1),
        phi: first.wrapping_add(2),
        stride: 3,
        count: rows.len(),
    }
}

fn flow(rows: &[[f64; 3]]) -> EnergyFlow {
    EnergyFlow::from_rows(rows).unwrap()
}

fn emd(radius: f64, beta: f64, normalise: i32, periodic_phi: i32) -> *mut hepml_divergence {
    let mut handle = null_mut();
    // SAFETY: a reference may be written to.
    ok(unsafe { hepml_divergence_new_emd(radius, beta, normalise, periodic_phi, &raw mut handle) });
    handle
}

fn spectral(beta: f64, omega_max: Option<f64>) -> *mut hepml_divergence {
    let mut handle = null_mut();
    let omega_max = omega_max.as_ref().map_or(null(), std::ptr::from_ref);
    // SAFETY: references may be read and written to.
    ok(unsafe { hepml_divergence_new_spectral_emd(beta, 0, omega_max, &raw mut handle) });
    handle
}

fn free_divergence(mut handle: *mut hepml_divergence) {
    // SAFETY: a reference may be read and written to.
    ok(unsafe { hepml_divergence_free(&raw mut handle) });
}

fn value(
    divergence: *const hepml_divergence,
    a: &hepml_particles,
    b: &hepml_particles,
) -> (hepml_status, f64) {
    let mut value = OLD;
    // SAFETY: references may be read and written to, and the views are of slices.
    let status = unsafe { hepml_divergence_value(divergence, a, b, &raw mut value) };
    (status, value)
}

/// A list of events, and its particles one after the other.
fn flows(events: &[Vec<[f64; 3]>]) -> *mut hepml_flows {
    let all = events.concat();
    let mut offsets = vec![0];
    offsets.extend(events.iter().scan(0, |end, event| {
        *end += event.len();
        Some(*end)
    }));
    let mut handle = null_mut();
    // SAFETY: references may be read and written to, and the view is of a slice.
    ok(unsafe { hepml_flows_new(&rows(&all), offsets.as_ptr(), events.len(), &raw mut handle) });
    handle
}

fn free_flows(mut handle: *mut hepml_flows) {
    // SAFETY: a reference may be read and written to.
    ok(unsafe { hepml_flows_free(&raw mut handle) });
}

#[test]
fn values_are_those_of_rust_bit_for_bit() {
    let pairs: Vec<_> =
        (1..30).map(|seed| (jet(seed % 17, seed as u64), jet(7 * seed % 23 + 1, 99))).collect();
    for (radius, beta, normalise, periodic) in
        [(1.0, 1.0, false, false), (0.4, 2.0, true, true), (0.8, 0.5, false, true), (1.0, 3.7, true, false)]
    {
        let config = EmdConfig::new().radius(radius).beta(beta).normalise(normalise).periodic_phi(periodic);
        let rust = config.build().unwrap();
        let c = emd(radius, beta, i32::from(normalise), i32::from(periodic));
        let mut exponent = OLD;
        // SAFETY: a reference may be written to.
        ok(unsafe { hepml_divergence_exponent(c, &raw mut exponent) });
        assert_eq!(exponent, rust.exponent());
        for (a, b) in &pairs {
            let expected = rust.value(&flow(a), &flow(b));
            let (status, value) = value(c, &rows(a), &rows(b));
            if let Ok(expected) = expected {
                assert_eq!((status, value.to_bits()), (hepml_status::Ok, expected.to_bits()));
            } else {
                assert_eq!((status, value), (hepml_status::OutOfRange, OLD));
            }
        }
        free_divergence(c);
    }
    for omega_max in [None, Some(2.0)] {
        let config = SpectralEmdConfig::new().beta(1.5);
        let rust = omega_max.map_or(config, |omega| config.omega_max(omega)).build().unwrap();
        let c = spectral(1.5, omega_max);
        for (a, b) in pairs.iter().filter(|(a, _)| !a.is_empty()) {
            let expected = rust.value(&flow(a), &flow(b)).unwrap();
            assert_eq!(value(c, &rows(a), &rows(b)), (hepml_status::Ok, expected));
        }
        free_divergence(c);
    }
}

#[test]
fn a_thread_that_has_seen_large_events_gives_the_same_values() {
    let c = emd(1.0, 1.0, 0, 0);
    let (a, b) = (jet(20, 1), jet(30, 2));
    let expected = Emd::default().value(&flow(&a), &flow(&b)).unwrap();
    for (n, m) in [(700, 300), (900, 400), (3, 1), (500, 500)] {
        let (large, other) = (jet(n, 3), jet(m, 4));
        let rust = Emd::default().value(&flow(&large), &flow(&other)).unwrap();
        assert_eq!(value(c, &rows(&large), &rows(&other)), (hepml_status::Ok, rust));
        assert_eq!(value(c, &rows(&a), &rows(&b)), (hepml_status::Ok, expected));
    }
    free_divergence(c);
}

#[test]
fn views_of_rows_columns_and_structs_are_the_same() {
    /// A particle with other things in it.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Stored {
        phi: f64,
        id: u64,
        pt: f64,
        y: f64,
        other: [f64; 3],
    }
    let (a, b) = (jet(12, 5), jet(9, 6));
    let c = emd(0.7, 1.0, 0, 0);
    let (_, expected) = value(c, &rows(&a), &rows(&b));
    let column = |k: usize| a.iter().map(|row| row[k]).collect::<Vec<f64>>();
    let (pt, y, phi) = (column(0), column(1), column(2));
    let columns =
        hepml_particles { pt: pt.as_ptr(), y: y.as_ptr(), phi: phi.as_ptr(), stride: 1, count: a.len() };
    assert_eq!(value(c, &columns, &rows(&b)).1, expected);
    let stored: Vec<Stored> =
        a.iter().map(|&[pt, y, phi]| Stored { phi, pt, y, ..Stored::default() }).collect();
    let first: *const f64 = stored.as_ptr().cast();
    let stride = size_of::<Stored>() / size_of::<f64>();
    let structs = hepml_particles {
        pt: first.wrapping_add(2),
        y: first.wrapping_add(3),
        phi: first,
        stride,
        count: a.len(),
    };
    assert_eq!(value(c, &structs, &rows(&b)).1, expected);
    // Nothing is at NULL with any stride.
    let nothing = hepml_particles { pt: null(), y: null(), phi: null(), stride: 0, count: 0 };
    let total: f64 = b.iter().map(|row| row[0]).sum();
    assert!((value(c, &nothing, &rows(&b)).1 - total).abs() < 1e-13 * total);
    free_divergence(c);
}

#[test]
fn particles_that_cannot_be_are_named() {
    let c = emd(1.0, 1.0, 0, 0);
    let good = jet(4, 1);
    let mut bad = good.clone();
    for (column, wrong, expected, message) in [
        (0, f64::NAN, hepml_status::NotFinite, "b: energy of particle 2 is not finite (NaN)"),
        (1, f64::INFINITY, hepml_status::NotFinite, "b: rapidity of particle 2 is not finite (inf)"),
        (2, f64::NAN, hepml_status::NotFinite, "b: azimuth of particle 2 is not finite (NaN)"),
        (0, -1.0, hepml_status::OutOfRange, "b: energy of particle 2 is -1"),
    ] {
        bad[2][column] = wrong;
        let (status, value) = value(c, &rows(&good), &rows(&bad));
        fails(status, expected, message);
        assert_eq!(value, OLD);
        bad[2] = good[2];
    }
    let huge = vec![[1e308, 0.0, 0.0]; 3];
    fails(value(c, &rows(&huge), &rows(&good)).0, hepml_status::OutOfRange, "a: the total energy of 3");
    let no_stride = hepml_particles { stride: 0, ..rows(&good) };
    fails(value(c, &no_stride, &rows(&good)).0, hepml_status::OutOfRange, "a.pt: the stride is 0");
    let missing = hepml_particles { y: null(), ..rows(&good) };
    fails(value(c, &rows(&good), &missing).0, hepml_status::NullPointer, "b.y is NULL");
    let askew = hepml_particles { phi: rows(&good).pt.wrapping_byte_add(1), ..rows(&good) };
    fails(value(c, &askew, &rows(&good)).0, hepml_status::Misaligned, "a.phi");
    for count in [usize::MAX, usize::MAX / 8, usize::MAX / 24] {
        let endless = hepml_particles { count, ..rows(&good) };
        fails(value(c, &endless, &rows(&good)).0, hepml_status::Shape, "more than any memory holds");
    }
    // SAFETY: the view is of a slice.
    let status = unsafe { hepml_divergence_value(c, &rows(&good), null(), null_mut()) };
    fails(status, hepml_status::NullPointer, "b is NULL");
    let normalised = emd(1.0, 1.0, 1, 0);
    let without = vec![[0.0, 0.1, 0.2]];
    fails(value(normalised, &rows(&good), &rows(&without)).0, hepml_status::OutOfRange, "second event");
    free_divergence(normalised);
    free_divergence(c);
}

#[test]
fn parameters_that_cannot_be_are_named() {
    let mut handle = null_mut();
    for (radius, beta, flags, expected, message) in [
        (0.0, 1.0, [0, 0], hepml_status::OutOfRange, "radius"),
        (f64::NAN, 1.0, [0, 0], hepml_status::NotFinite, "radius"),
        (1.0, -1.0, [0, 0], hepml_status::OutOfRange, "beta"),
        (1.0, f64::INFINITY, [0, 0], hepml_status::NotFinite, "beta"),
        (1.0, 1.0, [2, 0], hepml_status::InvalidEnum, "normalise is 2"),
        (1.0, 1.0, [0, -1], hepml_status::InvalidEnum, "periodic_phi is -1"),
    ] {
        // SAFETY: a reference may be written to.
        let status = unsafe { hepml_divergence_new_emd(radius, beta, flags[0], flags[1], &raw mut handle) };
        fails(status, expected, message);
        assert!(handle.is_null());
    }
    // SAFETY: references may be read and written to.
    let status = unsafe { hepml_divergence_new_spectral_emd(1.0, 0, &-1.0, &raw mut handle) };
    fails(status, hepml_status::OutOfRange, "omega");
}

#[test]
fn lists_of_events_are_checked() {
    let all = jet(6, 1);
    let mut handle: *mut hepml_flows = null_mut();
    let mut make = |particles: &[[f64; 3]], offsets: &[usize], events: usize| {
        // SAFETY: there are as many offsets as said, but where that is refused before they are read.
        unsafe { hepml_flows_new(&rows(particles), offsets.as_ptr(), events, &raw mut handle) }
    };
    for (offsets, message) in [
        (&[1, 6][..], "offsets: the first is 1, but must be 0"),
        (&[0, 4, 2, 6], "offsets: event 1 begins at 4 and ends at 2"),
        (&[0, 3, 7, 6], "offsets: event 1 ends at 7, but there are 6 particles"),
        (&[0, 3, 5], "offsets: the last is 5, but there are 6 particles"),
        (&[0], "offsets: the last is 0, but there are 6 particles"),
    ] {
        fails(make(&all, offsets, offsets.len() - 1), hepml_status::Shape, message);
    }
    fails(make(&all, &[0], usize::MAX), hepml_status::Shape, "offsets");
    fails(make(&all, &[0], usize::MAX / 8), hepml_status::Shape, "offsets");
    let mut bad = all.clone();
    bad[4][1] = f64::NAN;
    let message = "particles: rapidity of event 2, particle 1 is not finite";
    fails(make(&bad, &[0, 2, 3, 6], 3), hepml_status::NotFinite, message);
    bad[4] = [1e308; 3];
    bad[5] = [1e308; 3];
    fails(make(&bad, &[0, 2, 3, 6], 3), hepml_status::OutOfRange, "event 2: the total energy of 3 particles");
    assert!(handle.is_null());
    let list = flows(&[all.clone(), vec![], all]);
    let (mut events, mut particles) = (0, 0);
    // SAFETY: references may be written to.
    ok(unsafe { hepml_flows_shape(list, &raw mut events, &raw mut particles) });
    assert_eq!((events, particles), (3, 12));
    free_flows(list);
    free_flows(flows(&[]));
}

#[test]
fn lists_of_sets_are_those_of_rust() {
    let list = some_momenta();
    let offsets = [0, 4, 4, 9];
    let make = |momenta_in: &[FourMomentum], about_axis: i32| {
        let (mut sets, mut flows) = (null_mut(), null_mut());
        let view = momenta(momenta_in);
        // SAFETY: the view is of a slice, and there are as many offsets as said.
        let status = unsafe {
            let (offsets, none) = (offsets.as_ptr(), null());
            ok(hepml_sets_new(&raw const view, offsets, 3, none, null(), 0, &raw mut sets));
            hepml_flows_from_sets(sets, about_axis, &raw mut flows)
        };
        let message = last_message();
        // SAFETY: a reference may be read and written to.
        ok(unsafe { hepml_sets_free(&raw mut sets) });
        (status, message, flows)
    };
    let events = [&list[..4], &list[4..4], &list[4..9]].map(<[FourMomentum]>::to_vec);
    let sets = ParticleSets::from_events(events).unwrap();
    let c = emd(1.0, 1.0, 0, 0);
    for (about_axis, rust) in [(0, EnergyFlow::from_sets(&sets)), (1, EnergyFlow::from_jets(&sets))] {
        let (status, _, flows) = make(&list[..9], about_axis);
        ok(status);
        let expected = Emd::default().pairwise(&rust.unwrap()).unwrap().values(&mut ()).unwrap();
        assert_eq!(all_pairs(c, [flows, null()], 1, 3, 0).1, expected.values());
        free_flows(flows);
    }
    let mut bad = list[..9].to_vec();
    bad[5] = FourMomentum::new(3.0, 0.0, 0.0, 3.0);
    for about_axis in [0, 1] {
        let (status, message, flows) = make(&bad, about_axis);
        assert_eq!((status, flows), (hepml_status::NotFinite, null_mut()));
        assert_eq!(message, "sets: rapidity of event 2, particle 1 is not finite (inf)");
    }
    let (status, message, _) = make(&list[..9], 2);
    assert_eq!(
        (status, message.as_str()),
        (hepml_status::InvalidEnum, "about_axis is 2, but must be 0 or 1")
    );
    free_divergence(c);
}

/// When a callback stops, and how often it was called.
struct Stop {
    at: usize,
    calls: usize,
}

unsafe extern "C" fn stop(progress: *const hepml_progress, user: *mut c_void) -> i32 {
    // SAFETY: the test hands out a pointer to its `Stop`, which nothing else uses meanwhile.
    let (progress, stop) = unsafe { (&*progress, &mut *user.cast::<Stop>()) };
    stop.calls += 1;
    assert!(progress.step <= progress.total);
    i32::from(stop.calls == stop.at)
}

/// The values of all pairs with the callback, those that were not written being [`OLD`], and how many there are.
fn all_pairs(
    divergence: *const hepml_divergence,
    lists: [*const hepml_flows; 2],
    threads: usize,
    needed: usize,
    stop_at: usize,
) -> (hepml_status, Vec<f64>, usize) {
    let mut values = vec![OLD; needed];
    let mut done = usize::MAX;
    let mut user = Stop { at: stop_at, calls: 0 };
    let (user, values_at, done_at) = ((&raw mut user).cast(), values.as_mut_ptr(), &raw mut done);
    let [first, second] = lists;
    // SAFETY: there is room for `needed` values, and the callback knows its user.
    let status = unsafe {
        if second.is_null() {
            hepml_divergence_pairwise(
                divergence,
                first,
                threads,
                Some(stop),
                user,
                values_at,
                needed,
                done_at,
            )
        } else {
            hepml_divergence_cross(
                divergence,
                first,
                second,
                threads,
                Some(stop),
                user,
                values_at,
                needed,
                done_at,
            )
        }
    };
    (status, values, done)
}

#[test]
fn all_pairs_are_those_of_rust_on_any_number_of_threads_and_may_be_stopped() {
    let (events, others) = (jets(70), jets(9));
    let (list, other) = (flows(&events), flows(&others));
    let rust: Vec<EnergyFlow> = events.iter().map(|event| flow(event)).collect();
    let rust_others: Vec<EnergyFlow> = others.iter().map(|event| flow(event)).collect();
    let (rust_emd, rust_spectral) = (Emd::default(), SpectralEmdConfig::new().build().unwrap());
    let within = [
        rust_emd.pairwise(&rust).unwrap().values(&mut ()).unwrap(),
        rust_spectral.pairwise(&rust).unwrap().values(&mut ()).unwrap(),
    ];
    let between = [
        rust_emd.cross(&rust, &rust_others).unwrap().values(&mut ()).unwrap(),
        rust_spectral.cross(&rust, &rust_others).unwrap().values(&mut ()).unwrap(),
    ];
    let handles = [emd(1.0, 1.0, 0, 0), spectral(1.0, None)];
    for ((handle, within), between) in handles.into_iter().zip(&within).zip(&between) {
        for (lists, expected) in
            [([list.cast_const(), null()], within.values()), ([list, other], between.values())]
        {
            for threads in [1, 2] {
                let (status, values, done) = all_pairs(handle, lists, threads, expected.len(), 0);
                ok(status);
                assert_eq!((values.as_slice(), done), (expected, expected.len()));
                let (status, values, done) = all_pairs(handle, lists, threads, expected.len(), 20);
                fails(status, hepml_status::Stopped, &format!("{done} of {}", expected.len()));
                assert!(0 < done && done < expected.len(), "{done}");
                assert_eq!(values[..done], expected[..done]);
                assert!(values[done..].iter().all(|value| *value == OLD));
            }
        }
        free_divergence(handle);
    }
    free_flows(list);
    free_flows(other);
}

#[test]
fn values_before_an_error_are_kept() {
    // Event 40 has no energy, which only a normalised EMD minds, and only when its first pair is computed: (0, 40).
    let mut events = jets(60);
    events[40] = vec![[0.0, 0.0, 0.0]];
    let list = flows(&events);
    let normalised = emd(1.0, 1.0, 1, 0);
    let needed = 60 * 59 / 2;
    let (status, values, done) = all_pairs(normalised, [list, null()], 2, needed, 0);
    fails(status, hepml_status::OutOfRange, "events 0 and 40: the second event has no energy");
    assert_eq!(done, 39);
    let rust = EmdConfig::new().normalise(true).build().unwrap();
    for (j, value) in values[..done].iter().enumerate() {
        assert_eq!(*value, rust.value(&flow(&events[0]), &flow(&events[j + 1])).unwrap());
    }
    assert!(values[done..].iter().all(|value| *value == OLD));
    let (status, values, done) = all_pairs(normalised, [list, list], 1, 3600, 0);
    fails(status, hepml_status::OutOfRange, "events 0 and 40");
    assert_eq!((done, values[39] != OLD, values[40]), (40, true, OLD));
    // What cannot be prepared has no first value.
    let narrow = spectral(1.0, Some(1e-3));
    let (status, values, done) = all_pairs(narrow, [list, null()], 1, needed, 0);
    fails(status, hepml_status::OutOfRange, "event ");
    assert!(done == 0 && values.iter().all(|value| *value == OLD));
    free_divergence(narrow);
    free_divergence(normalised);
    free_flows(list);
}

#[test]
fn outputs_are_checked_before_there_is_work() {
    let list = flows(&jets(10));
    let c = emd(1.0, 1.0, 0, 0);
    let mut values = [OLD; 45];
    let mut done = 7;
    let none: hepml_progress_callback = None;
    let pairwise = |threads, values: *mut f64, capacity, done: *mut usize| {
        // SAFETY: there is room as said, but where that is refused before anything is written.
        unsafe { hepml_divergence_pairwise(c, list, threads, none, null_mut(), values, capacity, done) }
    };
    let message = "values: room for 45 elements is needed, but there is room for 44";
    fails(pairwise(1, values.as_mut_ptr(), 44, &raw mut done), hepml_status::Capacity, message);
    fails(pairwise(1, null_mut(), 45, &raw mut done), hepml_status::NullPointer, "values");
    fails(
        pairwise(1025, values.as_mut_ptr(), 45, &raw mut done),
        hepml_status::OutOfRange,
        "threads is 1025",
    );
    fails(
        pairwise(1, values.as_mut_ptr(), 45, (&raw mut done).wrapping_byte_add(1)),
        hepml_status::Misaligned,
        "done",
    );
    assert!(done == 7 && values.iter().all(|value| *value == OLD));
    ok(pairwise(1, values.as_mut_ptr(), 45, null_mut()));
    assert!(values.iter().all(|value| *value != OLD));
    let mut small = flows(&jets(1));
    // SAFETY: there is nothing to be written.
    ok(unsafe { hepml_divergence_pairwise(c, small, 1, none, null_mut(), null_mut(), 0, &raw mut done) });
    assert_eq!(done, 0);
    // SAFETY: a reference may be read and written to.
    ok(unsafe { hepml_flows_free(&raw mut small) });
    free_flows(list);
    free_divergence(c);
}

#[test]
fn plans_are_those_of_rust_bit_for_bit() {
    let (a, b) = (jet(14, 3), jet(19, 4));
    let rust = Emd::default().solve(&flow(&a), &flow(&b)).unwrap();
    let c = emd(1.0, 1.0, 0, 0);
    let mut plan = null_mut();
    let mut summary = std::mem::MaybeUninit::uninit();
    let count = rust.flows.len();
    let (mut from, mut to, mut amount) = (vec![0; count], vec![0; count], vec![OLD; count]);
    let [mut removed, mut source] = [(); 2].map(|()| vec![OLD; a.len()]);
    let [mut created, mut sink] = [(); 2].map(|()| vec![OLD; b.len()]);
    // SAFETY: the views are of slices, and there is room as said.
    let summary: hepml_transport_summary = unsafe {
        ok(hepml_divergence_solve(c, &rows(&a), &rows(&b), &raw mut plan));
        ok(hepml_transport_summarise(plan, summary.as_mut_ptr()));
        let too_few =
            hepml_transport_flows(plan, from.as_mut_ptr(), to.as_mut_ptr(), amount.as_mut_ptr(), count - 1);
        fails(too_few, hepml_status::Capacity, "from: room for");
        assert!(amount.iter().all(|amount| *amount == OLD));
        ok(hepml_transport_flows(plan, from.as_mut_ptr(), to.as_mut_ptr(), amount.as_mut_ptr(), count));
        ok(hepml_transport_leftover(plan, removed.as_mut_ptr(), a.len(), created.as_mut_ptr(), b.len()));
        ok(hepml_transport_potentials(plan, source.as_mut_ptr(), a.len(), sink.as_mut_ptr(), b.len()));
        let status = hepml_transport_potentials(plan, source.as_mut_ptr(), a.len(), sink.as_mut_ptr(), 3);
        fails(status, hepml_status::Capacity, "sink: room for 19");
        ok(hepml_transport_free(&raw mut plan));
        summary.assume_init()
    };
    assert_eq!((summary.value, summary.gap, summary.pivots), (rust.value, rust.gap, rust.pivots));
    assert_eq!((summary.flows, summary.from_particles, summary.to_particles), (count, a.len(), b.len()));
    assert_eq!(summary.value, value(c, &rows(&a), &rows(&b)).1);
    for (k, flow) in rust.flows.iter().enumerate() {
        assert_eq!((from[k], to[k], amount[k]), (flow.from, flow.to, flow.amount));
    }
    assert_eq!((removed, created), (rust.removed, rust.created));
    assert_eq!((source, sink), (rust.source_potentials, rust.sink_potentials));
    let other = spectral(1.0, None);
    // SAFETY: the views are of slices.
    let status = unsafe { hepml_divergence_solve(other, &rows(&a), &rows(&b), &raw mut plan) };
    fails(status, hepml_status::WrongInput, "spectral");
    assert!(plan.is_null());
    free_divergence(other);
    free_divergence(c);
}

#[test]
fn what_no_memory_holds_is_a_status() {
    let many: Vec<[f64; 3]> =
        (0..200_000).map(|i| [1.0 + f64::from(i % 5), 1e-6 * f64::from(i), 0.0]).collect();
    for divergence in [emd(1.0, 1.0, 0, 0), emd(1.0, 3.7, 1, 0), spectral(1.0, None)] {
        let (status, value) = value(divergence, &rows(&many), &rows(&many));
        fails(status, hepml_status::OutOfMemory, "200000 x 200000");
        assert_eq!(value, OLD);
        free_divergence(divergence);
    }
}

/// A view of momenta in rows (E, px, py, pz).
fn momenta(momenta: &[FourMomentum]) -> hepml_momenta {
    let first = momenta.as_ptr().cast::<f64>();
    let columns = [1, 2, 3, 0].map(|column| first.wrapping_add(column));
    hepml_momenta { columns, stride: 4, count: momenta.len(), coordinates: hepml_coordinates::PxPyPzE as i32 }
}

/// Momenta in other coordinates, in rows.
fn converted(from: &hepml_momenta, coordinates: hepml_coordinates) -> (hepml_status, Vec<[f64; 4]>) {
    let mut rows = vec![[OLD; 4]; from.count];
    let first = rows.as_mut_ptr().cast::<f64>();
    let columns: [*mut f64; 4] = std::array::from_fn(|column| first.wrapping_add(column));
    // SAFETY: the view is of a slice, and there is room for as many rows.
    let status = unsafe { hepml_momenta_convert(from, coordinates as i32, columns.as_ptr(), 4, from.count) };
    (status, rows)
}

fn some_momenta() -> Vec<FourMomentum> {
    let jets = jet(9, 8);
    let mut momenta: Vec<FourMomentum> = jets
        .iter()
        .map(|[pt, y, phi]| FourMomentum::from_pt_y_phi_m(*pt, 6.0 * y, 6.0 * phi, pt / 7.0).unwrap())
        .collect();
    // Light-like, collinear with the next, at rest, forward, almost back to back.
    momenta.push(FourMomentum::new(5.0, 3.0, 4.0, 0.0));
    momenta.push(FourMomentum::new(10.0, 6.0, 8.0, 0.0));
    momenta.push(FourMomentum::new(0.5, 0.0, 0.0, 0.0));
    momenta.push(FourMomentum::from_pt_eta_phi_m(1e-3, 12.0, -3.0, 0.0).unwrap());
    momenta.push(FourMomentum::new(5.0, -3.0, -4.0, 1e-9));
    momenta
}

#[test]
fn momenta_are_converted_as_rust_does() {
    let momenta_in = some_momenta();
    let view = momenta(&momenta_in);
    let (status, rapidities) = converted(&view, hepml_coordinates::PtYPhiM);
    ok(status);
    assert_eq!(rapidities, momenta_in.iter().map(FourMomentum::to_pt_y_phi_m).collect::<Vec<_>>());
    let (status, etas) = converted(&view, hepml_coordinates::PtEtaPhiM);
    ok(status);
    assert_eq!(etas, momenta_in.iter().map(FourMomentum::to_pt_eta_phi_m).collect::<Vec<_>>());
    let (status, same) = converted(&view, hepml_coordinates::PxPyPzE);
    ok(status);
    assert_eq!(same, momenta_in.iter().map(|p| [p.px, p.py, p.pz, p.e]).collect::<Vec<_>>());
    // Closed forms: light-like across the beam, at rest.
    assert_eq!(rapidities[9], [5.0, 0.0, (4.0_f64).atan2(3.0), 0.0]);
    assert_eq!(rapidities[11], [0.0, 0.0, 0.0, 0.5]);
    // And back, in place: columns of the inputs are the outputs.
    let massive: Vec<usize> = (0..momenta_in.len()).filter(|&i| etas[i][3] >= 0.0).collect();
    let mut rows: Vec<[f64; 4]> = massive.iter().map(|&i| etas[i]).collect();
    let first = rows.as_mut_ptr().cast::<f64>();
    let columns: [*mut f64; 4] = std::array::from_fn(|column| first.wrapping_add(column));
    let view = hepml_momenta {
        columns: columns.map(<*mut f64>::cast_const),
        stride: 4,
        count: rows.len(),
        coordinates: hepml_coordinates::PtEtaPhiM as i32,
    };
    // SAFETY: views of a vector that lives.
    ok(unsafe { hepml_momenta_convert(&raw const view, 0, columns.as_ptr(), 4, massive.len()) });
    for (row, &i) in rows.iter().zip(&massive) {
        let [pt, eta, phi, m] = etas[i];
        let expected = FourMomentum::from_pt_eta_phi_m(pt, eta, phi, m).unwrap();
        assert_eq!(*row, [expected.px, expected.py, expected.pz, expected.e]);
    }
}

#[test]
fn momenta_that_cannot_be_converted_are_named() {
    let mut list = some_momenta();
    list[3] = FourMomentum::new(5.0, 0.0, 0.0, 5.0);
    for (coordinates, message) in [
        (hepml_coordinates::PtYPhiM, "momenta: rapidity of particle 3 is not finite (inf)"),
        (hepml_coordinates::PtEtaPhiM, "momenta: eta of particle 3 is not finite (inf)"),
    ] {
        let (status, rows) = converted(&momenta(&list), coordinates);
        fails(status, hepml_status::NotFinite, message);
        assert!(rows.as_flattened().iter().all(|number| *number == OLD));
    }
    ok(converted(&momenta(&list), hepml_coordinates::PxPyPzE).0);
    list[5].py = f64::NAN;
    let (status, _) = converted(&momenta(&list), hepml_coordinates::PxPyPzE);
    fails(status, hepml_status::NotFinite, "momenta: py of particle 5 is not finite (NaN)");
    let rows = [[1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [1.0, 800.0, 0.0, 0.0], [1.0, 0.0, 0.0, -2.0]];
    for (which, coordinates, expected, message) in [
        (1, 1, hepml_status::OutOfRange, "pt of particle 1 is -1"),
        (2, 1, hepml_status::NotFinite, "energy of particle 1 is not finite"),
        (2, 2, hepml_status::NotFinite, "energy of particle 1 is not finite"),
        (3, 2, hepml_status::OutOfRange, "mass of particle 1 is -2"),
    ] {
        let rows = [rows[0], rows[which]];
        let first = rows.as_ptr().cast::<f64>();
        let columns = std::array::from_fn(|column| first.wrapping_add(column));
        let view = hepml_momenta { columns, stride: 4, count: 2, coordinates };
        fails(converted(&view, hepml_coordinates::PxPyPzE).0, expected, message);
    }
    let unknown = hepml_momenta { coordinates: 3, ..momenta(&list) };
    let (status, _) = converted(&unknown, hepml_coordinates::PxPyPzE);
    fails(status, hepml_status::InvalidEnum, "momenta.coordinates is 3");
    let mut missing = momenta(&list);
    missing.columns[2] = null();
    let (status, _) = converted(&missing, hepml_coordinates::PxPyPzE);
    fails(status, hepml_status::NullPointer, "momenta.columns[2] is NULL");
    let mut numbers = [OLD; 8];
    let columns = [numbers.as_mut_ptr(); 4];
    // SAFETY: too little room is refused before anything is written.
    let status = unsafe { hepml_momenta_convert(&momenta(&list), 0, columns.as_ptr(), 1, 8) };
    fails(status, hepml_status::Capacity, "columns[0]: room for 14");
    assert_eq!(numbers, [OLD; 8]);
}

#[test]
fn shapes_of_momenta_are_those_of_rust_bit_for_bit() {
    let list = some_momenta();
    let view = momenta(&list);
    for transverse in [false, true] {
        let rust = if transverse { Thrust::transverse() } else { Thrust::new() }.axis(&list).unwrap();
        let mut c = hepml_thrust { thrust: OLD, one_minus_thrust: OLD, axis: [OLD; 3], total: OLD };
        // SAFETY: the view is of a slice.
        ok(unsafe { hepml_thrust_axis(&raw const view, i32::from(transverse), &raw mut c) });
        assert_eq!((c.thrust, c.one_minus_thrust, c.total), (rust.thrust, rust.one_minus_thrust, rust.total));
        assert_eq!(c.axis, [rust.axis.x, rust.axis.y, rust.axis.z]);
    }
    let (mut spherocity, mut axis) = (OLD, [OLD; 2]);
    let (value, rust_axis) = Spherocity.axis(&list).unwrap();
    // SAFETY: the view is of a slice, and there is room for an axis.
    unsafe {
        ok(hepml_spherocity_axis(&raw const view, &raw mut spherocity, axis.as_mut_ptr()));
        assert_eq!((spherocity, axis), (value, [rust_axis.x, rust_axis.y]));
        ok(hepml_spherocity_axis(&raw const view, &raw mut spherocity, null_mut()));
    }
    let mut bad = list.clone();
    bad[6].pz = f64::NAN;
    let mut c = hepml_thrust { thrust: OLD, one_minus_thrust: OLD, axis: [OLD; 3], total: OLD };
    // SAFETY: the views are of slices.
    unsafe {
        let status = hepml_thrust_axis(&momenta(&bad), 0, &raw mut c);
        fails(status, hepml_status::NotFinite, "momenta: pz of particle 6");
        fails(
            hepml_thrust_axis(&raw const view, 2, &raw mut c),
            hepml_status::InvalidEnum,
            "transverse is 2",
        );
        fails(hepml_thrust_axis(&momenta(&[]), 0, &raw mut c), hepml_status::OutOfRange, "particles");
        let still = [FourMomentum::new(1.0, 0.0, 0.0, 0.0)];
        let status = hepml_spherocity_axis(&momenta(&still), &raw mut spherocity, axis.as_mut_ptr());
        fails(status, hepml_status::OutOfRange, "must be positive");
    }
    assert_eq!((c.thrust, spherocity), (OLD, value));
}

#[test]
fn isotropies_are_those_of_rust_bit_for_bit() {
    let list: Vec<FourMomentum> = some_momenta().into_iter().take(9).collect();
    let (mut ring, mut cylinder, mut sphere) = (null_mut(), null_mut(), null_mut());
    // SAFETY: references may be written to.
    unsafe {
        ok(hepml_isotropy_new_ring(64, 1, &raw mut ring));
        ok(hepml_isotropy_new_cylinder(12, 4.0, &raw mut cylinder));
        ok(hepml_isotropy_new_sphere(3, 0, &raw mut sphere));
    }
    let rust = [
        Isotropy::ring(64, IsotropyCost::Linear),
        Isotropy::cylinder(12, 4.0),
        Isotropy::sphere(3, IsotropyCost::Quadratic),
    ];
    for (mut handle, rust) in [ring, cylinder, sphere].into_iter().zip(rust) {
        let mut value = OLD;
        // SAFETY: the view is of a slice.
        unsafe {
            ok(hepml_isotropy_value(handle, &momenta(&list), &raw mut value));
            assert_eq!(value, rust.unwrap().value(&list).unwrap());
            let status = hepml_isotropy_value(handle, &momenta(&[]), &raw mut value);
            fails(status, hepml_status::OutOfRange, "total energy");
            ok(hepml_isotropy_free(&raw mut handle));
        }
    }
    // SAFETY: references may be written to.
    unsafe {
        fails(hepml_isotropy_new_ring(u32::MAX, 0, &raw mut ring), hepml_status::OutOfRange, "a million");
        fails(hepml_isotropy_new_ring(8, 2, &raw mut ring), hepml_status::InvalidEnum, "cost is 2");
        fails(hepml_isotropy_new_sphere(u32::MAX, 0, &raw mut ring), hepml_status::OutOfRange, "a million");
        let status = hepml_isotropy_new_cylinder(u32::MAX, 1e300, &raw mut ring);
        fails(status, hepml_status::OutOfRange, "a million");
        ok(hepml_isotropy_new_ring(1_000_000, 0, &raw mut ring));
        let many = vec![FourMomentum::new(1.0, 1.0, 0.0, 0.0); 2000];
        let mut value = OLD;
        let status = hepml_isotropy_value(ring, &momenta(&many), &raw mut value);
        fails(status, hepml_status::OutOfMemory, "2000 x 1000000");
        ok(hepml_isotropy_free(&raw mut ring));
    }
}

#[test]
fn subjets_are_those_of_rust_bit_for_bit() {
    let event = jet(25, 9);
    let config = NSubjettinessConfig::new().beta(1.0).radius(0.6).normalise(false).cutoff(0.3);
    let rust = config.periodic_phi(true).build().unwrap();
    let mut c = null_mut();
    let (mut tau, mut ratio) = (OLD, OLD);
    let (mut axes, mut energies, mut assignment) = ([OLD; 8], [OLD; 4], [0; 25]);
    let mut subjets = hepml_subjets { tau: OLD, count: 0, iterations: 0, residual: OLD, converged: 7 };
    let particles = rows(&event);
    let expected = rust.axes(3, &flow(&event)).unwrap();
    // SAFETY: the view is of a slice, and there is room as said.
    unsafe {
        ok(hepml_n_subjettiness_new(0, 1.0, 0.6, 0, &0.3, 1, &raw mut c));
        ok(hepml_n_subjettiness_tau(c, 3, &raw const particles, &raw mut tau));
        ok(hepml_n_subjettiness_ratio(c, 3, 2, &raw const particles, &raw mut ratio));
        let (x, e, a) = (axes.as_mut_ptr(), energies.as_mut_ptr(), assignment.as_mut_ptr());
        let status = hepml_n_subjettiness_axes(c, 3, &raw const particles, x, e, 2, a, 25, &raw mut subjets);
        fails(status, hepml_status::Capacity, "axes: room for 6 elements");
        let status = hepml_n_subjettiness_axes(c, 3, &raw const particles, x, e, 4, a, 24, &raw mut subjets);
        fails(status, hepml_status::Capacity, "assignment: room for 25 elements");
        assert_eq!((axes, energies, subjets.converged), ([OLD; 8], [OLD; 4], 7));
        ok(hepml_n_subjettiness_axes(c, 3, &raw const particles, x, e, 4, a, 25, &raw mut subjets));
    }
    assert_eq!(tau, rust.tau(3, &flow(&event)).unwrap());
    assert_eq!(ratio, rust.ratio(3, 2, &flow(&event)).unwrap());
    assert_eq!((subjets.tau, subjets.count), (tau, 3));
    assert_eq!((subjets.iterations, subjets.residual), (expected.iterations, expected.residual));
    assert_eq!(subjets.converged, i32::from(expected.converged));
    assert_eq!((&axes[..6], axes[6]), (expected.axes.as_flattened(), OLD));
    assert_eq!((&energies[..3], energies[3]), (expected.energies.as_slice(), OLD));
    let beam = |axis: &Option<usize>| axis.unwrap_or(usize::MAX);
    assert_eq!(assignment.to_vec(), expected.assignment.iter().map(beam).collect::<Vec<_>>());
    assert!(assignment.contains(&usize::MAX));
    let many = jet(450, 10);
    // SAFETY: the views are of slices.
    unsafe {
        let status = hepml_n_subjettiness_tau(c, usize::MAX, &rows(&many), &raw mut tau);
        fails(status, hepml_status::OutOfRange, "at most 32");
        ok(hepml_n_subjettiness_tau(c, usize::MAX, &rows(&many[..3]), &raw mut tau));
        assert_eq!(tau, 0.0);
        let status = hepml_n_subjettiness_ratio(c, 1, 0, &raw const particles, &raw mut ratio);
        fails(status, hepml_status::OutOfRange, "number of axes is 0");
        ok(hepml_n_subjettiness_free(&raw mut c));
        fails(hepml_n_subjettiness_new(2, 1.0, 1.0, 0, null(), 1, &raw mut c), hepml_status::InvalidEnum, "");
        let status = hepml_n_subjettiness_new(1, 1.0, 1.0, 0, null(), 0, &raw mut c);
        fails(status, hepml_status::OutOfRange, "periodic azimuth");
    }
}

#[test]
fn manifolds_are_those_of_rust_bit_for_bit() {
    let event = jet(12, 11);
    let boxed: [(i32, usize, i32, Box<dyn Manifold>); 4] = [
        (0, 3, 0, Box::new(Points::new(3).unwrap())),
        (1, 12, 0, Box::new(Ring::new(12).unwrap())),
        (2, 2, 0, Box::new(Disk::new(2).unwrap())),
        (1, 8, 1, Box::new(WithCentre::new(Ring::new(8).unwrap()))),
    ];
    for (kind, resolution, with_centre, manifold) in boxed {
        let names = manifold.names();
        let rust = ManifoldDistanceConfig::new().radius(0.8).beta(1.0).build(manifold).unwrap();
        let expected = rust.fit(&flow(&event)).unwrap();
        let mut c = null_mut();
        let (mut count, mut parameters) = (0, vec![OLD; names.len() + 1]);
        let mut fit = hepml_manifold_fit {
            value: OLD,
            evaluations: 0,
            starts: 0,
            agreeing: 0,
            residual: OLD,
            converged: 7,
        };
        // SAFETY: the view is of a slice, and there is room as said.
        unsafe {
            ok(hepml_manifold_new(kind, resolution, with_centre, 0.8, 1.0, 0, &raw mut c));
            ok(hepml_manifold_parameter_count(c, &raw mut count));
            assert_eq!(count, names.len());
            for (index, name) in names.iter().enumerate() {
                let (mut text, mut length) = ([1_i8; 64], 0);
                ok(hepml_manifold_parameter_name(c, index, text.as_mut_ptr().cast(), 64, &raw mut length));
                let read = CStr::from_ptr(text.as_ptr().cast()).to_str().unwrap();
                assert_eq!((read, length), (name.as_str(), name.len()));
            }
            let status =
                hepml_manifold_nearest(c, &rows(&event), parameters.as_mut_ptr(), count - 1, &raw mut fit);
            fails(status, hepml_status::Capacity, "parameters: room for");
            assert_eq!(fit.converged, 7);
            ok(hepml_manifold_nearest(c, &rows(&event), parameters.as_mut_ptr(), count, &raw mut fit));
            ok(hepml_manifold_free(&raw mut c));
        }
        assert_eq!((&parameters[..count], parameters[count]), (expected.parameters.as_slice(), OLD));
        assert_eq!((fit.value, fit.residual), (expected.value, expected.residual));
        assert_eq!((fit.evaluations, fit.starts), (expected.evaluations, expected.starts));
        assert_eq!((fit.agreeing, fit.converged), (expected.agreeing, i32::from(expected.converged)));
    }
    let mut c = null_mut();
    // SAFETY: a reference may be written to.
    unsafe {
        for kind in 0..4 {
            let status = hepml_manifold_new(kind, usize::MAX, 0, 1.0, 1.0, 0, &raw mut c);
            fails(status, hepml_status::OutOfRange, "a million");
        }
        fails(hepml_manifold_new(0, 3, 1, 1.0, 1.0, 0, &raw mut c), hepml_status::OutOfRange, "with_centre");
        fails(hepml_manifold_new(0, 33, 0, 1.0, 1.0, 0, &raw mut c), hepml_status::OutOfRange, "at most 32");
        fails(hepml_manifold_new(4, 3, 0, 1.0, 1.0, 0, &raw mut c), hepml_status::InvalidEnum, "kind is 4");
    }
    assert!(c.is_null());
}
