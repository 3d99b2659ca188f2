//! Ragged sets of particles: the events of networks of particles.

use std::ffi::c_char;

use hepml::core::ndarray::Array2;
use hepml::core::{EventSet, ParticleSets};

use crate::arguments::{Input, Output, text, with_room};
use crate::boundary::guard;
use crate::handle::{self, Handle, NewHandle};
use crate::momenta::{Momenta, hepml_momenta};
use crate::offsets::Offsets;
use crate::status::{Failure, Result, hepml_status};

/// Events of any number of particles each, with named features of the particles.
#[allow(missing_debug_implementations)]
pub struct hepml_sets {
    _private: [u8; 0],
}

impl Handle for hepml_sets {
    type Object = ParticleSets;
    const NAME: &'static str = "sets";
}

/// Sets of particles: event i has the particles offsets[i] up to (not including) offsets[i + 1] of the momenta.
///
/// The first offset is 0, the last the number of particles; an event may have none. Feature k of particle j is features[k][j];
/// hepml_model_metadata says which a model needs, by their names ("pdg_id" and "charge" are understood). All numbers are copied.
///
/// # Safety
/// `momenta` and what it points to may be read; `offsets` for `events + 1` numbers; `feature_names` and `features` for
/// `feature_count` pointers, to texts that end in NUL and to one number a particle; `sets` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_sets_new(
    momenta: *const hepml_momenta,
    offsets: *const usize,
    events: usize,
    feature_names: *const *const c_char,
    features: *const *const f64,
    feature_count: usize,
    sets: *mut *mut hepml_sets,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (new, momenta) = unsafe { (NewHandle::new(sets)?, Momenta::new("momenta", momenta)?) };
        let count = momenta.len();
        // SAFETY: as the caller promises.
        let offsets = unsafe { Offsets::new(offsets, events, count) }?;
        // SAFETY: as the caller promises.
        let (names, columns) = unsafe { read_features(feature_names, features, feature_count, count) }?;
        let momenta = momenta.to_vec_of_events(&offsets)?;
        let too_large = || {
            let message =
                format!("features: {feature_count} of {count} particles are more than any memory holds");
            Failure::new(hepml_status::Shape, message)
        };
        let mut numbers = with_room("features", count.checked_mul(feature_count).ok_or_else(too_large)?)?;
        for particle in 0..count {
            numbers.extend(columns.iter().map(|column| column.get(particle)));
        }
        let features = Array2::from_shape_vec((count, feature_count), numbers).map_err(|_| too_large())?;
        new.put(ParticleSets::new(momenta, features, names, offsets.into_vec())?)
    })
}

/// # Safety
/// As that of [`hepml_sets_new`].
unsafe fn read_features(
    names: *const *const c_char,
    features: *const *const f64,
    count: usize,
    particles: usize,
) -> Result<(Vec<String>, Vec<Input<f64>>)> {
    // SAFETY: as the caller promises.
    let (pointers, columns) =
        unsafe { (Input::new("feature_names", names, count)?, Input::new("features", features, count)?) };
    let mut texts: Vec<String> = with_room("feature_names", count)?;
    let mut inputs = with_room("features", count)?;
    for (index, (name, column)) in pointers.iter().zip(columns.iter()).enumerate() {
        // SAFETY: as the caller promises.
        texts.push(unsafe { text(&format!("feature_names[{index}]"), name) }?);
        // SAFETY: as the caller promises.
        inputs.push(unsafe { Input::new(format_args!("features[{index}]"), column, particles) }?);
    }
    Ok((texts, inputs))
}

/// How many events there are, and particles in all of them.
///
/// # Safety
/// `events` and `particles` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_sets_shape(
    sets: *const hepml_sets,
    events: *mut usize,
    particles: *mut usize,
) -> hepml_status {
    guard(|| {
        let sets = handle::get("sets", sets)?;
        // SAFETY: as the caller promises.
        let (events, particles) =
            unsafe { (Output::new("events", events)?, Output::new("particles", particles)?) };
        events.write(sets.event_count());
        particles.write(sets.particle_count());
        Ok(())
    })
}

/// Frees sets of particles.
///
/// # Safety
/// `sets` may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_sets_free(sets: *mut *mut hepml_sets) -> hepml_status {
    // SAFETY: as the caller promises.
    unsafe { handle::free(sets) }
}
