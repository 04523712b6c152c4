/* echo - see echo.h */
#include "bench/echo.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/udp.h"

enum {
    BATCH = 32,
    DATAGRAM = 1500,
    QUERY_TID = 6, /* "d1:t4:tttt1:n2:nn": where the load's echo query has its id and the size it wants */
    QUERY_SIZE = 15,
};

static const char answer[] = "d1:t4:tttt1:y1:re"; /* and filler behind: nobody looks at it */
static const size_t answer_tid = 6;

struct batch {
    struct mmsghdr header[BATCH];
    struct iovec in[BATCH], out[BATCH];
    struct sockaddr_in peer[BATCH];
    uint8_t in_bytes[BATCH][DATAGRAM], out_bytes[BATCH][DATAGRAM];
};

/* The answer to a query that stands in `in`. */
static void turn_round(struct batch *batch, int i)
{
    uint16_t size;

    memcpy(&size, batch->in_bytes[i] + QUERY_SIZE, sizeof size);
    memcpy(batch->out_bytes[i] + answer_tid, batch->in_bytes[i] + QUERY_TID, 4);
    batch->out[i].iov_len = size < DATAGRAM ? size : DATAGRAM;
    batch->header[i].msg_hdr.msg_iov = &batch->out[i];
}

void bench_echo(int descriptor)
{
    static struct batch batch;
    struct pollfd ready = {.fd = descriptor, .events = POLLIN};

    for (size_t i = 0; i < BATCH; i++) {
        batch.in[i] = (struct iovec){batch.in_bytes[i], DATAGRAM};
        memcpy(batch.out_bytes[i], answer, sizeof answer);
        batch.out[i].iov_base = batch.out_bytes[i];
        batch.header[i].msg_hdr.msg_name = &batch.peer[i];
        batch.header[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        int n;

        for (size_t i = 0; i < BATCH; i++) {
            batch.header[i].msg_hdr.msg_namelen = sizeof batch.peer[i];
            batch.header[i].msg_hdr.msg_iov = &batch.in[i];
        }
        n = recvmmsg(ready.fd, batch.header, BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0) {
            poll(&ready, 1, -1);
            continue;
        }
        for (int i = 0; i < n; i++)
            turn_round(&batch, i);
        for (int sent = 0; sent < n;) {
            int done = sendmmsg(ready.fd, batch.header + sent, (unsigned)(n - sent), 0);

            sent += done > 0 ? done : 1;
        }
    }
}
