#include "rules/chance.h"

#define CUT_MIN 3u /* letters of a word that the text ends in */

/* Words, in order, that were counted in one of 2^bits Windows events or lines of devices and services. */
struct word {
	char text[23];
	uint8_t bits;
};

static const struct word words_a[] = {
	{"accept", 2},  {"access", 3}, {"action", 3},   {"address", 3}, {"admin", 4},          {"agent", 3},
	{"allow", 2},   {"and", 3},    {"api", 4},      {"app", 4},     {"appdata", 4},        {"application", 4},
	{"attempt", 4}, {"audit", 3},  {"auditing", 3}, {"auth", 3},    {"authentication", 3}, {"authority", 2}};
static const struct word words_b[] = {{"bin", 3}, {"body", 4}, {"bytes", 3}};
static const struct word words_c[] = {{"c:", 1},
									  {"category", 3},
									  {"chrome", 4},
									  {"class", 2},
									  {"client", 3},
									  {"close", 3},
									  {"cmd", 2},
									  {"code", 3},
									  {"com", 3},
									  {"command", 4},
									  {"connection", 4},
									  {"content", 4},
									  {"control", 4},
									  {"corporation", 3},
									  {"create", 4},
									  {"created", 4},
									  {"cscript", 5},
									  {"currentcontrolset", 3},
									  {"currentversion", 3}};
static const struct word words_d[] = {{"data", 2},        {"database", 3}, {"default", 4}, {"denied", 4},  {"deny", 2},
									  {"destination", 3}, {"dev", 3},      {"device", 2},  {"dip", 4},     {"dll", 3},
									  {"dns", 4},         {"download", 4}, {"dport", 4},   {"drivers", 4}, {"drop", 2},
									  {"dst", 3},         {"dword", 4}};
static const struct word words_e[] = {{"engine", 4}, {"error", 3},      {"etc", 3},     {"event", 2},
									  {"exec", 4},   {"executable", 4}, {"explorer", 4}};
static const struct word words_f[] = {{"failed", 2},   {"failure", 4}, {"false", 1},     {"file", 3}, {"files", 3},
									  {"firewall", 3}, {"for", 3},     {"framework", 5}, {"from", 3}};
static const struct word words_g[] = {{"gecko", 4}, {"get", 2}, {"google", 4}, {"group", 4}};
static const struct word words_h[] = {{"header", 3}, {"hkey", 4},     {"hklm", 4}, {"hku", 4},
									  {"host", 2},   {"hostname", 2}, {"http", 2}, {"https", 4}};
static const struct word words_i[] = {{"imphash", 3}, {"info", 2}, {"invalid", 4}};
static const struct word words_j[] = {{"json", 3}};
static const struct word words_k[] = {{"kernel32", 4}, {"key", 3}};
static const struct word words_l[] = {{"level", 3}, {"local", 1}, {"localhost", 4},
									  {"log", 2},   {"login", 3}, {"lsass", 4}};
static const struct word words_m[] = {{"mac", 3},    {"machine", 3}, {"message", 2}, {"method", 3}, {"microsoft", 1},
									  {"module", 2}, {"mozilla", 4}, {"msg", 3},     {"mshta", 5},  {"msiexec", 5}};
static const struct word words_n[] = {{"name", 2}, {"net", 4}, {"network", 3}, {"nginx", 4}, {"ntdll", 4}, {"null", 2}};
static const struct word words_o[] = {
	{"object", 4}, {"office", 5}, {"operating", 3}, {"operation", 4}, {"operational", 1}};
static const struct word words_p[] = {{"pam", 4},     {"password", 4}, {"path", 3},    {"pid", 2},
									  {"policy", 4},  {"port", 2},     {"post", 3},    {"powershell", 2},
									  {"process", 2}, {"product", 2},  {"program", 2}, {"programdata", 4},
									  {"proto", 4},   {"protocol", 3}, {"public", 4}};
