/* Template, included once per type of a table; needs T, NAME(op), STORE(double) and
 * NARROW: whether T is at most a float, for which shorter phases are exact enough. */

/* One row at a time, many rows a call. Rows end in doubles and a last loop stores them,
 * because the rounding to 16 bits vectorises only by itself. kernels.h says what is
 * promised. */
static void
NAME(direct_phases)(ptrdiff_t n, const double *const *u, ptrdiff_t rows,
                    const rope_position *at, ptrdiff_t row, T *restrict cos,
                    T *restrict sin)
{
    double c[CHUNK], s[CHUNK];
    for (ptrdiff_t first = 0; first < n; first += CHUNK) {
        const ptrdiff_t m = n - first < CHUNK ? n - first : CHUNK;
        const double *columns[ROPE_PLANES];
        columns_from(first, u, columns);
        for (ptrdiff_t r = 0; r < rows; ++r) {
            if (NARROW && is_integer(at + r))
                narrow_row(m, columns, at + r, c, s);
            else
                wide_row(m, columns, at + r, c, s);
            for (ptrdiff_t i = 0; i < m; ++i) {
                cos[r * row + first + i] = STORE(c[i]);
                sin[r * row + first + i] = STORE(s[i]);
            }
        }
    }
}
