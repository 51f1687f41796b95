/* The shipped pipelines: they load without a word, alone and together, and do what their first lines say. */
#include "tests/unit/rules/sigma_rig.h"

#include <stdio.h>

#define LIBRARY "rules/library/pipelines/"

#define WINDOWS(category, selection) \
	"title: T\nlogsource: {product: windows, category: " category "}\ndetection: {s: " selection ", condition: s}\n"
#define LINUX(category, selection) \
	"title: T\nlogsource: {product: linux, category: " category "}\ndetection: {s: " selection ", condition: s}\n"

static const struct {
	const char *pipelines[4], *rule, *event;
	unsigned hits;
	const char *service; /* of the rule afterwards; null: not looked at */
} cases[] = {
	{{"windows-sysmon"}, WINDOWS("process_creation", "{Image|endswith: x}"), "{EventID: 1, Image: ax}", 1, "sysmon"},
	{{"windows-sysmon"}, WINDOWS("process_creation", "{Image|endswith: x}"), "{EventID: 4688, Image: ax}", 0, "sysmon"},
	{{"windows-sysmon"}, WINDOWS("file_delete", "{Image|endswith: x}"), "{EventID: 26, Image: ax}", 1, "sysmon"},
	{{"windows-sysmon"}, WINDOWS("nosuch", "{Image|endswith: x}"), "{Image: ax}", 1, ""},
	{{"windows-sysmon"}, LINUX("process_creation", "{Image|endswith: x}"), "{Image: ax}", 1, ""},
	{{"linux-sysmon"}, LINUX("process_creation", "{Image|endswith: x}"), "{EventID: 1, Image: ax}", 1, "sysmon"},
	{{"windows-audit"},
	 WINDOWS("process_creation", "{Image: x, IntegrityLevel: High}"),
	 "{EventID: 4688, NewProcessName: x, MandatoryLabel: S-1-16-12288}",
	 1,
	 "security"},
	{{"windows-audit"},
	 WINDOWS("process_creation", "{CommandLine: x}"),
	 "{EventID: 4688, ProcessCommandLine: x}",
	 1,
	 "security"},
	{{"windows-audit"},
	 WINDOWS("process_creation", "{ProcessId: 5, ParentProcessId: 4}"),
	 "{EventID: 4688, NewProcessId: 5, ProcessId: 4}",
	 1,
	 "security"},
	{{"windows-audit"}, WINDOWS("registry_set", "{TargetObject: x}"), "{EventID: 4657, ObjectName: x}", 1, "security"},
	{{"windows-audit"},
	 WINDOWS("network_connection", "{DestinationIp: 1.2.3.4}"),
	 "{EventID: 5156, DestAddress: 1.2.3.4}",
	 1,
	 "security"},
	{{"windows-channels"},
	 WINDOWS("ps_script", "{ScriptBlockText: x}"),
	 "{EventID: 4104, Channel: PowerShellCore/Operational, ScriptBlockText: x}",
	 1,
	 "powershell"},
	{{"windows-sysmon", "windows-channels"},
	 WINDOWS("dns_query", "{QueryName: x}"),
	 "{EventID: 22, Channel: Microsoft-Windows-Sysmon/Operational, QueryName: x}",
	 1,
	 "sysmon"},
	{{"windows-channels", "ecs-windows", "windows-sysmon"},
	 WINDOWS("dns_query", "{QueryName: x}"),
	 "{event.code: 22, winlog: {channel: Microsoft-Windows-Sysmon/Operational}, dns: {question: {name: x}}}",
	 1,
	 "sysmon"},
	{{"ecs-windows"},
	 WINDOWS("process_creation", "{CommandLine|contains: x, LogonGuid: y}"),
	 "{process.command_line: axb, winlog: {event_data: {LogonGuid: y}}}",
	 1,
	 ""},
	{{"ecs-windows"}, WINDOWS("process_creation", "[word]"), "{message: a word}", 1, ""},
	{{"linux-auditd"},
	 LINUX("process_creation", "{Image|endswith: /nc}"),
	 "{type: SYSCALL, exe: /usr/bin/nc}",
	 1,
	 "auditd"},
	{{"linux-auditd"},
	 LINUX("file_event", "{TargetFilename: /etc/x}"),
	 "{type: PATH, nametype: CREATE, name: /etc/x}",
	 1,
	 "auditd"},
	{{"network-devices"},
	 "title: T\nlogsource: {category: firewall}\ndetection: {s: {dst_port: 23}, condition: s}\n",
	 "{destination.port: 23}",
	 1,
	 ""},
	{{"network-devices"},
	 "title: T\nlogsource: {category: proxy}\ndetection: {s: {c-uri: x}, condition: s}\n",
	 "{url.original: x}",
	 1,
	 ""},
};

static void copy_file(struct rig *rig, const char *name)
{
	static char text[1 << 17];
	char path[256], to[256];
	snprintf(path, sizeof path, LIBRARY "%s.yml", name);
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s: run from the top of the tree", path);
	size_t len = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[len] = 0;
	snprintf(to, sizeof to, "/p/%s.yml", name);
	rig_put(rig, to, text);
}

static void they_do_what_they_say(void **state)
{
	const char *paths[] = {"/r/rules.yml"};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig rig;
		struct slice names[4];
		char texts[4][128];
		struct ruleset_options options = {.pipelines = names};
		rig_open(&rig);
		for (; options.pipeline_count < 4 && cases[i].pipelines[options.pipeline_count]; options.pipeline_count++) {
			const char *name = cases[i].pipelines[options.pipeline_count];
			snprintf(texts[options.pipeline_count], sizeof *texts, "/p/%s.yml", name);
			names[options.pipeline_count] = slice_str(texts[options.pipeline_count]);
			copy_file(&rig, name);
		}
		rig_put(&rig, paths[0], cases[i].rule);
		rig_load_paths(&rig, paths, 1, &options);
		if (rig.told_count)
			fail_msg("case %zu: %s:%u: %s", i, rig.told[0].file, rig.told[0].line, rig.told[0].text);
		if (rig_holds(&rig, cases[i].event) != cases[i].hits)
			fail_msg("case %zu: %u hits: %s", i, rig.hit_count, cases[i].event);
		if (!slice_equal(ruleset_rule(rig.set, 0)->logsource.service, slice_str(cases[i].service)))
			fail_msg("case %zu: another service", i);
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_do_what_they_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
