//! Transport smoothed by entropy: Sinkhorn's algorithm, its debiased divergence, and their kernel limit.
