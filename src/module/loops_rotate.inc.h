/* Template, once per type of x: rotate_* (d),(h),(h) -> (d) with ready tables, and the
 * fused rope (n,d),(),(p,h),() -> (n,d), for queries and keys that share their phases
 * (n,d),(m,d),(),(p,h),() -> (n,d),(m,d). */

/* Pairs j .. j+n-1 of one row through the stack: its elements are no neighbours, or it
 * changes its layout in place; it is one tile then (check_to_half in ufuncs.c). Steps
 * in bytes, `cos` and `sin` begin at pair j. */
static void
NAME(rotate_scattered)(const rope_kernels *kernels, npy_intp j, npy_intp n, npy_intp h,
                       const TABLE *cos, const TABLE *sin, const char *x,
                       npy_intp x_step, char *y, npy_intp y_step)
{
    const int from = kernels->x_layout, to = kernels->y_layout;
    T in[2 * TILE], out[2 * TILE];
    for (int c = 0; c < 2; ++c)
        for (npy_intp i = 0; i < n; ++i)
            in[element(from, i, c, n)] =
                *(const T *)(const void *)(x + element(from, j + i, c, h) * x_step);
    const rope_rows row = {.n = n, .gap = n, .rows = 1};
    kernels->NAME(rotate)(&row, cos, sin, in, out);
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
    const npy_intp size = (npy_intp)sizeof(T);
    if (x == y && x_step == y_step)
        return;
    if (x_step == size && y_step == size) {
        memcpy(y + first * size, x + first * size, (size_t)((d - first) * size));
    } else
        for (npy_intp i = first; i < d; ++i)
            *(T *)(void *)(y + i * y_step) = *(const T *)(const void *)(x + i * x_step);
}

/* Pairs j .. j+n-1 of some rows that turn alike, and with their last pairs the channels
 * that no pair owns. */
static void
NAME(rotate_alike)(const rope_kernels *kernels, npy_intp j, const rope_rows *of,
                   const TABLE *cos, const TABLE *sin, const char *x, npy_intp x_step,
                   char *y, npy_intp y_step)
{
    const int from = kernels->x_layout, to = kernels->y_layout;
    const npy_intp size = (npy_intp)sizeof(T), h = of->gap;
    const int contiguous = x_step == size && y_step == size && (x != y || from == to);
    if (contiguous)
        kernels->NAME(rotate)(of, cos, sin,
                              (const T *)(const void *)x + element(from, j, 0, h),
                              (T *)(void *)y + element(to, j, 0, h));
    if (contiguous && (j + of->n < h || 2 * h == of->d))
        return;
    for (npy_intp k = 0; k < of->rows; ++k) {
        const char *const x_row = x + k * of->x_row * size;
        char *const y_row = y + k * of->y_row * size;
        if (!contiguous)
            NAME(rotate_scattered)(kernels, j, of->n, h, cos, sin, x_row, x_step, y_row,
                                   y_step);
        if (j + of->n == h)
            NAME(copy_tail)(2 * h, of->d, x_row, x_step, y_row, y_step);
    }
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
            const rope_rows row = {.n = tile, .gap = h, .rows = 1, .d = d};
            NAME(rotate_alike)(kernels, j, &row,
                               contiguous ? (const TABLE *)(const void *)c : cos_copy,
                               contiguous ? (const TABLE *)(const void *)s : sin_copy,
                               x, x_step, y, y_step);
        }
        if (h == 0)
            NAME(copy_tail)(0, d, x, x_step, y, y_step);
    }
    leave_loop(found);
}

/* The same around the caches, for some heads at the positions of a block: into one half
 * of a buffer, while what the other half holds of the part before is streamed from
 * there. A line that was stored in pieces just now cannot be read before they reach the
 * cache. Longer parts leave the memory idle while they are rotated: 8 KB take 20 %
 * more. */
