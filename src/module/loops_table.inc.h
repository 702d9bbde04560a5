/* Template, once per type of a table: (),(p,h),() -> (h),(h). */

/* Whether rows of n pairs, `row_step` bytes apart in any direction, lie apart and in
 * whole elements: then a kernel writes them. */
static int
NAME(are_rows)(npy_intp n, npy_intp rows, npy_intp row_step)
{
    return rows == 1 || (row_step % (npy_intp)sizeof(T) == 0 &&
                         magnitude(row_step) >= (size_t)n * sizeof(T));
}

/* A batch of rows into the arrays themselves where a row is contiguous, else row by row
 * through the stack. Steps are distances in bytes. */
static void
NAME(table_rows)(const rope_kernels *kernels, npy_intp n, const plane_tile *planes,
                 npy_intp rows, const rope_position *at, char *cos, char *sin,
                 const npy_intp row_steps[2], const npy_intp steps[2])
{
    const npy_intp size = (npy_intp)sizeof(T);
    if (steps[0] == size && steps[1] == size && row_steps[0] == row_steps[1] &&
        NAME(are_rows)(n, rows, row_steps[0])) {
        kernels->NAME(phases)(n, planes->row, rows, at, row_steps[0] / size,
                              (T *)(void *)cos, (T *)(void *)sin);
        return;
    }
    T buffer[2][TILE];
    for (npy_intp r = 0; r < rows; ++r) {
        kernels->NAME(phases)(n, planes->row, 1, at + r, 0, buffer[0], buffer[1]);
        for (npy_intp i = 0; i < n; ++i) {
            *(T *)(void *)(cos + r * row_steps[0] + i * steps[0]) = buffer[0][i];
            *(T *)(void *)(sin + r * row_steps[1] + i * steps[1]) = buffer[1][i];
        }
    }
}

static void
NAME(cos_sin_loop)(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    const rope_kernels *kernels = data;
    const npy_intp n = dims[0], h = dims[2];
    const npy_intp row_step = steps[5], plane_step = steps[6];
    /* Planes of their own per position come one at a time. */
    const npy_intp batch = steps[1] == 0 ? BATCH : 1;
    const fp_state found = enter_loop();
    plane_tile planes;
    rope_position at[BATCH];
    for (npy_intp j = 0; j < h; j += TILE) {
        const npy_intp tile = least(h - j, TILE);
        for (npy_intp i = 0; i < n; i += batch) {
            const npy_intp rows = least(n - i, batch);
            if (i == 0 || steps[1] != 0)
                take_planes(&planes, args[1] + i * steps[1] + j * plane_step, row_step,
                            plane_step, tile);
            take_positions(at, rows, args[0] + i * steps[0], steps[0],
                           args[2] + i * steps[2], steps[2]);
            NAME(table_rows)(
                kernels, tile, &planes, rows, at, args[3] + i * steps[3] + j * steps[7],
                args[4] + i * steps[4] + j * steps[8], steps + 3, steps + 7);
        }
    }
    leave_loop(found);
}
