/* The arrays of a fused rope: where their rows stand, how many go together, and stores
 * around the caches. Included once, by ufuncs_loops.c. */

/* The rows of x and y; [POSITION] and [HEAD]. */
enum { POSITION, HEAD };

typedef struct {
    char *x, *y;
    npy_intp h, d; /* pairs that rotate, channels of a row         */
    npy_intp positions, heads;
    npy_intp x_row[2], y_row[2]; /* bytes from one row to the next               */
    npy_intp x_step, y_step;     /* bytes from one channel to the next           */
    int streams;                 /* write around the caches                      */
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

/* Stores around the caches save the reading of every line of y. They pay where what a
 * call writes is larger than the caches; the next reader of less would miss it there.
 * The rows of a few heads and positions go through so much of the stack. */
enum { STREAMED_BYTES = 8192, STREAMS_FROM = 1 << 25 };

static int
may_stream(const rope_array *array, npy_intp size, npy_intp all_heads)
{
#if defined(__SSE2__)
    const npy_intp bytes = array->d * size, start = (npy_intp)(size_t)array->y;
    const npy_intp odd = bytes | array->y_row[0] | array->y_row[1] | start;
    return array->x != array->y && array->x_step == size && array->y_step == size &&
           odd % 16 == 0 && array->h > 0 && array->h <= TILE &&
           bytes <= STREAMED_BYTES / 4 &&
           array->positions >= STREAMS_FROM / bytes / (all_heads + 1);
#else
    (void)array, (void)size, (void)all_heads;
    return 0;
#endif
}

static void
stream(char *y, const void *from, npy_intp bytes)
{
#if defined(__SSE2__)
    const __m128i *source = from;
    __m128i *to = (__m128i *)(void *)y;
    for (npy_intp i = 0; i < bytes / 16; ++i)
        _mm_stream_si128(to + i, _mm_loadu_si128(source + i));
#else
    (void)y, (void)from, (void)bytes;
#endif
}

static void
end_streams(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

/* Where heads lie far apart, some of them share a row of the tables in the first cache:
 * 2 KB of rows, which leaves time to ask for those of the next position. In float32
 * that takes 5.4 ms where one head after the other takes 7.8. */
enum { GROUP_BYTES = 2048, ASKED_BYTES = 4096 };

static npy_intp
rows_within(npy_intp bytes, npy_intp row)
{
    return row > 0 && row < bytes ? bytes / row : 1;
}

static npy_intp
heads_at_once(const rope_array *array, npy_intp size)
{
    const int are_neighbours =
        distance(array->x_row[HEAD]) <= distance(array->x_row[POSITION]);
    if (are_neighbours && array->heads > 0)
        return array->heads;
    return rows_within(GROUP_BYTES, array->d * size);
}

/* More than one where they are streamed and neighbours in y. */
static npy_intp
positions_at_once(const rope_array *array, npy_intp size)
{
    const npy_intp bytes = array->d * size;
    if (!array->streams || array->y_row[POSITION] != bytes)
        return 1;
    return rows_within(STREAMED_BYTES, bytes * heads_at_once(array, size));
}

/* What the rows of a fused call have in common; steps in bytes. */
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
rows_of(char **args, const npy_intp *dims, const npy_intp *steps, int n_arrays, int a,
        npy_intp size)
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
    rows.streams = may_stream(&rows, size, dims[1] + (n_arrays == 2 ? dims[3] : 0));
    return rows;
}
