/* skad_parts - what skad_main.c prints besides lookups. */
#ifndef SIM_SKAD_PARTS_H
#define SIM_SKAD_PARTS_H

#include "sim/skad.h"

#define SKAD_NEAREST 20

/* Of `keys` random keys in `worlds` worlds, how many raise the alarm with 0 to SKAD_NEAREST Sybils nearer than anybody honest; and how
 * many should, by the closed form. *out_n: keys that were looked at. 0, KAD_E_MEMORY. */
KAD_CHECK int skad_alarms(uint64_t seed, uint64_t keys, uint64_t worlds, double out_shares[SKAD_NEAREST + 1],
                          uint64_t *out_n);
double skad_alarms_expected(unsigned sybils);

/* `keys` keys, each as it is and with 5 to 20 Sybils nearer than anybody honest. Prints. 0, KAD_E_MEMORY. */
KAD_CHECK int skad_detector(uint64_t seed, uint64_t keys, bool json);

#endif
