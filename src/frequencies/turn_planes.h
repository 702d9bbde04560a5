/* A frequency as the planes that the kernels multiply positions with. */
#ifndef ROPE_TURN_PLANES_H
#define ROPE_TURN_PLANES_H

#include "wide.h"

enum { ROPE_PLANES = 7 };

void rope_turn_planes(const wide *w, double plane[ROPE_PLANES]);

#endif
