/* Followed files and the bus: what ingest asks about batches that were given to it (docs/format-positions.md). On the local
 * log a batch's place is its offset, known before it is written, since nobody else writes there; over Kafka it is where to
 * begin to look for it. Ingest process.
 */
#ifndef CLI_RUN_FOLLOW_H
#define CLI_RUN_FOLLOW_H

#include "cli/run.h"

struct run_follow {
	struct run *run;
	struct bus *bus;
	struct ingest_follow *follow; /* null: no input is a file */
	uint8_t collector[16];
	char host[256];
	struct follow_input inputs[CONFIG_INPUTS];
	uint32_t input_count;
	struct source_settings *sources;
	uint64_t *ends; /* of the partitions of events, when this process began */
	uint64_t *given; /* batches since then */
	/* over Kafka: what a look at a partition has found of an epoch; 0 = nothing */
	uint64_t found_epoch, found_sequence;
	uint32_t found_partition;
	bool found;
};

/* Puts the inputs' settings in front of the configured ones. */
int run_follow_settings(struct run_follow *f, struct run *run, struct ingest_config *ic, struct error *error);
int run_follow_open(struct run_follow *f, struct bus *bus, struct ingest *ingest, struct error *error);
/* Gives a batch to the bus. */
int run_follow_produce(struct run_follow *f, uint32_t partition, struct slice batch, uint32_t rows,
					   struct error *error);
/* Something was produced beside those: its ticket. */
uint64_t run_follow_beside(struct run_follow *f, uint32_t partition);
/* Reads. *wait_ms is made less when it wants to be called again before. */
int run_follow_step(struct run_follow *f, size_t budget, int *wait_ms, struct error *error);
uint32_t run_follow_count(const struct run_follow *f); /* open files */
/* Around a step of the bus. */
int run_follow_before(struct run_follow *f, struct error *error);
void run_follow_after(struct run_follow *f);
void run_follow_close(struct run_follow *f, bool settled);

#endif
