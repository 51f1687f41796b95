/* What we believe: checked in every build, release included. For what we are told, return an error instead. */
#ifndef COMMON_CHECK_H
#define COMMON_CHECK_H

/* Prints place and condition to standard error and stops the process. */
_Noreturn void check_failed(const char *file, int line, const char *condition);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

#endif
