/*
 * dns_txt - the TXT records of a name.
 *
 * By the resolver of the C library (res_nquery, RFC 1035), which getaddrinfo() uses too but does not let do this. It blocks,
 * for at most KAD_DNS_TXT_WAIT_S, so it belongs on a worker thread; it may run on several at once.
 */
#ifndef KAD_NET_DNS_TXT_H
#define KAD_NET_DNS_TXT_H

#include "base/endpoint.h"

#define KAD_DNS_TXT_MAX    (32 * 1024) /* bytes of all records of a name that are taken */
#define KAD_DNS_TXT_WAIT_S 8

/* The records, one per line, each of its strings joined (RFC 7208, section 3.3), into `out_text`, ended by a zero. A byte in
 * them that is no printable ASCII becomes a space. `server`: an IPv4 name server; NULL: the system's. 0; KAD_E_NOT_FOUND,
 * KAD_E_TIMEOUT, KAD_E_INVALID (no answer that can be read), KAD_E_SYSTEM, with the reason in *out_why, a constant. */
KAD_CHECK int kad_dns_txt(const char *name, const struct kad_endpoint *server, char out_text[KAD_DNS_TXT_MAX],
                          const char **out_why);
/* The same of an answer (a DNS message) that is at hand. */
KAD_CHECK int kad_dns_txt_read(const uint8_t *message, size_t size, char out_text[KAD_DNS_TXT_MAX],
                               const char **out_why);

#endif