static const struct word words_r[] = {{"registry", 3}, {"regsvr32", 5}, {"remote", 3},   {"request", 3},
									  {"response", 3}, {"result", 3},   {"roaming", 4},  {"root", 4},
									  {"rule", 2},     {"run", 3},      {"rundll32", 4}, {"runspace", 4}};
static const struct word words_s[] = {
	{"script", 4},  {"security", 3}, {"sent", 4},     {"server", 4},   {"service", 1}, {"services", 3},
	{"session", 4}, {"set", 3},      {"setvalue", 3}, {"severity", 4}, {"sha1", 3},    {"sha256", 3},
	{"shell", 4},   {"sip", 4},      {"software", 3}, {"source", 2},   {"sport", 4},   {"src", 3},
	{"sshd", 4},    {"start", 4},    {"startup", 5},  {"status", 3},   {"success", 3}, {"sudo", 4},
	{"svchost", 2}, {"syslog", 3},   {"sysmon", 2},   {"system", 1},   {"system32", 1}};
static const struct word words_t[] = {{"target", 3}, {"taskhost", 5}, {"tcp", 4},       {"temp", 4}, {"terminal", 4},
									  {"the", 3},    {"time", 2},     {"timestamp", 3}, {"tmp", 4},  {"transport", 3},
									  {"true", 1},   {"tty", 4},      {"type", 2}};
static const struct word words_u[] = {{"uid", 3},   {"url", 3}, {"user", 2}, {"username", 3},
									  {"users", 2}, {"usr", 3}, {"utc", 4}};
static const struct word words_v[] = {{"value", 3}, {"var", 3}, {"vendor", 2}, {"version", 3}};
static const struct word words_w[] = {{"warn", 4},
									  {"warning", 4},
									  {"wbem", 4},
									  {"web", 3},
									  {"when", 4},
									  {"windows", 1},
									  {"windowspowershell", 3},
									  {"winlogon", 4},
									  {"with", 3},
									  {"wmi", 4},
									  {"wmiprvse", 4},
									  {"wscript", 5}};

#define W(letter, list) [letter - 'a'] = {list, sizeof list / sizeof *list}
static const struct {
	const struct word *list;
	size_t count;
} words['z' - 'a' + 1] = {
	W('a', words_a), W('b', words_b), W('c', words_c), W('d', words_d), W('e', words_e), W('f', words_f),
	W('g', words_g), W('h', words_h), W('i', words_i), W('j', words_j), W('k', words_k), W('l', words_l),
	W('m', words_m), W('n', words_n), W('o', words_o), W('p', words_p), W('r', words_r), W('s', words_s),
	W('t', words_t), W('u', words_u), W('v', words_v), W('w', words_w),
};
#undef W

static uint8_t lower(uint8_t c)
{
	return (uint8_t)(c | (c - (unsigned)'A' < 26 ? 0x20 : 0));
}

/* The commonest octets of log text say three bits, other common ones four, all others six. */
static unsigned octet_bits(uint8_t octet)
{
	static const uint8_t less[256] = {
		['e'] = 3, [' '] = 3, ['\\'] = 3, ['.'] = 3,  ['t'] = 3, ['a'] = 3, ['o'] = 3, ['n'] = 3, ['i'] = 3, ['s'] = 3,
		['r'] = 3, ['0'] = 3, ['/'] = 2,  ['l'] = 2,  ['c'] = 2, ['d'] = 2, ['m'] = 2, ['1'] = 2, ['p'] = 2, ['u'] = 2,
		['-'] = 2, ['3'] = 2, ['2'] = 2,  ['_'] = 2,  [':'] = 2, ['h'] = 2, ['w'] = 2, ['f'] = 2, ['g'] = 2, ['b'] = 2,
		['y'] = 2, ['v'] = 2, ['"'] = 2,  ['\''] = 2, ['4'] = 2, ['5'] = 2, ['8'] = 2, ['7'] = 2, ['6'] = 2, ['k'] = 2,
		['9'] = 2, ['x'] = 2, ['='] = 2,  [','] = 2,  ['('] = 2, [')'] = 2, ['z'] = 2, ['j'] = 2, ['q'] = 2,
	};
	return 6u - less[lower(octet)];
}

