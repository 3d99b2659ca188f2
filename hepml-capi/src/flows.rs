//! Lists of events as energy flows.

use hepml::ot::{EnergyFlow, Error};

use crate::arguments::{Output, flag, with_room};
use crate::boundary::guard;
use crate::handle::{self, Handle, NewHandle};
use crate::offsets::Offsets;
use crate::particles::{Particles, hepml_particles};
use crate::sets::hepml_sets;
use crate::status::{Failure, hepml_status};

/// A list of events as energies at points of the (y, phi) plane, to be compared each with each.
#[allow(missing_debug_implementations)]
pub struct hepml_flows {
    _private: [u8; 0],
}

impl Handle for hepml_flows {
    type Object = Vec<EnergyFlow>;
    const NAME: &'static str = "flows";
}

/// The error of an event of a list, with its number.
fn of_event(event: usize, error: Error) -> Failure {
    match error {
        Error::Core(error) => error.at_event(event).into(),
        error => Error::Event { list: "event", index: event, source: error.into() }.into(),
    }
}

/// Copies a list of events: event i has the particles from offsets[i] up to offsets[i + 1], of `events + 1` offsets from 0 to the
/// number of particles.
///
/// A particle without energy is kept and costs nothing; an event may have no particles.
///
/// # Safety
/// `particles` and what it points to may be read, `offsets` for `events + 1` numbers; `flows` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_flows_new(
    particles: *const hepml_particles,
    offsets: *const usize,
    events: usize,
    flows: *mut *mut hepml_flows,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (new, particles) = unsafe { (NewHandle::new(flows)?, Particles::new("particles", particles)?) };
        // SAFETY: as the caller promises.
        let offsets = unsafe { Offsets::new(offsets, events, particles.len()) }?;
        let mut list = with_room("flows", offsets.events())?;
        for event in 0..offsets.events() {
            let flow = particles.flow_of(offsets.particles(event))?;
            list.push(flow.map_err(|error| of_event(event, error).of("particles"))?);
        }
        new.put(list)
    })
}

/// The events of sets of particles: transverse momenta at rapidities and azimuths, or, with `about_axis` 1, at what these differ by
/// from those of the event's total momentum (azimuths in (-pi, pi]), so that jets are compared by their shape.
///
/// A particle along the beam, whose rapidity is infinite, is HEPML_STATUS_NOT_FINITE; about_axis asks for total momenta that are not
/// along the beam either.
///
/// # Safety
/// `flows` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_flows_from_sets(
    sets: *const hepml_sets,
    about_axis: i32,
    flows: *mut *mut hepml_flows,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let new = unsafe { NewHandle::new(flows) }?;
        let sets = handle::get("sets", sets)?;
        let list = if flag("about_axis", about_axis)? {
            EnergyFlow::from_jets(&sets)
        } else {
            EnergyFlow::from_sets(&sets)
        };
        new.put(list.map_err(|error| Failure::from(error).of("sets"))?)
    })
}

/// How many events and particles a list has.
///
/// # Safety
/// `events` and `particles` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_flows_shape(
    flows: *const hepml_flows,
    events: *mut usize,
    particles: *mut usize,
) -> hepml_status {
    guard(|| {
        let flows = handle::get("flows", flows)?;
        // SAFETY: as the caller promises.
        let (events, particles) =
            unsafe { (Output::new("events", events)?, Output::new("particles", particles)?) };
        events.write(flows.len());
        particles.write(flows.iter().map(EnergyFlow::len).sum());
        Ok(())
    })
}

/// Frees a list of events.
///
/// # Safety
/// `flows` may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_flows_free(flows: *mut *mut hepml_flows) -> hepml_status {
    // SAFETY: as the caller promises.
    unsafe { handle::free(flows) }
}
