/* Loops of the frequency gufuncs: (h),(),()... -> (h) and -> (h),(7,h). */

/* One parameter set after the other; `data` is the formula. Parameters that the gufunc
 * does not have are the denominators of plain factors: 1. */
static void
frequency_sets(char **args, const npy_intp *dims, const npy_intp *steps,
               const rope_formula *formula, int n_in, int with_planes)
{
    const npy_intp n_sets = dims[0], h = dims[1];
    const int n_args = n_in + 1 + with_planes, own = formula->pair_parameter;
    const npy_intp *core = steps + n_args; /* k, then per-pair operands, then results */
    rope_column k = {args[0], core[0]}, of_pair = {NULL, 0}, planes = {NULL, 0};
    rope_column inv_freq = {args[n_in], core[own < 0 ? 1 : 2]};
    npy_intp plane_step = 0;
    if (own >= 0)
        of_pair = (rope_column){args[1 + own], core[1]};
    if (with_planes) {
        planes = (rope_column){args[n_in + 1], core[own < 0 ? 3 : 4]};
        plane_step = core[own < 0 ? 2 : 3];
    }
    const fp_state found = enter_loop();
    for (npy_intp i = 0; i < n_sets; ++i) {
        double parameter[ROPE_MAX_PARAMETERS];
        for (int j = 0; j < ROPE_MAX_PARAMETERS; ++j)
            parameter[j] = j + 1 < n_in && j != own
                               ? double_at(args[j + 1] + i * steps[j + 1])
                               : 1.0;
        rope_frequencies(formula, h, parameter, k, of_pair, inv_freq, planes,
                         plane_step);
        k.start += steps[0];
        inv_freq.start += steps[n_in];
        if (own >= 0)
            of_pair.start += steps[1 + own];
        if (with_planes)
            planes.start += steps[n_in + 1];
    }
    leave_loop(found);
}

static void
frequencies_loop(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    const rope_formula *formula = data;
    frequency_sets(args, dims, steps, formula, 1 + formula->n_parameters, 1);
}

/* The public form takes a factor as one number. */
static void
inv_freq_loop(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    const rope_formula *formula = data;
    frequency_sets(args, dims, steps, formula,
                   1 + formula->n_parameters - formula->has_denominator, 0);
}
