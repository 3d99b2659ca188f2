//! Handles: the tickets that callers hold for the objects of this library.
//!
//! A handle looks like a pointer, but is the number of a place in a table and of how often that place was given out. So a
//! handle that is forged, freed, or of another type is found out and becomes a status; with a pointer it would be undefined
//! behaviour. An object that is freed by one thread while another is using it lives until that call is over.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::arguments::Output;
use crate::boundary::guard;
use crate::status::{Failure, Result, hepml_status};

/// The bits of a handle that say which place it is, and those that say how often the place was given out.
const HALF: u32 = usize::BITS / 2;
const LARGEST: usize = (1 << HALF) - 1;

/// What a handle type stands for: `hepml_table` is the opaque type of C, its object what it is of.
pub(crate) trait Handle {
    type Object: Send + Sync + 'static;
    /// What users call it.
    const NAME: &'static str;
}

/// A place of the table.
struct Place {
    /// Counted up whenever the place is given out, so that an old handle of it is known.
    round: usize,
    object: Option<Arc<dyn Any + Send + Sync>>,
}

struct Places {
    places: Vec<Place>,
    /// The places without an object, the one that was freed last at the end.
    free: Vec<usize>,
}

static PLACES: RwLock<Places> = RwLock::new(Places { places: Vec::new(), free: Vec::new() });

// Nothing panics while it holds the lock, and if it did, the table would still be one.
fn read() -> RwLockReadGuard<'static, Places> {
    PLACES.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Places> {
    PLACES.write().unwrap_or_else(PoisonError::into_inner)
}

/// The number of a handle: never 0, which is NULL.
fn number(place: usize, round: usize) -> usize {
    (place + 1) | (round << HALF)
}

fn parts(number: usize) -> Option<(usize, usize)> {
    Some(((number & LARGEST).checked_sub(1)?, number >> HALF))
}

fn failure(name: &str, what: &str) -> Failure {
    Failure::new(hepml_status::InvalidHandle, format!("{name}: the handle {what}"))
}

fn other_type<H: Handle>(name: &str) -> Failure {
    failure(name, &format!("is of another type than {}", H::NAME))
}

/// The object of the handle in the argument `name`.
pub(crate) fn get<H: Handle>(name: &str, handle: *const H) -> Result<Arc<H::Object>> {
    let object = {
        let places = read();
        find(&places, name, handle.addr())?.clone()
    };
    object.downcast().map_err(|_| other_type::<H>(name))
}

fn find<'a>(places: &'a Places, name: &str, handle: usize) -> Result<&'a Arc<dyn Any + Send + Sync>> {
    if handle == 0 {
        return Err(Failure::new(hepml_status::NullPointer, format!("{name} is NULL")));
    }
    let place = parts(handle).and_then(|(index, round)| Some((places.places.get(index)?, round)));
    match place {
        None => Err(failure(name, "was never given out")),
        Some((place, round)) if round == 0 || round > place.round => {
            Err(failure(name, "was never given out"))
        }
        Some((Place { object: Some(object), round: current }, round)) if round == *current => Ok(object),
        Some(_) => Err(failure(name, "was freed")),
    }
}

/// Where a new handle goes, known to be writable before work is put into its object.
pub(crate) struct NewHandle<H> {
    output: Output<*mut H>,
    kind: PhantomData<H>,
}

impl<H: Handle> NewHandle<H> {
    /// # Safety
    /// `output` is NULL or may be written to.
    pub(crate) unsafe fn new(output: *mut *mut H) -> Result<Self> {
        // SAFETY: as the caller promises.
        let output = unsafe { Output::new(H::NAME, output) }?;
        Ok(Self { output, kind: PhantomData })
    }

    /// Gives out a handle of `object`.
    pub(crate) fn put(self, object: H::Object) -> Result<()> {
        let object: Arc<dyn Any + Send + Sync> = Arc::new(object);
        let mut places = write();
        let index = if let Some(index) = places.free.pop() {
            index
        } else {
            if places.places.len() == LARGEST {
                return Err(Failure::new(hepml_status::OutOfMemory, format!("there are {LARGEST} handles")));
            }
            places.places.push(Place { round: 0, object: None });
            places.places.len() - 1
        };
        let place = &mut places.places[index];
        place.round += 1;
        place.object = Some(object);
        let number = number(index, place.round);
        drop(places);
        self.output.write(std::ptr::without_provenance_mut(number));
        Ok(())
    }
}

