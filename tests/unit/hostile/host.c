/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What the code under test calls: panics that end the call, lines that are
 * kept, pages that are nobody's.
 */
#include "hostile.h"

char panic_text[256], said[1 << 16];
void *mapped;

static size_t used;
static jmp_buf panic_exit;
static u64 random_state = 2007;

/* The kernel's memcmp() ends at the first difference. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "strict_memcmp=0";
}

void silence(void)
{
	said[0] = '\0';
	used = 0;
}

void printk(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (used < sizeof(said) - 256)
		used += vsnprintf(said + used, 256, format, list);
	va_end(list);
}

bool panics(void (*call)(void))
{
	if (setjmp(panic_exit) != 0)
		return true;
	call();
	return false;
}

void panic(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(panic_text, sizeof(panic_text), format, list);
	va_end(list);
	longjmp(panic_exit, 1);
}

void hypercall_must(long ret, const char *what, ...)
{
	(void)what;
	assert_true(ret >= 0);
}

u64 random_below(u64 end)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % end;
}

struct file copy_of(const u8 *start, unsigned long size)
{
	u8 *copy = malloc(size);

	memcpy(copy, start, size);
	return (struct file){copy, size};
}

void map_foreign(void *va, domid_t domain, mfn_t mfn)
{
	(void)domain;
	(void)mfn;
	mapped = va;
}

void notify_remote(evtchn_port_t port)
{
	(void)port;
}

void *window_open(const struct guest *guest, unsigned long pfn)
{
	(void)guest;
	(void)pfn;
	return mapped;
}

void window_close(void)
{
}

void unmap_foreign(void *va)
{
	(void)va;
}

mfn_t guest_mfn(const struct guest *guest, unsigned long pfn)
{
	(void)guest;
	return _mfn(pfn);
}

void guest_clear(const struct guest *guest, u64 paddr, u64 count)
{
	(void)guest;
	(void)paddr;
	(void)count;
}

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return test_images() + test_rings() ? 1 : 0;
}
