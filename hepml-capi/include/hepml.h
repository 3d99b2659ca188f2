/*
 * hepml: machine learning for high-energy physics, its C interface. include/hepml.hpp wraps it for C++17.
 *
 * Made from the Rust sources by cbindgen; do not edit.
 *
 * Statuses. Every function that can fail returns a hepml_status. On any other than HEPML_STATUS_OK outputs are left as they
 * were unless the function says otherwise, and hepml_last_error_message tells the calling thread what went wrong, with the
 * argument, the event, the particle.
 *
 * Handles. A handle (hepml_table *, hepml_model *, ...) is a ticket, not an address. One that was freed, is of another type or
 * was never given out is HEPML_STATUS_INVALID_HANDLE, a NULL one HEPML_STATUS_NULL_POINTER. hepml_X_free(&handle) frees it and
 * sets it to NULL; freeing NULL does nothing. A handle that one thread frees while another is in a call with it stays alive
 * until that call is over. Objects never change once they are made: any number of threads may use one at the same time, and
 * every function may be called from any thread.
 *
 * Flags and enums are passed as int32_t; a flag is 0 or 1. Other values are HEPML_STATUS_INVALID_ENUM.
 *
 * Inputs. A pointer to n elements may be NULL if n is 0. Pointers must be aligned (HEPML_STATUS_MISALIGNED) and point to as
 * many elements as stated, which cannot be checked. Inputs are read during the call only. Texts are UTF-8 that ends in NUL.
 *
 * Outputs are memory of the caller: a pointer, and a capacity in elements. Where it is too small, the call is
 * HEPML_STATUS_CAPACITY and the message says how much is needed. For texts and bytes, *length is set to the bytes needed
 * (without the NUL that ends a text); with capacity 0 that is all, and the pointer may be NULL.
 *
 * Threads. 1: the work is done by one thread at a time; n: by n threads, started for this call and joined before it returns;
 * 0: by one a processor. At most 1024. Results never depend on it.
 *
 * Units. Energies, momenta and masses in GeV (or any one unit), angles in radians.
 */


#ifndef HEPML_H
#define HEPML_H

#include <stddef.h>
#include <stdint.h>

/**
 * The version that this header came with; hepml_version has that of the library that runs.
 */
#define HEPML_VERSION "0.1.0"
#define HEPML_VERSION_MAJOR 0
#define HEPML_VERSION_MINOR 1
#define HEPML_VERSION_PATCH 0

/**
 * The number of the binary interface: it is in the soname, and counts up whenever a program that was built for the last one
 * could no longer run.
 */
#define HEPML_ABI_VERSION 1

/**
 * What a call came to. hepml_last_error_message has the details.
 */
enum hepml_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Done.
   */
  HEPML_STATUS_OK = 0,
  /**
   * An argument that must not be NULL is.
   */
  HEPML_STATUS_NULL_POINTER = 1,
  /**
   * A handle that was freed, is of another type, or was never given out.
   */
  HEPML_STATUS_INVALID_HANDLE = 2,
  /**
   * A pointer that no number of its type can be at.
   */
  HEPML_STATUS_MISALIGNED = 3,
  /**
   * A text that is not UTF-8.
   */
  HEPML_STATUS_INVALID_UTF8 = 4,
  /**
   * An enum or a flag that has no such value.
   */
  HEPML_STATUS_INVALID_ENUM = 5,
  /**
   * An output without enough room.
   */
  HEPML_STATUS_CAPACITY = 6,
  /**
   * Lengths, offsets or columns that do not fit together.
   */
  HEPML_STATUS_SHAPE = 7,
  /**
   * NaN or infinity where a number is needed.
   */
  HEPML_STATUS_NOT_FINITE = 8,
  /**
   * A number outside the values it may take.
   */
  HEPML_STATUS_OUT_OF_RANGE = 9,
  /**
   * Something without elements that needs one at least.
   */
  HEPML_STATUS_EMPTY = 10,
  /**
   * A name that nothing here has.
   */
  HEPML_STATUS_UNKNOWN_NAME = 11,
  /**
   * Options that are not JSON, or have fields that are not known or of another type.
   */
  HEPML_STATUS_INVALID_OPTIONS = 12,
  /**
   * A model or a divergence that does not do what was asked of it.
   */
  HEPML_STATUS_WRONG_INPUT = 13,
  /**
   * A saved model that cannot be read.
   */
  HEPML_STATUS_INVALID_MODEL = 14,
  /**
   * Reading or writing failed.
   */
  HEPML_STATUS_IO = 15,
  /**
   * Stopped by the callback.
   */
  HEPML_STATUS_STOPPED = 16,
  /**
   * A solver that could not prove its result, or a fit that diverged.
   */
  HEPML_STATUS_NOT_CONVERGED = 17,
  /**
   * A mistake of this library, which was caught before it could do harm.
   */
  HEPML_STATUS_PANIC = 18,
  /**
   * Not enough memory for a copy of the input or for the result.
   */
  HEPML_STATUS_OUT_OF_MEMORY = 19,
  /**
   * Anything else.
   */
  HEPML_STATUS_OTHER = 20,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hepml_status hepml_status;
