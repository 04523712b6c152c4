/* setting - a field of kad_settings by its name. */
#ifndef SIM_SETTING_H
#define SIM_SETTING_H

#include "kad/engine.h"

/* 0, KAD_E_NOT_FOUND (no such field), KAD_E_INVALID (out of range; nothing is changed). Times are milliseconds. */
KAD_CHECK int sim_setting(struct kad_settings *settings, const char *name, int64_t value);

#endif
