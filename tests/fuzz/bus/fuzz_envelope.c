/* The envelope of events on Kafka, from a stranger. With an odd first octet the rest is what stands behind a good head for
 * as many octets as the second and third say, else it is everything. What is accepted has the size that the head states,
 * and when it is wrapped again it comes back the same.
 */
#include "bus/kafka_envelope.h"
#include "tests/support/support.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t with_head(const uint8_t *data, size_t size, uint8_t *out)
{
	format_put_head(out, "CRSK", &(struct format_head){.version = 0, .head_bytes = 32});
	put_u32(out + 24, get_u16(data + 1));
	put_u32(out + 28, 0);
	memcpy(out + 32, data + 3, size - 3);
	return size - 3 + 32;
}

static void round_trip(struct envelope *e, const struct env *env, struct slice payload)
{
	struct envelope twin;
	struct slice wrapped, again;
	envelope_init(&twin, env);
	CHECK(envelope_wrap(&twin, payload, &wrapped, NULL) == 0);
	uint8_t *copy = fake_must(malloc(wrapped.len)), *first = fake_must(malloc(payload.len + 1));
	memcpy(copy, wrapped.ptr, wrapped.len);
	memcpy(first, payload.ptr, payload.len);
	CHECK(envelope_unwrap(e, slice_of(copy, wrapped.len), &again, NULL) == 0);
	CHECK(slice_equal(again, slice_of(first, payload.len)));
	free(copy);
	free(first);
	envelope_free(&twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3 || size > 100000)
		return 0;
	struct fake *fake = fake_new(1);
	struct envelope e;
	struct slice out;
	uint8_t *octets = fake_must(malloc(size + 32));
	memcpy(octets, data, size);
	size_t len = data[0] & 1 ? with_head(data, size, octets) : size;
	envelope_init(&e, &fake->env);
	if (envelope_unwrap(&e, slice_of(octets, len), &out, NULL) == 0) {
		CHECK(out.len == get_u32(octets + 24));
		round_trip(&e, &fake->env, out);
	}
	envelope_free(&e);
	CHECK(fake->memory.outstanding == 0);
	fake_free(fake);
	free(octets);
	return 0;
}
