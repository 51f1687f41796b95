#include "bus/log.h"

#include <errno.h>

#define WINDOW_FIRST ((size_t)256 * 1024)

void log_scan_open(struct log_scan *scan, const struct env *env, int fd, uint64_t key, uint64_t end)
{
	*scan = (struct log_scan){.env = env, .fd = fd, .key = key, .end = end};
}

void log_scan_free(struct log_scan *scan)
{
	env_free(scan->env, scan->window);
	scan->window = NULL;
	scan->window_size = scan->window_len = 0;
}

static int grow(struct log_scan *scan, size_t need, struct error *error)
{
	size_t size = scan->window_size ? scan->window_size : WINDOW_FIRST;
	while (size < need)
		size *= 2;
	if (size == scan->window_size)
		return 0;
	uint8_t *window = env_resize(scan->env, scan->window, size);
	if (!window)
		return error_set(error, ERROR_MEMORY, "no memory to read the log");
	scan->window = window;
	scan->window_size = size;
	return 0;
}

/* Fills the window from `at` on, as far as it and `end` reach. A file that ends before gives less. */
static int fill(struct log_scan *scan, uint64_t at, struct error *error)
{
	const struct env_files *files = &scan->env->files;
	size_t want = scan->window_size;
	if (want > scan->end - at)
		want = (size_t)(scan->end - at);
	scan->window_at = at;
	scan->window_len = 0;
	while (scan->window_len < want) {
		ssize_t got = files->pread(files->ctx, scan->fd, scan->window + scan->window_len, want - scan->window_len,
								   at + scan->window_len);
		if (got == -EINTR)
			continue;
		if (got < 0)
			return error_io(error, (int)got, "cannot read the log at octet %llu", (unsigned long long)at);
		if (got == 0)
			return 0;
		scan->window_len += (size_t)got;
	}
	return 0;
}

/* *out = the octets [at, at + need), or null when the file does not have them. */
static int need_octets(struct log_scan *scan, uint64_t at, size_t need, const uint8_t **out, struct error *error)
{
	*out = NULL;
	if (at > scan->end || need > scan->end - at)
		return 0;
	bool inside = at >= scan->window_at && at - scan->window_at <= scan->window_len &&
				  need <= scan->window_len - (at - scan->window_at);
	if (!inside) {
		int result = grow(scan, need, error);
		if (result == 0)
			result = fill(scan, at, error);
		if (result < 0) {
			scan->window_len = 0;
			return result;
		}
		if (scan->window_len < need)
			return 0;
	}
	*out = scan->window + (at - scan->window_at);
	return 0;
}

int log_scan_frame(struct log_scan *scan, uint64_t at, struct log_frame *out, struct error *error)
{
	const uint8_t *octets;
	if (at >= scan->end)
		return LOG_SCAN_END;
	int result = need_octets(scan, at, LOG_FRAME_HEAD, &octets, error);
	if (result < 0 || !octets)
		return result < 0 ? result : LOG_SCAN_BAD;
	size_t size = log_frame_claim(octets, scan->key);
	if (size == 0)
		return LOG_SCAN_BAD;
	result = need_octets(scan, at, size, &octets, error);
	if (result < 0 || !octets)
		return result < 0 ? result : LOG_SCAN_BAD;
	return log_frame_get(octets, size, scan->key, out) ? LOG_SCAN_GOOD : LOG_SCAN_BAD;
}

int log_scan_search(struct log_scan *scan, uint64_t at, struct log_frame *out, uint64_t *found, struct error *error)
{
	for (at = (at + 7) & ~UINT64_C(7); at < scan->end; at += 8) {
		int result = log_scan_frame(scan, at, out, error);
		if (result < 0)
			return result;
		if (result == LOG_SCAN_GOOD) {
			*found = at;
			return LOG_SCAN_GOOD;
		}
	}
	return LOG_SCAN_END;
}
