/* What loads and is likely to mean something else than its author thought: the traps of Sigma. Only warnings. */
#include "rules/lint.h"

/* ---- small looks ---- */

/* The modifiers that are looked at here: bits. */
enum {
	HAS_RE = 1 << 0,
	HAS_CONTAINS = 1 << 1,
	HAS_STARTSWITH = 1 << 2,
	HAS_ENDSWITH = 1 << 3,
	HAS_BASE64 = 1 << 4,
	HAS_BASE64OFFSET = 1 << 5,
	HAS_FIELDREF = 1 << 6,
	HAS_CASED = 1 << 7,
	HAS_ALL = 1 << 8,
	HAS_NEQ = 1 << 9,
	HAS_WINDASH = 1 << 10,
	HAS_WIDE = 1 << 11, /* any of the utf16 family */
	HAS_ORDER = 1 << 12, /* lt, lte, gt, gte */
	HAS_CIDR = 1 << 13,
};

static const struct {
	struct slice name;
	unsigned bit;
} modifiers[] = {
	{SLICE("re"), HAS_RE},
	{SLICE("contains"), HAS_CONTAINS},
	{SLICE("startswith"), HAS_STARTSWITH},
	{SLICE("endswith"), HAS_ENDSWITH},
	{SLICE("base64"), HAS_BASE64},
	{SLICE("base64offset"), HAS_BASE64OFFSET},
	{SLICE("fieldref"), HAS_FIELDREF},
	{SLICE("cased"), HAS_CASED},
	{SLICE("all"), HAS_ALL},
	{SLICE("neq"), HAS_NEQ},
	{SLICE("windash"), HAS_WINDASH},
	{SLICE("wide"), HAS_WIDE},
	{SLICE("utf16"), HAS_WIDE},
	{SLICE("utf16le"), HAS_WIDE},
	{SLICE("utf16be"), HAS_WIDE},
	{SLICE("lt"), HAS_ORDER},
	{SLICE("lte"), HAS_ORDER},
	{SLICE("gt"), HAS_ORDER},
	{SLICE("gte"), HAS_ORDER},
	{SLICE("cidr"), HAS_CIDR},
};

/* "field|a|b", read once. */
struct lint_key {
	const struct tree_node *node;
	struct slice field;
	unsigned has;
};

static unsigned modifier_bit(struct slice name)
{
	for (unsigned i = 0; i < sizeof modifiers / sizeof *modifiers; i++)
		if (slice_equal(modifiers[i].name, name))
			return modifiers[i].bit;
	return 0;
}

static struct lint_key key_of(const struct tree_node *node)
{
	struct slice text = node->text;
	size_t at = slice_find_octet(text, '|', 0);
	struct lint_key key = {node, {text.ptr, at == SIZE_MAX ? text.len : at}, 0};
	while (at != SIZE_MAX) {
		size_t end = slice_find_octet(text, '|', at + 1);
		key.has |= modifier_bit(slice_of(text.ptr + at + 1, (end == SIZE_MAX ? text.len : end) - at - 1));
		at = end;
	}
	return key;
}

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool has_non_ascii(struct slice text)
{
	uint8_t all = 0;
	for (size_t i = 0; i < text.len; i++)
		all |= text.ptr[i];
	return all >= 0x80;
}

static bool has_alnum(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (is_alnum(text.ptr[i]))
			return true;
	return false;
}

/* One backslash before a star, and other backslashes around: a path whose star was meant as one. Three are no accident. */
static bool path_with_escaped_star(struct slice text)
{
	size_t run = 0, backslashes = slice_count_octet(text, '\\');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '*' && run == 1 && backslashes > 1)
			return true;
		run = text.ptr[i] == '\\' ? run + 1 : 0;
	}
	return false;
}

/* \\server, with no or single backslashes behind it: who doubles all of them knows. */
static bool network_path(struct slice text)
{
	if (text.len < 3 || text.ptr[0] != '\\' || text.ptr[1] != '\\' || !is_alnum(text.ptr[2]))
		return false;
	return slice_find(text, SLICE("\\\\"), 2) == SIZE_MAX;
}

