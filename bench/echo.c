/*
 * echo - the physical limit: a bare UDP loop, 100 bytes in, 300 bytes out.
 *
 *     echo ADDRESS:PORT [CORE]
 *
 * No parsing, table or store: what is left is the kernel's price for a request and
 * its answer. Every server of a run is told relative to it, because the machine's
 * absolute speed changes from minute to minute and the ratio does not. The transaction
 * id is copied to where a KRPC answer has it, so that the same load generator can count.
 */
#include "krpc.h"
#include "udp.h"

#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ANSWER = 300,
    IN_MAX = 1500,
};

struct batch {
    struct mmsghdr header[UDP_BATCH];
    struct iovec in[UDP_BATCH], out[UDP_BATCH];
    struct sockaddr_in peer[UDP_BATCH];
    uint8_t in_bytes[UDP_BATCH][IN_MAX], out_bytes[UDP_BATCH][ANSWER];
};

/* The load's echo query begins "d1:t4:tttt": the id stands at a fixed place. The answer ends with it. */
static const size_t query_tid = 6;
static size_t answer_tid;

static size_t template_answer(uint8_t out[ANSWER])
{
    struct krpc_writer writer = {out, 0};
    uint8_t filler[244];

    memset(filler, 'e', sizeof filler);
    krpc_raw(&writer, "d1:rd2:id20:");
    krpc_copy(&writer, filler, 20);
    krpc_raw(&writer, "1:x");
    krpc_string(&writer, filler, sizeof filler);
    krpc_raw(&writer, "e1:t4:");
    answer_tid = writer.size;
    krpc_raw(&writer, "tttt1:y1:re");
    return writer.size;
}

int main(int argc, char **argv)
{
    static struct batch batch;
    uint8_t answer[KRPC_MESSAGE_MAX];
    const size_t size = template_answer(answer);
    uint32_t address;
    uint16_t port;
    struct pollfd ready;

    if (argc < 2 || size != ANSWER)
        errx(2, "usage: echo ADDRESS:PORT [CORE]   (answer of %zu bytes)", size);
    bench_pin(argc > 2 ? atoi(argv[2]) : -1);
    bench_endpoint(argv[1], &address, &port);
    ready = (struct pollfd){.fd = udp_descriptor(udp_open(address, port, false)), .events = POLLIN};

    for (size_t i = 0; i < UDP_BATCH; i++) {
        batch.in[i] = (struct iovec){batch.in_bytes[i], IN_MAX};
        memcpy(batch.out_bytes[i], answer, ANSWER);
        batch.out[i] = (struct iovec){batch.out_bytes[i], ANSWER};
        batch.header[i].msg_hdr.msg_name = &batch.peer[i];
        batch.header[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        int n;

        for (size_t i = 0; i < UDP_BATCH; i++) {
            batch.header[i].msg_hdr.msg_namelen = sizeof batch.peer[i];
            batch.header[i].msg_hdr.msg_iov = &batch.in[i];
        }
        n = recvmmsg(ready.fd, batch.header, UDP_BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0) {
            poll(&ready, 1, -1);
            continue;
        }
        for (int i = 0; i < n; i++) {
            memcpy(batch.out_bytes[i] + answer_tid, batch.in_bytes[i] + query_tid, 4);
            batch.header[i].msg_hdr.msg_iov = &batch.out[i];
        }
        for (int sent = 0; sent < n;) {
            int done = sendmmsg(ready.fd, batch.header + sent, (unsigned)(n - sent), 0);

            sent += done > 0 ? done : 1;
        }
    }
}
