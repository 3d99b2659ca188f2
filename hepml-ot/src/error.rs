//! The error of this crate.

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong between which events or particles.
///
/// Converts into [`hepml_core::Error`], whose `downcast_ref` gets it back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the shared types: shapes, numbers that are not finite or out of range.
    #[error(transparent)]
    Core(#[from] hepml_core::Error),
    /// The energies of an event add up to more than the largest f64.
    #[error("the total energy of {particles} particles overflows")]
    TotalOverflows {
        /// The number of particles.
        particles: usize,
    },
    /// An event without energy cannot be normalised.
    #[error("the {event} event has no energy, so it cannot be normalised")]
    NoEnergy {
        /// Which of the two: "first" or "second".
        event: &'static str,
    },
    /// The cost of moving energy from one particle to another is NaN or infinite.
    #[error("the cost from particle {from} to particle {to} is {value}, but must be finite")]
    CostNotFinite {
        /// The particle of the first event.
        from: usize,
        /// The particle of the second event.
        to: usize,
        /// The cost.
        value: f64,
    },
    /// A divergence that needs a symmetric ground cost was given another.
    #[error(
        "the cost from particle {from} to particle {to} is not that of the way back, but must be symmetric"
    )]
    CostNotSymmetric {
        /// One particle of the event.
        from: usize,
        /// Another particle of the same event.
        to: usize,
    },
    /// A derivative by points was asked of a ground cost that does not know its own.
    #[error("the ground cost does not know its derivative: implement GroundCost::cost_gradient for it")]
    NoCostGradient,
    /// Everything is to be moved, but the two sides do not hold the same amount.
    #[error(
        "the two sides hold different amounts: {from} and {to} (they must agree to {tolerance:e} of the larger)"
    )]
    NotBalanced {
        /// The total of the first side.
        from: f64,
        /// The total of the second side.
        to: f64,
        /// The relative difference that is allowed.
        tolerance: f64,
    },
    /// The cost of the best plan, or what would prove it (a potential, the duality gap), is larger than the largest f64.
    #[error("the total cost or its proof overflows")]
    ValueOverflows,
    /// The solver did not reach the optimum within the pivots it was allowed; what it had is here.
    #[error(
        "no optimum after {pivots} pivots ({from} x {to} particles): the best value is {value}, at most {gap:e} above the optimum"
    )]
    NotConverged {
        /// The pivots made.
        pivots: usize,
        /// The particles with energy on the first side, a fictitious one included.
        from: usize,
        /// The particles with energy on the second side, a fictitious one included.
        to: usize,
        /// The cost of the best plan that was found.
        value: f64,
        /// How much that exceeds a proven lower bound.
        gap: f64,
    },
    /// The vector instructions that were asked for are not there.
    #[error("this processor does not have the instructions of {level:?}")]
    SimdNotAvailable {
        /// The level that was asked for.
        level: hepml_core::SimdLevel,
    },
    /// Sinkhorn's algorithm did not reach its tolerance within the iterations it was allowed.
    #[error(
        "no convergence after {iterations} iterations: residual {residual:e} (tolerance {tolerance:e}), value {value}{}",
        beyond_rounding(*relaxation)
    )]
    SinkhornNotConverged {
        /// The passes over the costs.
        iterations: usize,
        /// The residual that was reached.
        residual: f64,
        /// The residual that was asked for.
        tolerance: f64,
        /// The value so far, which is off by about the residual times the largest cost.
        value: f64,
        /// The relaxation rho in units of epsilon, if unbalanced. Above some 1e10 the roundings of the potentials between unequal totals can be larger than what
        /// is left of the costs.
        relaxation: Option<f64>,
    },
    /// The plan that was found could not be certified as optimal.
    #[error("the optimality certificate fails: relative duality gap {gap:e} (limit {limit:e})")]
    NotCertified {
        /// The duality gap in units of the total energy times the largest cost.
        gap: f64,
        /// The largest gap that passes.
        limit: f64,
    },
    /// What is made of each of some with each of others needs more memory than there is, or than one computation takes.
    #[error(
        "{what}: {rows} x {columns} need {:.1} GB of memory; there is not as much, or it is above the limit of {:.1} GB",
        gigabytes(*bytes),
        gigabytes(crate::memory::LARGEST)
    )]
    NoMemory {
        /// What they are.
        what: &'static str,
        /// How many there are of the ones.
        rows: usize,
        /// How many there are of the others.
        columns: usize,
        /// What they need, in bytes.
        bytes: u128,
    },
    /// An event of a pairwise computation cannot be prepared.
    #[error("{list} {index}: {source}")]
    Event {
        /// Which list it is in: "event" of one list, "row" or "column" of two.
        list: &'static str,
        /// The index of the event.
        index: usize,
        /// What went wrong.
        source: Box<Error>,
    },
    /// There are more pairs than the largest `usize`.
    #[error("{rows} events with {columns} are more pairs than can be counted")]
    TooManyPairs {
        /// The events that come first in a pair.
        rows: usize,
        /// The events that come second.
        columns: usize,
    },
    /// What is made of all pairs of one list of events was asked of the pairs between two.
    #[error("{what} is that of one list of events, not of two")]
    TwoLists {
        /// What was asked for.
        what: &'static str,
    },
    /// A particle lies so far from all of the reference of an embedding that its energy could only be created.
    #[error("particle {particle} is at {reach} or more from every particle of the reference that has energy")]
    OutOfReach {
        /// The particle of the event.
        particle: usize,
        /// The distance from which energy is not moved.
        reach: f64,
    },
    /// An error between two events of a pairwise computation.
    #[error("events {first} and {second}: {source}")]
    Pair {
        /// The index of the first event.
        first: usize,
        /// The index of the second event.
        second: usize,
        /// What went wrong.
        source: Box<Error>,
    },
    /// The observer stopped a pairwise computation before all pairs were there, so what needs them all is not available.
    #[error("only {done} of {total} pairs were computed")]
    Incomplete {
        /// The pairs there are.
        done: usize,
        /// The pairs that are needed.
        total: usize,
    },
    /// No scale of the axis has enough pairs below it for a dimension with an error.
    #[error(
        "no scale from {lowest:e} to {highest:e} has enough pairs below it for a dimension with its error"
    )]
    NoPairsBelow {
        /// The lower end of the axis.
        lowest: f64,
        /// The upper end of the axis.
        highest: f64,
    },
}

/// What to do about a relaxation with which no number of iterations helps.
fn beyond_rounding(relaxation: Option<f64>) -> String {
    match relaxation {
        Some(relaxation) if relaxation > 1e10 => format!(
            "; more iterations do not help where a relaxation of {relaxation:e} epsilon leaves no digits for the costs: choose one below 1e10 epsilon, or normalise and leave it out"
        ),
        _ => String::new(),
    }
}

fn gigabytes(bytes: u128) -> f64 {
    bytes as f64 / 1e9
}

impl From<Error> for hepml_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            error => Self::other(error),
        }
    }
}
