/* The arrays of a fused rope: where their rows stand, how many go together, which row
 * is asked for early, and whether the results are streamed. Sizes in bytes, because
 * types come later, in loops_rotate.inc.h. */
#ifndef ROPE_ARRAYS_H
#define ROPE_ARRAYS_H

#include "kernels/kernels.h"
#include "kernels/runs.h"
#include "loops.h"

static npy_intp
least(npy_intp a, npy_intp b)
{
    return a < b ? a : b;
}

/* Pairs to rotate in d channels. ufuncs.c lets d < 2h pass only for the size-1 arrays
 * with which dask asks for result types: they have no pair. */
static npy_intp
pairs_within(npy_intp d, npy_intp h)
{
    return h > d / 2 ? 0 : h;
}

/* The length of a distance; the difference of unsigned numbers never overflows. */
static size_t
magnitude(npy_intp distance)
{
    return distance < 0 ? 0 - (size_t)distance : (size_t)distance;
}

/* The rows of x and y; [POSITION] and [HEAD]. */
enum { POSITION, HEAD };

typedef struct {
    char *x, *y;
    npy_intp h, d;               /* lengths: pairs that rotate, channels of a row   */
    npy_intp positions, heads;   /* lengths                                         */
    npy_intp x_row[2], y_row[2]; /* distances: from one row to the next        byte */
    npy_intp x_step, y_step;     /* distances: from one channel to the next    byte */
    int streams;                 /* write around the caches                         */
    npy_intp group;              /* length: heads that go together                  */
    npy_intp early;              /* length: positions from a row to that asked for  */
} rope_array;

static const char *
x_at(const rope_array *rows, npy_intp position, npy_intp head)
{
    return rows->x + position * rows->x_row[POSITION] + head * rows->x_row[HEAD];
}

static char *
y_at(const rope_array *rows, npy_intp position, npy_intp head)
{
    return rows->y + position * rows->y_row[POSITION] + head * rows->y_row[HEAD];
}

/* Where heads lie far apart, some of them share a row of the tables in the first cache:
 * in float32 that takes 5.4 ms where one head after the other takes 7.8. As many as a
 * part of a stream holds, so that the runs of its heads go on. */
enum { GROUP_BYTES = PART_BYTES };

static npy_intp
rows_within(npy_intp bytes, npy_intp row)
{
    return row > 0 && row < bytes ? bytes / row : 1;
}

/* Stores around the caches save the reading of every line of y. They pay where what a
 * call writes is larger than the caches; the next reader of less would miss it there.
 */
enum { STREAMS_FROM = 1 << 25 };

static int
may_stream(const rope_kernels *kernels, const rope_array *array, npy_intp size,
           npy_intp all_heads)
{
    const npy_intp bytes = array->d * size;
    return kernels->stream != NULL && array->x != array->y && array->x_step == size &&
           array->y_step == size && array->h > 0 && array->h <= ROPE_TILE &&
           bytes >= ROPE_LINE && bytes <= GROUP_BYTES &&
           array->positions >= STREAMS_FROM / bytes / (all_heads + 1);
}

static npy_intp
heads_at_once(const rope_array *array, npy_intp size)
{
    const int are_neighbours =
        magnitude(array->x_row[HEAD]) <= magnitude(array->x_row[POSITION]);
    const npy_intp bytes = array->d * size;
    const int have_runs = array->streams && runs_by_row(bytes, array->y_row[HEAD]);
    if (are_neighbours && !have_runs && array->heads > 0)
        return array->heads;
    return rows_within(GROUP_BYTES, bytes);
}

/* Rows come into the second cache 16 KB early, which is how long memory takes; the
 * hardware follows rows beyond 4 KB by itself. Asked for a position early into the
 * first cache, in place takes 10 to 40 % more. */
enum { EARLY_BYTES = 16384, ASKED_BYTES = 4096 };

static npy_intp
positions_early(const rope_array *array, npy_intp size, npy_intp group)
{
    const npy_intp bytes = array->d * size;
    const int asks = array->x_step == size && bytes <= ASKED_BYTES;
    return asks ? rows_within(EARLY_BYTES, bytes * group) : 0;
}

/* Distance in bytes from row i of a block of positions to that which is asked for, or
 * 0: of the same heads, of the next ones, or of the first ones in the next block. */
static npy_intp
row_ahead(const rope_array *of, npy_intp positions, npy_intp first, npy_intp i)
{
    const npy_intp early = least(of->early, positions), step = of->x_row[POSITION];
    if (early == 0 || i + early < positions)
        return early * step;
    if (first + of->group < of->heads)
        return of->group * of->x_row[HEAD] + (early - positions) * step;
    return early * step - first * of->x_row[HEAD];
}

/* What the rows of a fused call have in common; steps are distances in bytes. */
typedef struct {
    npy_intp n; /* positions */
    const char *position, *planes, *scale;
    npy_intp position_step, planes_step, scale_step; /* to the next position */
    npy_intp row_step, column_step;                  /* of the planes */
} rope_operands;

/* The operands of a fused rope stand between its arrays and their results, whose core
 * dimensions are (n,d),(m,d),(),(p,h),()->(n,d),(m,d), without m for one array. */
static rope_operands
operands_after(char **args, const npy_intp *dims, const npy_intp *steps, int n_arrays)
{
    const npy_intp *core = steps + 2 * n_arrays + 3 + 2 * n_arrays;
    char **const own = args + n_arrays;
    const npy_intp *own_steps = steps + n_arrays;
    return (rope_operands){dims[0],      own[0],       own[1],  own[2], own_steps[0],
                           own_steps[1], own_steps[2], core[0], core[1]};
}

/* Array a of n_arrays, and its result. */
static rope_array
rows_of(const rope_kernels *kernels, char **args, const npy_intp *dims,
        const npy_intp *steps, int n_arrays, int a, npy_intp size)
{
    const int y = n_arrays + 3 + a;
    const npy_intp *core = steps + 2 * n_arrays + 3;
    const npy_intp *x_core = core + 2 * a, *y_core = core + 2 * (n_arrays + 1 + a);
    rope_array rows = {.x = args[a],
                       .y = args[y],
                       .h = pairs_within(dims[2], dims[n_arrays + 3]),
                       .d = dims[2],
                       .positions = dims[0],
                       .heads = dims[a == 0 ? 1 : 3],
                       .x_row = {steps[a], x_core[0]},
                       .y_row = {steps[y], y_core[0]},
                       .x_step = x_core[1],
                       .y_step = y_core[1]};
    rows.streams =
        may_stream(kernels, &rows, size, dims[1] + (n_arrays == 2 ? dims[3] : 0));
    rows.group = heads_at_once(&rows, size);
    rows.early = positions_early(&rows, size, rows.group);
    return rows;
}

#endif
