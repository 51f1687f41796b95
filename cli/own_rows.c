#include "cli/own_rows.h"

void own_uuid(const uint8_t data_uuid[16], const char *role, uint8_t out[16])
{
	uint8_t digest[32];
	struct sha256 *s = sha256_new();
	CHECK(s != NULL);
	sha256_start(s);
	sha256_part(s, slice_of(data_uuid, 16));
	sha256_part(s, slice_str(role));
	sha256_end(s, digest);
	sha256_free(s);
	memcpy(out, digest, 16);
}

int own_writer_init(struct own_writer *w, const struct env *env, struct bus *bus, enum bus_topic topic,
					uint32_t partition, const uint8_t data_uuid[16], const char *role, uint64_t epoch)
{
	*w = (struct own_writer){.env = env, .bus = bus, .topic = topic};
	own_uuid(data_uuid, role, w->identity.collector);
	w->identity.epoch = epoch;
	w->identity.partition = partition;
	w->source_line = SLICE("own cresset");
	if (dictionary_init(&w->dictionary, env, epoch))
		return -ERROR_MEMORY;
	w->builder = batch_builder_new(env, &w->dictionary);
	return w->builder ? 0 : -ERROR_MEMORY;
}

int own_writer_row(struct own_writer *w, enum row_kind kind, struct slice json, struct slice *batch,
				   struct error *error)
{
	int64_t now = env_now(w->env);
	uint16_t source;
	struct slice octets;
	batch_begin(w->builder, &w->identity, 0, now);
	if (batch_source(w->builder, w->source_line, &source) || batch_row(w->builder, kind, now, json))
		return error_set(error, ERROR_MEMORY, "no memory for a row of our own");
	batch_row_time(w->builder, now, TIME_PRESENT | TIME_ZONE_EXPLICIT);
	batch_row_tables(w->builder, source, BATCH_NO_INDEX, BATCH_NO_INDEX);
	batch_row_flags(w->builder, 0, CHARSET_UTF8, FORMAT_JSON);
	if (batch_row_end(w->builder))
		return error_set(error, ERROR_MEMORY, "no memory for a row of our own");
	int result = batch_finish(w->builder, &octets, error);
	if (!result)
		result = bus_produce(w->bus, w->topic, w->identity.partition, octets, NULL, error);
	if (result)
		return result;
	w->identity.first_sequence++;
	if (batch)
		*batch = octets;
	return 0;
}

int own_writer_once(struct own_writer *w, enum row_kind kind, struct slice json, struct error *error)
{
	struct batch_identity own = w->identity;
	uint8_t digest[32];
	struct sha256 *s = sha256_new();
	if (!s)
		return error_set(error, ERROR_MEMORY, "no memory for a row of our own");
	sha256_start(s);
	sha256_part(s, slice_of(own.collector, 16));
	sha256_part(s, json);
	sha256_end(s, digest);
	sha256_free(s);
	memcpy(w->identity.collector, digest, 16);
	w->identity.epoch = w->identity.first_sequence = 0;
	int result = own_writer_row(w, kind, json, NULL, error);
	w->identity = own;
	return result;
}

void own_writer_free(struct own_writer *w)
{
	if (w->builder)
		batch_builder_free(w->builder);
	dictionary_free(&w->dictionary);
}
