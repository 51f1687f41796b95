/* Golden files: one good example of each format on disk and wire, and what production code says of it.
 *
 * tests/golden/v0/NAME holds the octets, tests/golden/v0/NAME.txt what the readers tell of them. A format drifts when the
 * maker makes other octets (the writer) or when the readers tell something else (the reader); both fail. The bad ones are
 * not kept: damage.c names each by what is put where, and the reason it has to be refused for.
 *
 * Everything happens on a fake disk: its clock stands, its randomness has a seed. `make golden` writes the files anew; that
 * is right as long as the formats carry version 0. From the first tagged release on files are added, never changed.
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "common/common.h"
#include "tests/support/support.h"

#define GOLDEN_START INT64_C(1767225600000000000) /* 2026-01-01T00:00:00Z, as the fake clock */

struct golden {
	const char *name; /* also the folder of its files on the fake disk */
	void (*make)(struct fake *fake); /* makes NAME/... by the production writers */
	/* Opens NAME/... by the production readers; a negative error when they refuse it. */
	int (*tell)(struct fake *fake, struct buffer *out, struct error *error);
};

extern const struct golden goldens[];
extern const size_t golden_count;

/* What is written over a good file: octets at a place, an end cut off, and then checksums made to hold again, so that it
 * is the reason named and not a checksum that refuses it. Places below zero count from the end of the file. */
struct damage {
	const char *golden, *file, *what;
	int64_t at;
	struct slice octets;
	uint32_t cut; /* octets */
	struct {
		enum {
			SEAL_NONE,
			SEAL_XXH3, /* XXH3-64 of [from, to) at `at` */
			SEAL_CRC /* CRC-32C, the same */
		} kind;
		int64_t from, to, at;
	} seals[2];
	enum error_code code;
	const char *reason; /* stands in the error's text */
};

extern const struct damage damages[];
extern const size_t damage_count;
void damage_do(const struct damage *d, struct fake *fake);

/* made.c */
void make_batch(struct fake *fake);
void make_match(struct fake *fake);
void make_log(struct fake *fake);
void make_commitlog(struct fake *fake);
void make_segment(struct fake *fake);
/* made_checkpoint.c */
void make_checkpoint(struct fake *fake);
int tell_checkpoint(struct fake *fake, struct buffer *out, struct error *error);
void make_spill(struct fake *fake);
int tell_spill(struct fake *fake, struct buffer *out, struct error *error);
/* told.c */
int tell_batch(struct fake *fake, struct buffer *out, struct error *error);
int tell_match(struct fake *fake, struct buffer *out, struct error *error);
int tell_log(struct fake *fake, struct buffer *out, struct error *error);
int tell_commitlog(struct fake *fake, struct buffer *out, struct error *error);
int tell_segment(struct fake *fake, struct buffer *out, struct error *error);
/* All rows and fields of a batch, as every reader sees them. */
void tell_rows(struct buffer *out, const struct batch *batch);

#endif