#else
typedef int32_t hepml_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Coordinates of four-momenta: energies, momenta and masses in one unit (GeV), c = 1, the beam along z.
 */
enum hepml_coordinates
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Momentum along x, y, z, and energy.
   */
  HEPML_COORDINATES_PX_PY_PZ_E = 0,
  /**
   * Transverse momentum, rapidity, azimuth, mass.
   */
  HEPML_COORDINATES_PT_Y_PHI_M = 1,
  /**
   * Transverse momentum, pseudorapidity, azimuth, mass.
   */
  HEPML_COORDINATES_PT_ETA_PHI_M = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hepml_coordinates hepml_coordinates;
#else
typedef int32_t hepml_coordinates;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What moving energy by an angle costs.
 */
enum hepml_isotropy_cost
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Quadratic at small angles, as thrust is.
   */
  HEPML_ISOTROPY_COST_QUADRATIC = 0,
  /**
   * Linear at small angles, as broadening is.
   */
  HEPML_ISOTROPY_COST_LINEAR = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hepml_isotropy_cost hepml_isotropy_cost;
#else
typedef int32_t hepml_isotropy_cost;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How far a particle is from an axis.
 */
enum hepml_jet_measure
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * dR^2 = dy^2 + dphi^2.
   */
  HEPML_JET_MEASURE_CONICAL = 0,
  /**
   * dR^2 = 2 (cosh dy - cos dphi), of periodic azimuths only (arXiv:1508.01516).
   */
  HEPML_JET_MEASURE_CONICAL_GEOMETRIC = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hepml_jet_measure hepml_jet_measure;
#else
typedef int32_t hepml_jet_measure;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which events there are.
 */
enum hepml_manifold_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Particles with free energies.
   */
  HEPML_MANIFOLD_KIND_POINTS = 0,
  /**
   * Energy spread evenly over a circle.
   */
  HEPML_MANIFOLD_KIND_RING = 1,
  /**
   * Energy spread evenly over a disk.
   */
  HEPML_MANIFOLD_KIND_DISK = 2,
  /**
   * Energy spread evenly over an ellipse.
   */
  HEPML_MANIFOLD_KIND_ELLIPSE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hepml_manifold_kind hepml_manifold_kind;
#else
typedef int32_t hepml_manifold_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How a ratio is learned.
 */
enum hepml_learner
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Boosted trees.
   */
  HEPML_LEARNER_TREES = 0,
  /**
   * A multilayer perceptron with numbers of 32 bits.
   */
  HEPML_LEARNER_MLP = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hepml_learner hepml_learner;
#else
typedef int32_t hepml_learner;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a model is evaluated on.
 */
enum hepml_input
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * A table, one row an event.
   */
  HEPML_INPUT_TABLE = 0,
  /**
   * Ragged sets of particles.
   */
  HEPML_INPUT_SETS = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum hepml_input hepml_input;
#else
typedef int32_t hepml_input;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What says how different two events are.
 */
typedef struct hepml_divergence hepml_divergence;

/**
 * A list of events as energies at points of the (y, phi) plane, to be compared each with each.
 */
typedef struct hepml_flows hepml_flows;

/**
 * Event isotropy: the EMD from an event to a uniform one, both of total energy 1 (arXiv:2004.06125). It is 0 for a uniform event
 * and 1 for a pair back to back, in the limit of many points.
 */
typedef struct hepml_isotropy hepml_isotropy;

/**
 * The distance from an event to the nearest event of a manifold of events, the least normalised EMD (arXiv:2302.12266): ringiness for
 * rings, diskiness, ellipsiness, N-subjettiness for points.
 */
typedef struct hepml_manifold hepml_manifold;

/**
 * A saved model: a tagger, which gives the outputs of a network, or a ratio, which gives ln r.
 */
typedef struct hepml_model hepml_model;

/**
 * N-subjettiness and N-jettiness, tau_N = min over N axes of
 * sum_i pT_i min(dR_i1^beta, ..., dR_iN^beta, cutoff^beta) / radius^beta, divided by sum_i pT_i if normalised.
 */
typedef struct hepml_n_subjettiness hepml_n_subjettiness;

/**
 * Events of any number of particles each, with named features of the particles.
 */
typedef struct hepml_sets hepml_sets;

/**
 * A table of finite numbers, one row an event.
 */
typedef struct hepml_table hepml_table;

