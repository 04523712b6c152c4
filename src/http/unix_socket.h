/*
 * unix_socket - the node's local socket: a file that only its owner may use.
 *
 * A path longer than the 107 bytes of struct sockaddr_un works too (it is reached through its folder's descriptor).
 */
#ifndef KAD_HTTP_UNIX_SOCKET_H
#define KAD_HTTP_UNIX_SOCKET_H

#include "kad/types.h"

/* Listens at `path`, mode 0600, non-blocking. A socket left behind by a node that died is replaced; one that somebody
 * answers on is not, nor is any other file. The descriptor, or KAD_E_EXISTS (somebody answers, or it is no socket) or
 * KAD_E_SYSTEM. */
KAD_CHECK int kad_unix_listen(const char *path);

/* A connected, non-blocking descriptor, or KAD_E_NOT_FOUND (no such file), KAD_E_REFUSED (nobody listens, or not for
 * us) or KAD_E_SYSTEM. Never blocks: a node whose queue is full counts as KAD_E_SYSTEM with EAGAIN. */
KAD_CHECK int kad_unix_connect(const char *path);

#endif
