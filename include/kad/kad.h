/*
 * kad - everything libkad and libkad-node offer, and which version of it.
 *
 *     types.h     the words all of it is written in; the allocator
 *     text.h      addresses and ids as text
 *     arena.h     memory from one fixed block
 *     settings.h  what of an engine can be set
 *     identity.h  key pairs: who somebody is, as text and by signature
 *     engine.h    one participant without sockets, clock, threads: for a loop of your own     libkad, as all above
 *     node.h      the same on sockets, on libuv                                               libkad-node
 *     testnet.h   a network of nodes on this machine, for tests                               libkad-node
 *
 * A callback returns: no C++ exception and no longjmp may leave it through the library, which is built without tables for
 * unwinding.
 *
 * This header brings what is libkad's; include kad/node.h and kad/testnet.h with libkad-node.
 *
 * Versions are semantic (semver.org). Before 1.0 a new minor version may change what stands in these headers, and the
 * shared libraries carry major and minor in their name (libkad.so.0.1); from 1.0 on the major alone.
 */
#ifndef KAD_KAD_H
#define KAD_KAD_H

#include "kad/arena.h"
#include "kad/engine.h"
#include "kad/identity.h"
#include "kad/secure.h"
#include "kad/settings.h"
#include "kad/text.h"
#include "kad/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these headers. The build takes it from here: nothing else has to be changed for a new one. */
#define KAD_VERSION_MAJOR 0
#define KAD_VERSION_MINOR 1 /* what was added or, before 1.0, changed */
#define KAD_VERSION_PATCH 0 /* what was repaired */
/* The three as one number that can be compared: 0.1.0 is 100, 1.2.3 is 10203. */
#define KAD_VERSION_NUMBER (KAD_VERSION_MAJOR * 10000 + KAD_VERSION_MINOR * 100 + KAD_VERSION_PATCH)

/* The version of the library that runs, as KAD_VERSION_NUMBER was when it was built. Any thread. */
unsigned kad_version(void);
/* The same as text, "0.1.0". Any thread. */
const char *kad_version_text(void);

#ifdef __cplusplus
}
#endif
#endif
