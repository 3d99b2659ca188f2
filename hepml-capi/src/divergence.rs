//! Divergences between events: of two, of all pairs of a list, of each of one list with each of another.

use std::cell::Cell;
use std::ffi::c_void;

use hepml::core::Observer;
use hepml::ot::{
    Divergence, Emd, EmdConfig, EnergyFlow, PairReport, Pairing, SpectralEmd, SpectralEmdConfig, Transport,
    Workspace,
};

use crate::arguments::{Output, Outputs, check_memory, flag, optional};
use crate::boundary::guard;
use crate::flows::hepml_flows;
use crate::handle::{self, Handle, NewHandle};
use crate::particles::{Particles, hepml_particles};
use crate::status::{Failure, Result, hepml_status};
use crate::work::{self, Callback, hepml_progress_callback};

/// The particles of two events, together, up to which the memory of the solver is kept for the next pair of the thread: some 5 MB.
const KEPT: usize = 1024;

thread_local! {
    /// The memory of the solver, while no call uses it.
    static IDLE: Cell<Option<Box<Workspace>>> = const { Cell::new(None) };
}

/// What says how different two events are.
#[allow(missing_debug_implementations)]
pub struct hepml_divergence {
    _private: [u8; 0],
}

impl Handle for hepml_divergence {
    type Object = AnyDivergence;
    const NAME: &'static str = "divergence";
}

/// One of the divergences that C knows.
pub(crate) enum AnyDivergence {
    Emd(Emd),
    SpectralEmd(SpectralEmd),
}

/// What became of the pairs of a list or two: how many values are there, and how the work ended.
type Streamed = (usize, hepml::ot::Result<PairReport>);

impl AnyDivergence {
    fn exponent(&self) -> f64 {
        match self {
            Self::Emd(emd) => emd.exponent(),
            Self::SpectralEmd(spectral) => spectral.exponent(),
        }
    }

    fn value(&self, a: &EnergyFlow, b: &EnergyFlow) -> hepml::ot::Result<f64> {
        match self {
            Self::Emd(emd) if a.len().saturating_add(b.len()) <= KEPT => {
                // While a thread ends its memory is gone already, but destructors of the caller may still call. After a panic it
                // does not come back.
                let mut workspace = IDLE.try_with(Cell::take).ok().flatten().unwrap_or_default();
                let value = emd.value_in(&mut workspace, a, b);
                let _ = IDLE.try_with(|idle| idle.set(Some(workspace)));
                value
            }
            Self::Emd(emd) => emd.value(a, b),
            Self::SpectralEmd(spectral) => spectral.value(a, b),
        }
    }

    /// The bytes that all pairs take beside their values: what is kept of each event, and what each thread works with.
    fn memory(&self, rows: &[EnergyFlow], columns: Option<&[EnergyFlow]>, threads: usize) -> u128 {
        let largest = |events: &[EnergyFlow]| events.iter().map(EnergyFlow::len).max().unwrap_or(0) as u128;
        let (n, m) = (largest(rows), largest(columns.unwrap_or(rows)));
        match self {
            Self::Emd(_) => threads as u128 * 17 * (n + m).pow(2) / 4,
            Self::SpectralEmd(_) => {
                let events = rows.iter().chain(columns.unwrap_or_default());
                let kept: u128 = events.map(|event| 8 * (event.len() as u128).pow(2)).sum();
                kept + threads as u128 * 24 * n.max(m).pow(2)
            }
        }
    }

    fn stream(
        &self,
        rows: &[EnergyFlow],
        columns: Option<&[EnergyFlow]>,
        values: &Outputs<f64>,
        observer: &mut dyn Observer,
    ) -> Streamed {
        match self {
            Self::Emd(emd) => stream(emd, rows, columns, values, observer),
            Self::SpectralEmd(spectral) => stream(spectral, rows, columns, values, observer),
        }
    }
}

fn stream<D: Divergence<Event = EnergyFlow>>(
    divergence: &D,
    rows: &[EnergyFlow],
    columns: Option<&[EnergyFlow]>,
    values: &Outputs<f64>,
    observer: &mut dyn Observer,
) -> Streamed {
    let mut done = 0;
    let pairs = match columns {
        None => divergence.pairwise(rows),
        Some(columns) => divergence.cross(rows, columns),
    };
    // In packed order, which is that of the output.
    let mut take = |_: usize, _: usize, value: f64| {
        values.write(done, value);
        done += 1;
    };
    let report = pairs.and_then(|pairs| pairs.stream(&mut take, observer));
    (done, report)
}

