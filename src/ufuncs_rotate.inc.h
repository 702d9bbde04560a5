/* Template, once per type of x: rotate_* (d),(h),(h) -> (d) with ready tables, and the
 * fused rope (n,d),(),(p,h),() -> (n,d). */

/* Pairs j .. j+n-1 of one row; steps in bytes, `cos` and `sin` begin at pair j. A row
 * goes through the stack where its elements are not neighbours, and where it changes
 * its layout in place: it is one tile then (check_to_half in ufuncs.c). */
static void
NAME(rotate_pairs)(const rope_kernels *kernels, npy_intp j, npy_intp n, npy_intp h,
                   const char *x, npy_intp x_step, const TABLE *cos, const TABLE *sin,
                   char *y, npy_intp y_step)
{
    const int from = kernels->x_layout, to = kernels->y_layout;
    const int contiguous =
        x_step == (npy_intp)sizeof(T) && y_step == (npy_intp)sizeof(T);
    if (contiguous && (x != y || from == to)) {
        kernels->NAME(rotate)(n, h, (const T *)(const void *)x + element(from, j, 0, h),
                              cos, sin, (T *)(void *)y + element(to, j, 0, h));
        return;
    }
    T in[2 * TILE], out[2 * TILE];
    for (int c = 0; c < 2; ++c)
        for (npy_intp i = 0; i < n; ++i)
            in[element(from, i, c, n)] =
                *(const T *)(const void *)(x + element(from, j + i, c, h) * x_step);
    kernels->NAME(rotate)(n, n, in, cos, sin, out);
    for (int c = 0; c < 2; ++c)
        for (npy_intp i = 0; i < n; ++i)
            *(T *)(void *)(y + element(to, j + i, c, h) * y_step) =
                out[element(to, i, c, n)];
}

/* Channels first .. d-1, which no pair owns. */
static void
NAME(copy_tail)(npy_intp first, npy_intp d, const char *x, npy_intp x_step, char *y,
                npy_intp y_step)
{
    if (x == y && x_step == y_step)
        return;
    for (npy_intp i = first; i < d; ++i)
        *(T *)(void *)(y + i * y_step) = *(const T *)(const void *)(x + i * x_step);
}

static void
NAME(rotate_loop)(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    const rope_kernels *kernels = data;
    const npy_intp n = dims[0], d = dims[1], h = pairs_within(d, dims[2]);
    const npy_intp x_step = steps[4], cos_step = steps[5], sin_step = steps[6];
    const npy_intp y_step = steps[7], size = (npy_intp)sizeof(TABLE);
    const fp_state found = enter_loop();
    TABLE cos_copy[TILE], sin_copy[TILE];
    for (npy_intp i = 0; i < n; ++i) {
        const char *x = args[0] + i * steps[0];
        char *y = args[3] + i * steps[3];
        for (npy_intp j = 0; j < h; j += TILE) {
            const npy_intp tile = least(h - j, TILE);
            const char *c = args[1] + i * steps[1] + j * cos_step;
            const char *s = args[2] + i * steps[2] + j * sin_step;
            const int contiguous = cos_step == size && sin_step == size;
            for (npy_intp m = 0; !contiguous && m < tile; ++m) {
                cos_copy[m] = *(const TABLE *)(const void *)(c + m * cos_step);
                sin_copy[m] = *(const TABLE *)(const void *)(s + m * sin_step);
            }
            NAME(rotate_pairs)(kernels, j, tile, h, x, x_step,
                               contiguous ? (const TABLE *)(const void *)c : cos_copy,
                               contiguous ? (const TABLE *)(const void *)s : sin_copy,
                               y, y_step);
        }
        NAME(copy_tail)(2 * h, d, x, x_step, y, y_step);
    }
    leave_loop(found);
}

/* One row, and with its last pairs the channels that no pair owns. */
static void
NAME(rotate_row)(const rope_kernels *kernels, const rope_rows *rows, npy_intp j,
                 npy_intp n, const char *x, const TABLE *cos, const TABLE *sin, char *y,
                 npy_intp y_step)
{
    NAME(rotate_pairs)(kernels, j, n, rows->h, x, rows->x_step, cos, sin, y, y_step);
    if (j + n == rows->h)
        NAME(copy_tail)(2 * rows->h, rows->d, x, rows->x_step, y, y_step);
}

