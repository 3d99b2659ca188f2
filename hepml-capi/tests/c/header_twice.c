/* The header may be included as often as one likes, before and after others. */
#include <hepml.h>
#include <stdio.h>
#include <string.h>
#include <hepml.h>

int main(void) {
    return hepml_abi_version() == HEPML_ABI_VERSION && strcmp(hepml_version(), HEPML_VERSION) == 0 ? 0 : 1;
}