/// The Energy Mover's Distance (arXiv:1902.02346), exact:
/// min sum_ij f_ij (theta_ij / radius)^beta + |difference of the total energies|, in the unit of the energies.
///
/// With `normalise` 1, the energies of each event are divided by their sum first. With `periodic_phi` 1, azimuths are differences
/// around the circle. `radius` and `beta` are positive and finite; 1 and 1, 0 and 0 are the literature's choice.
///
/// # Safety
/// `divergence` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_divergence_new_emd(
    radius: f64,
    beta: f64,
    normalise: i32,
    periodic_phi: i32,
    divergence: *mut *mut hepml_divergence,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let new = unsafe { NewHandle::new(divergence) }?;
        let config = EmdConfig::new()
            .radius(radius)
            .beta(beta)
            .normalise(flag("normalise", normalise)?)
            .periodic_phi(flag("periodic_phi", periodic_phi)?);
        new.put(AnyDivergence::Emd(config.build()?))
    })
}

/// The spectral Energy Mover's Distance (arXiv:2305.03751, arXiv:2410.05379): the squared 2-Wasserstein distance between the spectral
/// functions of the events, sum_ij E_i E_j delta(omega - theta_ij^beta / beta).
///
/// Energies are normalised if `omega_max` is NULL. Otherwise they are taken as they are, and what the event with less energy lacks is a
/// line at *omega_max, which no omega may exceed.
///
/// # Safety
/// `omega_max` may be read, `divergence` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_divergence_new_spectral_emd(
    beta: f64,
    periodic_phi: i32,
    omega_max: *const f64,
    divergence: *mut *mut hepml_divergence,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (new, omega_max) = unsafe { (NewHandle::new(divergence)?, optional("omega_max", omega_max)?) };
        let config = SpectralEmdConfig::new().beta(beta).periodic_phi(flag("periodic_phi", periodic_phi)?);
        let config = omega_max.map_or(config, |omega_max| config.omega_max(omega_max));
        new.put(AnyDivergence::SpectralEmd(config.build()?))
    })
}

/// The power of a value that obeys the triangle inequality: min(1, 1 / beta) for the EMD, 1/2 for the spectral EMD.
///
/// # Safety
/// `exponent` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_divergence_exponent(
    divergence: *const hepml_divergence,
    exponent: *mut f64,
) -> hepml_status {
    guard(|| {
        let divergence = handle::get("divergence", divergence)?;
        // SAFETY: as the caller promises.
        let exponent = unsafe { Output::new("exponent", exponent) }?;
        exponent.write(divergence.exponent());
        Ok(())
    })
}

/// The events of the arguments a and b.
///
/// # Safety
/// As [`Particles::new`].
unsafe fn two_events(
    a: *const hepml_particles,
    b: *const hepml_particles,
) -> Result<(EnergyFlow, EnergyFlow)> {
    // SAFETY: as the caller promises.
    let (a, b) = unsafe { (Particles::new("a", a)?, Particles::new("b", b)?) };
    Ok((a.flow().map_err(|failure| failure.of("a"))?, b.flow().map_err(|failure| failure.of("b"))?))
}

/// The value between two events, on the calling thread.
///
/// Normalised, an event without energy is HEPML_STATUS_OUT_OF_RANGE. Two events of n and m particles need up to some 5 (n + m)^2 bytes, for the
/// spectral EMD 24 n^2 and 24 m^2; where that is above 8 GiB, or not there, they are HEPML_STATUS_OUT_OF_MEMORY. Each thread keeps up to
/// some 5 MB for its next call, until it ends.
///
/// # Safety
/// `a`, `b` and what they point to may be read, `value` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_divergence_value(
    divergence: *const hepml_divergence,
    a: *const hepml_particles,
    b: *const hepml_particles,
    value: *mut f64,
) -> hepml_status {
    guard(|| {
        let divergence = handle::get("divergence", divergence)?;
        // SAFETY: as the caller promises.
        let ((a, b), output) = unsafe { (two_events(a, b)?, Output::new("value", value)?) };
        output.write(divergence.value(&a, &b)?);
        Ok(())
    })
}

/// Where the values of many pairs go.
struct Pairs {
    values: Outputs<f64>,
    done: Option<Output<usize>>,
    threads: usize,
    progress: Callback,
}

impl Pairs {
    /// # Safety
    /// `values` may be written to for `capacity` numbers, `done` for one, if they are not NULL and aligned.
    unsafe fn new(
        pairing: Pairing,
        threads: usize,
        progress: Callback,
        values: *mut f64,
        capacity: usize,
        done: *mut usize,
    ) -> Result<Self> {
        let count = pairing.pair_count()?;
        // SAFETY: as the caller promises.
        let values = unsafe { Outputs::new("values", values, capacity, count) }?;
        // SAFETY: as the caller promises.
        let done = if done.is_null() { None } else { Some(unsafe { Output::new("done", done) }?) };
        work::check_threads(threads)?;
        Ok(Self { values, done, threads, progress })
    }

    fn compute(
        self,
        divergence: &AnyDivergence,
        rows: &[EnergyFlow],
        columns: Option<&[EnergyFlow]>,
    ) -> Result<()> {
        let Self { values, done, threads, progress } = self;
        check_memory("events", divergence.memory(rows, columns, work::thread_count(threads)?))?;
        let streamed =
            work::run(threads, progress, move |observer| divergence.stream(rows, columns, &values, observer));
        let count = streamed.as_ref().map_or(0, |(count, _)| *count);
        if let Some(done) = done {
            done.write(count);
        }
        let report = streamed?.1?;
        if report.is_complete() {
            return Ok(());
        }
        let message = format!("stopped by the callback: {} of {} pairs are there", count, report.total);
        Err(Failure::new(hepml_status::Stopped, message))
    }
}

