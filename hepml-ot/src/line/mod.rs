//! Transport on a line or a circle, where sorting is optimal, and what is built of it.