/**
 * An optimal plan between two events, with the proof that it is optimal.
 */
typedef struct hepml_transport hepml_transport;

/**
 * Four-momenta in memory of the caller that is read during the call only: particle i has columns[k][i * stride].
 *
 * Numbers are finite; transverse momenta and masses that are given are not negative. Components may be those of any vector:
 * space-like vectors and negative energies are momenta too.
 */
typedef struct hepml_momenta {
  /**
   * The four coordinates, in the order of the coordinates' name.
   */
  const double *columns[4];
  /**
   * The doubles from one particle to the next: 1 for columns, 4 for rows, sizeof(T) / sizeof(double) inside structs T. At
   * least 1 unless there are no particles.
   */
  size_t stride;
  /**
   * How many particles there are.
   */
  size_t count;
  /**
   * Which coordinates these are: a hepml_coordinates.
   */
  int32_t coordinates;
} hepml_momenta;

/**
 * Particles as energies at points of the (y, phi) plane, in memory of the caller that is read during the call only:
 * particle i has pt[i * stride], y[i * stride], phi[i * stride].
 *
 * Energies (transverse momenta, in any unit) are finite and not negative, points are finite.
 */
typedef struct hepml_particles {
  /**
   * The energies.
   */
  const double *pt;
  /**
   * The rapidities.
   */
  const double *y;
  /**
   * The azimuths, in radians.
   */
  const double *phi;
  /**
   * The doubles from one particle to the next: 1 for columns, 3 for rows (pt, y, phi), sizeof(T) / sizeof(double) inside
   * structs T. At least 1 unless there are no particles.
   */
  size_t stride;
  /**
   * How many particles there are.
   */
  size_t count;
} hepml_particles;

/**
 * What a progress callback sees; valid during the call of the callback only.
 */
typedef struct hepml_progress {
  /**
   * What is going on, such as "pairwise" or "training"; nested work separates its levels by '/'.
   */
  const char *stage;
  /**
   * The steps done.
   */
  uint64_t step;
  /**
   * The steps there will be, 0 where that is not known.
   */
  uint64_t total;
  /**
   * The names of the numbers of the moment (losses), measure_count of them.
   */
  const char *const *measure_names;
  /**
   * The numbers of the moment.
   */
  const double *measure_values;
  /**
   * How many numbers there are.
   */
  size_t measure_count;
} hepml_progress;

/**
 * Called on the thread that made the call, after each step, with the user pointer of the call. A value other than 0 stops
 * the work. It may call this library, but must neither throw nor longjmp. NULL: none.
 */
typedef int32_t (*hepml_progress_callback)(const struct hepml_progress *progress, void *user);

/**
 * The numbers of a plan.
 */
typedef struct hepml_transport_summary {
  /**
   * The value of the EMD.
   */
  double value;
  /**
   * How much the value exceeds a lower bound that the potentials prove: its error is at most this.
   */
  double gap;
  /**
   * The pivots of the simplex.
   */
  size_t pivots;
  /**
   * How many flows the plan has, at most one fewer than there are particles in both events.
   */
  size_t flows;
  /**
   * The particles of the first event.
   */
  size_t from_particles;
  /**
   * The particles of the second event.
   */
  size_t to_particles;
} hepml_transport_summary;

/**
 * Thrust T = max_n sum_i |p_i . n| / sum_i |p_i| and the unit vector n it is at.
 */
typedef struct hepml_thrust {
  /**
   * T.
   */
  double thrust;
  /**
   * 1 - T, with all its digits for narrow jets.
   */
  double one_minus_thrust;
  /**
   * n = (x, y, z); -n is as good, and this one has its largest component positive.
   */
  double axis[3];
  /**
   * sum_i |p_i|.
   */
  double total;
} hepml_thrust;

/**
 * Axes that were found.
 */
typedef struct hepml_subjets {
  /**
   * tau_N.
   */
  double tau;
  /**
   * How many axes there are: fewer than N where these suffice for tau_N = 0.
   */
  size_t count;
  /**
   * Rounds of assigning particles and moving axes.
   */
  size_t iterations;
  /**
   * By how much an axis moved in the last round.
   */
  double residual;
  /**
   * 1 if in the last round nothing moved any more, else 0.
   */
  int32_t converged;
} hepml_subjets;

/**
 * The nearest event that was found.
 */
typedef struct hepml_manifold_fit {
  /**
   * The distance, of the unit 1.
   */
  double value;
  /**
   * The EMDs that were computed.
   */
  size_t evaluations;
  /**
   * The places that the search was begun from.
   */
  size_t starts;
  /**
   * How many of these led to the lowest value; if it is 1 of many, another search might find a lower one.
   */
  size_t agreeing;
  /**
   * The step of a single parameter that no longer lowers the value.
   */
  double residual;
  /**
   * 1 if the search ended because steps were that short, 0 if for want of evaluations.
   */
  int32_t converged;
} hepml_manifold_fit;

