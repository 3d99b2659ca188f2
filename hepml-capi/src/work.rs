//! Long work: on how many threads it runs, and how the caller sees and stops it.

use std::ffi::{CString, c_char, c_void};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use hepml::core::{Observer, Progress};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::boundary::THREAD_NAME;
use crate::status::{Failure, Result, hepml_status};

/// The most threads that a call starts.
const MOST_THREADS: usize = 1024;

/// What a progress callback sees; valid during the call of the callback only.
#[repr(C)]
pub struct hepml_progress {
    /// What is going on, such as "pairwise" or "training"; nested work separates its levels by '/'.
    pub stage: *const c_char,
    /// The steps done.
    pub step: u64,
    /// The steps there will be, 0 where that is not known.
    pub total: u64,
    /// The names of the numbers of the moment (losses), measure_count of them.
    pub measure_names: *const *const c_char,
    /// The numbers of the moment.
    pub measure_values: *const f64,
    /// How many numbers there are.
    pub measure_count: usize,
}

/// Called on the thread that made the call, after each step, with the user pointer of the call. A value other than 0 stops
/// the work. It may call this library, but must neither throw nor longjmp. NULL: none.
pub type hepml_progress_callback =
    Option<unsafe extern "C" fn(progress: *const hepml_progress, user: *mut c_void) -> i32>;

/// The callback of a call, with its user pointer.
#[derive(Clone, Copy)]
pub(crate) struct Callback {
    pub(crate) function: hepml_progress_callback,
    pub(crate) user: *mut c_void,
}

/// A step on its way to the thread that made the call.
struct Step {
    stage: String,
    done: u64,
    total: u64,
    measures: Vec<(String, f64)>,
}

/// Sends the steps of the work to the thread that made the call, and waits for its word.
struct Reporter {
    steps: SyncSender<Step>,
    answers: Receiver<ControlFlow<()>>,
}

impl Observer for Reporter {
    fn step(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        let step = Step {
            stage: progress.stage.to_owned(),
            done: progress.step,
            total: progress.total.unwrap_or(0),
            measures: progress.measures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        };
        // The other end waits as long as the work lasts.
        if self.steps.send(step).is_err() {
            return ControlFlow::Break(());
        }
        self.answers.recv().unwrap_or(ControlFlow::Break(()))
    }
}

