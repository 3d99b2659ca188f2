//! What happens to energy that is not moved.

/// How much has to be moved, and what the rest costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Leftover {
    /// Everything is moved; the totals must agree.
    None,
    /// Everything is moved, after each side has been divided by its total.
    Normalised,
    /// As much as possible is moved; the surplus of the heavier side costs this much per unit.
    OfHeavier(f64),
    /// Anything may stay on either side, at this cost per unit on each.
    OfBoth(f64),
}