/**
 * What a program must know of a model to call it; hepml_model_metadata says the rest.
 */
typedef struct hepml_model_info {
  /**
   * What it is evaluated on: a hepml_input.
   */
  int32_t input;
  /**
   * 1 if its one output is ln r, else 0.
   */
  int32_t is_ratio;
  /**
   * The columns of the tables that it takes, 0 for a model of sets.
   */
  size_t columns;
  /**
   * The numbers that it gives for an event.
   */
  size_t outputs;
} hepml_model_info;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * HEPML_ABI_VERSION of the library that runs, to be compared with that of the header.
 */
uint32_t hepml_abi_version(void);

/**
 * The version of the library that runs, such as "0.1.0".
 */
const char *hepml_version(void);

/**
 * The name of a status, such as "HEPML_STATUS_OK"; "unknown status" for other numbers.
 */
const char *hepml_status_name(int32_t status);

/**
 * The message of the last call on this thread that failed, "" if none did. It is valid until the next call on this thread
 * fails, and a call that succeeds leaves it.
 */
const char *hepml_last_error_message(void);

/**
 * Panics inside the library, with this message: always HEPML_STATUS_PANIC. It shows that panics are contained in the
 * program as it was built and linked.
 */
hepml_status hepml_self_test_panic(const char *message);

/**
 * The number of handles of this process that are not freed.
 */
hepml_status hepml_handles_count(size_t *count);

/**
 * The momenta in other coordinates: particle i goes to columns[k][i * stride].
 *
 * Azimuths come out in (-pi, pi]; a space-like vector has the mass -sqrt(-m^2) and the rapidity of its direction; momenta that are in
 * these coordinates already are copied. A rapidity or pseudorapidity that is infinite (along the beam) is
 * HEPML_STATUS_NOT_FINITE with the particle, as is a number that overflows. The outputs may be the inputs.
 */
hepml_status hepml_momenta_convert(const struct hepml_momenta *momenta,
                                   int32_t coordinates,
                                   double *const *columns,
                                   size_t stride,
                                   size_t capacity);

/**
 * A table of rows: data[i * columns + j] is column j of event i. Rows without columns are HEPML_STATUS_EMPTY.
 */
hepml_status hepml_table_from_rows(const double *data, size_t rows, size_t columns, struct hepml_table **table);

/**
 * A table of columns, as frameworks keep them: columns[j][i] is column j of event i. Rows without columns are HEPML_STATUS_EMPTY.
 */
hepml_status hepml_table_from_columns(const double *const *columns,
                                      size_t column_count,
                                      size_t rows,
                                      struct hepml_table **table);

/**
 * How many rows and columns a table has.
 */
hepml_status hepml_table_shape(const struct hepml_table *table, size_t *rows, size_t *columns);

/**
 * Frees a table.
 */
hepml_status hepml_table_free(struct hepml_table **table);

/**
 * Sets of particles: event i has the particles offsets[i] up to (not including) offsets[i + 1] of the momenta.
 *
 * The first offset is 0, the last the number of particles; an event may have none. Feature k of particle j is features[k][j];
 * hepml_model_metadata says which a model needs, by their names ("pdg_id" and "charge" are understood). All numbers are copied.
 */
hepml_status hepml_sets_new(const struct hepml_momenta *momenta,
                            const size_t *offsets,
                            size_t events,
                            const char *const *feature_names,
                            const double *const *features,
                            size_t feature_count,
                            struct hepml_sets **sets);

/**
 * How many events there are, and particles in all of them.
 */
hepml_status hepml_sets_shape(const struct hepml_sets *sets, size_t *events, size_t *particles);

/**
 * Frees sets of particles.
 */
hepml_status hepml_sets_free(struct hepml_sets **sets);

/**
 * Copies a list of events: event i has the particles from offsets[i] up to offsets[i + 1], of events + 1 offsets from 0 to the
 * number of particles.
 *
 * A particle without energy is kept and costs nothing; an event may have no particles.
 */
hepml_status hepml_flows_new(const struct hepml_particles *particles,
                             const size_t *offsets,
                             size_t events,
                             struct hepml_flows **flows);

/**
 * The events of sets of particles: transverse momenta at rapidities and azimuths, or, with about_axis 1, at what these differ by
 * from those of the event's total momentum (azimuths in (-pi, pi]), so that jets are compared by their shape.
 *
 * A particle along the beam, whose rapidity is infinite, is HEPML_STATUS_NOT_FINITE; about_axis asks for total momenta that are not
 * along the beam either.
 */
hepml_status hepml_flows_from_sets(const struct hepml_sets *sets,
                                   int32_t about_axis,
                                   struct hepml_flows **flows);

