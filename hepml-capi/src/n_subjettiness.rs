//! N-subjettiness and N-jettiness.

use hepml::core::Error as CoreError;
use hepml::ot::{EnergyFlow, JetMeasure, NSubjettiness, NSubjettinessConfig};

use crate::arguments::{Output, Outputs, flag, optional, unknown_value};
use crate::boundary::guard;
use crate::handle::{self, Handle, NewHandle};
use crate::particles::{hepml_particles, of_event};
use crate::status::hepml_status;

/// N-subjettiness and N-jettiness, tau_N = min over N axes of
/// sum_i pT_i min(dR_i1^beta, ..., dR_iN^beta, cutoff^beta) / radius^beta, divided by sum_i pT_i if normalised.
#[allow(missing_debug_implementations)]
pub struct hepml_n_subjettiness {
    _private: [u8; 0],
}

impl Handle for hepml_n_subjettiness {
    type Object = NSubjettiness;
    const NAME: &'static str = "n_subjettiness";
}

/// The most axes that are looked for: the search has no callback, and with more of them it would take minutes.
pub(crate) const MOST_AXES: usize = 32;

/// An error for so many axes that the search would seem to hang; axes beyond the particles are not looked for.
fn check_axes(n: usize, event: &EnergyFlow) -> hepml::ot::Result<()> {
    if n.min(event.len()) > MOST_AXES {
        let allowed = "at most 32, or an event of no more particles";
        return Err(CoreError::out_of_range("number of axes", n as f64, allowed).into());
    }
    Ok(())
}

/// How far a particle is from an axis.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum hepml_jet_measure {
    /// dR^2 = dy^2 + dphi^2.
    Conical = 0,
    /// dR^2 = 2 (cosh dy - cos dphi), of periodic azimuths only (arXiv:1508.01516).
    ConicalGeometric = 1,
}

/// Axes that were found.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hepml_subjets {
    /// tau_N.
    pub tau: f64,
    /// How many axes there are: fewer than N where these suffice for tau_N = 0.
    pub count: usize,
    /// Rounds of assigning particles and moving axes.
    pub iterations: usize,
    /// By how much an axis moved in the last round.
    pub residual: f64,
    /// 1 if in the last round nothing moved any more, else 0.
    pub converged: i32,
}

/// N-subjettiness with these parameters: `measure` is a hepml_jet_measure; `beta`, `radius` and *cutoff are positive and finite; a `cutoff`
/// of NULL is none (jets), with one (whole events) what is further from every axis belongs to the beam.
///
/// # Safety
/// `cutoff` may be read, `n_subjettiness` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_n_subjettiness_new(
    measure: i32,
    beta: f64,
    radius: f64,
    normalise: i32,
    cutoff: *const f64,
    periodic_phi: i32,
    n_subjettiness: *mut *mut hepml_n_subjettiness,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (new, cutoff) = unsafe { (NewHandle::new(n_subjettiness)?, optional("cutoff", cutoff)?) };
        let measure = match measure {
            0 => JetMeasure::Conical,
            1 => JetMeasure::ConicalGeometric,
            _ => return Err(unknown_value("measure", measure, "a hepml_jet_measure (0 or 1)")),
        };
        let config = NSubjettinessConfig::new()
            .measure(measure)
            .beta(beta)
            .radius(radius)
            .normalise(flag("normalise", normalise)?)
            .periodic_phi(flag("periodic_phi", periodic_phi)?);
        let config = cutoff.map_or(config, |cutoff| config.cutoff(cutoff));
        new.put(config.build()?)
    })
}

/// tau_N with the best axes that are found; `n` is at least 1, and at most 32 in an event of more particles.
///
/// Normalised, an event without energy is HEPML_STATUS_OUT_OF_RANGE.
///
/// # Safety
/// `particles` and what it points to may be read, `tau` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_n_subjettiness_tau(
    n_subjettiness: *const hepml_n_subjettiness,
    n: usize,
    particles: *const hepml_particles,
    tau: *mut f64,
) -> hepml_status {
    guard(|| {
        let n_subjettiness = handle::get("n_subjettiness", n_subjettiness)?;
        // SAFETY: as the caller promises.
        let output = unsafe { Output::new("tau", tau) }?;
        // SAFETY: as the caller promises.
        output.write(unsafe {
            of_event(particles, |event| check_axes(n, event).and_then(|()| n_subjettiness.tau(n, event)))
        }?);
        Ok(())
    })
}

