/* Handles of every type: null, freed, freed twice, of another type, forged. */
#include "fixtures.h"

typedef struct handle_type {
    const char *name;
    void *(*make)(void);
    hepml_status (*use)(void *handle);
    hepml_status (*release)(void **handle);
} handle_type;

/* The library reads and writes handles as they are, so a free of `hepml_table **` is not handed a `void **`. */
#define HANDLE_TYPE(type, make, used)                                \
    static void *type##_make(void) {                                 \
        return make;                                                 \
    }                                                                \
    static hepml_status type##_use(void *given) {                    \
        const hepml_##type *handle = (const hepml_##type *)given;    \
        return used;                                                 \
    }                                                                \
    static hepml_status type##_release(void **given) {               \
        hepml_##type *handle = (hepml_##type *)*given;               \
        hepml_status status = hepml_##type##_free(&handle);          \
        *given = handle;                                             \
        return status;                                               \
    }

static double number;
static size_t size, other_size;
static hepml_transport_summary summary;
static hepml_model_info info;
static const double one = 1.0, zero = 0.0;
static const hepml_particles particle = {&one, &zero, &zero, 1, 1};
static const hepml_momenta at_rest = {{&one, &one, &one, &zero}, 1, 1, HEPML_COORDINATES_PT_Y_PHI_M};

HANDLE_TYPE(table, new_table(2, 2, 1), hepml_table_shape(handle, &size, &other_size))
HANDLE_TYPE(sets, new_sets(), hepml_sets_shape(handle, &size, &other_size))
HANDLE_TYPE(flows, new_flows(1), hepml_flows_shape(handle, &size, &other_size))
HANDLE_TYPE(divergence, new_emd(), hepml_divergence_exponent(handle, &number))
HANDLE_TYPE(transport, new_transport(), hepml_transport_summarise(handle, &summary))
HANDLE_TYPE(isotropy, new_isotropy(), hepml_isotropy_value(handle, &at_rest, &number))
HANDLE_TYPE(n_subjettiness, new_n_subjettiness(), hepml_n_subjettiness_tau(handle, 1, &particle, &number))
HANDLE_TYPE(manifold, new_manifold(), hepml_manifold_parameter_count(handle, &size))
HANDLE_TYPE(model, new_model(RATIO_MODEL), hepml_model_describe(handle, &info))

static hepml_status null_free(size_t type) {
    switch (type) {
    case 0: return hepml_table_free(NULL);
    case 1: return hepml_sets_free(NULL);
    case 2: return hepml_flows_free(NULL);
    case 3: return hepml_divergence_free(NULL);
    case 4: return hepml_transport_free(NULL);
    case 5: return hepml_isotropy_free(NULL);
    case 6: return hepml_n_subjettiness_free(NULL);
    case 7: return hepml_manifold_free(NULL);
    default: return hepml_model_free(NULL);
    }
}

#define ROW(type) {#type, type##_make, type##_use, type##_release}
static const handle_type types[] = {
    ROW(table), ROW(sets), ROW(flows), ROW(divergence), ROW(transport), ROW(isotropy), ROW(n_subjettiness), ROW(manifold), ROW(model),
};
enum { TYPES = LENGTH(types) };

static size_t handles(void) {
    size_t count = SIZE_MAX;
    OK(hepml_handles_count(&count));
    return count;
}

static void null_is_told_apart(void) {
    for (size_t i = 0; i < TYPES; i++) {
        FAILS(NULL_POINTER, types[i].use(NULL));
        FAILS(NULL_POINTER, null_free(i));
        void *none = NULL;
        OK(types[i].release(&none));
        CHECK(none == NULL);
    }
    FAILS(MISALIGNED, hepml_table_free((hepml_table **)misaligned_pointer()));
    FAILS(MISALIGNED, hepml_model_free((hepml_model **)misaligned_pointer()));
}

static void freed_handles_are_found_out(void) {
    for (size_t i = 0; i < TYPES; i++) {
        size_t before = handles();
        void *handle = types[i].make(), *copy = handle;
        CHECK(handle != NULL && handles() == before + 1);
        OK(types[i].use(handle));
        OK(types[i].release(&handle));
        CHECK(handle == NULL && handles() == before);
        OK(types[i].release(&handle));
        FAILS_WITH(INVALID_HANDLE, "freed", types[i].use(copy));
        void *again = copy;
        FAILS(INVALID_HANDLE, types[i].release(&again));
        CHECK(again == copy);
        FAILS(INVALID_HANDLE, types[i].release(&again));

        /* Its place may be taken by another object, which the old handle must not reach. */
        void *others[32];
        for (size_t j = 0; j < LENGTH(others); j++) {
            others[j] = types[i].make();
            CHECK(others[j] != copy);
        }
        FAILS(INVALID_HANDLE, types[i].use(copy));
        FAILS(INVALID_HANDLE, types[i].release(&again));
        for (size_t j = 0; j < LENGTH(others); j++) {
            OK(types[i].use(others[j]));
            OK(types[i].release(&others[j]));
        }
        CHECK(handles() == before);
    }
}

static void other_types_are_found_out(void) {
    void *made[TYPES];
    for (size_t i = 0; i < TYPES; i++) {
        made[i] = types[i].make();
    }
    for (size_t i = 0; i < TYPES; i++) {
        for (size_t j = 0; j < TYPES; j++) {
            if (i != j) {
                void *wrong = made[j];
                FAILS_WITH(INVALID_HANDLE, "type", types[i].use(wrong));
                FAILS_WITH(INVALID_HANDLE, "type", types[i].release(&wrong));
                CHECK(wrong == made[j]);
            }
        }
    }
    for (size_t i = 0; i < TYPES; i++) {
        OK(types[i].use(made[i]));
        OK(types[i].release(&made[i]));
    }
}

static void forged_handles_are_found_out(void) {
    random_numbers numbers = {3};
    void *made[TYPES];
    for (size_t i = 0; i < TYPES; i++) {
        made[i] = types[i].make();
    }
    for (size_t i = 0; i < TYPES; i++) {
        uintptr_t forged[512];
        size_t count = 0;
        for (unsigned bit = 0; bit < 8 * sizeof(uintptr_t); bit++) {
            forged[count++] = (uintptr_t)made[i] ^ ((uintptr_t)1 << bit);
            forged[count++] = (uintptr_t)1 << bit;
            forged[count++] = ~((uintptr_t)1 << bit);
        }
        forged[count++] = UINTPTR_MAX;
        forged[count++] = (uintptr_t)made[i] + UINTPTR_MAX / 2;
        forged[count++] = (uintptr_t)&forged;
        forged[count++] = (uintptr_t)"text";
        while (count < LENGTH(forged)) {
            forged[count++] = (uintptr_t)random_bits(&numbers);
        }
        for (size_t j = 0; j < count; j++) {
            void *handle = (void *)forged[j];
            bool real = false;
            for (size_t k = 0; k < TYPES; k++) {
                real = real || handle == made[k];
            }
            if (!real) {
                FAILS(INVALID_HANDLE, types[i].use(handle));
                FAILS(INVALID_HANDLE, types[i].release(&handle));
            }
        }
    }
    for (size_t i = 0; i < TYPES; i++) {
        OK(types[i].use(made[i]));
        OK(types[i].release(&made[i]));
    }
}

const test handles_tests[] = {
    {"null is told apart", null_is_told_apart},
    {"freed handles are found out", freed_handles_are_found_out},
    {"other types are found out", other_types_are_found_out},
    {"forged handles are found out", forged_handles_are_found_out},
    {NULL, NULL},
};
