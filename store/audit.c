/* The store's own rows: what was missing, damaged or refused, told once, as it is found. */
#include "store/inside.h"

static void begin(struct store *s, struct buffer *b, struct json_writer *w, const char *what)
{
	buffer_init(b, s->env);
	json_writer_init(w, b);
	json_object(w);
	json_key(w, "what");
	json_str(w, what);
	json_key(w, "store");
	json_str(w, s->name);
}

static void put_partition(struct json_writer *w, struct store_partition p)
{
	json_key(w, "topic");
	json_u64(w, p.topic);
	json_key(w, "partition");
	json_u64(w, p.partition);
}

/* Without memory the row is lost; the counters still say it. */
static void tell(struct store *s, struct buffer *b, struct json_writer *w, enum row_kind kind)
{
	json_object_end(w);
	if (s->config.audit && !b->failed)
		s->config.audit(s->config.ctx, kind, buffer_slice(b));
	buffer_free(b);
}

void audit_gap(struct store *s, struct partition *p, const struct batch_identity *identity, uint64_t from, uint64_t to,
			   uint64_t offset)
{
	struct buffer b;
	struct json_writer w;
	begin(s, &b, &w, "sequence gap");
	put_partition(&w, p->id);
	json_key(&w, "collector");
	json_hex(&w, identity->collector, 16);
	json_member_u64(&w, "epoch", identity->epoch);
	json_member_u64(&w, "first_sequence", from);
	json_member_u64(&w, "rows", to - from);
	json_member_u64(&w, "found_at_offset", offset);
	if (p->has_quarantine) {
		/* The rows may be those of a batch that did not validate, which is stored and counted already. */
		json_member_u64(&w, "quarantined_offset", p->quarantine_offset);
		p->has_quarantine = false;
	}
	s->stats.gaps++;
	tell(s, &b, &w, ROW_GAP);
}

void audit_offsets(struct store *s, struct partition *p, uint64_t from, uint64_t to)
{
	struct buffer b;
	struct json_writer w;
	begin(s, &b, &w, "bus records missing");
	put_partition(&w, p->id);
	json_member_u64(&w, "first_offset", from);
	json_member_u64(&w, "records", to - from);
	s->stats.gaps++;
	tell(s, &b, &w, ROW_GAP);
}

void audit_quarantine(struct store *s, struct partition *p, uint64_t offset, const struct error *why)
{
	struct buffer b;
	struct json_writer w;
	begin(s, &b, &w, "batch quarantined");
	put_partition(&w, p->id);
	json_member_u64(&w, "offset", offset);
	json_key(&w, "reason");
	json_str(&w, why->text);
	tell(s, &b, &w, ROW_AUDIT);
}

void audit_segment(struct store *s, const struct sealed *segment, const char *reason)
{
	struct buffer b;
	struct json_writer w;
	begin(s, &b, &w, reason);
	put_partition(&w, segment->partition);
	json_key(&w, "segment");
	json_str(&w, segment->name);
	json_member_u64(&w, "rows", segment->rows);
	json_member_u64(&w, "first_offset", segment->first_offset);
	json_member_u64(&w, "last_offset", segment->last_offset);
	s->stats.gaps++;
	tell(s, &b, &w, ROW_GAP);
}