/**
 * How many events and particles a list has.
 */
hepml_status hepml_flows_shape(const struct hepml_flows *flows, size_t *events, size_t *particles);

/**
 * Frees a list of events.
 */
hepml_status hepml_flows_free(struct hepml_flows **flows);

/**
 * The Energy Mover's Distance (arXiv:1902.02346), exact:
 * min sum_ij f_ij (theta_ij / radius)^beta + |difference of the total energies|, in the unit of the energies.
 *
 * With normalise 1, the energies of each event are divided by their sum first. With periodic_phi 1, azimuths are differences
 * around the circle. radius and beta are positive and finite; 1 and 1, 0 and 0 are the literature's choice.
 */
hepml_status hepml_divergence_new_emd(double radius,
                                      double beta,
                                      int32_t normalise,
                                      int32_t periodic_phi,
                                      struct hepml_divergence **divergence);

/**
 * The spectral Energy Mover's Distance (arXiv:2305.03751, arXiv:2410.05379): the squared 2-Wasserstein distance between the spectral
 * functions of the events, sum_ij E_i E_j delta(omega - theta_ij^beta / beta).
 *
 * Energies are normalised if omega_max is NULL. Otherwise they are taken as they are, and what the event with less energy lacks is a
 * line at *omega_max, which no omega may exceed.
 */
hepml_status hepml_divergence_new_spectral_emd(double beta,
                                               int32_t periodic_phi,
                                               const double *omega_max,
                                               struct hepml_divergence **divergence);

/**
 * The power of a value that obeys the triangle inequality: min(1, 1 / beta) for the EMD, 1/2 for the spectral EMD.
 */
hepml_status hepml_divergence_exponent(const struct hepml_divergence *divergence, double *exponent);

/**
 * The value between two events, on the calling thread.
 *
 * Normalised, an event without energy is HEPML_STATUS_OUT_OF_RANGE. Two events of n and m particles need up to some 5 (n + m)^2 bytes, for the
 * spectral EMD 24 n^2 and 24 m^2; where that is above 8 GiB, or not there, they are HEPML_STATUS_OUT_OF_MEMORY. Each thread keeps up to
 * some 5 MB for its next call, until it ends.
 */
hepml_status hepml_divergence_value(const struct hepml_divergence *divergence,
                                    const struct hepml_particles *a,
                                    const struct hepml_particles *b,
                                    double *value);

/**
 * The values of all pairs i < j of a list of n events: n (n - 1) / 2 of them, row after row, (0, 1), (0, 2), ..., (1, 2), ...
 *
 * If the callback stops the work (HEPML_STATUS_STOPPED) or a pair has no value, the first *done values are those of a full run, and
 * the rest is as it was; *done is set whenever the work was begun and may be NULL. A run that is complete when it is stopped is
 * HEPML_STATUS_OK. Pairs are computed in blocks of up to 256 and kept in bands of up to 16 rows: the callback sees a step after each
 * block, and what is stopped within a band is lost with it. Each thread needs the memory of hepml_divergence_value for its pair, the
 * spectral EMD 8 n^2 bytes for each event of n particles besides; more than there is is HEPML_STATUS_OUT_OF_MEMORY.
 */
hepml_status hepml_divergence_pairwise(const struct hepml_divergence *divergence,
                                       const struct hepml_flows *events,
                                       size_t threads,
                                       hepml_progress_callback progress,
                                       void *user,
                                       double *values,
                                       size_t capacity,
                                       size_t *done);

/**
 * The value of each event of one list with each of another: values[i * number of columns + j] is that of event i of rows and event j
 * of columns.
 *
 * Stopping, errors and *done are as in hepml_divergence_pairwise.
 */
hepml_status hepml_divergence_cross(const struct hepml_divergence *divergence,
                                    const struct hepml_flows *rows,
                                    const struct hepml_flows *columns,
                                    size_t threads,
                                    hepml_progress_callback progress,
                                    void *user,
                                    double *values,
                                    size_t capacity,
                                    size_t *done);

/**
 * Frees a divergence.
 */
hepml_status hepml_divergence_free(struct hepml_divergence **divergence);

/**
 * The EMD of two events with its plan, for a divergence that is an EMD; a spectral EMD is HEPML_STATUS_WRONG_INPUT.
 *
 * Otherwise as hepml_divergence_value, whose value it has.
 */
hepml_status hepml_divergence_solve(const struct hepml_divergence *divergence,
                                    const struct hepml_particles *a,
                                    const struct hepml_particles *b,
                                    struct hepml_transport **transport);

/**
 * Value, proof and sizes of a plan.
 */
hepml_status hepml_transport_summarise(const struct hepml_transport *transport,
                                       struct hepml_transport_summary *summary);