impl Callback {
    /// Shows a step to the caller.
    fn show(&self, step: &Step) -> ControlFlow<()> {
        let Some(function) = self.function else { return ControlFlow::Continue(()) };
        let text = |text: &str| CString::new(text.replace('\0', " ")).expect("there is no NUL left");
        let stage = text(&step.stage);
        let names: Vec<CString> = step.measures.iter().map(|(name, _)| text(name)).collect();
        let names: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let values: Vec<f64> = step.measures.iter().map(|(_, value)| *value).collect();
        let progress = hepml_progress {
            stage: stage.as_ptr(),
            step: step.done,
            total: step.total,
            measure_names: names.as_ptr(),
            measure_values: values.as_ptr(),
            measure_count: values.len(),
        };
        // SAFETY: the function is the caller's, who promises that it may be called with the user pointer and returns.
        match unsafe { function(&raw const progress, self.user) } {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

/// Refuses more threads than a call starts.
pub(crate) fn check_threads(threads: usize) -> Result<()> {
    if threads > MOST_THREADS {
        let message = format!("threads is {threads}, but must be at most {MOST_THREADS}");
        return Err(Failure::new(hepml_status::OutOfRange, message));
    }
    Ok(())
}

/// How many threads that is: 0 stands for one a processor.
pub(crate) fn thread_count(threads: usize) -> Result<usize> {
    check_threads(threads)?;
    // Not what rayon makes of 0: that listens to the environment.
    let processors = || std::thread::available_parallelism().map_or(1, |count| count.get().min(MOST_THREADS));
    Ok(if threads == 0 { processors() } else { threads })
}

/// Runs `work` on so many threads of its own (0: one a processor), which have ended when it returns.
///
/// The threads of rayon's global pool, which never end, are not started by it.
pub(crate) fn run<R: Send>(
    threads: usize,
    callback: Callback,
    work: impl FnOnce(&mut dyn Observer) -> R + Send,
) -> Result<R> {
    let threads = thread_count(threads)?;
    let on = |pool: &ThreadPool| {
        if callback.function.is_none() {
            return Some(pool.install(|| work(&mut ())));
        }
        // One step at a time: the work waits for the answer.
        let ((steps, seen), (answers, heard)) = (sync_channel(1), sync_channel(1));
        let mut result = None;
        pool.in_place_scope(|scope| {
            let result = &mut result;
            // Owns its end of the channel, which closes when the work is done, whether by a result or a panic.
            scope.spawn(move |_| *result = Some(work(&mut Reporter { steps, answers: heard })));
            while let Ok(step) = seen.recv() {
                if answers.send(callback.show(&step)).is_err() {
                    break;
                }
            }
        });
        result
    };
    std::thread::scope(|scope| {
        let mut handles = Vec::new();
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .spawn_handler(|thread| {
                let name = format!("{THREAD_NAME}-{}", thread.index());
                handles.push(std::thread::Builder::new().name(name).spawn_scoped(scope, || thread.run())?);
                Ok(())
            })
            .build();
        let pool = pool.map_err(|error| {
            Failure::new(hepml_status::Other, format!("{threads} threads cannot be started: {error}"))
        })?;
        let result = on(&pool);
        // The threads end when their pool is gone. A scope waits for what they do, not for their end.
        drop(pool);
        for handle in handles {
            // A panic of the work has been passed on; rayon's threads have none of their own.
            let _ = handle.join();
        }
        Ok(result.expect("a panic of the work has been passed on before this"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    /// What the callback of a test saw.
    struct Seen {
        thread: std::thread::ThreadId,
        stages: Vec<String>,
        measures: Vec<(String, f64)>,
        stop_at: u64,
    }

    unsafe extern "C" fn note(progress: *const hepml_progress, user: *mut c_void) -> i32 {
        // SAFETY: the test hands out a pointer to its `Seen`, which nothing else uses meanwhile.
        let (progress, seen) = unsafe { (&*progress, &mut *user.cast::<Seen>()) };
        assert_eq!(seen.thread, std::thread::current().id());
        // SAFETY: as `hepml_progress` promises.
        let text = |text| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned();
        seen.stages.push(format!("{} {} of {}", text(progress.stage), progress.step, progress.total));
        for index in 0..progress.measure_count {
            // SAFETY: as `hepml_progress` promises.
            let (name, value) =
                unsafe { (*progress.measure_names.add(index), *progress.measure_values.add(index)) };
            seen.measures.push((text(name), value));
        }
        i32::from(progress.step == seen.stop_at)
    }

    fn counted(threads: usize, stop_at: u64) -> (u64, Seen) {
        let thread = std::thread::current().id();
        let mut seen = Seen { thread, stages: Vec::new(), measures: Vec::new(), stop_at };
        let callback = Callback { function: Some(note), user: (&raw mut seen).cast() };
        let steps = run(threads, callback, |observer| {
            assert_ne!(thread, std::thread::current().id());
            let measures = [("half", 0.5)];
            let mut step = 0;
            while step < 3 {
                step += 1;
                let progress = Progress { stage: "counting", step, total: Some(3), measures: &measures };
                if observer.step(&progress).is_break() {
                    break;
                }
            }
            step
        });
        (steps.unwrap(), seen)
    }

    #[test]
    fn callbacks_run_on_the_thread_of_the_call_and_may_stop_it() {
        for threads in [0, 1, 3] {
            let (steps, seen) = counted(threads, 0);
            assert_eq!((steps, seen.stages.len()), (3, 3));
            assert_eq!(seen.stages[1], "counting 2 of 3");
            assert_eq!(seen.measures[0], ("half".to_owned(), 0.5));
            assert_eq!(counted(threads, 2).0, 2);
        }
    }

    #[test]
    fn work_runs_on_as_many_threads_as_asked_for() {
        let none = Callback { function: None, user: std::ptr::null_mut() };
        for threads in [1, 2, 5] {
            assert_eq!(run(threads, none, |_| rayon::current_num_threads()).unwrap(), threads);
        }
        let processors = std::thread::available_parallelism().unwrap().get();
        assert_eq!(run(0, none, |_| rayon::current_num_threads()).unwrap(), processors.min(MOST_THREADS));
        assert_eq!(run(MOST_THREADS + 1, none, |_| ()).unwrap_err().status, hepml_status::OutOfRange);
    }

    #[test]
    fn panics_of_the_work_reach_the_caller() {
        let mut seen = Seen {
            thread: std::thread::current().id(),
            stages: Vec::new(),
            measures: Vec::new(),
            stop_at: 0,
        };
        for function in [None, Some(note as unsafe extern "C" fn(_, _) -> _)] {
            let callback = Callback { function, user: (&raw mut seen).cast() };
            let status = crate::boundary::guard(|| {
                run(2, callback, |observer| {
                    let _ = observer.step(&Progress { stage: "", step: 1, total: None, measures: &[] });
                    rayon::join(|| panic!("deep"), || ())
                })
                .map(|_: ((), ())| ())
            });
            assert_eq!(status, hepml_status::Panic);
        }
    }
}
