/* Valid arguments for the tests: whatever a test spoils, the rest of its call is in order. */
#ifndef HEPML_TESTS_FIXTURES_H
#define HEPML_TESTS_FIXTURES_H

#include "check.h"

/* The folder that the driver made, with the models below. */
extern const char *folder;
/* A tagger of tables with the columns "a", "b", "c" and two outputs. */
#define TABLE_MODEL "tagger.model"
/* A Particle Flow Network with two outputs. */
#define SETS_MODEL "pfn.model"
/* Boosted trees, ln r of tables with two columns. */
#define RATIO_MODEL "trees.model"

/* folder/name, in memory that lives until the next call of this thread's test. */
const char *in_folder(const char *name);
/* A whole file, to be freed with free. */
uint8_t *file_bytes(const char *name, size_t *length);

enum { JET_SIZE = 50 };
/* A jet of up to JET_SIZE particles. */
typedef struct jet {
    double pt[JET_SIZE], y[JET_SIZE], phi[JET_SIZE];
    size_t count;
} jet;
void make_jet(jet *made, size_t count, random_numbers *numbers);
hepml_particles view(const jet *of);

enum { EVENTS = 6, EVENT_SIZE = 5, PARTICLES = EVENTS * EVENT_SIZE };
/* EVENTS events of EVENT_SIZE particles, as columns, with momenta as (pt, y, phi, m). */
typedef struct list {
    double pt[PARTICLES], y[PARTICLES], phi[PARTICLES], m[PARTICLES];
    size_t offsets[EVENTS + 1];
} list;
void make_list(list *made, uint64_t seed);
hepml_particles list_particles(const list *of);
hepml_momenta list_momenta(const list *of);

/* Two particles back to back in the transverse plane, of 10 GeV each. */
typedef struct pair {
    double px[2], py[2], pz[2], e[2];
} pair;
void make_pair(pair *made);
hepml_momenta pair_momenta(const pair *of);

/* New handles; the test frees them. */
hepml_table *new_table(size_t rows, size_t columns, uint64_t seed);
hepml_sets *new_sets(void);
hepml_flows *new_flows(uint64_t seed);
hepml_divergence *new_emd(void);
hepml_divergence *new_spectral(void);
hepml_transport *new_transport(void);
hepml_isotropy *new_isotropy(void);
hepml_n_subjettiness *new_n_subjettiness(void);
hepml_manifold *new_manifold(void);
hepml_model *new_model(const char *name);

/* Handles that were freed. */
hepml_table *freed_table(void);
hepml_sets *freed_sets(void);
hepml_flows *freed_flows(void);
hepml_divergence *freed_divergence(void);
hepml_transport *freed_transport(void);
hepml_isotropy *freed_isotropy(void);
hepml_n_subjettiness *freed_n_subjettiness(void);
hepml_manifold *freed_manifold(void);
hepml_model *freed_model(void);

/* An address that no double (size_t, pointer) can be at. */
double *misaligned_double(void);
size_t *misaligned_size(void);
void *misaligned_pointer(void);

#endif
