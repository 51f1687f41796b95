#include "cli/options.h"

/* Read by jemalloc, where that is linked. Its large blocks begin at random lines of a page unless told otherwise; ours are read
 * from one end to the other, and a page more for each only costs. MALLOC_CONF in the environment comes on top. */
const char *malloc_conf = "cache_oblivious:false";

int main(int argc, char **argv)
{
	return options_main(argc, argv);
}