/* `.*` before something else: at the end it is a dot and anything, as in 10.* */
static bool looks_like_regex(struct slice text)
{
	size_t at = slice_find(text, SLICE(".*"), 0);
	return at != SIZE_MAX && at + 2 < text.len && is_alnum(text.ptr[at + 2]) && (at == 0 || text.ptr[at - 1] != '*');
}

/* No-break and zero-width spaces and the mark of the byte order between other characters: who looks for them alone means
 * them. */
static bool has_invisible(struct slice text)
{
	static const char *const marks[] = {"\xc2\xa0", "\xe2\x80\x8b", "\xe2\x80\x8c", "\xef\xbb\xbf"};
	for (unsigned i = 0; has_non_ascii(text) && i < sizeof marks / sizeof *marks; i++)
		if (slice_find(text, slice_str(marks[i]), 0) != SIZE_MAX)
			return has_alnum(text);
	return false;
}

/* ---- values ---- */

static void lint_text(struct loader *l, const struct lint_key *key, const struct tree_node *n)
{
	struct slice t = n->text;
	if (has_invisible(t))
		loader_warn(l, "sigma-invisible", n, "there is an invisible character in this value");
	if (key->has & HAS_RE)
		return;
	if (n->quoted && slice_equal_nocase(t, SLICE("null")))
		loader_warn(l, "sigma-null-word", n, "this is the word: null without quotes means a missing field");
	if (network_path(t) && !(key->has & (HAS_CONTAINS | HAS_ENDSWITH)))
		loader_warn(l, "sigma-one-backslash", n,
					"two backslashes mean one: the beginning of a network path is written with four");
	if (slice_find_octet(t, '*', 0) == SIZE_MAX)
		return;
	if (path_with_escaped_star(t))
		loader_warn(l, "sigma-escaped-star", n,
					"a backslash before '*' makes it a character: a backslash and anything is written '\\\\*'");
	if (looks_like_regex(t))
		loader_warn(l, "sigma-regex-as-text", n,
					"'.*' is a dot and anything: a regular expression needs the modifier re");
}

static void lint_stars(struct loader *l, const struct lint_key *key, const struct tree_node *n)
{
	struct slice t = n->text;
	bool first = t.len && t.ptr[0] == '*', last = t.len > 1 && t.ptr[t.len - 1] == '*' && t.ptr[t.len - 2] != '\\';
	unsigned before = HAS_CONTAINS | HAS_ENDSWITH, behind = HAS_CONTAINS | HAS_STARTSWITH;
	if (t.len == 1)
		return; /* anything, and nothing is added */
	if ((first && (key->has & before)) || (last && (key->has & behind)))
		loader_warn(l, "sigma-star-twice", n, "the modifier adds this star already");
}

static void lint_base64(struct loader *l, const struct lint_key *key, const struct tree_node *n)
{
	if (slice_find(n->text, SLICE("\\*"), 0) != SIZE_MAX || slice_find(n->text, SLICE("\\?"), 0) != SIZE_MAX)
		loader_warn(l, "sigma-base64-escape", n,
					"other implementations encode the backslash of an escaped wildcard as well");
	if ((key->has & HAS_BASE64OFFSET) && has_non_ascii(n->text))
		loader_warn(l, "sigma-base64-non-ascii", n,
					"other implementations count characters instead of octets here, and match everything");
}

static bool has_dash(const struct tree_node *n)
{
	return slice_find_octet(n->text, '-', 0) != SIZE_MAX || slice_find_octet(n->text, '/', 0) != SIZE_MAX ||
		   slice_find(n->text, SLICE("\xe2\x80"), 0) != SIZE_MAX;
}

/* In none of the values. */
static void lint_dashes(struct loader *l, const struct tree_node *key, const struct tree_node *value)
{
	bool dash = value->type != TREE_LIST && has_dash(value);
	for (uint32_t i = 0; value->type == TREE_LIST && i < value->count; i++)
		dash |= has_dash(value->items[i]);
	if (!dash)
		loader_warn(l, "sigma-windash-nothing", key, "windash needs a dash or a slash before an option");
}

