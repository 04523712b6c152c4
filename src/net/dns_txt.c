#include "net/dns_txt.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

#define ANSWER_MAX 65535

static char printable(uint8_t byte)
{
    return byte >= ' ' && byte < 0x7f ? (char)byte : ' ';
}

/* One record's strings (a length and so many bytes, each) behind what is there. False: no room, or no such strings. */
static bool add_record(const uint8_t *data, size_t size, char *text, size_t *n)
{
    for (size_t at = 0; at < size;) {
        const size_t length = data[at++];

        if (length > size - at || *n + length + 2 > KAD_DNS_TXT_MAX)
            return false;
        for (size_t i = 0; i < length; i++)
            text[(*n)++] = printable(data[at++]);
    }
    if (*n + 2 > KAD_DNS_TXT_MAX)
        return false;
    text[(*n)++] = '\n';
    return true;
}

int kad_dns_txt_read(const uint8_t *message, size_t size, char out_text[KAD_DNS_TXT_MAX],
                     const char **out_why)
{
    ns_msg answer;
    size_t n = 0;

    *out_why = "the answer cannot be read";
    if (size > ANSWER_MAX || ns_initparse(message, (int)size, &answer) < 0)
        return KAD_E_INVALID;
    for (int i = 0; i < ns_msg_count(answer, ns_s_an); i++) {
        ns_rr record;

        if (ns_parserr(&answer, ns_s_an, i, &record) < 0)
            return KAD_E_INVALID;
        if (ns_rr_type(record) != ns_t_txt) /* a CNAME on the way */
            continue;
        if (!add_record(ns_rr_rdata(record), ns_rr_rdlen(record), out_text, &n))
            return KAD_E_INVALID;
    }
    out_text[n] = '\0';
    *out_why = "the name has no TXT record";
    return n ? KAD_OK : KAD_E_NOT_FOUND;
}

static int failure(int reason, const char **why)
{
    switch (reason) {
    case HOST_NOT_FOUND:
        *why = "there is no such name";
        return KAD_E_NOT_FOUND;
    case NO_DATA:
        *why = "the name has no TXT record";
        return KAD_E_NOT_FOUND;
    default:
        *why = "no name server answers";
        return KAD_E_TIMEOUT;
    }
}

int kad_dns_txt(const char *name, const struct kad_endpoint *server, char out_text[KAD_DNS_TXT_MAX],
                const char **out_why)
{
    uint8_t answer[ANSWER_MAX];
    struct __res_state state;
    int n, error;

    memset(&state, 0, sizeof(state));
    if (res_ninit(&state) < 0) {
        *out_why = "the system's resolver does not start";
        return KAD_E_SYSTEM;
    }
    if (server) {
        state.nscount = 1;
        state.nsaddr_list[0] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(server->port)};
        memcpy(&state.nsaddr_list[0].sin_addr, server->address, 4);
    }
    if (state.nscount > 2)
        state.nscount = 2; /* 2 servers, each twice, for 2 s: KAD_DNS_TXT_WAIT_S */
    state.retrans = 2;
    state.retry = 2;
    n = res_nquery(&state, name, ns_c_in, ns_t_txt, answer, (int)sizeof(answer));
    if (n < 0)
        error = failure(state.res_h_errno, out_why);
    else
        error = kad_dns_txt_read(answer, (size_t)(n < ANSWER_MAX ? n : ANSWER_MAX), out_text, out_why);
    res_nclose(&state);
    return error;
}
