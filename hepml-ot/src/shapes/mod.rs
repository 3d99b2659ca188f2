//! Event shapes as distances to manifolds of events.
