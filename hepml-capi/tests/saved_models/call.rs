//! The functions of C, called as C would.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;

use hepml::core::{EventSet, ParticleSets, Table as CoreTable};
use hepml_capi::*;

/// A status and its message.
pub(crate) type Outcome<T> = Result<T, (hepml_status, String)>;

fn outcome<T>(status: hepml_status, value: T) -> Outcome<T> {
    if status == hepml_status::Ok {
        return Ok(value);
    }
    // SAFETY: the message ends in NUL and stays until the next failing call of this thread.
    let message = unsafe { CStr::from_ptr(hepml_last_error_message()) };
    Err((status, message.to_str().unwrap().to_owned()))
}

macro_rules! handle {
    ($name:ident, $handle:ty, $free:ident) => {
        pub(crate) struct $name(pub(crate) *mut $handle);

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: a reference may be read and written.
                assert_eq!(unsafe { $free(&raw mut self.0) }, hepml_status::Ok);
            }
        }
    };
}

handle!(Model, hepml_model, hepml_model_free);
handle!(Table, hepml_table, hepml_table_free);
handle!(Sets, hepml_sets, hepml_sets_free);

impl Table {
    pub(crate) fn new(table: &CoreTable) -> Self {
        let mut handle = ptr::null_mut();
        let numbers = table.as_standard_layout();
        // SAFETY: there are rows times columns numbers.
        let status =
            unsafe { hepml_table_from_rows(numbers.as_ptr(), table.nrows(), table.ncols(), &raw mut handle) };
        outcome(status, Self(handle)).unwrap()
    }
}

impl Sets {
    /// Momenta as columns of px, py, pz, E: these are read without a rounding.
    pub(crate) fn new(sets: &ParticleSets) -> Outcome<Self> {
        let column = |f: fn(&hepml::core::FourMomentum) -> f64| sets.momenta().iter().map(f).collect();
        let columns: [Vec<f64>; 4] = [column(|p| p.px), column(|p| p.py), column(|p| p.pz), column(|p| p.e)];
        let momenta = hepml_momenta {
            columns: columns.each_ref().map(Vec::as_ptr),
            stride: 1,
            count: sets.particle_count(),
            coordinates: hepml_coordinates::PxPyPzE as i32,
        };
        let names: Vec<CString> =
            sets.feature_names().iter().map(|name| CString::new(name.as_str()).unwrap()).collect();
        let names: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let features: Vec<Vec<f64>> =
            sets.features().columns().into_iter().map(|column| column.to_vec()).collect();
        let features: Vec<_> = features.iter().map(Vec::as_ptr).collect();
        let mut handle = ptr::null_mut();
        // SAFETY: all are as long as is stated.
        let status = unsafe {
            hepml_sets_new(
                &raw const momenta,
                sets.offsets().as_ptr(),
                sets.event_count(),
                names.as_ptr(),
                features.as_ptr(),
                names.len(),
                &raw mut handle,
            )
        };
        outcome(status, ()).map(|()| Self(handle))
    }
}

impl Model {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Outcome<Self> {
        let mut handle = ptr::null_mut();
        // SAFETY: a slice has as many bytes as it says.
        let status = unsafe { hepml_model_from_bytes(bytes.as_ptr(), bytes.len(), &raw mut handle) };
        outcome(status, ()).map(|()| Self(handle))
    }

    pub(crate) fn load(path: &str) -> Outcome<Self> {
        let (path, mut handle) = (CString::new(path).unwrap(), ptr::null_mut());
        // SAFETY: the path ends in NUL.
        let status = unsafe { hepml_model_load(path.as_ptr(), &raw mut handle) };
        outcome(status, ()).map(|()| Self(handle))
    }

    pub(crate) fn save(&self, path: &str) -> Outcome<()> {
        let path = CString::new(path).unwrap();
        // SAFETY: the path ends in NUL.
        outcome(unsafe { hepml_model_save(self.0, path.as_ptr()) }, ())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut length = 0;
        // SAFETY: nothing is written with the capacity 0.
        let query = unsafe { hepml_model_to_bytes(self.0, ptr::null_mut(), 0, &raw mut length) };
        let mut bytes = outcome(query, vec![0; length]).unwrap();
        // SAFETY: a vector has as many bytes as it says.
        let status = unsafe { hepml_model_to_bytes(self.0, bytes.as_mut_ptr(), length, &raw mut length) };
        outcome(status, bytes).unwrap()
    }

