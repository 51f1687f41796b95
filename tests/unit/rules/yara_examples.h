/* The public YARA sets, where they are at hand; the project does not carry them. */
#ifndef TESTS_UNIT_RULES_YARA_EXAMPLES_H
#define TESTS_UNIT_RULES_YARA_EXAMPLES_H

#include "tests/unit/rules/sigma_rig.h"

#include <unistd.h>

#define EXAMPLES "../shared/examples"

/* Unpacks both sets into a new folder, whose name goes to `folder`. Skips the test where they are absent. */
static inline void examples_unpack(char folder[64])
{
	static const char *const sets[] = {"yara-signature-base", "yara-reversinglabs"};
	char command[512];
	snprintf(folder, 64, "/tmp/cresset-yara-XXXXXX");
	for (unsigned i = 0; i < COUNT(sets); i++) {
		snprintf(command, sizeof command, EXAMPLES "/%s.tar.zst", sets[i]);
		if (access(command, R_OK) != 0) {
			printf("skipped: no " EXAMPLES "\n");
			skip();
		}
	}
	assert_non_null(mkdtemp(folder));
	for (unsigned i = 0; i < COUNT(sets); i++) {
		snprintf(command, sizeof command, "zstd -dcq " EXAMPLES "/%s.tar.zst | tar -xf - -C %s", sets[i], folder);
		assert_int_equal(system(command), 0);
	}
}

static inline void examples_remove(const char *folder)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

#endif
