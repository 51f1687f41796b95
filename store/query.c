/* The door of a query: from text, or from a foreign predicate. */
#include "store/query_parse.h"

static bool test_tree(const struct predicate *p, const struct batch *batch, const struct batch_row *row)
{
	struct query *q = p->ctx;
	uint32_t bit = 1u << (row->kind < 31 ? row->kind : 31);
	return (q->kinds & bit) != 0 && query_test(q, q->root, batch, row);
}

static bool test_foreign(const struct predicate *p, const struct batch *batch, const struct batch_row *row)
{
	const struct query *q = p->ctx;
	return row->kind == ROW_EVENT && q->foreign->test(q->foreign, batch, row);
}

static struct query *query_new(const struct env *env, const struct query_options *options, struct error *error)
{
	struct query *q = env_zalloc(env, sizeof(*q));
	if (q == NULL) {
		error_set(error, ERROR_MEMORY, "no memory for the query");
		return NULL;
	}
	q->env = env;
	q->options = *options;
	arena_init(&q->arena, env, 0);
	buffer_init(&q->scratch_row, env);
	buffer_init(&q->scratch_value, env);
	q->predicate.ctx = q;
	return q;
}

static int query_finish(struct query *q, int rc, struct query **out, struct error *error)
{
	if (rc == 0)
		rc = query_plan(q, error);
	if (rc < 0) {
		query_free(q);
		return rc;
	}
	*out = q;
	return 0;
}

int query_compile(const struct env *env, struct slice text, const struct query_options *options, struct query **out,
				  struct error *error)
{
	*out = NULL;
	struct query *q = query_new(env, options, error);
	if (q == NULL)
		return -ERROR_MEMORY;
	q->predicate.test = test_tree;
	struct slice own =
		arena_copy(&q->arena, slice_of(text.ptr, text.len > QUERY_BYTES_MAX ? QUERY_BYTES_MAX + 1 : text.len));
	if (own.ptr == NULL && text.len > 0)
		return query_finish(q, error_set(error, ERROR_MEMORY, "no memory for the query"), out, error);
	return query_finish(q, query_parse(q, own, error), out, error);
}

int query_from_predicate(const struct env *env, const struct predicate *p, const struct query_options *options,
						 struct query **out, struct error *error)
{
	*out = NULL;
	struct query *q = query_new(env, options, error);
	if (q == NULL)
		return -ERROR_MEMORY;
	q->foreign = p;
	q->predicate.test = test_foreign;
	return query_finish(q, 0, out, error);
}

const struct predicate *query_predicate(const struct query *q)
{
	return &q->predicate;
}

void query_free(struct query *q)
{
	if (q == NULL)
		return;
	const struct env *env = q->env;
	buffer_free(&q->scratch_row);
	buffer_free(&q->scratch_value);
	arena_free(&q->arena);
	env_free(env, q);
}