    pub(crate) fn info(&self) -> hepml_model_info {
        let mut info = hepml_model_info { input: -1, is_ratio: -1, columns: 0, outputs: 0 };
        // SAFETY: the pointer is to a local variable.
        let status = unsafe { hepml_model_describe(self.0, &raw mut info) };
        outcome(status, info).unwrap()
    }

    fn text(
        &self,
        read: unsafe extern "C" fn(*const hepml_model, *mut c_char, usize, *mut usize) -> hepml_status,
    ) -> serde_json::Value {
        let text = text(|text, capacity, length| {
            // SAFETY: there is as much room as the capacity says.
            unsafe { read(self.0, text, capacity, length) }
        });
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn metadata(&self) -> serde_json::Value {
        self.text(hepml_model_metadata)
    }

    pub(crate) fn report(&self) -> serde_json::Value {
        self.text(hepml_model_report)
    }

    /// The outputs, in a buffer of this capacity, whose rest stays as it is.
    pub(crate) fn table(&self, table: &Table, threads: usize, capacity: usize) -> Outcome<Vec<f64>> {
        let mut values = vec![f64::NAN; capacity];
        let values_at = values.as_mut_ptr();
        // SAFETY: a vector has as many numbers as it says.
        let status = unsafe { hepml_model_evaluate_table(self.0, table.0, threads, values_at, capacity) };
        outcome(status, values)
    }

    pub(crate) fn sets(&self, sets: &Sets, threads: usize, capacity: usize) -> Outcome<Vec<f64>> {
        let mut values = vec![f64::NAN; capacity];
        let values_at = values.as_mut_ptr();
        // SAFETY: a vector has as many numbers as it says.
        let status = unsafe { hepml_model_evaluate_sets(self.0, sets.0, threads, values_at, capacity) };
        outcome(status, values)
    }
}

/// A text whose length is asked for first.
fn text(read: impl Fn(*mut c_char, usize, *mut usize) -> hepml_status) -> String {
    let mut length = 0;
    outcome(read(ptr::null_mut(), 0, &raw mut length), ()).unwrap();
    let mut bytes = vec![0_u8; length + 1];
    outcome(read(bytes.as_mut_ptr().cast(), length + 1, &raw mut length), ()).unwrap();
    CStr::from_bytes_with_nul(&bytes).unwrap().to_str().unwrap().to_owned()
}

pub(crate) fn options(learner: hepml_learner) -> serde_json::Value {
    let text = text(|text, capacity, length| {
        // SAFETY: there is as much room as the capacity says.
        unsafe { hepml_learner_options(learner as i32, text, capacity, length) }
    });
    serde_json::from_str(&text).unwrap()
}

/// A side of a fit: its table and weights.
pub(crate) type Side<'a> = (&'a Table, Option<&'a [f64]>);

/// A fit whose callback stops it at a step, if there is one; the model is there after a stop as well.
pub(crate) fn fit(
    learner: hepml_learner,
    options: Option<&str>,
    [numerator, denominator]: [Side<'_>; 2],
    seed: u64,
    threads: usize,
    stop_at: Option<u64>,
) -> (Outcome<()>, Option<Model>) {
    unsafe extern "C" fn stop(progress: *const hepml_progress, user: *mut c_void) -> i32 {
        // SAFETY: both are valid during the call; the user pointer is that of the fit below.
        let (progress, left) = unsafe { (&*progress, &mut *user.cast::<u64>()) };
        // SAFETY: the stage ends in NUL.
        assert!(!unsafe { CStr::from_ptr(progress.stage) }.is_empty());
        *left = left.saturating_sub(1);
        i32::from(*left == 0)
    }
    let options = options.map(|options| CString::new(options).unwrap());
    let weights =
        |side: Side<'_>| side.1.map_or((ptr::null(), 0), |weights| (weights.as_ptr(), weights.len()));
    let ((above, above_count), (below, below_count)) = (weights(numerator), weights(denominator));
    let mut left = stop_at.unwrap_or(0);
    let callback: hepml_progress_callback = stop_at.map(|_| stop as _);
    let mut handle = ptr::null_mut();
    // SAFETY: all are as long as is stated, and the callback takes the number of steps.
    let status = unsafe {
        hepml_ratio_fit(
            learner as i32,
            options.as_ref().map_or(ptr::null(), |options| options.as_ptr()),
            numerator.0.0,
            above,
            above_count,
            denominator.0.0,
            below,
            below_count,
            seed,
            threads,
            callback,
            (&raw mut left).cast(),
            &raw mut handle,
        )
    };
    (outcome(status, ()), (!handle.is_null()).then_some(Model(handle)))
}
