/* Loops of the frequency gufuncs: (h),(),()... -> (h). */

/* One parameter set after the other; `data` is the formula. A factor is one number
 * here: its denominator, the last parameter, is 1. */
static void
inv_freq_loop(char **args, const npy_intp *dims, const npy_intp *steps, void *data)
{
    const rope_formula *formula = data;
    const int n_in = 1 + formula->n_parameters;
    const int own = formula->pair_parameter;
    const npy_intp *core =
        steps + n_in + 1; /* k, then per-pair operands, then results */
    rope_column k = {args[0], core[0]}, of_pair = {NULL, 0}, planes = {NULL, 0};
    rope_column inv_freq = {args[n_in], core[own < 0 ? 1 : 2]};
    if (own >= 0)
        of_pair = (rope_column){args[1 + own], core[1]};
    const fp_state found = enter_loop();
    for (npy_intp i = 0; i < dims[0]; ++i) {
        double parameter[ROPE_MAX_PARAMETERS];
        for (int j = 0; j < ROPE_MAX_PARAMETERS; ++j)
            parameter[j] = j + 1 < n_in && j != own
                               ? double_at(args[j + 1] + i * steps[j + 1])
                               : 1.0;
        rope_frequencies(formula, dims[1], parameter, k, of_pair, inv_freq, planes, 0);
        k.start += steps[0];
        inv_freq.start += steps[n_in];
        if (own >= 0)
            of_pair.start += steps[1 + own];
    }
    leave_loop(found);
}
