/* skad_parts - what skad_main.c prints besides lookups. */
#ifndef SIM_SKAD_PARTS_H
#define SIM_SKAD_PARTS_H

#include "sim/skad.h"

/* `keys` keys, each as it is and with 5 to 20 Sybils nearer than anybody honest. Prints. 0, KAD_E_MEMORY. */
KAD_CHECK int skad_detector(uint64_t seed, uint64_t keys, bool json);

#endif