static void lint_value(struct loader *l, const struct lint_key *key, const struct tree_node *n)
{
	if (n->type != TREE_STRING)
		return;
	lint_text(l, key, n);
	if (!(key->has & HAS_RE))
		lint_stars(l, key, n);
	if (key->has & (HAS_BASE64 | HAS_BASE64OFFSET))
		lint_base64(l, key, n);
	if ((key->has & HAS_FIELDREF) && slice_equal(n->text, key->field))
		loader_warn(l, "sigma-fieldref-self", n, "the field is compared with itself");
	if (key->field.len == 0 && n->text.len == 1)
		loader_warn(l, "sigma-keyword-short", n, "a keyword of one character is looked for in every event");
}

/* Long lists are indicators made by machines: nobody looks at them twice. */
#define TWICE_MAX 256u

static void lint_twice(struct loader *l, const struct lint_key *key, const struct tree_node *list)
{
	bool cased = key->has & (HAS_CASED | HAS_RE);
	for (uint32_t i = 1; i < list->count && list->count <= TWICE_MAX; i++)
		for (uint32_t k = 0; k < i; k++) {
			const struct tree_node *a = list->items[i], *b = list->items[k];
			if (a->type != b->type || a->type != TREE_STRING ||
				!(cased ? slice_equal(a->text, b->text) : slice_equal_nocase(a->text, b->text)))
				continue;
			loader_warn(l, "sigma-value-twice", a, "this value stands in the list already");
			break;
		}
}

/* ---- items ---- */

static bool list_plain(const struct tree_node *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->items[i]->type != TREE_STRING || slice_find_octet(list->items[i]->text, '*', 0) != SIZE_MAX)
			return false;
	return true;
}

static void lint_list(struct loader *l, const struct lint_key *key, const struct tree_node *list)
{
	unsigned changes =
		HAS_CONTAINS | HAS_STARTSWITH | HAS_ENDSWITH | HAS_RE | HAS_CIDR | HAS_FIELDREF | HAS_BASE64OFFSET;
	bool plain = key->field.len && !(key->has & changes) && list_plain(list);
	lint_twice(l, key, list);
	if (list->count > 1 && (key->has & HAS_ORDER))
		loader_warn(l, "sigma-compare-list", list, "one of these is enough, so only the widest of them counts");
	if (plain && list->count > 1 && (key->has & HAS_ALL))
		loader_warn(l, "sigma-all-equal", list,
					"one value cannot equal all of these: 'all' is for contains and its like, or for arrays");
	if (list->count > 1 && (key->has & HAS_NEQ))
		loader_warn(l, "sigma-neq-list", list,
					"holds where none of these does; other implementations take 'one of them does not'");
}

static void lint_modifiers(struct loader *l, const struct lint_key *key)
{
	if ((key->has & HAS_WIDE) && !(key->has & (HAS_BASE64 | HAS_BASE64OFFSET)))
		loader_warn(l, "sigma-utf16-alone", key->node,
					"texts of logs are hardly ever UTF-16: base64 or base64offset should follow");
	if ((key->has & HAS_BASE64OFFSET) && !(key->has & HAS_CONTAINS))
		loader_warn(l, "sigma-base64-whole", key->node, "base64offset looks for a part: contains should follow");
	if ((key->has & HAS_CASED) && (key->has & HAS_RE))
		loader_warn(l, "sigma-cased-nothing", key->node, "a regular expression minds case anyway: cased does nothing");
}

static void lint_field(struct loader *l, const struct lint_key *key)
{
	struct slice field = key->field;
	if (field.len && (field.ptr[0] <= ' ' || field.ptr[field.len - 1] <= ' '))
		loader_warn(l, "sigma-field-blank", key->node, "there is a blank at an end of the field's name");
	if (slice_find_octet(field, '*', 0) != SIZE_MAX)
		loader_warn(l, "sigma-field-star", key->node, "names of fields have no wildcards: this is the character");
}

void lint_item(struct loader *l, const struct tree_node *node, const struct tree_node *value)
{
	static const struct tree_node keyword = {.type = TREE_STRING};
	if (l->silent)
		return;
	const struct lint_key key = key_of(node ? node : &keyword);
	if (node) {
		lint_field(l, &key);
		lint_modifiers(l, &key);
		if (key.has & HAS_WINDASH)
			lint_dashes(l, node, value);
	}
	if (value->type == TREE_LIST)
		lint_list(l, &key, value);
	for (uint32_t i = 0; value->type == TREE_LIST && i < value->count; i++)
		lint_value(l, &key, value->items[i]);
	if (value->type != TREE_LIST)
		lint_value(l, &key, value);
}

