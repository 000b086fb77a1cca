/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * printk(): formats a line, and writes it with as few calls as possible.
 *
 * Called from everywhere. Runs P=V and at the linked address alike: it has no
 * pointer that outlives a call.
 */
#include "console.h"
#include "string.h"

/** The line being made. */
struct line {
	char text[160];
	unsigned int used;
};

/** What stands between the % and the letter. */
struct spec {
	bool alternate; /* "#": 0x before the number */
	char fill;
	unsigned int width;
	unsigned int longs; /* how many l */
};

static void flush(struct line *line)
{
	console_write(line->text, line->used);
	line->used = 0;
}

static void put(struct line *line, char c)
{
	if (line->used == sizeof(line->text))
		flush(line);
	line->text[line->used++] = c;
}

static void put_padded(struct line *line, const struct spec *spec,
		       const char *text, unsigned int length)
{
	for (unsigned int i = length; i < spec->width; i++)
		put(line, spec->fill);
	while (length--)
		put(line, *text++);
}

/* Shifts only: dividing 64 bits on i386 would need a library. */
static void put_hex(struct line *line, struct spec *spec, u64 value)
{
	char digits[16];
	unsigned int first = sizeof(digits);

	do {
		digits[--first] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);

	if (spec->alternate) {
		put(line, '0');
		put(line, 'x');
		spec->width -= min(spec->width, 2);
		spec->fill = '0';
	}
	put_padded(line, spec, digits + first, sizeof(digits) - first);
}

static void put_decimal(struct line *line, const struct spec *spec,
			unsigned long value, bool negative)
{
	char digits[21];
	unsigned int first = sizeof(digits);

	do {
		digits[--first] = '0' + value % 10;
		value /= 10;
	} while (value);

	if (negative)
		digits[--first] = '-';
	put_padded(line, spec, digits + first, sizeof(digits) - first);
}

static const char *parse_spec(const char *at, struct spec *spec)
{
	*spec = (struct spec){.fill = ' '};

	for (; *at == '#' || *at == '0'; at++) {
		if (*at == '#')
			spec->alternate = true;
		else
			spec->fill = '0';
	}
	for (; *at >= '0' && *at <= '9'; at++)
		spec->width = spec->width * 10 + (*at - '0');
	for (; *at == 'l'; at++)
		spec->longs++;
	return at;
}

/* In a struct, since va_list may be an array, which a parameter cannot be. */
struct arguments {
	va_list list;
};

static u64 next_unsigned(struct arguments *args, unsigned int longs)
{
	if (longs == 0)
		return va_arg(args->list, unsigned int);
	if (longs == 1)
		return va_arg(args->list, unsigned long);
	return va_arg(args->list, unsigned long long);
}

static long next_signed(struct arguments *args, unsigned int longs)
{
	return longs ? va_arg(args->list, long) : va_arg(args->list, int);
}

static void put_argument(struct line *line, char letter, struct spec *spec,
			 struct arguments *args)
{
	const char *text;
	long number;

	switch (letter) {
	case 's':
		text = va_arg(args->list, const char *);
		put_padded(line, spec, text, strlen(text));
		break;
	case 'd':
		number = next_signed(args, spec->longs);
		put_decimal(line, spec,
			    number < 0 ? -(unsigned long)number
				       : (unsigned long)number,
			    number < 0);
		break;
	case 'u':
		put_decimal(line, spec, next_unsigned(args, spec->longs),
			    false);
		break;
	case 'x':
		put_hex(line, spec, next_unsigned(args, spec->longs));
		break;
	default:
		put(line, letter);
	}
}

void vprintk(const char *format, va_list list)
{
	struct line line = {.used = 0};
	struct arguments args;
	struct spec spec;

	va_copy(args.list, list);
	for (const char *at = format; *at; at++) {
		if (*at != '%') {
			put(&line, *at);
			continue;
		}
		at = parse_spec(at + 1, &spec);
		put_argument(&line, *at, &spec, &args);
	}
	va_end(args.list);
	flush(&line);
}

void printk(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintk(format, args);
	va_end(args);
}
