//! Saved models: taggers and ratios.

use std::ffi::c_char;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use hepml::core::{Error as CoreError, Load, ModelFile};

use crate::any_model::{AnyEvents, AnyModel, Function, Outputs as OutputsOf};
use crate::arguments::{Bytes, Input, Output, Outputs, text};
use crate::boundary::guard;
use crate::handle::{self, Handle, NewHandle};
use crate::sets::hepml_sets;
use crate::status::{Failure, Result, hepml_status};
use crate::table::hepml_table;
use crate::work::{self, Callback};

/// A saved model: a tagger, which gives the outputs of a network, or a ratio, which gives ln r.
#[allow(missing_debug_implementations)]
pub struct hepml_model {
    _private: [u8; 0],
}

impl Handle for hepml_model {
    type Object = AnyModel;
    const NAME: &'static str = "model";
}

/// What a model is evaluated on.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum hepml_input {
    /// A table, one row an event.
    Table = 0,
    /// Ragged sets of particles.
    Sets = 1,
}

/// What a program must know of a model to call it; hepml_model_metadata says the rest.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct hepml_model_info {
    /// What it is evaluated on: a hepml_input.
    pub input: i32,
    /// 1 if its one output is ln r, else 0.
    pub is_ratio: i32,
    /// The columns of the tables that it takes, 0 for a model of sets.
    pub columns: usize,
    /// The numbers that it gives for an event.
    pub outputs: usize,
}

/// The failure of reading a model: whatever is wrong, the model cannot be read.
fn unreadable(error: &CoreError) -> Failure {
    let status = match error {
        CoreError::Io(_) => hepml_status::Io,
        _ => hepml_status::InvalidModel,
    };
    Failure::new(status, error.to_string())
}

/// Passes on what is read, and keeps a copy.
struct Recorder<R> {
    reader: R,
    bytes: Vec<u8>,
}

impl<R: Read> Read for Recorder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

/// The bytes of a file that begins as models do, and is one file of bounded size: of others little is read.
fn read_file(path: &Path) -> Result<Vec<u8>> {
    let at = |error: &dyn std::fmt::Display| {
        Failure::new(hepml_status::Io, format!("{}: {error}", path.display()))
    };
    // Before it is opened: opening a pipe would wait for its other end.
    if !fs::metadata(path).map_err(|error| at(&error))?.is_file() {
        return Err(at(&"it is no regular file"));
    }
    let reader = BufReader::new(File::open(path).map_err(|error| at(&error))?);
    let mut recorder = Recorder { reader, bytes: Vec::new() };
    ModelFile::load(&mut recorder).map_err(|error| unreadable(&error).of(&path.display().to_string()))?;
    // One byte more is found out as left over.
    recorder.by_ref().take(1).read_to_end(&mut Vec::new()).map_err(|error| at(&error))?;
    Ok(recorder.bytes)
}

/// Reads a model from a file: a network, an ensemble, a ratio, or a composition of ratios, as any hepml crate saves it.
///
/// A file that is broken or forged is HEPML_STATUS_INVALID_MODEL, as is one of a kind without outputs (the state of a training, a
/// resampler); one that cannot be read is HEPML_STATUS_IO.
///
/// # Safety
/// `path` ends in NUL; `model` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_load(path: *const c_char, model: *mut *mut hepml_model) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (new, path) = unsafe { (NewHandle::new(model)?, text("path", path)?) };
        let bytes = read_file(Path::new(&path))?;
        new.put(AnyModel::from_bytes(bytes).map_err(|error| unreadable(&error).of(&path))?)
    })
}

/// Reads a model from the bytes of its file.
///
/// # Safety
/// `bytes` may be read for `length` bytes; `model` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_from_bytes(
    bytes: *const u8,
    length: usize,
    model: *mut *mut hepml_model,
) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let (new, bytes) = unsafe { (NewHandle::new(model)?, Input::new("bytes", bytes, length)?) };
        let bytes = bytes.to_vec("bytes")?;
        new.put(AnyModel::from_bytes(bytes).map_err(|error| unreadable(&error))?)
    })
}

/// Writes a file, in place of what is there, which stays whole if that fails.
fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static SAVED: AtomicUsize = AtomicUsize::new(0);
    // Before it is opened: opening a pipe would wait for its other end.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is no regular file"));
    }
    // A link stays one.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let Some(name) = target.file_name() else { return Err(io::Error::other("it is no name of a file")) };
    let mut beside = name.to_owned();
    beside.push(format!(".{}-{}.partial", std::process::id(), SAVED.fetch_add(1, Ordering::Relaxed)));
    let beside = target.with_file_name(beside);
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, &target));
    if written.is_err() {
        // It may not even have been created.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Writes a model to a file, in place of what is there, which stays whole if writing fails; a model that was read becomes the file that it was read from.
///
/// # Safety
/// `path` ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_save(model: *const hepml_model, path: *const c_char) -> hepml_status {
    guard(|| {
        let model = handle::get("model", model)?;
        // SAFETY: as the caller promises.
        let path = unsafe { text("path", path) }?;
        replace_file(Path::new(&path), model.bytes())
            .map_err(|error| Failure::new(hepml_status::Io, format!("{path}: {error}")))
    })
}

/// Writes the bytes of a model's file; *length is how many there are, and nothing is written if the capacity is 0.
///
/// # Safety
/// `bytes` may be written to for `capacity` bytes, `length` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_to_bytes(
    model: *const hepml_model,
    bytes: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> hepml_status {
    guard(|| {
        let model = handle::get("model", model)?;
        // SAFETY: as the caller promises.
        unsafe { Bytes::new(bytes, capacity, length) }?.write(model.bytes())
    })
}

