/* Octets of a followed file become records; and the rows about the file itself. */
#include "ingest/follow.h"

bool followed_unread(const struct followed *f)
{
	return f->fd >= 0 && f->size > f->read_at;
}

/* F1. A record that was given away is in a batch when it was counted as received; until then it is parked. Nothing else is
 * received meanwhile (I2). */
uint64_t followed_added(struct ingest_follow *follow, struct followed *f)
{
	if (f->added != f->handed && follow->in->stats.received != f->received)
		f->added = f->handed;
	return f->added;
}

static void take(struct ingest_follow *follow, struct followed *f, const struct frame *frame, uint64_t end,
				 int64_t observed_ns)
{
	struct ingest *in = follow->in;
	struct origin origin = {.has_address = true, .base = slice_str(f->line), .fixed = &f->source};
	memcpy(origin.address, follow->config.inputs[f->input].address, sizeof(origin.address));
	f->handed = end;
	f->received = in->stats.received;
	ingest_take(in, &origin, frame, observed_ns);
	followed_added(follow, f);
}

/* ---- reading ---- */

static size_t head_len(uint64_t offset)
{
	return offset < FOLLOW_HEAD ? (size_t)offset : FOLLOW_HEAD;
}

/* A file that has become shorter than that is no error of its own: the next look sees it. */
int followed_begins(struct ingest_follow *follow, const struct followed *f)
{
	uint8_t head[FOLLOW_HEAD];
	size_t len = head_len(f->read_at);
	int result = len > 0 ? env_read_all(follow->in->env, f->fd, head, len, 0) : 0;
	return result < 0 ? result : memcmp(head, f->head, len) == 0;
}

static void head_fill(struct followed *f, struct slice octets)
{
	if (f->read_at >= FOLLOW_HEAD)
		return;
	size_t room = FOLLOW_HEAD - (size_t)f->read_at;
	memcpy(f->head + f->read_at, octets.ptr, octets.len < room ? octets.len : room);
}

/* Zeros in front of the first record are nobody's text. */
static size_t hole_len(struct followed *f, struct slice octets)
{
	size_t n = 0;
	while (f->hole && f->framer.framing == FRAMING_LF && n < octets.len && octets.ptr[n] == 0)
		n++;
	f->hole = f->hole && n == octets.len;
	return n;
}

/* F2. What is left when a record is parked is read again. */
static void frames(struct ingest_follow *follow, struct followed *f, struct slice octets)
{
	struct ingest *in = follow->in;
	int64_t observed_ns = ingest_now(in);
	struct slice left = octets;
	uint64_t begin = f->read_at;
	size_t hole = hole_len(f, left);
	if (hole > 0) {
		left = slice_from(left, hole);
		f->added = f->handed = begin + hole;
	}
	while (left.len > 0 && !ingest_blocked(in)) {
		struct frame frame;
		int result = framer_next(&f->framer, &left, &frame);
		if (result < 0) {
			f->size = begin + (octets.len - left.len); /* no memory: not before the next look */
			break;
		}
		if (result == 0)
			break;
		f->read_at = begin + (octets.len - left.len);
		take(follow, f, &frame, f->read_at, observed_ns);
	}
	f->read_at = begin + (octets.len - left.len);
}

size_t followed_read(struct ingest_follow *follow, struct followed *f, size_t budget)
{
	struct ingest *in = follow->in;
	const struct env_files *files = &in->env->files;
	ssize_t got = files->pread(files->ctx, f->fd, in->read_buf, budget < READ_BYTES ? budget : READ_BYTES, f->read_at);
	if (got <= 0) {
		f->size = f->read_at; /* until the next look */
		if (got < 0)
			follow_tell(follow, f->path, (int)got);
		return 0;
	}
	int same = followed_begins(follow, f); /* F4 */
	if (same <= 0) {
		f->size = f->read_at;
		if (same == 0)
			followed_restart(follow, f, 0);
		return 0;
	}
	head_fill(f, slice_of(in->read_buf, (size_t)got));
	frames(follow, f, slice_of(in->read_buf, (size_t)got));
	return (size_t)got;
}

bool followed_finish(struct ingest_follow *follow, struct followed *f)
{
	struct frame frame;
	if (ingest_blocked(follow->in))
		return false;
	int result = framer_end(&f->framer, &frame);
	if (result > 0)
		take(follow, f, &frame, f->read_at, ingest_now(follow->in));
	return result >= 0 && !ingest_blocked(follow->in);
}

/* Not while its last record is parked: what is in no batch yet must not be taken for the new content's. The next look
 * comes here again. */
void followed_restart(struct ingest_follow *follow, struct followed *f, uint64_t lost)
{
	struct ingest *in = follow->in;
	f->size = f->read_at; /* nothing is read until then */
	f->lost += lost;
	if (!followed_finish(follow, f))
		return;
	framer_free(&f->framer);
	framer_init(&f->framer, in->env, follow->config.inputs[f->input].framing, true, in->config.message_bytes);
	f->read_at = f->added = f->handed = f->size = 0;
	f->written = FOLLOW_UNWRITTEN;
	f->hole = true;
	f->notes |= NOTE_TRUNCATED;
}

/* ---- rows about files ---- */

static void note_text(struct ingest_follow *follow, const struct followed *f, uint32_t note, struct buffer *out)
{
	struct json_writer w;
	buffer_reset(out);
	json_writer_init(&w, out);
	json_object(&w);
	if (note == NOTE_FOLLOWED || (note == NOTE_TRUNCATED && f->lost == 0)) {
		json_key(&w, "action");
		json_str(&w, note == NOTE_FOLLOWED ? "file_followed" : "file_truncated");
	} else {
		json_key(&w, "reason");
		json_str(&w, note == NOTE_TRUNCATED ? "file_truncated" : "file_gone");
	}
	json_key(&w, "path");
	json_str(&w, f->path);
	json_key(&w, "host");
	json_string(&w, follow->config.host);
	json_key(&w, note == NOTE_TRUNCATED ? "octets_lost" : "offset");
	json_u64(&w, note == NOTE_TRUNCATED ? f->lost : f->added);
	json_key(&w, "source");
	json_str(&w, f->line);
	json_key(&w, "noticed");
	json_time(&w, ingest_now(follow->in));
	json_object_end(&w);
}

static bool note_write(struct ingest_follow *follow, struct followed *f, uint32_t note)
{
	struct ingest *in = follow->in;
	bool is_gap = note == NOTE_GONE || (note == NOTE_TRUNCATED && f->lost > 0);
	note_text(follow, f, note, &follow->note);
	if (follow->note.failed)
		return false;
	return row_add_own(in, &in->partitions[f->partition], is_gap ? ROW_GAP : ROW_AUDIT, buffer_slice(&follow->note),
					   slice_str(f->line), ingest_now(in)) == 0;
}

void followed_notes(struct ingest_follow *follow, struct followed *f)
{
	for (uint32_t note = NOTE_FOLLOWED; note <= NOTE_GONE; note <<= 1) {
		if ((f->notes & note) == 0 || ingest_blocked(follow->in) || !note_write(follow, f, note))
			continue;
		f->notes &= ~note;
		if (note == NOTE_TRUNCATED)
			f->lost = 0;
		if (note == NOTE_GONE) /* F3: forgotten with the batch that tells of it */
			f->added = f->handed = POSITION_GONE;
	}
}