/// tau_numerator / tau_denominator: 2 and 1 for tau_21. A denominator that is 0 is HEPML_STATUS_OUT_OF_RANGE.
///
/// # Safety
/// `particles` and what it points to may be read, `ratio` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_n_subjettiness_ratio(
    n_subjettiness: *const hepml_n_subjettiness,
    numerator: usize,
    denominator: usize,
    particles: *const hepml_particles,
    ratio: *mut f64,
) -> hepml_status {
    guard(|| {
        let n_subjettiness = handle::get("n_subjettiness", n_subjettiness)?;
        // SAFETY: as the caller promises.
        let output = unsafe { Output::new("ratio", ratio) }?;
        let ratio = |event: &EnergyFlow| {
            check_axes(numerator.max(denominator), event)?;
            n_subjettiness.ratio(numerator, denominator, event)
        };
        // SAFETY: as the caller promises.
        output.write(unsafe { of_event(particles, ratio) }?);
        Ok(())
    })
}

/// The best N axes that are found, hardest first: axes[2 k] and axes[2 k + 1] are y and phi of axis k, energies[k] what belongs to it,
/// assignment[i] the axis of particle i, SIZE_MAX in the beam region.
///
/// `axes` has room for 2 * `capacity` numbers, `energies` for `capacity`; `n` is always enough. `assignment` has room for
/// `assignment_capacity` numbers, one a particle, or is NULL with 0.
///
/// # Safety
/// `particles` and what it points to may be read; the outputs may be written to for their capacities.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_n_subjettiness_axes(
    n_subjettiness: *const hepml_n_subjettiness,
    n: usize,
    particles: *const hepml_particles,
    axes: *mut f64,
    energies: *mut f64,
    capacity: usize,
    assignment: *mut usize,
    assignment_capacity: usize,
    subjets: *mut hepml_subjets,
) -> hepml_status {
    guard(|| {
        let n_subjettiness = handle::get("n_subjettiness", n_subjettiness)?;
        // SAFETY: as the caller promises.
        let output = unsafe { Output::new("subjets", subjets) }?;
        // SAFETY: as the caller promises.
        let found = unsafe {
            of_event(particles, |event| check_axes(n, event).and_then(|()| n_subjettiness.axes(n, event)))
        }?;
        let count = found.axes.len();
        // SAFETY: as the caller promises.
        let (axes, energies) = unsafe {
            (
                Outputs::new("axes", axes, capacity.saturating_mul(2), 2 * count)?,
                Outputs::new("energies", energies, capacity, count)?,
            )
        };
        let assigned = if assignment.is_null() && assignment_capacity == 0 {
            None
        } else {
            let needed = found.assignment.len();
            // SAFETY: as the caller promises.
            Some(unsafe { Outputs::new("assignment", assignment, assignment_capacity, needed) }?)
        };
        axes.write_all(found.axes.iter().flatten().copied());
        energies.write_all(found.energies.iter().copied());
        if let Some(assigned) = assigned {
            assigned.write_all(found.assignment.iter().map(|axis| axis.unwrap_or(usize::MAX)));
        }
        output.write(hepml_subjets {
            tau: found.tau,
            count,
            iterations: found.iterations,
            residual: found.residual,
            converged: i32::from(found.converged),
        });
        Ok(())
    })
}

/// Frees an N-subjettiness.
///
/// # Safety
/// `n_subjettiness` may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_n_subjettiness_free(
    n_subjettiness: *mut *mut hepml_n_subjettiness,
) -> hepml_status {
    // SAFETY: as the caller promises.
    unsafe { handle::free(n_subjettiness) }
}
