/* Template, once per type of a table: (),(p,h),() -> (h),(h). */

static void
NAME(cos_sin_loop)(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    const rope_kernels *kernels = data;
    const npy_intp n = dims[0], h = dims[2];
    const npy_intp row_step = steps[5], plane_step = steps[6];
    const npy_intp cos_step = steps[7], sin_step = steps[8];
    const npy_intp size = (npy_intp)sizeof(T);
    const int contiguous = cos_step == size && sin_step == size;
    const fp_flags flags = keep_flags();
    plane_tile planes;
    T buffer[2][TILE];
    for (npy_intp j = 0; j < h; j += TILE) {
        const npy_intp tile = least(h - j, TILE);
        for (npy_intp i = 0; i < n; ++i) {
            char *cos = args[3] + i * steps[3] + j * cos_step;
            char *sin = args[4] + i * steps[4] + j * sin_step;
            const rope_position at = split_position(double_at(args[0] + i * steps[0]),
                                                    double_at(args[2] + i * steps[2]));
            if (i == 0 || steps[1] != 0)
                take_planes(&planes, args[1] + i * steps[1] + j * plane_step, row_step,
                            plane_step, tile);
            if (contiguous) {
                kernels->NAME(phases)(tile, planes.row, &at, (T *)(void *)cos,
                                      (T *)(void *)sin);
                continue;
            }
            kernels->NAME(phases)(tile, planes.row, &at, buffer[0], buffer[1]);
            for (npy_intp m = 0; m < tile; ++m) {
                *(T *)(void *)(cos + m * cos_step) = buffer[0][m];
                *(T *)(void *)(sin + m * sin_step) = buffer[1][m];
            }
        }
    }
    put_back(flags);
}