static void
NAME(rotate_streaming)(const rope_kernels *kernels, const rope_array *of,
                       const rope_rows *rows, npy_intp start, npy_intp positions,
                       npy_intp first, const TABLE *cos, const TABLE *sin)
{
    const npy_intp size = (npy_intp)sizeof(T), bytes = of->d * size;
    const npy_intp most = rows_within(PART_BYTES, bytes), y_row = of->y_row[HEAD];
    _Alignas(ROPE_LINE) char buffer[2][PART_BUFFER];
    rope_part part = {.bytes = bytes, .pitch = pitch_of(bytes, y_row), .y_row = y_row};
    rope_part before = part;
    rope_run runs[PART_RUNS] = {{NULL, 0}};
    rope_rows some = *rows;
    int half = 0;
    some.y_row = part.pitch / size;
    for (npy_intp i = 0; i < positions; ++i)
        for (npy_intp k = 0; k < rows->rows; k += most) {
            some.rows = least(rows->rows - k, most);
            some.ahead = row_ahead(of, positions, first, i);
            part.rows = some.rows;
            part.row = buffer[half] + ROPE_LINE;
            part.y = y_at(of, start + i, first + k);
            NAME(rotate_alike)(kernels, 0, &some, cos + i * rows->n, sin + i * rows->n,
                               x_at(of, start + i, first + k), size, part.row, size);
            stream_part(kernels->stream, runs, &before, part.row);
            before = part;
            half = !half;
        }
    stream_part(kernels->stream, runs, &before, buffer[half] + ROPE_LINE);
    finish_runs(runs, &before, buffer[half] + ROPE_LINE);
}

/* Pairs j .. j+n-1 of the rows of a block: position by position, a group of heads each
 * time, all of them where the heads of a position are neighbours in memory. */
static void
NAME(rotate_rows)(const rope_kernels *kernels, const rope_array *of, npy_intp start,
                  npy_intp positions, npy_intp j, npy_intp n, const TABLE *cos,
                  const TABLE *sin)
{
    const npy_intp size = (npy_intp)sizeof(T);
    rope_rows rows = {.n = n,
                      .gap = of->h,
                      .d = of->d,
                      .x_row = of->x_row[HEAD] / size,
                      .y_row = of->y_row[HEAD] / size};
    for (npy_intp first = 0; first < of->heads; first += of->group) {
        rows.rows = least(of->group, of->heads - first);
        if (of->streams) {
            NAME(rotate_streaming)(kernels, of, &rows, start, positions, first, cos,
                                   sin);
            continue;
        }
        for (npy_intp i = 0; i < positions; ++i) {
            rows.ahead = row_ahead(of, positions, first, i);
            NAME(rotate_alike)(kernels, j, &rows, cos + i * n, sin + i * n,
                               x_at(of, start + i, first), of->x_step,
                               y_at(of, start + i, first), of->y_step);
        }
    }
}

/* For each block of positions: its cosines and sines into a stack buffer once, then all
 * heads of all arrays. So no table is read or written, and the heads share the cost of
 * the phase. */
static void
NAME(rope_blocks)(const rope_kernels *kernels, const rope_operands *of,
                  rope_array *rows, int n_arrays)
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
    rope_array rows[2];
    const fp_state found = enter_loop();
    for (int a = 0; a < n_arrays; ++a)
        rows[a] = rows_of(kernels, args, dims, steps, n_arrays, a, (npy_intp)sizeof(T));
    NAME(rope_blocks)(kernels, &of, rows, n_arrays);
    for (int a = 0; a < n_arrays; ++a) {
        const rope_array *r = &rows[a];
        for (npy_intp i = 0; r->h == 0 && i < of.n; ++i)
            for (npy_intp k = 0; k < r->heads; ++k)
                NAME(copy_tail)(0, r->d, x_at(r, i, k), r->x_step, y_at(r, i, k),
                                r->y_step);
#ifdef ROPE_STREAMS
        if (r->streams)
            end_streams();
#endif
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