/**
 * What is moved: amount[k] from particle from[k] of the first event to particle to[k] of the second, ordered by from, then to; each output
 * has room for capacity. If the EMD is normalised, amounts are fractions.
 */
hepml_status hepml_transport_flows(const struct hepml_transport *transport,
                                   size_t *from,
                                   size_t *to,
                                   double *amount,
                                   size_t capacity);

/**
 * The energy of each particle that is not moved: removed of the first event, created of the second.
 */
hepml_status hepml_transport_leftover(const struct hepml_transport *transport,
                                      double *removed,
                                      size_t removed_capacity,
                                      double *created,
                                      size_t created_capacity);

/**
 * The dual potentials, one a particle: they prove the value, and are its derivatives by the energies wherever it has them.
 */
hepml_status hepml_transport_potentials(const struct hepml_transport *transport,
                                        double *source,
                                        size_t source_capacity,
                                        double *sink,
                                        size_t sink_capacity);

/**
 * Frees a plan.
 */
hepml_status hepml_transport_free(struct hepml_transport **transport);

/**
 * The thrust of an event and its axis, exact; with transverse 1 of px and py only.
 *
 * Particles at rest change nothing; no particle with a momentum is HEPML_STATUS_OUT_OF_RANGE. It takes O(N^2 log N) operations
 * for N particles, O(N log N) in the transverse plane.
 */
hepml_status hepml_thrust_axis(const struct hepml_momenta *momenta,
                               int32_t transverse,
                               struct hepml_thrust *thrust);

/**
 * Transverse spherocity (pi^2 / 4) min_n (sum_i |pT_i x n| / sum_i |pT_i|)^2, exact, and the unit vector n = (x, y) it is at.
 *
 * axis has room for two numbers, or is NULL. No particle with a transverse momentum is HEPML_STATUS_OUT_OF_RANGE. It takes O(N^2)
 * operations for N particles.
 */
hepml_status hepml_spherocity_axis(const struct hepml_momenta *momenta,
                                   double *spherocity,
                                   double *axis);

/**
 * Isotropy across the beam, of transverse momenta, against so many equidistant points (1 to a million); cost is a hepml_isotropy_cost.
 */
hepml_status hepml_isotropy_new_ring(uint32_t points,
                                     int32_t cost,
                                     struct hepml_isotropy **isotropy);

/**
 * Isotropy of transverse momenta at rapidities |y| <= y_max, against cells that are as nearly square as n_phi of them around allow:
 * floor(y_max * n_phi / pi) along the beam, at least one and with at most a million cells in all.
 */
hepml_status hepml_isotropy_new_cylinder(uint32_t n_phi,
                                         double y_max,
                                         struct hepml_isotropy **isotropy);

/**
 * Isotropy in space, of |p|, against the centres of the 12 nside^2 pixels of HEALPix; nside is 1 to 288 (a million points) and
 * need not be a power of two; cost is a hepml_isotropy_cost.
 */
hepml_status hepml_isotropy_new_sphere(uint32_t nside,
                                       int32_t cost,
                                       struct hepml_isotropy **isotropy);

/**
 * The isotropy of an event; particles without (transverse) momentum change nothing.
 *
 * A rapidity outside the cylinder, or no particle with a momentum, is HEPML_STATUS_OUT_OF_RANGE; an event of too many particles for so
 * many points is HEPML_STATUS_OUT_OF_MEMORY, as in hepml_divergence_value.
 */
hepml_status hepml_isotropy_value(const struct hepml_isotropy *isotropy,
                                  const struct hepml_momenta *momenta,
                                  double *value);

/**
 * Frees an isotropy.
 */
hepml_status hepml_isotropy_free(struct hepml_isotropy **isotropy);

/**
 * N-subjettiness with these parameters: measure is a hepml_jet_measure; beta, radius and *cutoff are positive and finite; a cutoff
 * of NULL is none (jets), with one (whole events) what is further from every axis belongs to the beam.
 */
hepml_status hepml_n_subjettiness_new(int32_t measure,
                                      double beta,
                                      double radius,
                                      int32_t normalise,
                                      const double *cutoff,
                                      int32_t periodic_phi,
                                      struct hepml_n_subjettiness **n_subjettiness);

/**
 * tau_N with the best axes that are found; n is at least 1, and at most 32 in an event of more particles.
 *
 * Normalised, an event without energy is HEPML_STATUS_OUT_OF_RANGE.
 */
hepml_status hepml_n_subjettiness_tau(const struct hepml_n_subjettiness *n_subjettiness,
                                      size_t n,
                                      const struct hepml_particles *particles,
                                      double *tau);

/**
 * tau_numerator / tau_denominator: 2 and 1 for tau_21. A denominator that is 0 is HEPML_STATUS_OUT_OF_RANGE.
 */
