//! What a call came to.

use std::ffi::c_char;

use hepml::core::Error as CoreError;

/// What a call came to. hepml_last_error_message has the details.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum hepml_status {
    /// Done.
    Ok = 0,
    /// An argument that must not be NULL is.
    NullPointer = 1,
    /// A handle that was freed, is of another type, or was never given out.
    InvalidHandle = 2,
    /// A pointer that no number of its type can be at.
    Misaligned = 3,
    /// A text that is not UTF-8.
    InvalidUtf8 = 4,
    /// An enum or a flag that has no such value.
    InvalidEnum = 5,
    /// An output without enough room.
    Capacity = 6,
    /// Lengths, offsets or columns that do not fit together.
    Shape = 7,
    /// NaN or infinity where a number is needed.
    NotFinite = 8,
    /// A number outside the values it may take.
    OutOfRange = 9,
    /// Something without elements that needs one at least.
    Empty = 10,
    /// A name that nothing here has.
    UnknownName = 11,
    /// Options that are not JSON, or have fields that are not known or of another type.
    InvalidOptions = 12,
    /// A model or a divergence that does not do what was asked of it.
    WrongInput = 13,
    /// A saved model that cannot be read.
    InvalidModel = 14,
    /// Reading or writing failed.
    Io = 15,
    /// Stopped by the callback.
    Stopped = 16,
    /// A solver that could not prove its result, or a fit that diverged.
    NotConverged = 17,
    /// A mistake of this library, which was caught before it could do harm.
    Panic = 18,
    /// Not enough memory for a copy of the input or for the result.
    OutOfMemory = 19,
    /// Anything else.
    Other = 20,
}

impl hepml_status {
    /// All of them, in the order of their numbers.
    const ALL: [(Self, &'static str); 21] = [
        (Self::Ok, "HEPML_STATUS_OK\0"),
        (Self::NullPointer, "HEPML_STATUS_NULL_POINTER\0"),
        (Self::InvalidHandle, "HEPML_STATUS_INVALID_HANDLE\0"),
        (Self::Misaligned, "HEPML_STATUS_MISALIGNED\0"),
        (Self::InvalidUtf8, "HEPML_STATUS_INVALID_UTF8\0"),
        (Self::InvalidEnum, "HEPML_STATUS_INVALID_ENUM\0"),
        (Self::Capacity, "HEPML_STATUS_CAPACITY\0"),
        (Self::Shape, "HEPML_STATUS_SHAPE\0"),
        (Self::NotFinite, "HEPML_STATUS_NOT_FINITE\0"),
        (Self::OutOfRange, "HEPML_STATUS_OUT_OF_RANGE\0"),
        (Self::Empty, "HEPML_STATUS_EMPTY\0"),
        (Self::UnknownName, "HEPML_STATUS_UNKNOWN_NAME\0"),
        (Self::InvalidOptions, "HEPML_STATUS_INVALID_OPTIONS\0"),
        (Self::WrongInput, "HEPML_STATUS_WRONG_INPUT\0"),
        (Self::InvalidModel, "HEPML_STATUS_INVALID_MODEL\0"),
        (Self::Io, "HEPML_STATUS_IO\0"),
        (Self::Stopped, "HEPML_STATUS_STOPPED\0"),
        (Self::NotConverged, "HEPML_STATUS_NOT_CONVERGED\0"),
        (Self::Panic, "HEPML_STATUS_PANIC\0"),
        (Self::OutOfMemory, "HEPML_STATUS_OUT_OF_MEMORY\0"),
        (Self::Other, "HEPML_STATUS_OTHER\0"),
    ];
}

/// The name of a status, such as "HEPML_STATUS_OK"; "unknown status" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn hepml_status_name(status: i32) -> *const c_char {
    let name = hepml_status::ALL.iter().find(|(known, _)| *known as i32 == status);
    name.map_or("unknown status\0", |(_, name)| name).as_ptr().cast()
}

/// Why a call failed: its status and its message.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: hepml_status,
    pub(crate) message: String,
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn new(status: hepml_status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// The same failure, of the argument with this name.
    pub(crate) fn of(self, argument: &str) -> Self {
        Self { message: format!("{argument}: {}", self.message), ..self }
    }
}

impl From<CoreError> for Failure {
    fn from(error: CoreError) -> Self {
        Self::new(status_of(&error), error.to_string())
    }
}

impl From<hepml::ot::Error> for Failure {
    fn from(error: hepml::ot::Error) -> Self {
        Self::new(status_of_transport(&error), error.to_string())
    }
}

