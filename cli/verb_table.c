/* The table of verbs and options: the command line contract. */
#include "cli/verbs.h"

const struct option options[OPTION_COUNT] = {
	[OPTION_HELP] = {OPTION_HELP, "help", 'h', NULL, NULL, false, "this text"},
	[OPTION_DATA] = {OPTION_DATA, "data", 0, "DIR", NULL, false, "data directory (default ./cresset-data)"},
	[OPTION_CONFIG] = {OPTION_CONFIG, "config", 'c', "FILE", NULL, false, "configuration, see cresset.conf(5)"},
	[OPTION_OUTPUT] = {OPTION_OUTPUT, "output", 0, "FORM", "ndjson|json|table|csv", false, "form of the output (default: table on a terminal, else ndjson)"},
	[OPTION_COLOR] = {OPTION_COLOR, "color", 0, "WHEN", "auto|always|never", false, "colors (default auto; NO_COLOR is honoured)"},
	[OPTION_NOW] = {OPTION_NOW, "now", 0, "TIME", NULL, false, "the time that counts as now"},
	[OPTION_QUIET] = {OPTION_QUIET, "quiet", 'q', NULL, NULL, false, "no progress and no summary on standard error"},
	[OPTION_SYSLOG] = {OPTION_SYSLOG, "syslog", 0, "ADDR:PORT", NULL, false, "listen there for syslog, UDP and TCP (default 127.0.0.1:5514)"},
	[OPTION_RULES] = {OPTION_RULES, "rules", 0, "PATH", NULL, true, "Sigma and YARA rules: one file or folder; give it again for more (default: the shipped ones)"},
	[OPTION_DECODERS] = {OPTION_DECODERS, "decoders", 0, "PATH", NULL, false, "decoders: a file or folder (default: the shipped ones; where a verb asks a running owner, the owner's)"},
	[OPTION_FRAMING] = {OPTION_FRAMING, "framing", 0, "KIND", "auto|lf|nul|octet", false, "how records are cut (default auto)"},
	[OPTION_FORMAT] = {OPTION_FORMAT, "format", 0, "KIND", "auto|json|syslog", false, "what the records are (default auto: told by content; json: also cut at line ends only)"},
	[OPTION_CHARSET] = {OPTION_CHARSET, "charset", 0, "NAME", "auto|utf-8|gb18030|gbk|big5|latin-1", false, "charset of the records (default auto)"},
	[OPTION_TZ] = {OPTION_TZ, "tz", 0, "ZONE", NULL, false, "zone of times without one: +08:00, Asia/Urumqi, local (default local)"},
	[OPTION_YEAR_FROM] = {OPTION_YEAR_FROM, "year-from", 0, "TIME", NULL, false, "years that are not written are those nearest to it (default: time of the file)"},
	[OPTION_FIRE] = {OPTION_FIRE, "fire", 0, "MODE", "edge|each", false, "correlations: one row an incident, or one for each firing point (default edge)"},
	[OPTION_LOGSOURCE_FIELD] = {OPTION_LOGSOURCE_FIELD, "logsource-field", 0, "NAME", NULL, false, "JSON field that lists the log sources [product, category, service]"},
	[OPTION_STRICT] = {OPTION_STRICT, "strict", 0, NULL, NULL, false, "exit with 2 when a rule was refused"},
	[OPTION_FROM] = {OPTION_FROM, "from", 0, "TIME", NULL, false, "not before: -1h, 2026-11-23, 2026-11-23T10:00:00Z"},
	[OPTION_TO] = {OPTION_TO, "to", 0, "TIME", NULL, false, "before"},
	[OPTION_LIMIT] = {OPTION_LIMIT, "limit", 'n', "N", NULL, false, "at most so many rows"},
	[OPTION_FOLLOW] = {OPTION_FOLLOW, "follow", 'f', NULL, NULL, false, "go on"},
	[OPTION_AGAIN] = {OPTION_AGAIN, "again", 0, NULL, NULL, false, "store the file once more though it is there"},
	[OPTION_ROWS] = {OPTION_ROWS, "rows", 0, NULL, NULL, false, "the rows too"},
	[OPTION_OPEN] = {OPTION_OPEN, "open", 0, NULL, NULL, false, "without resolved and closed ones"},
	[OPTION_VERSION_OF] = {OPTION_VERSION_OF, "version-of", 0, "N", NULL, false, "only if this is still the newest version of the incident"},
	[OPTION_STATUS] = {OPTION_STATUS, "status", 0, "STATUS", "new|in_progress|on_hold|resolved|closed", false, "status"},
	[OPTION_NOTE] = {OPTION_NOTE, "note", 0, "TEXT", NULL, false, "a note to go with it"},
	[OPTION_WHO] = {OPTION_WHO, "who", 0, "NAME", NULL, false, "who does it (default: the user id)"},
	[OPTION_BUS] = {OPTION_BUS, "bus", 0, "KIND", "local|kafka", false, "one process group on the local log, or stages over Kafka (default local)"},
	[OPTION_RATE] = {OPTION_RATE, "rate", 0, "N", NULL, false, "events a second"},
	[OPTION_SEED] = {OPTION_SEED, "seed", 0, "N", NULL, false, "seed of the story"},
	[OPTION_KEEP] = {OPTION_KEEP, "keep", 0, NULL, NULL, false, "leave the data directory in place"},
};

