/*
 * notify - tells systemd how the daemon is: sd_notify(3), as a datagram to the socket that $NOTIFY_SOCKET names.
 *
 * The protocol is one datagram of lines and a stable interface that its manual invites to implement; libsystemd would bring a
 * library (and what it needs) into every container for these lines. Without $NOTIFY_SOCKET nothing happens. A datagram that
 * cannot be sent within a second is dropped: there is nobody to tell.
 */
#ifndef KAD_CLI_NOTIFY_H
#define KAD_CLI_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "STATUS=joining"; several lines are fine. */
void kad_notify(const char *state);
/* WATCHDOG=1. */
void kad_notify_alive(void);
/* RELOADING=1 with the moment, as systemd wants it; kad_notify("READY=1") ends it. */
void kad_notify_reloading(void);
/* How often WATCHDOG=1 is due, in milliseconds: half of $WATCHDOG_USEC, if that is for this process; 0: never. */
uint64_t kad_notify_watchdog_ms(void);

#endif