/// The values of all pairs i < j of a list of n events: n (n - 1) / 2 of them, row after row, (0, 1), (0, 2), ..., (1, 2), ...
///
/// If the callback stops the work (HEPML_STATUS_STOPPED) or a pair has no value, the first *done values are those of a full run, and
/// the rest is as it was; *done is set whenever the work was begun and may be NULL. A run that is complete when it is stopped is
/// HEPML_STATUS_OK. Pairs are computed in blocks of up to 256 and kept in bands of up to 16 rows: the callback sees a step after each
/// block, and what is stopped within a band is lost with it. Each thread needs the memory of hepml_divergence_value for its pair, the
/// spectral EMD 8 n^2 bytes for each event of n particles besides; more than there is is HEPML_STATUS_OUT_OF_MEMORY.
///
/// # Safety
/// `values` may be written to for `capacity` numbers, `done` for one; `progress` may be called with `user`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_divergence_pairwise(
    divergence: *const hepml_divergence,
    events: *const hepml_flows,
    threads: usize,
    progress: hepml_progress_callback,
    user: *mut c_void,
    values: *mut f64,
    capacity: usize,
    done: *mut usize,
) -> hepml_status {
    guard(|| {
        let (divergence, events) = (handle::get("divergence", divergence)?, handle::get("events", events)?);
        let (pairing, progress) =
            (Pairing::Within { events: events.len() }, Callback { function: progress, user });
        // SAFETY: as the caller promises.
        let pairs = unsafe { Pairs::new(pairing, threads, progress, values, capacity, done) }?;
        pairs.compute(&divergence, &events, None)
    })
}

/// The value of each event of one list with each of another: values[i * number of columns + j] is that of event i of `rows` and event j
/// of `columns`.
///
/// Stopping, errors and *done are as in hepml_divergence_pairwise.
///
/// # Safety
/// As [`hepml_divergence_pairwise`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_divergence_cross(
    divergence: *const hepml_divergence,
    rows: *const hepml_flows,
    columns: *const hepml_flows,
    threads: usize,
    progress: hepml_progress_callback,
    user: *mut c_void,
    values: *mut f64,
    capacity: usize,
    done: *mut usize,
) -> hepml_status {
    guard(|| {
        let divergence = handle::get("divergence", divergence)?;
        let (rows, columns) = (handle::get("rows", rows)?, handle::get("columns", columns)?);
        let pairing = Pairing::Between { rows: rows.len(), columns: columns.len() };
        let progress = Callback { function: progress, user };
        // SAFETY: as the caller promises.
        let pairs = unsafe { Pairs::new(pairing, threads, progress, values, capacity, done) }?;
        pairs.compute(&divergence, &rows, Some(&columns))
    })
}

/// Frees a divergence.
///
/// # Safety
/// `divergence` may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_divergence_free(divergence: *mut *mut hepml_divergence) -> hepml_status {
    // SAFETY: as the caller promises.
    unsafe { handle::free(divergence) }
}

/// The optimal plan of two events.
///
/// # Safety
/// As [`Particles::new`].
pub(crate) unsafe fn solve(
    divergence: *const hepml_divergence,
    a: *const hepml_particles,
    b: *const hepml_particles,
) -> Result<Transport> {
    let divergence = handle::get("divergence", divergence)?;
    let AnyDivergence::Emd(emd) = &*divergence else {
        let message = "divergence: a spectral EMD has no plan between particles, only an EMD has";
        return Err(Failure::new(hepml_status::WrongInput, message));
    };
    // SAFETY: as the caller promises.
    let (a, b) = unsafe { two_events(a, b) }?;
    Ok(emd.solve(&a, &b)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_that_of_lists_and_threads() {
        let event = |count: usize| EnergyFlow::new(vec![1.0; count], vec![[0.0; 2]; count]).expect("finite");
        let (rows, columns) = ([event(10), event(20)], [event(5)]);
        let emd = AnyDivergence::Emd(Emd::default());
        assert_eq!(emd.memory(&rows, None, 3), 3 * 17 * 40 * 40 / 4);
        assert_eq!(emd.memory(&rows, Some(&columns), 1), 17 * 25 * 25 / 4);
        let spectral = AnyDivergence::SpectralEmd(SpectralEmd::default());
        assert_eq!(spectral.memory(&rows, Some(&columns), 2), 8 * (100 + 400 + 25) + 2 * 24 * 400);
        assert_eq!(spectral.memory(&[], None, 2), 0);
        let failure = check_memory("events", u128::MAX).expect_err("no machine has as much");
        assert_eq!(failure.status, hepml_status::OutOfMemory);
    }
}
