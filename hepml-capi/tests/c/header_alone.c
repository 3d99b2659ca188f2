/* The header needs nothing before it. */
#include <hepml.h>