hepml_status hepml_n_subjettiness_ratio(const struct hepml_n_subjettiness *n_subjettiness,
                                        size_t numerator,
                                        size_t denominator,
                                        const struct hepml_particles *particles,
                                        double *ratio);

/**
 * The best N axes that are found, hardest first: axes[2 k] and axes[2 k + 1] are y and phi of axis k, energies[k] what belongs to it,
 * assignment[i] the axis of particle i, SIZE_MAX in the beam region.
 *
 * axes has room for 2 * capacity numbers, energies for capacity; n is always enough. assignment has room for
 * assignment_capacity numbers, one a particle, or is NULL with 0.
 */
hepml_status hepml_n_subjettiness_axes(const struct hepml_n_subjettiness *n_subjettiness,
                                       size_t n,
                                       const struct hepml_particles *particles,
                                       double *axes,
                                       double *energies,
                                       size_t capacity,
                                       size_t *assignment,
                                       size_t assignment_capacity,
                                       struct hepml_subjets *subjets);

/**
 * Frees an N-subjettiness.
 */
hepml_status hepml_n_subjettiness_free(struct hepml_n_subjettiness **n_subjettiness);

/**
 * The distance to a manifold: kind is a hepml_manifold_kind; resolution is the number of points (at most 32), of samples of a ring, or of
 * rings of a disk or ellipse (n rings have 3 n (n - 1) + 1 particles, at most a million).
 *
 * With with_centre 1, which points do not have, a particle at the centre has a free share of the energy. radius, beta and
 * periodic_phi are those of the EMD.
 */
hepml_status hepml_manifold_new(int32_t kind,
                                size_t resolution,
                                int32_t with_centre,
                                double radius,
                                double beta,
                                int32_t periodic_phi,
                                struct hepml_manifold **manifold);

/**
 * How many parameters an event of the manifold has.
 */
hepml_status hepml_manifold_parameter_count(const struct hepml_manifold *manifold, size_t *count);

/**
 * The name of a parameter, such as "radius"; index is below the count.
 */
hepml_status hepml_manifold_parameter_name(const struct hepml_manifold *manifold,
                                           size_t index,
                                           char *text,
                                           size_t capacity,
                                           size_t *length);

/**
 * The event of the manifold that is nearest to an event: the distance, and the parameters of the nearest event, as many as the count,
 * for which there is room for capacity.
 *
 * An event without energy is HEPML_STATUS_OUT_OF_RANGE.
 */
hepml_status hepml_manifold_nearest(const struct hepml_manifold *manifold,
                                    const struct hepml_particles *particles,
                                    double *parameters,
                                    size_t capacity,
                                    struct hepml_manifold_fit *fit);

/**
 * Frees a manifold.
 */
hepml_status hepml_manifold_free(struct hepml_manifold **manifold);

/**
 * The options of a learner with their defaults, as a JSON object.
 *
 * Any of them may be given to hepml_ratio_fit; the others stay as they are. A choice between kinds is a name, or an object of a
 * name and its numbers: "Bce", {"PMse": 1.5}.
 *
 * Both learners: loss ("Bce", "Mse", "Mlc", "Sqr", {"PMse": p}, {"PSqr": p}, "Lsif"); examination (the fraction of each
 * sample that the fit does not see and the report speaks of).
 *
 * HEPML_LEARNER_TREES: trees (at most), learning_rate, max_leaves, max_depth (no limit unless given), min_child_weight (the least
 * curvature of a leaf), lambda (added to it), min_gain, max_step (of a leaf in ln r), max_bins (2 to 255), event_share and
 * feature_share (seen by each tree), validation_share (held out to stop early), patience (trees without improvement).
 *
 * HEPML_LEARNER_MLP: hidden (widths, activation: "Relu", "Tanh", "Sigmoid", "Softplus", "Silu", "Gelu", {"LeakyRelu": slope},
 * ...; initial: "HeUniform", "GlorotUniform", "InverseSqrt", "Zeros"; layer_norm; dropout); table (names of the columns, which
 * errors and the metadata then speak of; functions: by the number of the column, "Ln" or {"Asinh": {"scale": s}}; standardise);
 * validation (the fraction held out to choose the epoch; unless given 0, and 0.1 with a training); training (unless given
 * a recipe for the number of events, whose fields those that are given replace): epochs, batch_size, micro_rows, rate,
 * optimiser ({"Sgd": {momentum, nesterov, decay}}, {"Adam": {beta1, beta2, epsilon, decay}}, {"AdamW": the same}), schedule
 * ("Constant", {"Cosine": {last}}, {"OneCycle": {rise, first, last}}, {"Plateau": {factor, patience, threshold, least}}),
 * warm_up (steps), clip_norm (of the gradient), average (decay of the parameters' moving average), patience (epochs without
 * improvement, none unless given), threads (at most those of the call).
 *
 * An example: {"hidden": {"widths": [32, 32], "activation": "Silu"}, "training": {"epochs": 40}, "loss": "Mlc"}
 */