#define COMMON OPTION_HELP, OPTION_OUTPUT, OPTION_COLOR, OPTION_QUIET
#define ASKING OPTION_DATA, OPTION_CONFIG, COMMON
#define LIST(...) (const enum option_id[]){__VA_ARGS__}, sizeof((const enum option_id[]){__VA_ARGS__}) / sizeof(enum option_id)

const struct verb verbs[] = {
	{"run", "", "take in logs, find incidents, keep the evidence",
	 "Starts the whole pipeline on this machine: syslog over UDP and TCP comes in, every event goes to a durable local log, rules "
	 "run over it, and segments keep it. Without a configuration it listens on 127.0.0.1:5514 and keeps its data in ./cresset-data. "
	 "SIGTERM and SIGINT drain, commit and exit with 0.",
	 "cresset run\ncresset run --syslog 0.0.0.0:514 --data /var/lib/cresset\ncresset run -c /etc/cresset/cresset.conf",
	 LIST(OPTION_HELP, OPTION_CONFIG, OPTION_DATA, OPTION_SYSLOG, OPTION_RULES, OPTION_DECODERS, OPTION_STRICT), 0, 0, verb_run},
	{"collect", "", "one stage of a cluster: inputs to Kafka",
	 "Takes in logs and writes them to the events topic. Needs bus.kind kafka in the configuration.",
	 "cresset collect -c collect.conf", LIST(OPTION_HELP, OPTION_CONFIG, OPTION_DATA, OPTION_SYSLOG, OPTION_RULES, OPTION_DECODERS, OPTION_STRICT), 0, 0, verb_collect},
	{"detect", "", "one stage of a cluster: events to matches",
	 "Runs the rules over the events partitions of its configuration (bus.own.events) and writes matches.",
	 "cresset detect -c detect.conf", LIST(OPTION_HELP, OPTION_CONFIG, OPTION_DATA, OPTION_RULES, OPTION_DECODERS, OPTION_STRICT), 0, 0, verb_detect},
	{"correlate", "", "one stage of a cluster: matches to incidents",
	 "Runs the correlations over the matches partitions of its configuration (bus.own.matches) and writes incidents.",
	 "cresset correlate -c correlate.conf", LIST(OPTION_HELP, OPTION_CONFIG, OPTION_DATA, OPTION_RULES, OPTION_DECODERS, OPTION_STRICT), 0, 0, verb_correlate},
	{"store", "", "one stage of a cluster: events and incidents to segments",
	 "Keeps the partitions of its configuration (bus.own.events, bus.own.incidents) and answers search.",
	 "cresset store -c store.conf", LIST(OPTION_HELP, OPTION_CONFIG, OPTION_DATA, OPTION_RULES, OPTION_DECODERS, OPTION_STRICT), 0, 0, verb_store},
	{"parse", "FILE...", "show what the front end makes of lines",
	 "Cuts files into records and prints one JSON object for each, in order, nothing dropped: file, line (counts records from 1), time "
	 "and what is known of it, the octets as they came, the header's and the decoder's fields.",
	 "cresset parse /var/log/auth.log\ncresset parse --framing octet -",
	 LIST(COMMON, OPTION_FRAMING, OPTION_FORMAT, OPTION_CHARSET, OPTION_TZ, OPTION_YEAR_FROM, OPTION_DECODERS, OPTION_NOW, OPTION_STRICT), 1, ARGS_MAX, verb_parse},
	{"scan", "FILE...", "run rules over files, without a store",
	 "Detections and YARA matches are printed as they are found, correlations at the end of the input. The last line on standard "
	 "error is a JSON summary. Exits with 0 whatever was found.",
	 "cresset scan --rules my.yml /var/log/auth.log\ncresset scan --rules rules/ --fire each events.ndjson",
	 LIST(COMMON, OPTION_RULES, OPTION_DECODERS, OPTION_FIRE, OPTION_FRAMING, OPTION_FORMAT, OPTION_CHARSET, OPTION_TZ, OPTION_YEAR_FROM, OPTION_LOGSOURCE_FIELD, OPTION_NOW, OPTION_STRICT), 1, ARGS_MAX, verb_scan},
	{"rules check", "PATH...", "lint rules",
	 "Loads rules and prints one object for each complaint (level, id, file, line, column, rule, text), last a summary. Exits with 2 when "
	 "a rule was refused.",
	 "cresset rules check rules/", LIST(COMMON), 1, ARGS_MAX, verb_rules_check},
	{"rules test", "PATH...", "run the example events beside rules",
	 "Runs the NAME.tests.yml beside each NAME.yml, through the same engine as live events; see cresset-rules(7). Exits with 1 when a "
	 "test failed.",
	 "cresset rules test rules/", LIST(COMMON, OPTION_DECODERS), 1, ARGS_MAX, verb_rules_test},
	{"import", "FILE...", "put files into the store",
	 "The content's SHA-256 is the identity of what is imported: the same file again stores nothing and says so. A file that grew is another "
	 "file. Prints one object for each file.",
	 "cresset import /var/log/auth.log.1\nzcat old.gz | cresset import -",
	 LIST(ASKING, OPTION_FRAMING, OPTION_FORMAT, OPTION_CHARSET, OPTION_TZ, OPTION_YEAR_FROM, OPTION_AGAIN, OPTION_DECODERS, OPTION_NOW), 1, ARGS_MAX, verb_import},
	{"search", "QUERY", "search the store",
	 "Words, \"phrases\", field:value, field:(a b), wildcards, networks, ranges, and/or/not, then pipes: | stats count() by f, | top n f, "
	 "| bin 5m, | limit n, | fields a, b. See docs/query-language.md. Sealed and newest events alike; complete unless a limit says otherwise.",
	 "cresset search 'failed password'\ncresset search --from -1h 'source.ip:10.0.0.0/8 event.action:deny | top 10 source.ip'",
	 LIST(ASKING, OPTION_FROM, OPTION_TO, OPTION_LIMIT, OPTION_NOW), 0, ARGS_MAX, verb_search},
	{"tail", "[QUERY]", "show events as they come in",
	 "Follows the events that are durable from now on, filtered by the query. Stops with Ctrl-C or after --limit rows.",
	 "cresset tail 'sshd'", LIST(ASKING, OPTION_LIMIT), 0, ARGS_MAX, verb_tail},
	{"fields", "[QUERY]", "names, types and top values of fields", "Over the events that a query finds, or all.",
	 "cresset fields 'firewall'", LIST(ASKING, OPTION_FROM, OPTION_TO, OPTION_NOW), 0, ARGS_MAX, verb_fields},
	{"sources", "", "who sends, how much, how well it is understood",
	 "For each source: events, first and last seen, decoders, events without header or decoder, skew of its clock, gaps.",
	 "cresset sources", LIST(ASKING), 0, 0, verb_sources},
	{"incidents list", "", "list incidents", "Newest first.", "cresset incidents list --open", LIST(ASKING, OPTION_OPEN), 0, 0, verb_incidents_list},
	{"incidents show", "ID", "show one incident", "With its events, notes and history.", "cresset incidents show 3f0c...", LIST(ASKING), 1, 1, verb_incidents_show},
	{"incidents set", "ID STATUS", "change the status of an incident",
	 "STATUS is new, in_progress, on_hold, resolved or closed. With --version-of the change is only made when nobody changed the incident "
	 "since that version.",
	 "cresset incidents set 3f0c... in_progress --note 'looking at it'", LIST(ASKING, OPTION_NOTE, OPTION_WHO, OPTION_VERSION_OF), 2, 2, verb_incidents_set},
	{"incidents note", "ID TEXT", "add a note to an incident", "The status stays.", "cresset incidents note 3f0c... 'called the site'",
	 LIST(ASKING, OPTION_WHO, OPTION_VERSION_OF), 2, 2, verb_incidents_note},
	{"segment show", "FILE...", "show a segment as text", "Layout, columns, sizes, checksums; with --rows the rows as well. Needs no owner.",
	 "cresset segment show cresset-data/store/*.seg", LIST(OPTION_HELP, OPTION_ROWS), 1, ARGS_MAX, verb_segment_show},
	{"fsck", "[DIR]", "check the store", "Checks the commit log's chain and every segment. Exits with 1 when something is wrong. Never repairs.",
	 "cresset fsck --data /var/lib/cresset", LIST(OPTION_DATA, COMMON), 0, 1, verb_fsck},
	{"status", "", "what the owner of the data directory does", "Counters of intake, detection, correlation and store; positions of all readers.",
	 "cresset status --output json", LIST(ASKING), 0, 0, verb_status},
	{"config check", "[FILE]", "check a configuration", "Exits with 3 and names file, line and column of each mistake.", "cresset config check my.conf",
	 LIST(OPTION_HELP, OPTION_CONFIG), 0, 1, verb_config_check},
	{"config show", "[FILE]", "print the effective configuration", "With all defaults.", "cresset config show my.conf", LIST(OPTION_HELP, OPTION_CONFIG), 0, 1, verb_config_show},
	{"demo", "", "an intrusion in a small utility, found",
	 "Starts 'cresset run' on a free port with a data directory of its own, sends it the traffic of a small utility through real UDP and TCP "
	 "sockets with an intrusion in six steps inside, and shows what was found. Exits with 0 only when exactly the planted incidents were found.",
	 "cresset demo\ncresset demo --keep --data ./demo-data", LIST(OPTION_HELP, OPTION_DATA, OPTION_RATE, OPTION_SEED, OPTION_KEEP, OPTION_BUS, OPTION_CONFIG), 0, 0, verb_demo},
};

const unsigned verb_count = sizeof verbs / sizeof *verbs;
