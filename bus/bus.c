#include "bus/bus.h"

const char *bus_topic_name(enum bus_topic topic)
{
	static const char *const names[TOPIC_COUNT] = {"events", "matches", "incidents", "control"};
	CHECK((unsigned)topic < TOPIC_COUNT);
	return names[topic];
}
