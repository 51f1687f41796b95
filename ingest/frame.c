/* The states of a stream: HEAD until it is known how the frame ends, then COUNTED or LINE until it does. */
#include "ingest/frame.h"

enum {
	STATE_HEAD,
	STATE_COUNTED,
	STATE_LINE
};

enum decision {
	DECIDE_MORE,
	DECIDE_LINE,
	DECIDE_COUNTED
};

void framer_init(struct framer *f, const struct env *env, enum framing framing, bool is_file, size_t limit)
{
	CHECK(limit > 0 && limit < SIZE_MAX / 2);
	*f = (struct framer){.env = env, .framing = framing, .is_file = is_file, .first = true, .limit = limit};
}

void framer_free(struct framer *f)
{
	env_free(f->env, f->buf);
	sha256_free(f->sha);
	*f = (struct framer){0};
}

/* ---- the content of a frame ---- */

/* The pointer stays a good one when nothing is left. */
static void advance(struct slice *in, size_t n)
{
	CHECK(n <= in->len);
	if (n > 0)
		*in = slice_of(in->ptr + n, in->len - n);
}

static bool reserve(struct framer *f, size_t n)
{
	if (f->size - f->len >= n)
		return true;
	size_t size = f->size == 0 ? 512 : f->size;
	while (size - f->len < n)
		size *= 2;
	if (size > f->limit + 1)
		size = f->limit + 1;
	uint8_t *buf = env_resize(f->env, f->buf, size);
	if (buf == NULL)
		return false;
	f->buf = buf;
	f->size = size;
	return true;
}

/* The digest of a frame above the limit starts with what was kept and then follows the stream. A CR that may belong to the
 * terminator is held back. */
static bool digest_start(struct framer *f)
{
	if (f->sha == NULL && (f->sha = sha256_new()) == NULL)
		return false;
	sha256_start(f->sha);
	f->cr_held = f->buf[f->len - 1] == '\r';
	sha256_add(f->sha, f->buf, f->len - f->cr_held);
	return true;
}

static void digest_add(struct framer *f, const uint8_t *p, size_t n)
{
	if (f->cr_held)
		sha256_add(f->sha, "\r", 1);
	f->cr_held = p[n - 1] == '\r';
	sha256_add(f->sha, p, n - f->cr_held);
}

/* All or nothing: on failure the frame is as before. limit + 1 octets are kept, so that a CR of the terminator behind a
 * message of exactly the limit does not count against it. */
static bool content_add(struct framer *f, const uint8_t *p, size_t n)
{
	size_t keep = f->len <= f->limit ? f->limit + 1 - f->len : 0;
	keep = keep < n ? keep : n;
	if (keep > 0 && !reserve(f, keep))
		return false;
	bool over = f->total + n > f->limit + 1;
	bool was_over = f->total > f->limit + 1;
	if (over && !was_over && f->sha == NULL && (f->sha = sha256_new()) == NULL)
		return false;
	if (keep > 0) {
		memcpy(f->buf + f->len, p, keep);
		f->len += keep;
	}
	if (over && !was_over)
		CHECK(digest_start(f));
	if (over && n > keep)
		digest_add(f, p + keep, n - keep);
	f->total += n;
	return true;
}

static void frame_reset(struct framer *f)
{
	f->state = STATE_HEAD;
	f->head_len = 0;
	f->len = 0;
	f->total = f->need = 0;
	f->cr_held = false;
	f->first = false;
}

/* Fills *out from octets that lie together (`text` has all of them). */
static int frame_of_text(struct framer *f, struct slice text, struct frame *out)
{
	*out = (struct frame){.octets = text, .full_len = text.len};
	if (text.len <= f->limit)
		return 0;
	if (f->sha == NULL && (f->sha = sha256_new()) == NULL)
		return -ERROR_MEMORY;
	sha256_start(f->sha);
	sha256_add(f->sha, text.ptr, text.len);
	sha256_end(f->sha, out->hash);
	out->octets.len = f->limit;
	out->flags = ROW_TRUNCATED;
	return 0;
}

/* The frame in buf is whole. drop_cr: a CR at its end belongs to the terminator. */
static int frame_of_buffer(struct framer *f, bool drop_cr, struct frame *out)
{
	if (f->total <= f->limit + 1) {
		size_t len = f->len;
		if (drop_cr && len > 0 && f->buf[len - 1] == '\r')
			len--;
		int result = frame_of_text(f, slice_of(f->buf, len), out);
		if (result < 0)
			return result;
	} else {
		bool cr = f->cr_held && drop_cr;
		if (f->cr_held && !drop_cr)
			sha256_add(f->sha, "\r", 1);
		*out = (struct frame){slice_of(f->buf, f->limit), ROW_TRUNCATED, f->total - cr, {0}};
		sha256_end(f->sha, out->hash);
	}
	/* The octets stay where they are until the next call. */
	frame_reset(f);
	return 0;
}