/* The longest that begins here: its end is where the text ends, if it was cut. Octet by octet those words are left that
 * begin like the text; they stand together, the shorter before the longer. */
static const struct word *word_at(struct slice text, size_t at)
{
	const struct word *best = NULL;
	unsigned letter = lower(text.ptr[at]) - (unsigned)'a';
	if (letter > 'z' - 'a' || words[letter].count == 0)
		return NULL;
	const struct word *from = words[letter].list, *end = from + words[letter].count;
	for (size_t i = 1; from < end; i++) {
		if (from->text[i] == 0)
			best = from++;
		if (at + i == text.len)
			return i >= CUT_MIN && from < end ? end - 1 : best;
		char next = (char)lower(text.ptr[at + i]);
		while (from < end && from->text[i] < next)
			from++;
		while (from < end && end[-1].text[i] != next)
			end--;
	}
	return best;
}

static bool is_joint(uint8_t octet)
{
	return octet == '\\' || octet == '/' || octet == '.' || octet == ' ' || octet == ':' || octet == '-';
}

/* A common word behind another one, or the joint between them, says next to nothing. */
unsigned text_bits(struct slice text)
{
	unsigned bits = 0;
	bool after_word = false;
	for (size_t i = 0; i < text.len && bits < CHANCE_BITS_MAX;) {
		const struct word *word = word_at(text, i);
		bool joint = is_joint(text.ptr[i]) && (after_word || (i + 1 < text.len && word_at(text, i + 1)));
		if (word)
			bits += after_word ? 1 : word->bits;
		else
			bits += joint ? !after_word : octet_bits(text.ptr[i]);
		i += word ? strlen(word->text) : 1;
		after_word = word || (joint && after_word);
	}
	return bits;
}

uint32_t text_rarest(struct slice text, uint32_t width)
{
	uint32_t best = 0;
	unsigned best_bits = 0;
	for (uint32_t at = 0; at + width <= text.len; at++) {
		unsigned bits = 0;
		for (uint32_t i = 0; i < width; i++)
			bits += octet_bits(text.ptr[at + i]);
		if (bits > best_bits) {
			best = at;
			best_bits = bits;
		}
	}
	return best;
}

/* What counts the ways of the world in a few words, and is in most events of its kind. */
#define FEW(text, bits) \
	{ \
		(text), sizeof(text) - 1, (bits) \
	}
static const struct {
	const char *text;
	uint8_t len, bits;
} few[] = {FEW("event.kind", 1),
		   FEW("event.outcome", 1),
		   FEW("event.category", 2),
		   FEW("event.type", 2),
		   FEW("event.action", 3),
		   FEW("event.severity", 2),
		   FEW("observer.vendor", 0),
		   FEW("observer.product", 1),
		   FEW("event.module", 1),
		   FEW("log.level", 2),
		   FEW("network.transport", 1),
		   FEW("network.direction", 1),
		   FEW("network.protocol", 2),
		   FEW("http.request.method", 1),
		   FEW("http.response.status_code", 3),
		   FEW("dns.question.type", 2),
		   FEW("process.name", 6),
		   FEW("LogonType", 2),
		   FEW("Status", 4),
		   FEW("IntegrityLevel", 2),
		   FEW("Protocol", 2),
		   FEW("Channel", 2)};

unsigned field_bits(struct slice name)
{
	for (size_t i = 0; i < sizeof few / sizeof *few; i++)
		if (name.len == few[i].len && memcmp(name.ptr, few[i].text, name.len) == 0)
			return few[i].bits;
	return CHANCE_BITS_MAX;
}

double chance_of_bits(unsigned bits)
{
	return 1.0 / (double)(UINT64_C(1) << (bits < CHANCE_BITS_MAX ? bits : CHANCE_BITS_MAX));
}
