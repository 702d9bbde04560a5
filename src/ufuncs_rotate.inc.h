/* Template, once per type of x: rotate_* (d),(h),(h) -> (d) with ready tables, and the
 * fused rope (n,d),(),(p,h),() -> (n,d), for queries and keys that share their phases
 * (n,d),(m,d),(),(p,h),() -> (n,d),(m,d). */

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
NAME(rotate_rows)(const rope_kernels *kernels, const rope_rows *rows, npy_intp start,
                  npy_intp positions, npy_intp j, npy_intp n, const TABLE *cos,
                  const TABLE *sin)
{
    const npy_intp size = (npy_intp)sizeof(T), bytes = rows->d * size;
    const npy_intp group = heads_at_once(rows);
    const npy_intp ahead = rows->x_row[POSITION] * (AHEAD_BYTES / bytes / group + 1);
    /* Rows longer than that distance the hardware follows by itself. */
    const int fetches = rows->x_step == size && bytes <= AHEAD_BYTES;
    for (npy_intp first = 0; first < rows->heads; first += group)
        for (npy_intp i = 0; i < positions; ++i)
            for (npy_intp k = first; k < least(first + group, rows->heads); ++k) {
                const char *x = x_at(rows, start + i, k);
                char *y = y_at(rows, start + i, k);
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
 * heads of all arrays. So no table is read or written, and the heads share the cost of
 * the phase. */
static void
NAME(rope_blocks)(const rope_kernels *kernels, const rope_operands *of, rope_rows *rows,
                  int n_arrays)
{
    enum { ENTRIES = BLOCK_BYTES / sizeof(TABLE) };
    TABLE cos[ENTRIES], sin[ENTRIES];
    rope_position at[BATCH];
    plane_tile planes;
    for (npy_intp j = 0; j < rows->h; j += TILE) {
        const npy_intp tile = least(rows->h - j, TILE);
        /* Planes of their own per position come one at a time. */
        const npy_intp block = of->planes_step == 0 ? least(ENTRIES / tile, BATCH) : 1;
        for (npy_intp first = 0; first < of->n; first += block) {
            if (first == 0 || of->planes_step != 0)
                take_planes(&planes,
                            of->planes + first * of->planes_step + j * of->column_step,
                            of->row_step, of->column_step, tile);
            const npy_intp positions = least(of->n - first, block);
            take_positions(at, positions, of->position + first * of->position_step,
                           of->position_step, of->scale + first * of->scale_step,
                           of->scale_step);
            kernels->TABLE_NAME(phases)(tile, planes.row, positions, at, tile, cos,
                                        sin);
            for (int a = 0; a < n_arrays; ++a)
                NAME(rotate_rows)(kernels, &rows[a], first, positions, j, tile, cos,
                                  sin);
        }
    }
}

static void
NAME(rope_arrays)(char **args, const npy_intp *dims, const npy_intp *steps, void *data,
                  int n_arrays)
{
    const rope_kernels *kernels = data;
    const rope_operands of = operands_after(args, dims, steps, n_arrays);
    rope_rows rows[2];
    const fp_state found = enter_loop();
    for (int a = 0; a < n_arrays; ++a)
        rows[a] = rows_of(args, dims, steps, n_arrays, a, (npy_intp)sizeof(T));
    NAME(rope_blocks)(kernels, &of, rows, n_arrays);
    for (int a = 0; a < n_arrays; ++a) {
        const rope_rows *r = &rows[a];
        for (npy_intp i = 0; r->h == 0 && i < of.n; ++i)
            for (npy_intp k = 0; k < r->heads; ++k)
                NAME(copy_tail)(0, r->d, x_at(r, i, k), r->x_step, y_at(r, i, k),
                                r->y_step);
        if (r->streams)
            end_streams();
    }
    leave_loop(found);
}

static void
NAME(rope_loop)(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    NAME(rope_arrays)(args, dims, steps, data, 1);
}

static void
NAME(rope_qk_loop)(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    NAME(rope_arrays)(args, dims, steps, data, 2);
}
