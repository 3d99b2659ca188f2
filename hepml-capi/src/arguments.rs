//! Arguments as they come from C, checked before anything is read or written.
//!
//! Memory of the caller is never borrowed as a Rust reference: the caller may let inputs and outputs overlap, and other threads
//! may write to what is read (then numbers are wrong, but nothing else is).
//! Names of arguments are put together when they are needed, which is seldom.

use std::ffi::{CStr, c_char};
use std::fmt::Display;
use std::ops::Range;

use crate::status::{Failure, Result, hepml_status};

fn null(name: impl Display) -> Failure {
    Failure::new(hepml_status::NullPointer, format!("{name} is NULL"))
}

/// Whether `count` elements can be at `pointer`.
fn check<T>(name: impl Display, pointer: *const T, count: usize) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if !pointer.is_aligned() {
        let message = format!("{name} is at an address that is no multiple of {}", align_of::<T>());
        return Err(Failure::new(hepml_status::Misaligned, message));
    }
    let bytes = count.checked_mul(size_of::<T>()).filter(|bytes| isize::try_from(*bytes).is_ok());
    if bytes.and_then(|bytes| pointer.addr().checked_add(bytes)).is_none() {
        let message = format!("{name}: {count} elements are more than any memory holds");
        return Err(Failure::new(hepml_status::Shape, message));
    }
    Ok(())
}

/// An empty vector with room, or HEPML_STATUS_OUT_OF_MEMORY where an allocation of that size would end the process.
pub(crate) fn with_room<T>(name: &str, count: usize) -> Result<Vec<T>> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(count).map_err(|_| {
        Failure::new(hepml_status::OutOfMemory, format!("{name}: no memory for {count} elements"))
    })?;
    Ok(vector)
}

/// So many bytes are taken without asking.
const SMALL: u128 = 1 << 26;

/// An error where `bytes` of memory for `name` are more than there are, before work is begun that would end the process.
pub(crate) fn check_memory(name: &str, bytes: u128) -> Result<()> {
    if bytes <= SMALL {
        return Ok(());
    }
    // Asked for as a whole and given back; none of it is touched.
    let there_is =
        usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    if there_is {
        return Ok(());
    }
    let message = format!("{name}: no memory for {bytes} bytes");
    Err(Failure::new(hepml_status::OutOfMemory, message))
}

/// Numbers of the caller, `stride` elements from each to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<T> {
    pointer: *const T,
    stride: usize,
    count: usize,
}

impl<T: Copy> Input<T> {
    /// `count` elements at `pointer`.
    ///
    /// # Safety
    /// `pointer` may be read for `count` elements for as long as this is in use, if it is aligned and not NULL.
    pub(crate) unsafe fn new(name: impl Display, pointer: *const T, count: usize) -> Result<Self> {
        // SAFETY: as the caller promises.
        unsafe { Self::strided(name, pointer, 1, count) }
    }

    /// `count` elements, the first at `pointer`, each `stride` elements behind the last.
    ///
    /// # Safety
    /// As [`new`](Self::new), for the elements at multiples of `stride`.
    pub(crate) unsafe fn strided(
        name: impl Display,
        pointer: *const T,
        stride: usize,
        count: usize,
    ) -> Result<Self> {
        if count > 0 && stride == 0 {
            let message = format!("{name}: the stride is 0, but must be at least 1");
            return Err(Failure::new(hepml_status::OutOfRange, message));
        }
        // The last element is at (count - 1) * stride; SIZE_MAX where that overflows fails the check.
        let span = count.checked_sub(1).map_or(0, |last| last.saturating_mul(stride).saturating_add(1));
        check(name, pointer, span)?;
        Ok(Self { pointer, stride, count })
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The element at `index`, which is below the count.
    pub(crate) fn get(&self, index: usize) -> T {
        assert!(index < self.count, "index {index} of {} elements", self.count);
        // SAFETY: not NULL, aligned, and readable by the promise at construction; the offset was checked not to overflow.
        unsafe { self.pointer.add(index * self.stride).read() }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = T> {
        let Self { pointer, stride, count } = *self;
        // SAFETY: as in `get`.
        (0..count).map(move |index| unsafe { pointer.add(index * stride).read() })
    }

    /// Some of the elements, whose indices are not above the count.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.count, "{range:?} of {} elements", self.count);
        // An empty part may lie behind the last element, where no pointer may lead.
        let first = if range.is_empty() { 0 } else { range.start * self.stride };
        // SAFETY: it stays at an element, or where it was.
        Self { pointer: unsafe { self.pointer.add(first) }, stride: self.stride, count: range.len() }
    }

    /// A copy.
    pub(crate) fn to_vec(self, name: &str) -> Result<Vec<T>> {
        let mut vector = with_room(name, self.count)?;
        if self.stride == 1 && self.count > 0 {
            // SAFETY: as in `get`; there is room for `count` elements, which `T: Copy` may be copied to.
            unsafe {
                std::ptr::copy_nonoverlapping(self.pointer, vector.as_mut_ptr(), self.count);
                vector.set_len(self.count);
            }
        } else {
            vector.extend(self.iter());
        }
        Ok(vector)
    }
}

/// A copy of the struct at `pointer`.
///
/// # Safety
/// `pointer` may be read if it is aligned and not NULL.
pub(crate) unsafe fn view<T: Copy>(name: &str, pointer: *const T) -> Result<T> {
    // SAFETY: as the caller promises.
    Ok(unsafe { Input::new(name, pointer, 1) }?.get(0))
}

/// The optional number at `pointer`.
///
/// # Safety
/// As [`view`].
pub(crate) unsafe fn optional<T: Copy>(name: &str, pointer: *const T) -> Result<Option<T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller promises.
    unsafe { view(name, pointer) }.map(Some)
}

