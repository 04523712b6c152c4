/*
 * place_files - tables of countries and autonomous systems in files, in MaxMind's MMDB format, through libmaxminddb.
 *
 * GeoLite2, DB-IP and ipinfo give such files away. Their records name things differently; what is understood:
 *
 *     country   country.iso_code, registered_country.iso_code, country_code, country ("DE")
 *     system    autonomous_system_number, traits.autonomous_system_number, asn (a number, or "AS64500")
 *
 * Files are mapped, not read: lookups cost a microsecond or so and no memory. Whoever brings a newer file puts it in the place of the
 * old one (rename), and never writes into a file that is open. Lookups are for any thread.
 */
#ifndef KAD_NET_PLACE_FILES_H
#define KAD_NET_PLACE_FILES_H

#include "base/endpoint.h"
#include "kad/engine.h"

struct kad_place_files;

#define KAD_PLACE_FILES_MAX 2

/* Whether this build can read them. */
bool kad_place_files_can(void);
/* `paths`: KAD_PLACE_FILES_MAX at most, empty ones are left out. 0; KAD_E_SYSTEM (it cannot be opened), KAD_E_CORRUPT (not MMDB, or
 * damaged), KAD_E_REFUSED (this build has no libmaxminddb), KAD_E_MEMORY; then `out_why` says which and why. */
KAD_CHECK int kad_place_files_open(const char *const *paths, size_t n, struct kad_place_files **out_files,
                                   char *out_why, size_t why_size);
void kad_place_files_close(struct kad_place_files *files); /* NULL is fine */

/* Country and system, of the first file that knows each; `out_place` is otherwise left as it is. False: a record could not be read. */
bool kad_place_files_find(const struct kad_place_files *files, const struct kad_endpoint *endpoint,
                          struct kad_place *out_place);
/* "GeoLite2-Country": what the file says it is. */
const char *kad_place_files_type(const struct kad_place_files *files, size_t file);
/* When it was made, in seconds of Unix time. */
int64_t kad_place_files_made_at(const struct kad_place_files *files, size_t file);
size_t kad_place_files_count(const struct kad_place_files *files);

#endif
