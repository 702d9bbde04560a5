/* The arrays of a fused rope: where their rows stand, how many go together, and stores
 * around the caches. Included once, by ufuncs_loops.c. */

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
 * in float32 that takes 5.4 ms where one head after the other takes 7.8. */
enum { GROUP_BYTES = 2048 };

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
           array->y_step == size && array->h > 0 && array->h <= TILE &&
           bytes >= ROPE_LINE && bytes <= GROUP_BYTES &&
           array->positions >= STREAMS_FROM / bytes / (all_heads + 1);
}

/* Streamed heads of one position make one run where they are neighbours in y; else each
 * head makes a run with its next position. */
static int
runs_by_head(const rope_array *array, npy_intp size)
{
    return array->y_row[HEAD] != array->d * size;
}

static npy_intp
heads_at_once(const rope_array *array, npy_intp size)
{
    const int are_neighbours =
        magnitude(array->x_row[HEAD]) <= magnitude(array->x_row[POSITION]);
    const int have_runs = array->streams && runs_by_head(array, size);
    if (are_neighbours && !have_runs && array->heads > 0)
        return array->heads;
    return rows_within(GROUP_BYTES, array->d * size);
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

/* What a run still holds of its last line. Only whole lines are streamed: two halves
 * would take up to five times as long. */
typedef struct {
    char *end;     /* in y */
    npy_intp held; /* bytes before `end`, which wait before the next row of the run */
} rope_run;

/* Rotated rows in a buffer, and where they go. Before each there is room for a line:
 * in whole lines, a row and that line take at most three times its size. */
typedef struct {
    char *row, *y;
    npy_intp rows, pitch;
} stream_part;

enum { STREAM_RUNS = GROUP_BYTES / ROPE_LINE, STREAM_BYTES = 3 * GROUP_BYTES };

static npy_intp
row_pitch(const rope_array *array, npy_intp size)
{
    const npy_intp bytes = array->d * size;
    const npy_intp lines = (bytes + ROPE_LINE - 1) / ROPE_LINE + 1;
    return runs_by_head(array, size) ? lines * ROPE_LINE : bytes;
}

static void
finish_run(rope_run *run, const char *row)
{
    if (run->held > 0)
        memcpy(run->end - run->held, row - run->held, (size_t)run->held);
    run->held = 0;
}

/* Write `bytes` from `row` to y, which goes on with the run or begins it anew. What is
 * left waits before `next`. */
static void
extend_run(const rope_kernels *kernels, rope_run *run, char *y, const char *row,
           npy_intp bytes, char *next)
{
    if (run->end != y)
        finish_run(run, row);
    const npy_intp waiting = run->held + bytes;
    const char *const from = row - run->held;
    char *const to = y - run->held;
    const npy_intp before = least((npy_intp)(-(uintptr_t)to % ROPE_LINE),
                                  waiting); /* a line's other half */
    const npy_intp lines = (waiting - before) / ROPE_LINE;
    memcpy(to, from, (size_t)before);
    kernels->stream(lines, from + before, to + before);
    run->held = waiting - before - lines * ROPE_LINE;
    run->end = y + bytes;
    memcpy(next - ROPE_LINE, row + bytes - ROPE_LINE, ROPE_LINE);
}

/* The rows of a part: a run each, or one run. `next` is where the part after it begins.
 */
static void
stream_rows(const rope_kernels *kernels, const rope_array *of, npy_intp bytes,
            rope_run *runs, const stream_part *part, char *next)
{
    const int by_head = part->pitch != bytes;
    const npy_intp n = by_head ? part->rows : least(part->rows, 1);
    const npy_intp run = by_head ? bytes : part->rows * bytes;
    for (npy_intp r = 0; r < n; ++r)
        extend_run(kernels, &runs[r], part->y + r * of->y_row[HEAD],
                   part->row + r * part->pitch, run, next + r * part->pitch);
}

static void
finish_runs(const stream_part *last, npy_intp bytes, rope_run *runs, const char *next)
{
    const npy_intp n = last->pitch != bytes ? last->rows : least(last->rows, 1);
    for (npy_intp r = 0; r < n; ++r)
        finish_run(&runs[r], next + r * last->pitch);
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
