/* Template, included once per type of x; needs T, TABLE (the type of the tables and of
 * the arithmetic), NAME(op), LOAD and STORE. y may be x, but for the last kernel. */

/* Pair i in elements i and i + gap. */
static void
NAME(rotate_half)(ptrdiff_t n, ptrdiff_t gap, const T *x, const TABLE *cos,
                  const TABLE *sin, T *y)
{
    ROPE_IVDEP
    for (ptrdiff_t i = 0; i < n; ++i) {
        const TABLE a = LOAD(x[i]), b = LOAD(x[i + gap]);
        y[i] = STORE(a * cos[i] - b * sin[i]);
        y[i + gap] = STORE(b * cos[i] + a * sin[i]);
    }
}

/* Pair i in elements 2i and 2i + 1. */
static void
NAME(rotate_interleaved)(ptrdiff_t n, ptrdiff_t gap, const T *x, const TABLE *cos,
                         const TABLE *sin, T *y)
{
    (void)gap;
    ROPE_IVDEP
    for (ptrdiff_t i = 0; i < n; ++i) {
        const TABLE a = LOAD(x[2 * i]), b = LOAD(x[2 * i + 1]);
        y[2 * i] = STORE(a * cos[i] - b * sin[i]);
        y[2 * i + 1] = STORE(b * cos[i] + a * sin[i]);
    }
}

/* From 2i and 2i + 1 to i and i + gap, as DeepSeek does; y must not be x. */
static void
NAME(rotate_interleaved_to_half)(ptrdiff_t n, ptrdiff_t gap, const T *x,
                                 const TABLE *cos, const TABLE *sin, T *y)
{
    ROPE_IVDEP
    for (ptrdiff_t i = 0; i < n; ++i) {
        const TABLE a = LOAD(x[2 * i]), b = LOAD(x[2 * i + 1]);
        y[i] = STORE(a * cos[i] - b * sin[i]);
        y[i + gap] = STORE(b * cos[i] + a * sin[i]);
    }
}
