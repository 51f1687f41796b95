/* The verbs: each takes the parsed command line and returns the exit code. Main thread. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/options.h"

int verb_run(const struct args *args);
int verb_collect(const struct args *args);
int verb_detect(const struct args *args);
int verb_correlate(const struct args *args);
int verb_store(const struct args *args);
int verb_parse(const struct args *args);
int verb_scan(const struct args *args);
int verb_rules_check(const struct args *args);
int verb_rules_backtest(const struct args *args);
int verb_rules_coverage(const struct args *args);
int verb_rules_explain(const struct args *args);
int verb_rules_shadow(const struct args *args);
int verb_rules_cost(const struct args *args);
int verb_rules_test(const struct args *args);
int verb_hunt(const struct args *args);
int verb_import(const struct args *args);
int verb_search(const struct args *args);
int verb_tail(const struct args *args);
int verb_fields(const struct args *args);
int verb_sources(const struct args *args);
int verb_incidents_list(const struct args *args);
int verb_incidents_show(const struct args *args);
int verb_incidents_set(const struct args *args);
int verb_incidents_note(const struct args *args);
int verb_incidents_silence(const struct args *args);
int verb_segment_show(const struct args *args);
int verb_fsck(const struct args *args);
int verb_status(const struct args *args);
int verb_config_check(const struct args *args);
int verb_config_show(const struct args *args);
int verb_demo(const struct args *args);

#endif
