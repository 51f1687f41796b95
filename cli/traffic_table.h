/* What the devices of traffic.c write. Shapes are those of the devices; names, numbers and addresses are invented. */
#ifndef CLI_TRAFFIC_TABLE_H
#define CLI_TRAFFIC_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum traffic_family {
	TRAFFIC_LINUX,
	TRAFFIC_WEB,
	TRAFFIC_ASA,
	TRAFFIC_FORTI,
	TRAFFIC_HUAWEI,
	TRAFFIC_H3C,
	TRAFFIC_WINDOWS,
	TRAFFIC_IDS,
	TRAFFIC_VPN,
	TRAFFIC_TOPSEC,
	TRAFFIC_GATEWAY,
	TRAFFIC_HISTORIAN,
	TRAFFIC_APACHE,
	TRAFFIC_SWITCH,
	TRAFFIC_DNS,
	TRAFFIC_MAIL,
	TRAFFIC_FAMILIES
};

struct traffic_template {
	enum traffic_family family;
	unsigned weight; /* within the family */
	const char *text;
};

struct traffic_kind {
	const char *stem; /* of host names */
	unsigned devices; /* of a hundred */
	bool tcp;
};

#define TRAFFIC_PLATFORMS 8
#define TRAFFIC_BROWSERS 6

extern const struct traffic_template traffic_templates[];
extern const size_t traffic_template_count;
extern const struct traffic_kind traffic_families[TRAFFIC_FAMILIES];
extern const char *const traffic_platforms[TRAFFIC_PLATFORMS], *const traffic_browsers[TRAFFIC_BROWSERS];

#endif
