#include "fixtures.h"

const char *folder = ".";

const char *in_folder(const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

uint8_t *file_bytes(const char *name, size_t *length) {
    FILE *file = fopen(in_folder(name), "rb");
    CHECK(file != NULL);
    *length = 0;
    if (file == NULL) {
        return NULL;
    }
    CHECK(fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    CHECK(size > 0);
    rewind(file);
    uint8_t *bytes = (uint8_t *)malloc((size_t)size);
    *length = fread(bytes, 1, (size_t)size, file);
    CHECK(*length == (size_t)size);
    fclose(file);
    return bytes;
}

void make_jet(jet *made, size_t count, random_numbers *numbers) {
    made->count = count;
    for (size_t i = 0; i < count; i++) {
        made->pt[i] = 1.0 + 9.0 * random_number(numbers);
        made->y[i] = random_number(numbers) - 0.5;
        made->phi[i] = random_number(numbers) - 0.5;
    }
}

hepml_particles view(const jet *of) {
    hepml_particles particles = {of->pt, of->y, of->phi, 1, of->count};
    return particles;
}

void make_list(list *made, uint64_t seed) {
    random_numbers numbers = {seed};
    for (size_t i = 0; i < PARTICLES; i++) {
        made->pt[i] = 1.0 + 9.0 * random_number(&numbers);
        made->y[i] = random_number(&numbers) - 0.5;
        made->phi[i] = random_number(&numbers) - 0.5;
        made->m[i] = 0.0;
    }
    for (size_t event = 0; event <= EVENTS; event++) {
        made->offsets[event] = event * EVENT_SIZE;
    }
}

hepml_particles list_particles(const list *of) {
    hepml_particles particles = {of->pt, of->y, of->phi, 1, PARTICLES};
    return particles;
}

hepml_momenta list_momenta(const list *of) {
    hepml_momenta momenta = {{of->pt, of->y, of->phi, of->m}, 1, PARTICLES, HEPML_COORDINATES_PT_Y_PHI_M};
    return momenta;
}

void make_pair(pair *made) {
    for (int i = 0; i < 2; i++) {
        made->px[i] = i == 0 ? 6.0 : -6.0;
        made->py[i] = i == 0 ? 8.0 : -8.0;
        made->pz[i] = 0.0;
        made->e[i] = 10.0;
    }
}

hepml_momenta pair_momenta(const pair *of) {
    hepml_momenta momenta = {{of->px, of->py, of->pz, of->e}, 1, 2, HEPML_COORDINATES_PX_PY_PZ_E};
    return momenta;
}

hepml_table *new_table(size_t rows, size_t columns, uint64_t seed) {
    random_numbers numbers = {seed};
    double *data = (double *)malloc((rows * columns + 1) * sizeof(double));
    for (size_t i = 0; i < rows * columns; i++) {
        data[i] = 2.0 * random_number(&numbers) - 1.0;
    }
    hepml_table *table = NULL;
    OK(hepml_table_from_rows(data, rows, columns, &table));
    free(data);
    return table;
}

hepml_sets *new_sets(void) {
    list events;
    make_list(&events, 1);
    hepml_momenta momenta = list_momenta(&events);
    hepml_sets *sets = NULL;
    OK(hepml_sets_new(&momenta, events.offsets, EVENTS, NULL, NULL, 0, &sets));
    return sets;
}

hepml_flows *new_flows(uint64_t seed) {
    list events;
    make_list(&events, seed);
    hepml_particles particles = list_particles(&events);
    hepml_flows *flows = NULL;
    OK(hepml_flows_new(&particles, events.offsets, EVENTS, &flows));
    return flows;
}

hepml_divergence *new_emd(void) {
    hepml_divergence *emd = NULL;
    OK(hepml_divergence_new_emd(1.0, 1.0, 0, 1, &emd));
    return emd;
}

hepml_divergence *new_spectral(void) {
    hepml_divergence *spectral = NULL;
    OK(hepml_divergence_new_spectral_emd(1.0, 1, NULL, &spectral));
    return spectral;
}

hepml_transport *new_transport(void) {
    random_numbers numbers = {7};
    jet a, b;
    make_jet(&a, 4, &numbers);
    make_jet(&b, 3, &numbers);
    hepml_particles from = view(&a), to = view(&b);
    hepml_divergence *emd = new_emd();
    hepml_transport *transport = NULL;
    OK(hepml_divergence_solve(emd, &from, &to, &transport));
    OK(hepml_divergence_free(&emd));
    return transport;
}

hepml_isotropy *new_isotropy(void) {
    hepml_isotropy *isotropy = NULL;
    OK(hepml_isotropy_new_ring(16, HEPML_ISOTROPY_COST_QUADRATIC, &isotropy));
    return isotropy;
}

hepml_n_subjettiness *new_n_subjettiness(void) {
    hepml_n_subjettiness *n_subjettiness = NULL;
    OK(hepml_n_subjettiness_new(HEPML_JET_MEASURE_CONICAL, 1.0, 1.0, 1, NULL, 1, &n_subjettiness));
    return n_subjettiness;
}

hepml_manifold *new_manifold(void) {
    hepml_manifold *manifold = NULL;
    OK(hepml_manifold_new(HEPML_MANIFOLD_KIND_POINTS, 2, 0, 1.0, 1.0, 1, &manifold));
    return manifold;
}

hepml_model *new_model(const char *name) {
    hepml_model *model = NULL;
    OK(hepml_model_load(in_folder(name), &model));
    return model;
}

hepml_table *freed_table(void) {
    hepml_table *handle = new_table(2, 2, 1), *copy = handle;
    OK(hepml_table_free(&handle));
    return copy;
}

hepml_sets *freed_sets(void) {
    hepml_sets *handle = new_sets(), *copy = handle;
    OK(hepml_sets_free(&handle));
    return copy;
}

hepml_flows *freed_flows(void) {
    hepml_flows *handle = new_flows(1), *copy = handle;
    OK(hepml_flows_free(&handle));
    return copy;
}

hepml_divergence *freed_divergence(void) {
    hepml_divergence *handle = new_emd(), *copy = handle;
    OK(hepml_divergence_free(&handle));
    return copy;
}

hepml_transport *freed_transport(void) {
    hepml_transport *handle = new_transport(), *copy = handle;
    OK(hepml_transport_free(&handle));
    return copy;
}

hepml_isotropy *freed_isotropy(void) {
    hepml_isotropy *handle = new_isotropy(), *copy = handle;
    OK(hepml_isotropy_free(&handle));
    return copy;
}

hepml_n_subjettiness *freed_n_subjettiness(void) {
    hepml_n_subjettiness *handle = new_n_subjettiness(), *copy = handle;
    OK(hepml_n_subjettiness_free(&handle));
    return copy;
}

hepml_manifold *freed_manifold(void) {
    hepml_manifold *handle = new_manifold(), *copy = handle;
    OK(hepml_manifold_free(&handle));
    return copy;
}

hepml_model *freed_model(void) {
    hepml_model *handle = new_model(RATIO_MODEL), *copy = handle;
    OK(hepml_model_free(&handle));
    return copy;
}

/* Large enough for what a function that did not check would read or write there. */
static double spare[1024];

void *misaligned_pointer(void) {
    return (char *)spare + 1;
}

double *misaligned_double(void) {
    return (double *)misaligned_pointer();
}

size_t *misaligned_size(void) {
    return (size_t *)misaligned_pointer();
}
