#include "cli/options.h"

int main(int argc, char **argv)
{
	return options_main(argc, argv);
}
