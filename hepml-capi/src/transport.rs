//! Optimal plans with their proof.

use hepml::ot::Transport;

use crate::arguments::{Output, Outputs};
use crate::boundary::guard;
use crate::divergence::{hepml_divergence, solve};
use crate::handle::{self, Handle, NewHandle};
use crate::particles::hepml_particles;
use crate::status::hepml_status;

/// An optimal plan between two events, with the proof that it is optimal.
#[allow(missing_debug_implementations)]
pub struct hepml_transport {
    _private: [u8; 0],
}

impl Handle for hepml_transport {
    type Object = Transport;
    const NAME: &'static str = "transport";
}

/// The numbers of a plan.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hepml_transport_summary {
    /// The value of the EMD.
    pub value: f64,
    /// How much the value exceeds a lower bound that the potentials prove: its error is at most this.
    pub gap: f64,
    /// The pivots of the simplex.
    pub pivots: usize,
    /// How many flows the plan has, at most one fewer than there are particles in both events.
    pub flows: usize,
    /// The particles of the first event.
    pub from_particles: usize,
    /// The particles of the second event.
    pub to_particles: usize,
}

/// The EMD of two events with its plan, for a divergence that is an EMD; a spectral EMD is HEPML_STATUS_WRONG_INPUT.
///
/// Otherwise as hepml_divergence_value, whose value it has.
///
/// # Safety
/// `a`, `b` and what they point to may be read, `transport` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_divergence_solve(
    divergence: *const hepml_divergence,
    a: *const hepml_particles,
    b: *const hepml_particles,
    transport: *mut *mut hepml_transport,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (new, plan) = unsafe { (NewHandle::new(transport)?, solve(divergence, a, b)?) };
        new.put(plan)
    })
}

/// Value, proof and sizes of a plan.
///
/// # Safety
/// `summary` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_transport_summarise(
    transport: *const hepml_transport,
    summary: *mut hepml_transport_summary,
) -> hepml_status {
    guard(|| {
        let plan = handle::get("transport", transport)?;
        // SAFETY: as the caller promises.
        let summary = unsafe { Output::new("summary", summary) }?;
        summary.write(hepml_transport_summary {
            value: plan.value,
            gap: plan.gap,
            pivots: plan.pivots,
            flows: plan.flows.len(),
            from_particles: plan.removed.len(),
            to_particles: plan.created.len(),
        });
        Ok(())
    })
}

/// What is moved: amount[k] from particle from[k] of the first event to particle to[k] of the second, ordered by `from`, then `to`; each output
/// has room for `capacity`. If the EMD is normalised, amounts are fractions.
///
/// # Safety
/// `from`, `to` and `amount` may be written to for `capacity` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_transport_flows(
    transport: *const hepml_transport,
    from: *mut usize,
    to: *mut usize,
    amount: *mut f64,
    capacity: usize,
) -> hepml_status {
    guard(|| {
        let plan = handle::get("transport", transport)?;
        let count = plan.flows.len();
        // SAFETY: as the caller promises.
        let (from, to, amount) = unsafe {
            (
                Outputs::new("from", from, capacity, count)?,
                Outputs::new("to", to, capacity, count)?,
                Outputs::new("amount", amount, capacity, count)?,
            )
        };
        from.write_all(plan.flows.iter().map(|flow| flow.from));
        to.write_all(plan.flows.iter().map(|flow| flow.to));
        amount.write_all(plan.flows.iter().map(|flow| flow.amount));
        Ok(())
    })
}

/// The energy of each particle that is not moved: `removed` of the first event, `created` of the second.
///
/// # Safety
/// `removed` and `created` may be written to for as many numbers as their capacities.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_transport_leftover(
    transport: *const hepml_transport,
    removed: *mut f64,
    removed_capacity: usize,
    created: *mut f64,
    created_capacity: usize,
) -> hepml_status {
    guard(|| {
        let plan = handle::get("transport", transport)?;
        // SAFETY: as the caller promises.
        let (removed, created) = unsafe {
            (
                Outputs::new("removed", removed, removed_capacity, plan.removed.len())?,
                Outputs::new("created", created, created_capacity, plan.created.len())?,
            )
        };
        removed.write_all(plan.removed.iter().copied());
        created.write_all(plan.created.iter().copied());
        Ok(())
    })
}

/// The dual potentials, one a particle: they prove the value, and are its derivatives by the energies wherever it has them.
///
/// # Safety
/// `source` and `sink` may be written to for as many numbers as their capacities.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_transport_potentials(
    transport: *const hepml_transport,
    source: *mut f64,
    source_capacity: usize,
    sink: *mut f64,
    sink_capacity: usize,
) -> hepml_status {
    guard(|| {
        let plan = handle::get("transport", transport)?;
        // SAFETY: as the caller promises.
        let (source, sink) = unsafe {
            (
                Outputs::new("source", source, source_capacity, plan.source_potentials.len())?,
                Outputs::new("sink", sink, sink_capacity, plan.sink_potentials.len())?,
            )
        };
        source.write_all(plan.source_potentials.iter().copied());
        sink.write_all(plan.sink_potentials.iter().copied());
        Ok(())
    })
}

/// Frees a plan.
///
/// # Safety
/// `transport` may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_transport_free(transport: *mut *mut hepml_transport) -> hepml_status {
    // SAFETY: as the caller promises.
    unsafe { handle::free(transport) }
}