/// What a model takes and gives.
///
/// # Safety
/// `info` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_describe(
    model: *const hepml_model,
    info: *mut hepml_model_info,
) -> hepml_status {
    guard(|| {
        let model = handle::get("model", model)?;
        // SAFETY: as the caller promises.
        let info = unsafe { Output::new("info", info) }?;
        let columns = &model.needs().columns;
        let input = if columns.is_some() { hepml_input::Table } else { hepml_input::Sets };
        info.write(hepml_model_info {
            input: input as i32,
            is_ratio: i32::from(model.is_ratio()),
            columns: columns.as_ref().map_or(0, Vec::len),
            outputs: model.outputs(),
        });
        Ok(())
    })
}

/// The metadata of a model as JSON.
///
/// The object has the fields kind (such as "hepml-nn/pfn"), version (of that kind's layout), input ("table" or "sets"), columns
/// (of tables: their names, null for those without; null for sets), features (of sets: the names of the features that
/// particles must have; for "charge", "pdg_id" will do), outputs (the numbers for an event), is_ratio, header (what the file says:
/// architecture, preprocessing, summary of the fit) and models (by name, kind, version, header and models of the models
/// that it contains).
///
/// # Safety
/// `text` may be written to for `capacity` bytes, `length` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_metadata(
    model: *const hepml_model,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> hepml_status {
    guard(|| {
        let model = handle::get("model", model)?;
        // SAFETY: as the caller promises.
        unsafe { Bytes::new(text.cast(), capacity, length) }?.write_text(&model.metadata().to_string())
    })
}

/// The report of a model's fit as JSON.
///
/// The object has the fields stopped, measures (by name: value, and error or null), curves (by name: a value a step or
/// epoch), warnings (texts that should be read before the model is trusted) and parts (by name: reports of nested fits).
/// Numbers that are not finite are null. A model that was read from a file remembers no curves and no errors; where it
/// remembers nothing the object is empty.
///
/// # Safety
/// `text` may be written to for `capacity` bytes, `length` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_report(
    model: *const hepml_model,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> hepml_status {
    guard(|| {
        let model = handle::get("model", model)?;
        // SAFETY: as the caller promises.
        unsafe { Bytes::new(text.cast(), capacity, length) }?.write_text(&model.report().to_string())
    })
}

/// The failure of giving a model events that it does not take.
fn wrong_input(takes: &str, given: &str) -> Failure {
    let message = format!("the model is evaluated on {takes}, not on {given}");
    Failure::new(hepml_status::WrongInput, message)
}

/// Evaluates a model on the rows of a table: values[i * outputs + k] is output k of event i.
///
/// A tagger gives what its last step makes of the network's outputs (probabilities of classes, targets in their own units), a ratio
/// gives ln r. An event that has no outputs (an entry out of range, ln r of a ratio that is not positive) is an error
/// that names it. A network evaluates up to 256 events on the calling thread, whatever `threads` is; starting threads takes some 0.1 ms
/// and more, so several are of use for long batches. The values do not depend on the other events.
///
/// # Safety
/// `values` may be written to for `capacity` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_evaluate_table(
    model: *const hepml_model,
    table: *const hepml_table,
    threads: usize,
    values: *mut f64,
    capacity: usize,
) -> hepml_status {
    guard(|| {
        let (model, table) = (handle::get("model", model)?, handle::get("table", table)?);
        let Function::OfTables(outputs) = model.function() else {
            return Err(wrong_input("sets of particles", "tables"));
        };
        // SAFETY: as the caller promises.
        unsafe { evaluate(&model, outputs, &*table, threads, values, capacity) }
    })
}

/// Evaluates a model on sets of particles: values[i * outputs + k] is output k of event i. As hepml_model_evaluate_table.
///
/// # Safety
/// `values` may be written to for `capacity` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_evaluate_sets(
    model: *const hepml_model,
    sets: *const hepml_sets,
    threads: usize,
    values: *mut f64,
    capacity: usize,
) -> hepml_status {
    guard(|| {
        let (model, sets) = (handle::get("model", model)?, handle::get("sets", sets)?);
        let Function::OfSets(outputs) = model.function() else {
            return Err(wrong_input("tables", "sets of particles"));
        };
        // SAFETY: as the caller promises.
        unsafe { evaluate(&model, outputs, &*sets, threads, values, capacity) }
    })
}

/// # Safety
/// `values` may be written to for `capacity` numbers.
unsafe fn evaluate<E: AnyEvents>(
    model: &AnyModel,
    outputs: &OutputsOf<E>,
    events: &E,
    threads: usize,
    values: *mut f64,
    capacity: usize,
) -> Result<()> {
    let count = events.event_count();
    let needed = count.checked_mul(model.outputs()).ok_or_else(|| {
        let message = format!("values: {count} events are more than any memory holds the outputs of");
        Failure::new(hepml_status::Shape, message)
    })?;
    // SAFETY: as the caller promises.
    let values = unsafe { Outputs::new("values", values, capacity, needed) }?;
    let block = model.needs().events_of_a_thread;
    // A pool of one thread would do the same: without one, nothing is started.
    let numbers = if block > 0 && (count <= block || threads == 1) {
        work::check_threads(threads)?;
        outputs.in_blocks(events, block)
    } else {
        let callback = Callback { function: None, user: std::ptr::null_mut() };
        work::run(threads, callback, |_| outputs.of(events))?
    }?;
    values.write_all(numbers);
    Ok(())
}

/// Frees a model.
///
/// # Safety
/// `model` may be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_model_free(model: *mut *mut hepml_model) -> hepml_status {
    // SAFETY: as the caller promises.
    unsafe { handle::free(model) }
}
