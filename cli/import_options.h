/* How records of a file are cut and read, from options (parse, scan, import) and from the JSON of an import request. */
#ifndef CLI_IMPORT_OPTIONS_H
#define CLI_IMPORT_OPTIONS_H

#include "cli/json_tree.h"
#include "cli/options.h"
#include "ingest/ingest.h"

/* --framing, --charset, --tz into settings; false with a usage error told. */
bool import_args(const struct args *args, enum framing *framing, struct source_settings *settings);
/* --year-from, else the file's time, else the clock. */
bool import_year_from(const struct args *args, int64_t mtime_ns, int64_t *ns);
/* The same members of a request: "framing", "charset", "tz". Unknown words keep the default. */
enum framing import_framing(const struct json_node *request);
void import_settings(const struct json_node *request, struct source_settings *settings);

#endif