/* ---- how a frame ends ---- */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Behind the count and its space: "<", one to three digits, ">", and no more than was counted. */
static enum decision decide_priority(const uint8_t *p, size_t n, uint64_t count)
{
	if (n == 0)
		return DECIDE_MORE;
	if (p[0] != '<')
		return DECIDE_LINE;
	for (size_t i = 1; i < 5; i++) {
		if (i == n)
			return DECIDE_MORE;
		if (p[i] == '>' && i > 1)
			return count > i ? DECIDE_COUNTED : DECIDE_LINE;
		if (!is_digit(p[i]))
			return DECIDE_LINE;
	}
	return DECIDE_LINE;
}

/* Looks at the beginning of a frame. *skip: octets of the count and its space. */
static enum decision decide(struct framer *f, const uint8_t *p, size_t n, size_t *skip)
{
	size_t digits = 0;
	uint64_t count = 0;
	if (f->framing == FRAMING_LF || f->framing == FRAMING_NUL)
		return DECIDE_LINE;
	bool sure = f->framing == FRAMING_OCTET || f->counted;
	for (; digits < n && is_digit(p[digits]); digits++) {
		if (digits == (size_t)LIMIT_octet_count_digits) {
			f->framing = FRAMING_LF;
			return DECIDE_LINE;
		}
		count = count * 10 + (uint64_t)(p[digits] - '0');
	}
	if (digits == n)
		return DECIDE_MORE;
	if (digits == 0 || p[digits] != ' ')
		return DECIDE_LINE;
	enum decision decision = sure ? DECIDE_COUNTED : decide_priority(p + digits + 1, n - digits - 1, count);
	/* "007 <34>": RFC 6587 lets no count begin with 0. */
	if (!sure && p[0] == '0')
		decision = DECIDE_LINE;
	if (decision == DECIDE_COUNTED) {
		f->need = count;
		*skip = digits + 1;
	}
	return decision;
}

static bool ends_line(const struct framer *f, uint8_t octet)
{
	if (f->framing == FRAMING_NUL)
		return octet == 0;
	return octet == '\n' || (octet == 0 && f->framing != FRAMING_LF);
}

/* First terminator in [p, p + n), n when there is none. */
static size_t line_end(const struct framer *f, const uint8_t *p, size_t n)
{
	if (f->framing == FRAMING_NUL || f->framing == FRAMING_LF) {
		const uint8_t *end = memchr(p, f->framing == FRAMING_NUL ? 0 : '\n', n);
		return end == NULL ? n : (size_t)(end - p);
	}
	const uint8_t *lf = memchr(p, '\n', n);
	size_t len = lf == NULL ? n : (size_t)(lf - p);
	const uint8_t *nul = memchr(p, 0, len);
	return nul == NULL ? len : (size_t)(nul - p);
}

static void start(struct framer *f, enum decision decision)
{
	f->state = decision == DECIDE_COUNTED ? STATE_COUNTED : STATE_LINE;
	if (decision == DECIDE_COUNTED)
		f->counted = true;
	/* A file is of one kind: when its first record is a line, digits in front of a later one mean nothing. */
	if (decision == DECIDE_LINE && f->is_file && f->first && f->framing == FRAMING_AUTO)
		f->framing = FRAMING_LF;
	f->head_len = 0;
}

/* Between counted frames a lone LF, CR or NUL is what some senders add to each; it is no frame. */
static bool passed_over(struct framer *f, struct slice *in)
{
	if (f->head_len > 0 || f->is_file || in->len == 0)
		return false;
	uint8_t octet = in->ptr[0];
	if (!ends_line(f, octet) && !(octet == '\n' && f->framing != FRAMING_NUL))
		return false;
	advance(in, 1);
	f->empty++;
	f->first = false;
	return true;
}