/// Where one result goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output<T>(*mut T);

impl<T> Output<T> {
    /// # Safety
    /// `pointer` may be written to for as long as this is in use, if it is aligned and not NULL.
    pub(crate) unsafe fn new(name: &str, pointer: *mut T) -> Result<Self> {
        check(name, pointer, 1)?;
        Ok(Self(pointer))
    }

    pub(crate) fn write(&self, value: T) {
        // SAFETY: not NULL, aligned, and writable by the promise at construction. What was there is the caller's and is not
        // dropped.
        unsafe { self.0.write(value) }
    }
}

/// Where several results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outputs<T> {
    pointer: *mut T,
    stride: usize,
    count: usize,
}

// SAFETY: it is written to by one thread at a time, as `Outputs` is handed to one work at a time, and the caller's memory is
// not bound to a thread.
unsafe impl<T: Send> Send for Outputs<T> {}

impl<T: Copy> Outputs<T> {
    /// Room for the `needed` results at `pointer`, which has room for `capacity`.
    ///
    /// # Safety
    /// `pointer` may be written to for `capacity` elements for as long as this is in use, if it is aligned and not NULL.
    pub(crate) unsafe fn new(name: &str, pointer: *mut T, capacity: usize, needed: usize) -> Result<Self> {
        // SAFETY: as the caller promises.
        unsafe { Self::strided(name, pointer, 1, capacity, needed) }
    }

    /// The same for results that are `stride` elements apart.
    ///
    /// # Safety
    /// As [`new`](Self::new), for the elements at multiples of `stride`.
    pub(crate) unsafe fn strided(
        name: &str,
        pointer: *mut T,
        stride: usize,
        capacity: usize,
        needed: usize,
    ) -> Result<Self> {
        if capacity < needed {
            let message =
                format!("{name}: room for {needed} elements is needed, but there is room for {capacity}");
            return Err(Failure::new(hepml_status::Capacity, message));
        }
        // SAFETY: the same memory, of which less is used; nothing is read from it.
        unsafe { Input::strided(name, pointer, stride, needed) }?;
        Ok(Self { pointer, stride, count: needed })
    }

    pub(crate) fn write(&self, index: usize, value: T) {
        assert!(index < self.count, "index {index} of {} elements", self.count);
        // SAFETY: not NULL, aligned, and writable by the promise at construction; the offset was checked not to overflow.
        unsafe { self.pointer.add(index * self.stride).write(value) }
    }

    /// Writes all results.
    pub(crate) fn write_all(&self, values: impl IntoIterator<Item = T>) {
        for (index, value) in values.into_iter().enumerate() {
            self.write(index, value);
        }
    }
}

/// A text that ends in NUL, copied.
///
/// # Safety
/// `pointer` is NULL or at a text that ends in NUL.
pub(crate) unsafe fn text(name: &str, pointer: *const c_char) -> Result<String> {
    if pointer.is_null() {
        return Err(null(name));
    }
    // SAFETY: as the caller promises.
    let text = unsafe { CStr::from_ptr(pointer) };
    match text.to_str() {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let message =
                format!("{name} is not UTF-8: byte {} of {:?}", error.valid_up_to(), text.to_string_lossy());
            Err(Failure::new(hepml_status::InvalidUtf8, message))
        }
    }
}

/// A flag, which is 0 or 1.
pub(crate) fn flag(name: &str, value: i32) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(unknown_value(name, value, "0 or 1")),
    }
}

/// The failure of an enum argument without such a value.
pub(crate) fn unknown_value(name: &str, value: i32, allowed: &str) -> Failure {
    Failure::new(hepml_status::InvalidEnum, format!("{name} is {value}, but must be {allowed}"))
}

/// Where bytes go, of which the caller may ask first how many there are.
pub(crate) struct Bytes {
    output: *mut u8,
    capacity: usize,
    length: Output<usize>,
}

impl Bytes {
    /// # Safety
    /// `bytes` may be written to for `capacity` bytes, `length` for one number, if they are not NULL.
    pub(crate) unsafe fn new(bytes: *mut u8, capacity: usize, length: *mut usize) -> Result<Self> {
        check("output", bytes, capacity)?;
        // SAFETY: as the caller promises.
        Ok(Self { output: bytes, capacity, length: unsafe { Output::new("length", length) }? })
    }

    /// Tells how many bytes there are, and writes them unless only that was asked for.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        self.length.write(bytes.len());
        self.copy(bytes)
    }

    /// The same for a text, which ends in a NUL that is not counted.
    pub(crate) fn write_text(&self, text: &str) -> Result<()> {
        self.length.write(text.len());
        self.copy(&[text.as_bytes(), b"\0"].concat())
    }

    fn copy(&self, bytes: &[u8]) -> Result<()> {
        if self.capacity == 0 {
            return Ok(());
        }
        // SAFETY: writable by the promise at construction.
        let outputs = unsafe { Outputs::new("output", self.output, self.capacity, bytes.len()) }?;
        outputs.write_all(bytes.iter().copied());
        Ok(())
    }
}