/* ---- conditions ---- */

#define DEPTH 64u

/* `a or b and c` means `a or (b and c)`: few read it so. */
void lint_condition(struct loader *l, const struct tree_node *node)
{
	bool either[DEPTH] = {false}, both[DEPTH] = {false};
	struct slice t = node->text;
	unsigned depth = 0;
	for (size_t at = 0; at < t.len;) {
		size_t end = at;
		while (end < t.len && (is_alnum(t.ptr[end]) || t.ptr[end] == '_' || t.ptr[end] == '-' || t.ptr[end] == '*'))
			end++;
		struct slice word = slice_of(t.ptr + at, end - at);
		either[depth] |= slice_equal(word, SLICE("or"));
		both[depth] |= slice_equal(word, SLICE("and"));
		if (either[depth] && both[depth]) {
			loader_warn(l, "sigma-condition-mixed", node,
						"'and' binds more tightly than 'or': parentheses say which is meant");
			return;
		}
		if (end == at && t.ptr[at] == '(' && depth + 1 < DEPTH) {
			depth++;
			either[depth] = both[depth] = false;
		} else if (end == at && t.ptr[at] == ')' && depth)
			depth--;
		at = end > at ? end : at + 1;
	}
}

/* ---- the head of a rule ---- */

static void lint_status(struct loader *l, const struct tree_node *root)
{
	static const char *const known[] = {"stable", "test", "experimental", "deprecated", "unsupported"};
	const struct tree_node *n = tree_get(root, "status");
	bool found = !n || n->type == TREE_NULL;
	for (unsigned i = 0; !found && i < 5; i++)
		found = slice_equal(n->text, slice_str(known[i]));
	if (!found)
		loader_warn(l, "sigma-status", n, "status is one of stable, test, experimental, deprecated, unsupported");
}

/* 2024-05-06 */
static bool iso_date(struct slice t)
{
	for (size_t i = 0; i < t.len; i++)
		if (i == 4 || i == 7 ? t.ptr[i] != '-' : t.ptr[i] < '0' || t.ptr[i] > '9')
			return false;
	return t.len == 10;
}

static void lint_dates(struct loader *l, const struct tree_node *root)
{
	static const char *const keys[] = {"date", "modified"};
	for (unsigned i = 0; i < 2; i++) {
		const struct tree_node *n = tree_get(root, keys[i]);
		if (n && n->type != TREE_NULL && !(tree_is_scalar(n) && iso_date(n->text)))
			loader_warn(l, "sigma-written-date", n, "%s is written as in 2024-05-06", keys[i]);
	}
}

static void lint_places(struct loader *l, const struct tree_node *root)
{
	static const char *const inside[] = {"condition", "selection", "keywords", "timeframe",
										 "category",  "product",   "service"};
	for (unsigned i = 0; i < sizeof inside / sizeof *inside; i++)
		if (tree_get(root, inside[i]))
			loader_warn(l, "sigma-misplaced", tree_get(root, inside[i]),
						"'%s' is not looked at here: it belongs into %s", inside[i], i < 4 ? "detection" : "logsource");
}

static void lint_logsource(struct loader *l, const struct tree_node *logsource)
{
	static const char *const known[] = {"category", "product", "service", "definition"};
	for (uint32_t i = 0; logsource && logsource->type == TREE_MAP && i < logsource->count; i++) {
		const struct tree_node *key = logsource->pairs[i].key;
		bool found = false;
		for (unsigned k = 0; k < 4; k++)
			found |= slice_equal(key->text, slice_str(known[k]));
		if (!found)
			loader_warn(l, "sigma-logsource-key", key, "'%.*s' of a log source is not looked at",
						SLICE_PRINT(key->text));
	}
}

void lint_rule(struct loader *l, const struct tree_node *root)
{
	lint_status(l, root);
	lint_dates(l, root);
	lint_places(l, root);
	lint_logsource(l, tree_get(root, "logsource"));
}
