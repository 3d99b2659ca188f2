//! Transport made linear: events as vectors, and means of events.
