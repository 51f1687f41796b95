/* Every limit of Cresset, once. docs/limits.md is made from this table; tests try each at the limit and one past it.
 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

#include <stdint.h>

/* name, value, what happens past it */
#define LIMIT_LIST(X) \
	X(message_bytes, 65536, \
	  "default size of one message; the rest is cut, the row flagged with original length and hash") \
	X(message_bytes_max, 1048576, "highest value of message_bytes") \
	X(octet_count_digits, 10, "octet counting: a longer count makes the connection fall back to LF framing") \
	X(row_fields, 512, "fields of one row; the rest is dropped and the row flagged") \
	X(json_depth, 32, "deeper JSON is kept as plain text") \
	X(batch_rows, 4096, "the batch is closed") \
	X(batch_bytes, 524288, "the batch is closed") \
	X(batch_bytes_max, 4194304, "a larger batch is refused; a single larger event goes to quarantine") \
	X(batch_age_ms, 200, "the batch is closed") \
	X(dictionary_names, 65000, "field names of one dictionary; more are dropped and the row flagged") \
	X(field_name_bytes, 1024, "octets of one field name; the field is dropped and the row flagged") \
	X(connections, 4096, "TCP connections; a new one is closed and counted") \
	X(connections_per_peer, 256, "TCP connections of one address; a new one is closed and counted") \
	X(connection_idle_s, 600, "an idle TCP connection is closed") \
	X(follow_files, 1024, "followed files; another one waits until one is gone, and standard error says so") \
	X(follow_head_bytes, 1024, "octets at the beginning of a followed file that tell it from another") \
	X(follow_look_ms, 250, "followed files are looked at; names that match a pattern once a second") \
	X(follow_rotated_s, 10, "a followed file whose name has gone and that no longer grows is let go") \
	X(rule_file_bytes, 1048576, "a rule file; refused") \
	X(rules, 20000, "rules of a ruleset; refused") \
	X(regex_bytes, 4096, "a regular expression; refused") \
	X(regex_match_limit, 20000, "PCRE2 match steps; past it undecided, counted and reported") \
	X(yara_decode_depth, 4, "encodings inside each other that YARA rules look through; deeper ones stay as they are") \
	X(yara_decode_bytes, 65536, "octets decoded from one event for YARA rules; the event counts as undecided") \
	X(yara_budget_ns, 5000000, \
	  "default of yara.budget_ns_per_event: what one YARA rule may cost for each event of a live stream; one that goes on " \
	  "costing more is put into quarantine") \
	X(window_bytes, 268435456, \
	  "default of correlation.window_bytes: octets of correlation state; past it keys go to disk") \
	X(spill_bytes, 4294967296, \
	  "default of correlation.spill_bytes: octets on disk of keys that find no room in it; then new keys are refused") \
	X(incident_events, 1000, "events named by one incident") \
	X(key_array_elements, 16, "elements of an array that a group key takes") \
	X(chain_depth, 10, "levels of chained correlations; refused") \
	X(expression_rules, 64, "rules named by the condition of a correlation, or that write its lists; refused") \
	X(expression_parts, 512, "names and words of such a condition; refused") \
	X(expression_depth, 64, "brackets and nots of such a condition within each other; refused") \
	X(correlation_lists, 8, "lists of a correlation; refused") \
	X(segment_rows, 65536, "the segment is sealed") \
	X(segment_age_s, 60, "the segment is sealed") \
	X(segment_bytes, 268435456, "a larger segment is refused by readers") \
	X(block_bytes, 1048576, "octets of one compressed block before compression; bulk columns have several") \
	X(result_rows, 1000000, "rows of one answer; the answer says so") \
	X(query_seconds, 60, "time of one query; the answer says so") \
	X(log_file_bytes, 134217728, "a local log file; a new one is begun") \
	X(bus_max_bytes, 8589934592, "a committed position further behind stops intake") \
	X(bus_keep_bytes, 34359738368, "a keep-from position further behind is moved up") \
	X(commit_bytes, 16777216, "octets of one commit log record; refused") \
	X(commitlog_bytes, 1073741824, \
	  "a commit log file; a record that would make it larger is refused until it is compacted") \
	X(sync_ms, 100, "the local log is synced")

/* LIMIT_message_bytes, ... */
#define X(name, value, past) static const int64_t LIMIT_##name __attribute__((unused)) = value;
LIMIT_LIST(X)
#undef X

#endif