fn status_of(error: &CoreError) -> hepml_status {
    match error {
        CoreError::ShapeMismatch { .. }
        | CoreError::IndexOutOfBounds { .. }
        | CoreError::ColumnMismatch { .. }
        | CoreError::NotPermutation { .. } => hepml_status::Shape,
        CoreError::NotFinite { .. } => hepml_status::NotFinite,
        CoreError::OutOfRange { value, .. } if !value.is_finite() => hepml_status::NotFinite,
        CoreError::OutOfRange { .. } | CoreError::NotLorentz { .. } => hepml_status::OutOfRange,
        CoreError::Empty { .. } => hepml_status::Empty,
        CoreError::UnknownName { .. } => hepml_status::UnknownName,
        CoreError::Stopped { .. } => hepml_status::Stopped,
        CoreError::Model(_) => hepml_status::InvalidModel,
        CoreError::Io(_) => hepml_status::Io,
        other => {
            if let Some(error) = other.downcast_ref::<hepml::ot::Error>() {
                status_of_transport(error)
            } else if let Some(error) = other.downcast_ref::<hepml::nn::Error>() {
                status_of_network(error)
            } else if let Some(error) = other.downcast_ref::<hepml::ratio::Error>() {
                status_of_ratio(error)
            } else {
                hepml_status::Other
            }
        }
    }
}

fn status_of_transport(error: &hepml::ot::Error) -> hepml_status {
    use hepml::ot::Error;
    match error {
        Error::Core(error) => status_of(error),
        Error::Event { source, .. } | Error::Pair { source, .. } => status_of_transport(source),
        Error::CostNotFinite { .. } => hepml_status::NotFinite,
        Error::TotalOverflows { .. }
        | Error::NoEnergy { .. }
        | Error::ValueOverflows
        | Error::NotBalanced { .. }
        | Error::OutOfReach { .. } => hepml_status::OutOfRange,
        Error::TooManyPairs { .. } => hepml_status::Shape,
        Error::NoMemory { .. } => hepml_status::OutOfMemory,
        Error::NotConverged { .. } | Error::NotCertified { .. } | Error::SinkhornNotConverged { .. } => {
            hepml_status::NotConverged
        }
        Error::Incomplete { .. } => hepml_status::Stopped,
        _ => hepml_status::Other,
    }
}

fn status_of_network(error: &hepml::nn::Error) -> hepml_status {
    use hepml::nn::Error;
    match error {
        Error::Core(error) => status_of(error),
        Error::Shapes { .. } => hepml_status::Shape,
        Error::Diverged(_) => hepml_status::NotConverged,
        _ => hepml_status::Other,
    }
}

fn status_of_ratio(error: &hepml::ratio::Error) -> hepml_status {
    use hepml::ratio::Error;
    match error {
        Error::Core(error) => status_of(error),
        Error::Network(error) => status_of_network(error),
        Error::Diverged { .. } | Error::NotConvex { .. } => hepml_status::NotConverged,
        Error::UnsuitableLoss { .. } => hepml_status::InvalidOptions,
        _ => hepml_status::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn statuses_have_their_names() {
        for (number, (status, _)) in hepml_status::ALL.iter().enumerate() {
            assert_eq!(*status as usize, number);
        }
        // SAFETY: the names end in NUL and live as long as the program.
        let name = |status| unsafe { CStr::from_ptr(hepml_status_name(status)) }.to_str().unwrap();
        assert_eq!(name(0), "HEPML_STATUS_OK");
        assert_eq!(name(hepml_status::InvalidUtf8 as i32), "HEPML_STATUS_INVALID_UTF8");
        assert_eq!(name(hepml_status::Other as i32), "HEPML_STATUS_OTHER");
        assert_eq!((name(-1), name(21)), ("unknown status", "unknown status"));
    }

    #[test]
    fn errors_keep_their_kind_through_the_crates() {
        let core = CoreError::out_of_range("beta", -1.0, "positive");
        let wrapped = hepml::ot::Error::Pair { first: 1, second: 2, source: Box::new(core.into()) };
        let failure = Failure::from(CoreError::from(wrapped));
        assert_eq!(failure.status, hepml_status::OutOfRange);
        assert_eq!(failure.message, "events 1 and 2: beta is -1, but must be positive");
        let nested =
            hepml::ratio::Error::Network(hepml::nn::Error::Shapes { operation: "x", a: (1, 2), b: (3, 4) });
        assert_eq!(Failure::from(CoreError::from(nested)).status, hepml_status::Shape);
    }
}
