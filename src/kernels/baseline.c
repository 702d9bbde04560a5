/* What every CPU of the platform runs; no flags of its own. */
#define ISA baseline
#include "isa.inc.h"
