/* The names of fields that code refers to (ECS names; docs/fields.md), and the types of their values.
 *
 * The order is part of no format: batches carry their own name tables.
 */
#ifndef COMMON_FIELD_H
#define COMMON_FIELD_H

#define FIELD_LIST(X) \
	X(MESSAGE, "message") \
	X(LOG_SYSLOG_PRIORITY, "log.syslog.priority") \
	X(LOG_SYSLOG_FACILITY, "log.syslog.facility.code") \
	X(LOG_SYSLOG_SEVERITY, "log.syslog.severity.code") \
	X(LOG_SYSLOG_MSGID, "log.syslog.msgid") \
	X(LOG_SYSLOG_VERSION, "log.syslog.version") \
	X(LOG_LEVEL, "log.level") \
	X(HOST_HOSTNAME, "host.hostname") \
	X(PROCESS_NAME, "process.name") \
	X(PROCESS_PID, "process.pid") \
	X(SOURCE_IP, "source.ip") \
	X(SOURCE_PORT, "source.port") \
	X(SOURCE_USER_NAME, "source.user.name") \
	X(DESTINATION_IP, "destination.ip") \
	X(DESTINATION_PORT, "destination.port") \
	X(USER_NAME, "user.name") \
	X(EVENT_ACTION, "event.action") \
	X(EVENT_CODE, "event.code") \
	X(EVENT_OUTCOME, "event.outcome") \
	X(NETWORK_TRANSPORT, "network.transport") \
	X(OBSERVER_HOSTNAME, "observer.hostname") \
	X(URL_ORIGINAL, "url.original") \
	X(HTTP_REQUEST_METHOD, "http.request.method") \
	X(HTTP_RESPONSE_STATUS, "http.response.status_code") \
	X(USER_AGENT, "user_agent.original") \
	X(TIMESTAMP, "@timestamp")

enum field_id {
#define X(id, name) FIELD_##id,
	FIELD_LIST(X)
#undef X
	FIELD_COUNT
};

/* Types of values, as stored in batches (docs/format-batch.md). A number keeps its text: the slice is what the source
 * wrote, the type says how to read it. */
enum value_type {
	VALUE_STRING = 0,
	VALUE_I64 = 1, /* text is decimal */
	VALUE_U64 = 2,
	VALUE_F64 = 3, /* text is a JSON number */
	VALUE_BOOL = 4, /* text is "true" or "false" */
	VALUE_NULL = 5, /* no text */
	VALUE_ADDRESS = 6, /* text is an IPv4 or IPv6 address */
	VALUE_TIME = 7, /* text as the source wrote it */
	VALUE_SMALL = 8, /* an unsigned 32-bit number held in the slice's own place, no text */
};
#define VALUE_TYPE_COUNT 9

#endif
