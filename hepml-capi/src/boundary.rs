//! What keeps errors and panics on this side: every exported function that can fail runs inside [`guard`].

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::{CString, c_char};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

use crate::arguments::text;
use crate::status::{Failure, Result, hepml_status};

/// How the names of threads begin that this library starts.
pub(crate) const THREAD_NAME: &str = "hepml";

thread_local! {
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
    /// How many calls of this library this thread is in: a callback may make another.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Why and where the last panic of this thread was.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The status of `work`, whose failure or panic becomes the last error of this thread.
pub(crate) fn guard(work: impl FnOnce() -> Result<()>) -> hepml_status {
    silence_panics();
    // While a thread ends its variables are gone already, but destructors of the caller may still call.
    let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
    // What was said in a panic that somebody caught on the way is not said of the next.
    let _ = PANIC.try_with(RefCell::take);
    // Nothing that a panic leaves half done is looked at again: handles are immutable, outputs are written last.
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    let failure = match outcome {
        Ok(Ok(())) => return hepml_status::Ok,
        Ok(Err(failure)) => failure,
        Err(payload) => Failure::new(hepml_status::Panic, panic_message(payload)),
    };
    let status = failure.status;
    remember(&failure.message);
    status
}

fn remember(message: &str) {
    // A name from the caller's file may hold a NUL; the rest of the message should not be lost for it.
    let message = CString::new(message.replace('\0', "\\0")).expect("there is no NUL left");
    let _ = LAST_ERROR.try_with(|last| last.replace(Some(message)));
}

/// What was said in a panic, and where if it was on this thread.
fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let message = PANIC.try_with(RefCell::take).ok().flatten();
    let message = message.unwrap_or_else(|| format!("panic: {}", said(&*payload)));
    if !payload.is::<String>() && !payload.is::<&'static str>() {
        // It could panic again as it is dropped.
        std::mem::forget(payload);
    }
    message
}

/// The message of a panic.
fn said(payload: &(dyn Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&'static str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// Panics inside this library are reported by their status: nothing is to be printed into the caller's terminal.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false) {
                let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
                let message = format!("panic: {}{}", said(info.payload()), place.unwrap_or_default());
                let _ = PANIC.try_with(|panic| panic.replace(Some(message)));
            } else if !std::thread::current().name().is_some_and(|name| name.starts_with(THREAD_NAME)) {
                others(info);
            }
        }));
    });
}

/// The message of the last call on this thread that failed, "" if none did. It is valid until the next call on this thread
/// fails, and a call that succeeds leaves it.
#[unsafe(no_mangle)]
pub extern "C" fn hepml_last_error_message() -> *const c_char {
    let message = LAST_ERROR.try_with(|last| last.borrow().as_ref().map(|message| message.as_ptr()));
    message.ok().flatten().unwrap_or(c"".as_ptr())
}

/// Panics inside the library, with this message: always HEPML_STATUS_PANIC. It shows that panics are contained in the
/// program as it was built and linked.
///
/// # Safety
/// `message` ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hepml_self_test_panic(message: *const c_char) -> hepml_status {
    guard(|| {
        // SAFETY: as the caller promises.
        let message = unsafe { text("message", message) }?;
        panic!("{message}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn last() -> String {
        // SAFETY: the message ends in NUL and stays until the next failing call of this thread.
        unsafe { CStr::from_ptr(hepml_last_error_message()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn panics_become_statuses() {
        // SAFETY: the text ends in NUL.
        let status = unsafe { hepml_self_test_panic(c"on purpose".as_ptr()) };
        assert_eq!(status, hepml_status::Panic);
        let message = last();
        assert!(message.starts_with("panic: on purpose (") && message.contains("boundary.rs:"), "{message}");
    }

    #[test]
    fn panics_of_other_threads_and_of_any_kind_become_statuses() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("twice");
            }
        }

        let elsewhere =
            || match std::thread::Builder::new().name(THREAD_NAME.into()).spawn(|| panic!("there")) {
                Ok(thread) => panic::resume_unwind(thread.join().unwrap_err()),
                Err(error) => panic!("{error}"),
            };
        assert_eq!(guard(elsewhere), hepml_status::Panic);
        assert_eq!(last(), "panic: there");

        assert_eq!(guard(|| panic::resume_unwind(Box::new(Bomb))), hepml_status::Panic);
        assert_eq!(last(), "panic: without a message");
    }

    #[test]
    fn messages_belong_to_their_thread_and_survive_successes() {
        let fail = |message: &str| guard(|| Err(Failure::new(hepml_status::Other, message)));
        assert_eq!(fail("here\0there"), hepml_status::Other);
        std::thread::spawn(move || {
            assert_eq!(last(), "");
            fail("elsewhere");
        })
        .join()
        .unwrap();
        assert_eq!(guard(|| Ok(())), hepml_status::Ok);
        assert_eq!(last(), "here\\0there");
    }

    #[test]
    fn a_call_within_a_call_keeps_the_outer_one_silent() {
        let status = guard(|| {
            assert_eq!(guard(|| panic!("inner")), hepml_status::Panic);
            panic!("outer")
        });
        assert_eq!(status, hepml_status::Panic);
        assert!(last().starts_with("panic: outer"), "{}", last());
    }
}
