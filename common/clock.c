/* Calendar arithmetic: the proleptic Gregorian calendar in eras of 400 years, which have 146,097 days. Years begin in
 * March inside, so that the leap day is the last day of the year and month lengths follow one formula. */
#include "common/clock.h"

#include "common/check.h"

#define DAYS_PER_ERA 146097
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

int64_t clock_days_from_civil(int32_t year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void civil_from_days(int64_t days, struct calendar *out)
{
	days += DAYS_TO_1970;
	int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	int64_t day_of_era = days - era * DAYS_PER_ERA;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;
	out->day = (uint8_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
	out->month = (uint8_t)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
	out->year = (int32_t)(year_of_era + era * 400 + (out->month <= 2));
}

static unsigned days_of_month(int32_t year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

bool clock_from_calendar(const struct calendar *c, int64_t *ns)
{
	if (c->year < 1678 || c->year > 2261 || c->month < 1 || c->month > 12 || c->day < 1)
		return false;
	if (c->day > days_of_month(c->year, c->month))
		return false;
	if (c->hour > 23 || c->minute > 59 || c->second > 59 || c->nanosecond > 999999999)
		return false;
	/* 1678 and 2261 are the outermost whole years of 64-bit nanoseconds: nothing below can overflow. */
	int64_t seconds = clock_days_from_civil(c->year, c->month, c->day) * 86400;
	seconds += c->hour * 3600 + c->minute * 60 + c->second;
	*ns = seconds * NS_PER_S + c->nanosecond;
	return true;
}

void clock_to_calendar(int64_t ns, struct calendar *out)
{
	int64_t days = ns / NS_PER_DAY, rest = ns % NS_PER_DAY;
	if (rest < 0) {
		rest += NS_PER_DAY;
		days--;
	}
	civil_from_days(days, out);
	int64_t seconds = rest / NS_PER_S;
	out->hour = (uint8_t)(seconds / 3600);
	out->minute = (uint8_t)(seconds / 60 % 60);
	out->second = (uint8_t)(seconds % 60);
	out->nanosecond = (uint32_t)(rest % NS_PER_S);
}

static char *put_digits(char *out, uint32_t value, unsigned count)
{
	for (unsigned i = count; i > 0; i--) {
		out[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
	return out + count;
}

size_t clock_print(int64_t ns, char *out)
{
	struct calendar c;
	char *at = out;
	clock_to_calendar(ns, &c);
	at = put_digits(at, (uint32_t)c.year, 4);
	*at++ = '-';
	at = put_digits(at, c.month, 2);
	*at++ = '-';
	at = put_digits(at, c.day, 2);
	*at++ = 'T';
	at = put_digits(at, c.hour, 2);
	*at++ = ':';
	at = put_digits(at, c.minute, 2);
	*at++ = ':';
	at = put_digits(at, c.second, 2);
	if (c.nanosecond != 0) {
		*at++ = '.';
		at = put_digits(at, c.nanosecond, 9);
		while (memcmp(at - 3, "000", 3) == 0)
			at -= 3;
	}
	*at++ = 'Z';
	*at = 0;
	return (size_t)(at - out);
}
