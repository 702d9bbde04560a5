/*
 * Streamed runs: rotated rows on their way around the caches.
 *
 * A run is what goes to one stretch of y, row behind row. Only whole lines of it are
 * streamed: two halves of a line would take up to five times as long. So what a row
 * leaves of its last line is held back until the next row has come:
 *
 *     lines of y   |...............|...............|...............|...............|
 *     before        streamed       |held  ^ end
 *     buffer                       [held  |row, just rotated             ]
 *     after         streamed       |streamed       |streamed       |held ^ end
 *
 * The rows stand in a buffer, and before each there is room for a line, where the held
 * bytes of its run are put. A run that begins within a line, or goes on elsewhere,
 * writes the parts of its lines by memcpy.
 */
#ifndef ROPE_RUNS_H
#define ROPE_RUNS_H

#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "streams.h"

/* Rows of one part at most, so many runs at most, and a buffer for them: in whole
 * lines, a row and the line before it take at most three times its size. */
enum {
    PART_BYTES = 2048,
    PART_RUNS = PART_BYTES / ROPE_LINE,
    PART_BUFFER = 3 * PART_BYTES
};

typedef struct {
    char *end;      /* in y, where the next row of the run goes on                */
    ptrdiff_t held; /* length: what waits in front of that row               byte */
} rope_run;

/* Rotated rows in a buffer, and where they go. */
typedef struct {
    char *row, *y;
    ptrdiff_t rows;  /* length                                                 row */
    ptrdiff_t bytes; /* length: of a row, at least ROPE_LINE                  byte */
    ptrdiff_t pitch; /* length: from one row to the next in the buffer        byte */
    ptrdiff_t y_row; /* distance: from one row to the next in y               byte */
} rope_part;

/* Rows that are neighbours in y make one run; else each makes a run with the row that
 * takes its place in the next part. */
static int
runs_by_row(ptrdiff_t bytes, ptrdiff_t y_row)
{
    return y_row != bytes;
}

static ptrdiff_t
pitch_of(ptrdiff_t bytes, ptrdiff_t y_row)
{
    const ptrdiff_t lines = (bytes + ROPE_LINE - 1) / ROPE_LINE + 1;
    return runs_by_row(bytes, y_row) ? lines * ROPE_LINE : bytes;
}

static ptrdiff_t
runs_of(const rope_part *part)
{
    if (runs_by_row(part->bytes, part->y_row))
        return part->rows;
    return part->rows > 0;
}

static void
finish_run(rope_run *run, const char *row)
{
    if (run->held > 0)
        memcpy(run->end - run->held, row - run->held, (size_t)run->held);
    run->held = 0;
}

/* Write `bytes` from `row` to y, which goes on with the run or begins it anew. What is
 * left waits before `next`. */
static void
extend_run(rope_stream *stream, rope_run *run, char *y, const char *row,
           ptrdiff_t bytes, char *next)
{
    if (run->end != y)
        finish_run(run, row);
    const ptrdiff_t waiting = run->held + bytes;
    const char *const from = row - run->held;
    char *const to = y - run->held;
    const ptrdiff_t part_of_line = (ptrdiff_t)(-(uintptr_t)to % ROPE_LINE);
    const ptrdiff_t before = part_of_line < waiting ? part_of_line : waiting;
    const ptrdiff_t lines = (waiting - before) / ROPE_LINE;
    memcpy(to, from, (size_t)before);
    stream(lines, from + before, to + before);
    run->held = waiting - before - lines * ROPE_LINE;
    run->end = y + bytes;
    memcpy(next - ROPE_LINE, row + bytes - ROPE_LINE, ROPE_LINE);
}

/* The rows of a part: a run each, or one run. `next` is where the part after it begins.
 */
static void
stream_part(rope_stream *stream, rope_run *runs, const rope_part *part, char *next)
{
    const ptrdiff_t n = runs_of(part);
    const int by_row = runs_by_row(part->bytes, part->y_row);
    const ptrdiff_t run = by_row ? part->bytes : part->rows * part->bytes;
    for (ptrdiff_t r = 0; r < n; ++r)
        extend_run(stream, &runs[r], part->y + r * part->y_row,
                   part->row + r * part->pitch, run, next + r * part->pitch);
}

/* What the runs of the last part still hold. */
static void
finish_runs(rope_run *runs, const rope_part *last, const char *next)
{
    const ptrdiff_t n = runs_of(last);
    for (ptrdiff_t r = 0; r < n; ++r)
        finish_run(&runs[r], next + r * last->pitch);
}

#endif