/* Pairs j .. j+n-1 of the rows of a block: position by position, a group of heads each
 * time, all of them where the heads of a position are neighbours in memory. */
static void
NAME(rotate_rows)(const rope_kernels *kernels, const rope_rows *rows, npy_intp j,
                  npy_intp n, const TABLE *cos, const TABLE *sin)
{
    const npy_intp size = (npy_intp)sizeof(T), bytes = rows->d * size;
    const npy_intp group = heads_at_once(rows);
    const npy_intp ahead = rows->x_row[POSITION] * (AHEAD_BYTES / bytes / group + 1);
    /* Rows longer than that distance the hardware follows by itself. */
    const int fetches = rows->x_step == size && bytes <= AHEAD_BYTES;
    for (npy_intp first = 0; first < rows->heads; first += group)
        for (npy_intp i = 0; i < rows->positions; ++i)
            for (npy_intp k = first; k < least(first + group, rows->heads); ++k) {
                const char *x =
                    rows->x + i * rows->x_row[POSITION] + k * rows->x_row[HEAD];
                char *y = rows->y + i * rows->y_row[POSITION] + k * rows->y_row[HEAD];
                const TABLE *c = cos + i * n, *s = sin + i * n;
                if (fetches)
                    fetch_row(x, ahead, bytes);
                if (rows->streams) {
                    T row[STREAMED_BYTES / sizeof(T)];
                    NAME(rotate_row)(kernels, rows, j, n, x, c, s, (char *)row, size);
                    stream_row(y, row, bytes);
                } else
                    NAME(rotate_row)(kernels, rows, j, n, x, c, s, y, rows->y_step);
            }
}

/* For each block of positions: its cosines and sines into a stack buffer once, then all
 * heads. So no table is read or written, and the heads share the cost of the phase. */
static void
NAME(rope_loop)(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    const rope_kernels *kernels = data;
    const npy_intp n = dims[0], h = pairs_within(dims[2], dims[4]);
    const npy_intp row_step = steps[7], plane_step = steps[8];
    rope_rows rows = {.h = h,
                      .d = dims[2],
                      .positions = n,
                      .heads = dims[1],
                      .x_row = {steps[0], steps[5]},
                      .y_row = {steps[4], steps[9]},
                      .x_step = steps[6],
                      .y_step = steps[10]};
    rows.streams = may_stream(&rows, args[0], args[4], (npy_intp)sizeof(T));
    const fp_state found = enter_loop();
    plane_tile planes;
    enum { ENTRIES = BLOCK_BYTES / sizeof(TABLE) };
    TABLE cos[ENTRIES], sin[ENTRIES];
    rope_position at[BATCH];
    for (npy_intp j = 0; j < h; j += TILE) {
        const npy_intp tile = least(h - j, TILE);
        /* Planes of their own per position come one at a time. */
        const npy_intp block = steps[2] == 0 ? least(ENTRIES / tile, BATCH) : 1;
        for (npy_intp first = 0; first < n; first += block) {
            if (first == 0 || steps[2] != 0)
                take_planes(&planes, args[2] + first * steps[2] + j * plane_step,
                            row_step, plane_step, tile);
            rows.positions = least(n - first, block);
            rows.x = args[0] + first * steps[0];
            rows.y = args[4] + first * steps[4];
            take_positions(at, rows.positions, args[1] + first * steps[1], steps[1],
                           args[3] + first * steps[3], steps[3]);
            kernels->TABLE_NAME(phases)(tile, planes.row, rows.positions, at, tile, cos,
                                        sin);
            NAME(rotate_rows)(kernels, &rows, j, tile, cos, sin);
        }
    }
    for (npy_intp i = 0; h == 0 && i < n; ++i)
        for (npy_intp head = 0; head < rows.heads; ++head)
            NAME(copy_tail)(0, dims[2], args[0] + i * steps[0] + head * steps[5],
                            rows.x_step, args[4] + i * steps[4] + head * steps[9],
                            rows.y_step);
    if (rows.streams)
        end_streams();
    leave_loop(found);
}
