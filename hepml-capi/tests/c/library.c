/* What is not of one object: versions, statuses, messages, panics. */
#include "check.h"

static void versions_agree(void) {
    CHECK(hepml_abi_version() == HEPML_ABI_VERSION);
    CHECK(strcmp(hepml_version(), HEPML_VERSION) == 0);
    char numbers[64];
    snprintf(numbers, sizeof numbers, "%d.%d.%d", HEPML_VERSION_MAJOR, HEPML_VERSION_MINOR, HEPML_VERSION_PATCH);
    CHECK(strncmp(numbers, HEPML_VERSION, strlen(numbers)) == 0);
}

static void statuses_have_names(void) {
    CHECK(strcmp(hepml_status_name(HEPML_STATUS_OK), "HEPML_STATUS_OK") == 0);
    CHECK(strcmp(hepml_status_name(HEPML_STATUS_NOT_FINITE), "HEPML_STATUS_NOT_FINITE") == 0);
    CHECK(strcmp(hepml_status_name(HEPML_STATUS_OTHER), "HEPML_STATUS_OTHER") == 0);
    const int32_t unknown[] = {-1, HEPML_STATUS_OTHER + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < LENGTH(unknown); i++) {
        CHECK(strcmp(hepml_status_name(unknown[i]), "unknown status") == 0);
    }
    for (int32_t status = HEPML_STATUS_OK; status <= HEPML_STATUS_OTHER; status++) {
        CHECK(strncmp(hepml_status_name(status), "HEPML_STATUS_", strlen("HEPML_STATUS_")) == 0);
    }
}

static void panics_become_statuses(void) {
    FAILS(NULL_POINTER, hepml_self_test_panic(NULL));
    FAILS(INVALID_UTF8, hepml_self_test_panic("\xff"));
    check_status(hepml_self_test_panic("on purpose"), HEPML_STATUS_PANIC, "on purpose", "panic", __FILE__, __LINE__);
    check_status(hepml_self_test_panic(""), HEPML_STATUS_PANIC, "panic", "panic", __FILE__, __LINE__);
    for (int i = 0; i < 1000; i++) {
        CHECK(hepml_self_test_panic("again and again") == HEPML_STATUS_PANIC);
    }
}

static void messages_stay_until_the_next_failure(void) {
    CHECK(hepml_self_test_panic("first") == HEPML_STATUS_PANIC);
    size_t count = 0;
    OK(hepml_handles_count(&count));
    CHECK(strstr(hepml_last_error_message(), "first") != NULL);
    FAILS_WITH(NULL_POINTER, "count", hepml_handles_count(NULL));
    CHECK(strstr(hepml_last_error_message(), "first") == NULL);
    FAILS(MISALIGNED, hepml_handles_count((size_t *)((char *)&count + 1)));
}

const test library_tests[] = {
    {"versions agree", versions_agree},
    {"statuses have names", statuses_have_names},
    {"panics become statuses", panics_become_statuses},
    {"messages stay until the next failure", messages_stay_until_the_next_failure},
    {NULL, NULL},
};
