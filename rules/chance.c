#include "rules/chance.h"

#define BITS_MAX 14u

/* Parts of paths, command lines and keys, and values that stand everywhere: a whole one says as little as half an octet. */
static const char *const everywhere[] = {
	"c:\\",       "windows", "system",   "program files", "users\\", "appdata", "local",  "microsoft", ".exe",
	".dll",       "http",    "/usr/",    "/bin/",         "/etc/",   "/var/",   "hklm\\", "software",  "currentversion",
	"powershell", "cmd",     "security", "application",   "get",     "post",    "accept", "allow",     "deny",
	"drop",       "close",   "success",  "fail",          "true",    "false",
};

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

static bool begins(struct slice text, size_t at, const char *word)
{
	size_t i = 0;
	while (word[i] && at + i < text.len && lower(text.ptr[at + i]) == (uint8_t)word[i])
		i++;
	return word[i] == 0;
}

static size_t common_word(struct slice text, size_t at)
{
	char first = (char)lower(text.ptr[at]);
	for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++)
		if (everywhere[i][0] == first && begins(text, at, everywhere[i]))
			return strlen(everywhere[i]);
	return 0;
}

unsigned text_bits(struct slice text)
{
	unsigned bits = 0;
	for (size_t i = 0; i < text.len && bits < BITS_MAX;) {
		size_t word = common_word(text, i);
		bits += word ? 2 : octet_bits(text.ptr[i]);
		i += word ? word : 1;
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

double chance_of_bits(unsigned bits)
{
	double chance = 1;
	for (unsigned i = 0; i < bits && i < BITS_MAX; i++)
		chance /= 2;
	return chance;
}