/// Frees the handle at `handle` and sets it to NULL; NULL at `handle` is nothing to free.
///
/// # Safety
/// `handle` is NULL or may be read and written.
pub(crate) unsafe fn free<H: Handle>(handle: *mut *mut H) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let output = unsafe { Output::new(H::NAME, handle) }?;
        // SAFETY: as the caller promises; `Output` has checked that it is aligned and not NULL.
        let given = unsafe { handle.read() };
        if given.is_null() {
            return Ok(());
        }
        // Dropped after the lock is released: objects may be large.
        let object = {
            let mut places = write();
            if !find(&places, H::NAME, given.addr())?.is::<H::Object>() {
                return Err(other_type::<H>(H::NAME));
            }
            let (index, round) = parts(given.addr()).expect("it was found");
            // A place whose rounds have run out is given up, so that no handle comes twice.
            if round < LARGEST {
                places.free.push(index);
            }
            places.places[index].object.take()
        };
        drop(object);
        output.write(std::ptr::null_mut());
        Ok(())
    })
}

/// The number of handles of this process that are not freed.
///
/// # Safety
/// `count` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_handles_count(count: *mut usize) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let count = unsafe { Output::new("count", count) }?;
        count.write(read().places.iter().filter(|place| place.object.is_some()).count());
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Number;
    impl Handle for Number {
        type Object = u64;
        const NAME: &'static str = "number";
    }

    struct Word;
    impl Handle for Word {
        type Object = String;
        const NAME: &'static str = "word";
    }

    fn new(value: u64) -> *mut Number {
        let mut handle = std::ptr::null_mut();
        // SAFETY: the pointer is to a local variable.
        unsafe { NewHandle::new(&raw mut handle) }.unwrap().put(value).unwrap();
        handle
    }

    fn free_number(handle: &mut *mut Number) -> hepml_status {
        // SAFETY: a reference may be read and written.
        unsafe { free(handle) }
    }

    fn error<T>(result: Result<T>) -> (hepml_status, String) {
        let failure = result.err().expect("it should fail");
        (failure.status, failure.message)
    }

    #[test]
    fn handles_find_their_objects_until_they_are_freed() {
        let (mut a, mut b) = (new(1), new(2));
        assert_eq!((*get("a", a).unwrap(), *get("b", b).unwrap()), (1, 2));
        let (held, copy) = (get("a", a).unwrap(), a);
        assert_eq!(free_number(&mut a), hepml_status::Ok);
        assert!(a.is_null());
        assert_eq!(free_number(&mut a), hepml_status::Ok);
        assert_eq!(*held, 1);
        assert_eq!(error(get("a", a)), (hepml_status::NullPointer, "a is NULL".into()));
        assert_eq!(error(get("a", copy)), (hepml_status::InvalidHandle, "a: the handle was freed".into()));
        assert_eq!(free_number(&mut { copy }), hepml_status::InvalidHandle);
        // The place of a is given out again, but the old handle does not come to life.
        let mut c = new(3);
        assert_eq!(error(get("a", copy)).0, hepml_status::InvalidHandle);
        assert_eq!((*get("b", b).unwrap(), *get("c", c).unwrap()), (2, 3));
        assert_eq!((free_number(&mut b), free_number(&mut c)), (hepml_status::Ok, hepml_status::Ok));
    }

    #[test]
    fn other_numbers_are_no_handles() {
        let mut a = new(1);
        let word: *const Word = a.cast();
        let expected = "a: the handle is of another type than word";
        assert_eq!(error(get("a", word)), (hepml_status::InvalidHandle, expected.into()));
        let mut mistaken = word.cast_mut();
        // SAFETY: the pointer is to a local variable.
        assert_eq!(unsafe { free(&raw mut mistaken) }, hepml_status::InvalidHandle);
        for forged in [1, LARGEST, 1 << HALF, usize::MAX, a.addr() + (1 << HALF)] {
            let forged: *const Number = std::ptr::without_provenance(forged);
            let expected = "a: the handle was never given out";
            assert_eq!(error(get("a", forged)), (hepml_status::InvalidHandle, expected.into()), "{forged:?}");
        }
        assert_eq!(*get("a", a).unwrap(), 1);
        assert_eq!(free_number(&mut a), hepml_status::Ok);
    }

    #[test]
    fn objects_outlive_their_handles_while_they_are_in_use() {
        let ends = std::sync::Barrier::new(2);
        let mut a = new(7);
        let address = a.addr();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let held = get::<Number>("a", std::ptr::without_provenance(address)).unwrap();
                ends.wait();
                ends.wait();
                assert_eq!(*held, 7);
            });
            ends.wait();
            assert_eq!(free_number(&mut a), hepml_status::Ok);
            ends.wait();
        });
    }
}
