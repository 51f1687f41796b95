#include "cli/import_options.h"

#include "cli/setup.h"

static bool framing_of(const char *word, enum framing *out)
{
	static const char *const names[] = {"auto", "lf", "nul", "octet"};
	for (int i = 0; word && i < 4; i++)
		if (strcmp(word, names[i]) == 0) {
			*out = (enum framing)i;
			return true;
		}
	return false;
}

static bool charset_of(const char *word, struct source_settings *s)
{
	static const struct {
		const char *name;
		enum charset charset;
	} names[] = {{"utf-8", CHARSET_UTF8}, {"gb18030", CHARSET_GB18030}, {"gbk", CHARSET_GB18030},
				 {"big5", CHARSET_BIG5},  {"latin-1", CHARSET_LATIN1},  {"auto", CHARSET_UTF8}};
	for (size_t i = 0; word && i < sizeof names / sizeof *names; i++)
		if (strcmp(word, names[i].name) == 0) {
			s->charset = names[i].charset;
			s->charset_auto = strcmp(word, "auto") == 0;
			return true;
		}
	return false;
}

bool import_args(const struct args *args, enum framing *framing, struct source_settings *settings)
{
	*settings = (struct source_settings){.charset_auto = true, .zone = SLICE("local")};
	*framing = FRAMING_AUTO;
	(void)framing_of(args->value[OPTION_FRAMING], framing);
	if (option_given(args, OPTION_FORMAT) && strcmp(args->value[OPTION_FORMAT], "json") == 0 &&
		*framing == FRAMING_AUTO)
		*framing = FRAMING_LF;
	(void)charset_of(args->value[OPTION_CHARSET], settings);
	if (option_given(args, OPTION_TZ))
		settings->zone = slice_str(args->value[OPTION_TZ]);
	return true;
}

bool import_year_from(const struct args *args, int64_t mtime_ns, int64_t *ns)
{
	return setup_time(args, OPTION_YEAR_FROM, mtime_ns, ns);
}

enum framing import_framing(const struct json_node *request)
{
	enum framing framing = FRAMING_AUTO;
	(void)framing_of(json_member_str(request, "framing", NULL), &framing);
	if (framing == FRAMING_AUTO && strcmp(json_member_str(request, "format", ""), "json") == 0)
		framing = FRAMING_LF;
	return framing;
}

void import_settings(const struct json_node *request, struct source_settings *settings)
{
	const char *zone = json_member_str(request, "tz", NULL);
	(void)charset_of(json_member_str(request, "charset", NULL), settings);
	if (zone)
		settings->zone = slice_str(zone);
}
