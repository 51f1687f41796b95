#include "rules/chance.h"

#include "tests/unit/rules/sigma_rig.h"

/* One for each beginning of two letters: a word says little, the same octets by themselves would say more. */
static void words_are_found(void **state)
{
	static const char *const words[] = {"accept",    "address",  "agent",     "allow",     "and",
										"api",       "attempt",  "audit",     "bin",       "body",
										"bytes",     "c:",       "category",  "chrome",    "class",
										"cmd",       "code",     "create",    "cscript",   "currentcontrolset",
										"data",      "default",  "dip",       "dll",       "dns",
										"download",  "dport",    "drivers",   "dst",       "dword",
										"engine",    "error",    "etc",       "event",     "exec",
										"failed",    "file",     "for",       "framework", "gecko",
										"google",    "group",    "header",    "hkey",      "host",
										"http",      "imphash",  "info",      "json",      "kernel32",
										"level",     "local",    "lsass",     "mac",       "message",
										"microsoft", "module",   "msg",       "name",      "net",
										"nginx",     "ntdll",    "null",      "object",    "office",
										"operating", "pam",      "pid",       "policy",    "process",
										"public",    "registry", "roaming",   "rule",      "script",
										"security",  "sha1",     "sip",       "software",  "sport",
										"src",       "sshd",     "start",     "success",   "svchost",
										"syslog",    "target",   "tcp",       "temp",      "the",
										"time",      "tmp",      "transport", "tty",       "type",
										"uid",       "url",      "user",      "utc",       "value",
										"vendor",    "warn",     "wbem",      "web",       "when",
										"windows",   "wmi",      "wscript"};
	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		unsigned bits = text_bits(slice_str(words[i]));
		if (bits < 1 || bits > 5)
			fail_msg("%s: %u", words[i], bits);
	}
	assert_true(text_bits(SLICE("qz")) > 5);
	assert_true(text_bits(SLICE("axq")) > 5);
	assert_int_equal(text_bits(SLICE("System32")), text_bits(SLICE("system32")));
	assert_int_equal(text_bits(SLICE("\\system32\\cmd")), 3); /* joints, and a word behind another */
}

static void powers_of_two(void **state)
{
	double chance = 1;
	(void)state;
	for (unsigned bits = 0; bits <= CHANCE_BITS_MAX; bits++, chance /= 2)
		assert_true(chance_of_bits(bits) <= chance && chance_of_bits(bits) >= chance);
	assert_true(chance_of_bits(CHANCE_BITS_MAX + 1) >= chance_of_bits(CHANCE_BITS_MAX));
	assert_int_equal(field_bits(SLICE("event.outcome")), 1);
	assert_int_equal(field_bits(SLICE("event.outcomes")), CHANCE_BITS_MAX);
	assert_int_equal(field_bits(SLICE_NONE), CHANCE_BITS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found),
		cmocka_unit_test(powers_of_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
