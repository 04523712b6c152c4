/*
 * echo - the physical limit: a bare UDP loop that answers with as many bytes as it is asked for.
 *
 * No parsing, table or store: what is left is the kernel's price for a request and
 * its answer. Every server of a run is told relative to it, because the machine's
 * absolute speed changes from minute to minute and the ratio does not. So it does what
 * a server at its best does: queries and answers as long as kad's, batches as large as
 * kad's (with 64 it is 3 % slower), poll() and no epoll (10 %). The transaction id
 * is copied to where a KRPC answer has it, so that the same load generator can count.
 */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

/* Answers on a bound UDP socket until the process ends. */
_Noreturn void bench_echo(int descriptor);

#endif
