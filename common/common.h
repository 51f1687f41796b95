/* The door of common/: the nouns every room speaks of. */
#ifndef COMMON_COMMON_H
#define COMMON_COMMON_H

#include "common/arena.h"
#include "common/batch.h"
#include "common/buffer.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/commitlog.h"
#include "common/counters.h"
#include "common/dictionary.h"
#include "common/digest.h"
#include "common/env.h"
#include "common/error.h"
#include "common/field.h"
#include "common/format.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/predicate.h"
#include "common/slice.h"
#include "common/text.h"

#endif
