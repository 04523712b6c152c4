/*
 * echo - the echo of src/bench/echo.h as a program of its own.
 *
 *     echo ADDRESS:PORT [CORE]
 */
#include "bench/echo.h"
#include "bench/udp.h"

#include <err.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    uint32_t address;
    uint16_t port;

    if (argc < 2)
        errx(2, "usage: echo ADDRESS:PORT [CORE]");
    bench_pin(argc > 2 ? atoi(argv[2]) : -1);
    bench_endpoint(argv[1], &address, &port);
    bench_echo(udp_descriptor(udp_open(address, port, false)));
}
