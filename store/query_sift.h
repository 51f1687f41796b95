/* Sifting: a query asked of a sealed row group by its templates and columns, before any row is made (store/scan.h).
 *
 * A row's text is pieces: literals, which all rows of a template share, and values, of which a column has few different
 * ones. So a word is looked for once in the text of every template and once in every different value, and each row then
 * has a verdict by its template and its values: it holds, it does not, or it may. A row that may is put together and
 * tested (query_test_stored). Every verdict may be too careful, none may be wrong. Inside store/ only; one thread.
 */
#ifndef STORE_QUERY_SIFT_H
#define STORE_QUERY_SIFT_H

#include "store/query.h"

struct sift;
struct group;

/* Null: no memory, or a query that is not sifted (a rule; more words than SIFT_WORDS_MAX). */
#define SIFT_WORDS_MAX 64u
struct sift *sift_new(const struct env *env, struct query *q);
const struct scan_sieve *sift_sieve(const struct sift *s);
void sift_free(struct sift *s);

/* query_test.c: a row of a group, whole. Not its kind. */
bool query_test_stored(struct query *q, const struct node *node, const struct group *g, const struct group_row *stored);
/* Words are looked for in values of these types. */
static inline bool query_type_is_text(uint8_t type)
{
	return type == VALUE_STRING || type == VALUE_ADDRESS || type == VALUE_TIME;
}
/* In a multi-octet charset other than UTF-8 an ASCII octet may be half of a character: only the decoded values count. */
static inline bool query_charset_is_text(uint32_t charset)
{
	return charset != CHARSET_GB18030 && charset != CHARSET_BIG5;
}

#endif