/* HEAD: 1 decided, 0 more is needed, negative: no memory. */
static int head(struct framer *f, struct slice *in)
{
	size_t skip = 0;
	enum decision decision;
	while (passed_over(f, in)) {
	}
	if (in->len == 0)
		return 0;
	/* A file whose counted records are ended by LF as well. */
	while (f->is_file && f->counted && f->head_len == 0 && in->ptr[0] == '\n') {
		advance(in, 1);
		if (in->len == 0)
			return 0;
	}
	if (f->head_len == 0) {
		decision = decide(f, in->ptr, in->len, &skip);
		if (decision != DECIDE_MORE) {
			start(f, decision);
			advance(in, skip);
			return 1;
		}
	}
	size_t room = sizeof(f->head) - f->head_len, n = in->len < room ? in->len : room;
	uint8_t held = f->head_len;
	memcpy(f->head + held, in->ptr, n);
	decision = decide(f, f->head, held + n, &skip);
	if (decision == DECIDE_MORE) {
		CHECK(held + n < sizeof(f->head));
		f->head_len = (uint8_t)(held + n);
		advance(in, n);
		return 0;
	}
	if (decision == DECIDE_LINE && !content_add(f, f->head, held))
		return -ERROR_MEMORY;
	/* Of a counted frame the head may hold octets of the message as well: they are content. */
	if (decision == DECIDE_COUNTED && held > skip) {
		CHECK(f->need >= held - skip);
		if (!content_add(f, f->head + skip, held - skip))
			return -ERROR_MEMORY;
		f->need -= held - skip;
	}
	advance(in, decision == DECIDE_COUNTED && skip > held ? skip - held : 0);
	start(f, decision);
	return 1;
}

static int counted(struct framer *f, struct slice *in, struct frame *out)
{
	int result;
	if (f->total == 0 && f->need <= in->len) { /* all of it lies before us */
		struct slice text = slice_of(in->ptr, (size_t)f->need);
		if ((result = frame_of_text(f, text, out)) < 0)
			return result;
		advance(in, text.len);
		frame_reset(f);
		return 1;
	}
	size_t n = f->need < in->len ? (size_t)f->need : in->len;
	if (n > 0 && !content_add(f, in->ptr, n))
		return -ERROR_MEMORY;
	f->need -= n;
	advance(in, n);
	if (f->need > 0)
		return 0;
	result = frame_of_buffer(f, false, out);
	return result < 0 ? result : 1;
}

static int line(struct framer *f, struct slice *in, struct frame *out)
{
	size_t n = line_end(f, in->ptr, in->len);
	int result;
	if (n == in->len) {
		if (n > 0 && !content_add(f, in->ptr, n))
			return -ERROR_MEMORY;
		advance(in, n);
		return 0;
	}
	bool lf = in->ptr[n] == '\n';
	if (f->total == 0) {
		bool cr = lf && n > 0 && in->ptr[n - 1] == '\r';
		result = frame_of_text(f, slice_of(in->ptr, n - cr), out);
		if (result == 0)
			frame_reset(f);
	} else {
		if (n > 0 && !content_add(f, in->ptr, n))
			return -ERROR_MEMORY;
		/* Once added these octets must not be added again when the digest fails for lack of memory. */
		advance(in, n);
		n = 0;
		result = frame_of_buffer(f, lf, out);
	}
	if (result < 0)
		return result;
	advance(in, n + 1);
	return 1;
}

int framer_next(struct framer *f, struct slice *in, struct frame *out)
{
	for (;;) {
		int result = 1;
		if (f->state == STATE_HEAD)
			result = head(f, in);
		if (result <= 0)
			return result;
		if (f->state == STATE_HEAD)
			continue;
		result = f->state == STATE_COUNTED ? counted(f, in, out) : line(f, in, out);
		if (result <= 0)
			return result;
		if (out->octets.len > 0 || f->is_file)
			return 1;
		f->empty++;
	}
}

bool framer_inside(const struct framer *f)
{
	return f->head_len > 0 || f->state != STATE_HEAD;
}

int framer_end(struct framer *f, struct frame *out)
{
	if (!framer_inside(f))
		return 0;
	bool was_counted = f->state == STATE_COUNTED;
	if (f->head_len > 0 && !content_add(f, f->head, f->head_len))
		return -ERROR_MEMORY;
	f->head_len = 0;
	if (f->total == 0 && !was_counted) {
		frame_reset(f);
		return 0;
	}
	f->state = was_counted ? STATE_COUNTED : STATE_LINE;
	int result = frame_of_buffer(f, false, out);
	if (result < 0)
		return result;
	if (was_counted || !f->is_file)
		out->flags |= ROW_PARTIAL;
	return 1;
}

int frame_of_datagram(struct framer *f, struct slice octets, uint64_t full_len, struct frame *out)
{
	int result = frame_of_text(f, octets, out);
	if (result == 0 && full_len > octets.len) {
		/* The kernel cut it: nobody has the rest, so there is no hash. */
		out->flags |= ROW_TRUNCATED;
		out->full_len = full_len;
		memset(out->hash, 0, sizeof(out->hash));
	}
	return result;
}
