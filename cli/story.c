#include "cli/story.h"

#include <stdio.h>

#define INTRUDER "203.0.113.77"

/* Times between steps are longer than the second that device headers tell, so that their order is certain. */
const struct story_step story_steps[] = {
	{.title = "port scan of the jump host's network",
	 .host = "fw-edge",
	 .at_ms = 1000,
	 .every_ms = 45,
	 .lines = 45,
	 .templates = {"<164>{ts} {host} : %ASA-4-106023: Deny tcp src outside:" INTRUDER
				   "/{port} dst dmz:10.20.0.15/{n:20:9999} by access-group "
				   "\"outside_in\" [0x{own:8}, 0x0]"}},
	{.title = "passwords tried over SSH until one holds",
	 .host = "jump01",
	 .tcp = true,
	 .at_ms = 4500,
	 .every_ms = 180,
	 .lines = 14,
	 .templates = {"<86>{ts} {host} sshd[{pid}]: Failed password for root from " INTRUDER " port {port} ssh2",
				   "<86>{ts} {host} sshd[{pid}]: Failed password for invalid user admin from " INTRUDER
				   " port {port} ssh2",
				   "<86>{ts} {host} sshd[{pid}]: Failed password for svc_backup from " INTRUDER " port {port} ssh2"},
	 .last = "<86>{ts} {host} sshd[{pid}]: Accepted password for svc_backup from " INTRUDER " port {port} ssh2"},
	{.title = "the account becomes administrator",
	 .host = "jump01",
	 .tcp = true,
	 .at_ms = 9600,
	 .lines = 1,
	 .templates = {"<86>{ts} {host} usermod[{pid}]: add 'svc_backup' to group 'sudo'"}},
	{.title = "the core switch stops logging",
	 .host = "core-sw",
	 .tcp = true,
	 .at_ms = 10700,
	 .lines = 1,
	 .templates =
		 {"<189>{ts} {year} {host} %%01SHELL/5/CMDRECORD(s)[{c}]:Recorded command information. (Task=VT0, Ip=10.20.0.15, VpnName=, "
		  "User=netadmin, AuthenticationMethod=\"Local-user\", Command=\"undo info-center enable\")"}},
	{.title = "shadow copies of the historian are deleted",
	 .host = "WIN-HIST01",
	 .tcp = true,
	 .at_ms = 11800,
	 .lines = 1,
	 .templates =
		 {"<14>1 {iso} {host} Microsoft-Windows-Sysmon {daemon} - - {\"EventTime\":\"{iso}\",\"Hostname\":\"{host}\",\"Channel\":"
		  "\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"Image\":\"C:\\\\Windows\\\\System32\\\\vssadmin.exe\","
		  "\"CommandLine\":\"vssadmin.exe delete shadows /all /quiet\",\"ParentImage\":\"C:\\\\Windows\\\\System32\\\\cmd.exe\","
		  "\"User\":\"UTILITY\\\\svc_backup\",\"ProcessId\":{pid}}"}},
	{.title = "a controller is written to",
	 .host = "plcgw-north",
	 .tcp = true,
	 .at_ms = 12900,
	 .lines = 1,
	 .templates =
		 {"<134>{ts} {host} modbusgw[{daemon}]: unit=3 fc=16 addr=400 count=2 client=10.20.0.15 result=ok ms=4"}},
};
const unsigned story_step_count = sizeof story_steps / sizeof *story_steps;

/* The change on the switch is also a "Configuration changed on a network device", which is of level medium: a finding, no
 * incident. New administrator and stopped logging happened on two hosts, so the correlation of both on one host is silent. */
const struct story_incident story_incidents[] = {
	{"Port scan followed by a login", "high", "source.ip", INTRUDER, 1},
	{"SSH brute force followed by a login", "critical", "source.ip", INTRUDER, 1},
	{"New administrator on a Linux host", "high", "host.hostname", "jump01", 2},
	{"Logging stopped or log cleared", "high", "host.hostname", "core-sw", 3},
	{"Shadow copies deleted", "critical", "host.hostname", "WIN-HIST01", 4},
	{"Controller written to by a host that is no engineering station", "critical", "host.hostname", "plcgw-north", 5},
};
const unsigned story_incident_count = sizeof story_incidents / sizeof *story_incidents;

unsigned story_step_lines(const struct story_step *step)
{
	return step->lines + (step->last != NULL);
}

unsigned story_step_due(const struct story_step *step, int64_t elapsed_ms)
{
	if (elapsed_ms < step->at_ms)
		return 0;
	uint64_t due = step->every_ms ? 1 + (uint64_t)((elapsed_ms - step->at_ms) / step->every_ms) : step->lines;
	unsigned count = due > step->lines ? step->lines : (unsigned)due;
	/* What ends a step comes when more than a second has passed: after all of it by any clock of whole seconds. */
	if (step->last && elapsed_ms >= step->at_ms + step->lines * step->every_ms + 1500)
		count++;
	return count;
}

const char *story_template(const struct story_step *step, unsigned index)
{
	unsigned n = 0;
	CHECK(index < story_step_lines(step));
	if (index == step->lines)
		return step->last;
	while (n < sizeof step->templates / sizeof *step->templates && step->templates[n])
		n++;
	CHECK(n > 0); /* a step that has lines has templates */
	return step->templates[index % n];
}

int story_find(const char *title, const char *group_json)
{
	char member[128];
	for (unsigned i = 0; i < story_incident_count; i++) {
		const struct story_incident *s = &story_incidents[i];
		int n = snprintf(member, sizeof member, "\"%s\":\"%s\"", s->group, s->value);
		CHECK(n > 0 && (size_t)n < sizeof member);
		if (strcmp(title, s->title) == 0 && strstr(group_json, member))
			return (int)i;
	}
	return -1;
}
