/*
 * instant - a moment as ISO 8601 writes it, and JavaScript's Date: "2026-11-21T12:30:00.000Z". Only this form, from 1970 to 9999.
 */
#ifndef KAD_HTTP_INSTANT_H
#define KAD_HTTP_INSTANT_H

#include "kad/types.h"

#define KAD_INSTANT_TEXT 25

/* False: before 1970 or after 9999. */
bool kad_instant_format(kad_ms at, char out_text[KAD_INSTANT_TEXT]);
bool kad_instant_parse(const char *text, kad_ms *out_at);

#endif