hepml_status hepml_learner_options(int32_t learner,
                                   char *text,
                                   size_t capacity,
                                   size_t *length);

/**
 * Fits ln r, r the density of the numerator's events over that of the denominator's, each normalised by its own sum of weights.
 *
 * options is a JSON object (see hepml_learner_options), NULL for the defaults. Weights may be negative, NULL with the count 0
 * stands for 1 each. The same seed gives the same model, bit for bit, for any number of threads. If the callback stops the fit,
 * the status is HEPML_STATUS_STOPPED; *model is then the model that the fit had come to, if it can be used, and else NULL. Read the
 * warnings in hepml_model_report before the model is trusted.
 */
hepml_status hepml_ratio_fit(int32_t learner,
                             const char *options,
                             const struct hepml_table *numerator,
                             const double *numerator_weights,
                             size_t numerator_weight_count,
                             const struct hepml_table *denominator,
                             const double *denominator_weights,
                             size_t denominator_weight_count,
                             uint64_t seed,
                             size_t threads,
                             hepml_progress_callback progress,
                             void *user,
                             struct hepml_model **model);

/**
 * Reads a model from a file: a network, an ensemble, a ratio, or a composition of ratios, as any hepml crate saves it.
 *
 * A file that is broken or forged is HEPML_STATUS_INVALID_MODEL, as is one of a kind without outputs (the state of a training, a
 * resampler); one that cannot be read is HEPML_STATUS_IO.
 */
hepml_status hepml_model_load(const char *path,
                              struct hepml_model **model);

/**
 * Reads a model from the bytes of its file.
 */
hepml_status hepml_model_from_bytes(const uint8_t *bytes, size_t length, struct hepml_model **model);

/**
 * Writes a model to a file, in place of what is there, which stays whole if writing fails; a model that was read becomes the file that it was read from.
 */
hepml_status hepml_model_save(const struct hepml_model *model,
                              const char *path);

/**
 * Writes the bytes of a model's file; *length is how many there are, and nothing is written if the capacity is 0.
 */
hepml_status hepml_model_to_bytes(const struct hepml_model *model, uint8_t *bytes, size_t capacity, size_t *length);

/**
 * What a model takes and gives.
 */
hepml_status hepml_model_describe(const struct hepml_model *model, struct hepml_model_info *info);

/**
 * The metadata of a model as JSON.
 *
 * The object has the fields kind (such as "hepml-nn/pfn"), version (of that kind's layout), input ("table" or "sets"), columns
 * (of tables: their names, null for those without; null for sets), features (of sets: the names of the features that
 * particles must have; for "charge", "pdg_id" will do), outputs (the numbers for an event), is_ratio, header (what the file says:
 * architecture, preprocessing, summary of the fit) and models (by name, kind, version, header and models of the models
 * that it contains).
 */
hepml_status hepml_model_metadata(const struct hepml_model *model,
                                  char *text,
                                  size_t capacity,
                                  size_t *length);

/**
 * The report of a model's fit as JSON.
 *
 * The object has the fields stopped, measures (by name: value, and error or null), curves (by name: a value a step or
 * epoch), warnings (texts that should be read before the model is trusted) and parts (by name: reports of nested fits).
 * Numbers that are not finite are null. A model that was read from a file remembers no curves and no errors; where it
 * remembers nothing the object is empty.
 */
hepml_status hepml_model_report(const struct hepml_model *model, char *text, size_t capacity, size_t *length);

/**
 * Evaluates a model on the rows of a table: values[i * outputs + k] is output k of event i.
 *
 * A tagger gives what its last step makes of the network's outputs (probabilities of classes, targets in their own units), a ratio
 * gives ln r. An event that has no outputs (an entry out of range, ln r of a ratio that is not positive) is an error
 * that names it. A network evaluates up to 256 events on the calling thread, whatever threads is; starting threads takes some 0.1 ms
 * and more, so several are of use for long batches. The values do not depend on the other events.
 */
hepml_status hepml_model_evaluate_table(const struct hepml_model *model,
                                        const struct hepml_table *table,
                                        size_t threads,
                                        double *values,
                                        size_t capacity);

/**
 * Evaluates a model on sets of particles: values[i * outputs + k] is output k of event i. As hepml_model_evaluate_table.
 */
hepml_status hepml_model_evaluate_sets(const struct hepml_model *model,
                                       const struct hepml_sets *sets,
                                       size_t threads,
                                       double *values,
                                       size_t capacity);

/**
 * Frees a model.
 */
hepml_status hepml_model_free(struct hepml_model **model);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HEPML_H */
