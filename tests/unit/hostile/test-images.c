/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Images that are right, images with one thing wrong, and images with anything
 * wrong: each is taken or refused with a line, and nothing behind it is read.
 */
#include <elf.h>

#include "hostile.h"
#include "xen-ops.h"
#include <xen/elfnote.h>

struct start_info *xen_start_info;

static struct image image;
static struct file file;
static bool pvh;

#define NOTES  1024 /* offset in the file */
#define LOADED 2048
#define SIZE   4096

/** Two segments to load, and one of notes. */
enum { FIRST, SECOND, NOTE_SEGMENT };

static u8 *add_note(u8 *at, u32 type, const void *value, u32 length)
{
	u32 head[] = {4, length, type};

	memcpy(at, head, sizeof(head));
	memcpy(at + 12, "Xen", 4);
	memcpy(at + 16, value, length);
	return at + 16 + (length + 3) / 4 * 4;
}

/* All notes of a right image; virt_base is the value of VIRT_BASE. */
static u32 add_notes(u8 *notes, u64 virt_base)
{
	u32 phys_entry = 0x100000;
	u8 *at = add_note(notes, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);

	at = add_note(at, XEN_ELFNOTE_PAE_MODE, "yes", 4);
	at = add_note(at, XEN_ELFNOTE_LOADER, "generic", 8);
	at = add_note(at, XEN_ELFNOTE_PHYS32_ENTRY, &phys_entry, 4);
	at = add_note(at, XEN_ELFNOTE_VIRT_BASE, &virt_base, 8);
	return at - notes;
}

#define MAKE_IMAGE(class, number, processor)                            \
	static Elf##class##_Ehdr *head##class;                          \
	static Elf##class##_Phdr *parts##class;                         \
	static void make##class(u64 virt_base)                          \
	{                                                               \
		static u8 bytes[SIZE];                                  \
		Elf##class##_Ehdr head = {                              \
			.e_ident = {0x7f, 'E', 'L', 'F', number, 1, 1}, \
			.e_machine = processor,                         \
			.e_entry = virt_base + 0x100000,                \
			.e_phoff = sizeof(head),                        \
			.e_phnum = 3};                                  \
		Elf##class##_Phdr parts[] = {                           \
			{.p_type = PT_LOAD,                             \
			 .p_offset = LOADED,                            \
			 .p_paddr = 0x100000,                           \
			 .p_filesz = 100,                               \
			 .p_memsz = 0x2000},                            \
			{.p_type = PT_LOAD,                             \
			 .p_offset = LOADED,                            \
			 .p_paddr = 0x102000,                           \
			 .p_memsz = 0x1000},                            \
			{.p_type = PT_NOTE, .p_offset = NOTES}};        \
		parts[NOTE_SEGMENT].p_filesz =                          \
			add_notes(bytes + NOTES, virt_base);            \
		memcpy(bytes, &head, sizeof(head));                     \
		memcpy(bytes + sizeof(head), parts, sizeof(parts));     \
		free((void *)file.start);                               \
		file = copy_of(bytes, SIZE);                            \
		head##class = (void *)file.start;                       \
		parts##class = (void *)(file.start + sizeof(head));     \
	}
MAKE_IMAGE(32, ELFCLASS32, EM_386)
MAKE_IMAGE(64, ELFCLASS64, EM_X86_64)

static void parse(void)
{
	image_parse(&image, file, pvh);
}

static void must_refuse(const char *why)
{
	assert_true(panics(parse));
	if (!strstr(panic_text, why))
		fail_msg("\"%s\" instead of \"%s\"", panic_text, why);
}

static void right(void **state)
{
	(void)state;
	for (pvh = false;; pvh = true) {
		make32(0);
		assert_false(panics(parse));
		assert_int_equal(image.bits, 32);
		assert_int_equal(image.end, 0x103000);
		make64(0xffffffff80000000);
		assert_false(panics(parse));
		assert_int_equal(image.bits, 64);
		assert_int_equal(image.entry, 0xffffffff80100000);
		if (pvh)
			break;
	}
	pvh = false;
}

static void headers(void **state)
{
	(void)state;
	make32(0);
	head32->e_machine = EM_ARM;
	must_refuse("another processor");
	make32(0);
	head32->e_ident[EI_CLASS] = 9;
	must_refuse("neither an ELF file");
	make32(0);
	head32->e_ident[EI_DATA] = ELFDATA2MSB;
	must_refuse("neither an ELF file");
	make32(0);
	head32->e_phoff = 0xfffffff0;
	must_refuse("not in the file");
	make64(0);
	head64->e_phnum = 65535;
	must_refuse("not in the file");
	make64(0);
	head64->e_phnum = 0;
	must_refuse("nothing to load");
}

static void segments(void **state)
{
	(void)state;
	make32(0);
	parts32[SECOND].p_paddr = 0x1000;
	assert_false(panics(parse));
	assert_int_equal(image.end, 0x102000);
	make64(0);
	parts64[SECOND].p_filesz = 0x1001;
	must_refuse("segment 1");
	make64(0);
	parts64[SECOND].p_paddr = ~0ULL;
	must_refuse("impossible sizes");
	make32(0);
	parts32[SECOND].p_memsz = 0x8000000;
	must_refuse("it ends at paddr 0x8102000");
	make64(0);
	parts64[FIRST].p_offset = ~0ULL;
	must_refuse("not in the file");
}

static void addresses(void **state)
{
	(void)state;
	make32(0);
	head32->e_entry = 0x103000;
	must_refuse("its entry, paddr 0x103000, is beyond its end");
	make64(0xffff888000000000);
	head64->e_entry = 0x100000;
	must_refuse("its entry");
	make64(0x123);
	must_refuse("VIRT_BASE");
	make64(0x0001000000000000);
	must_refuse("VIRT_BASE");
	make32(0x100000000);
	must_refuse("VIRT_BASE");
	make32(0xfff00000);
	must_refuse("VIRT_BASE");
	make32(0xf6000000);
	must_refuse("where Xen itself is mapped");
	make64(0xffff800000000000);
	must_refuse("where Xen itself is mapped");
	make64(0xffff87fffff00000);
	must_refuse("where Xen itself is mapped");
}

/* The paddr of PHYS32_ENTRY, 0x100000, for a PADDR_OFFSET. */
static void offset(void **state)
{
	(void)state;
	make32(0);
	((u8 *)file.start)[NOTES + 24 + 20 + 24 + 8] = XEN_ELFNOTE_PADDR_OFFSET;
	head32->e_entry = 0x10;
	assert_false(panics(parse));
	assert_int_equal(image.end, 0x3000);
	parts32[FIRST].p_paddr = 0xff000;
	must_refuse("segment 0 has impossible sizes");
}

static void notes(void **state)
{
	(void)state;
	make32(0);
	parts32[NOTE_SEGMENT].p_filesz = 0;
	must_refuse("no notes of a Xen guest");
	make32(0);
	parts32[NOTE_SEGMENT].p_filesz = 20;
	must_refuse("a note is longer than what it stands in");
	make32(0);
	memcpy((u8 *)file.start + NOTES + 24 + 16, "no", 3);
	must_refuse("PAE_MODE");
	pvh = true;
	make32(0);
	parts32[NOTE_SEGMENT].p_filesz = 24;
	must_refuse("PHYS32_ENTRY");
	pvh = false;
}

/* Anything, in the headers and notes; the file ends anywhere. */
static void anything(void **state)
{
	unsigned int taken = 0;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned long size =
			random_below(4) ? SIZE : random_below(SIZE);
		struct file cut;
		struct part part;

		if (i % 2)
			make64(random_below(2) ? 0 : 0xffffffff80000000);
		else
			make32(random_below(2) ? 0 : 0xc0000000);
		for (unsigned int n = random_below(6); n; n--)
			((u8 *)file
				 .start)[random_below(2)
						 ? random_below(256)
						 : NOTES + random_below(128)] =
				random_below(2) ? random_below(256)
						: 0xff * random_below(2);
		cut = copy_of(file.start, size);
		free((void *)file.start);
		file = cut;
		pvh = random_below(2);
		if (!panics(parse)) {
			taken++;
			assert_true(image.end <= (u64)MAX_GUEST_PAGES << 12);
			for (unsigned int at = 0;
			     image_next(&image, SEGMENT_LOAD, &at, &part);)
				assert_true(part.bytes + part.filesz <=
					    file.start + file.size);
		}
	}
	assert_true(taken > 1000);
}

/* ---- two files in one ---- */

static struct file out[2];

static void find(void)
{
	find_files(&out[0], &out[1]);
}

static void archives(void **state)
{
	struct start_info info = {};
	u8 tar[4 * 512];

	(void)state;
	xen_start_info = &info;
	for (unsigned int i = 0; i < 20000; i++) {
		struct file copy;

		memset(tar, 'x', sizeof(tar));
		for (unsigned int at = 0; at < sizeof(tar); at += 1024) {
			memcpy(tar + at + 257, "ustar", 6);
			memcpy(tar + at + 124, "00000000773", 12);
		}
		for (unsigned int n = random_below(4); n; n--)
			tar[(random_below(2) ? 0 : 1024) + 124 +
			    random_below(12)] = '0' + random_below(9);
		copy = copy_of(tar, random_below(2)
					    ? sizeof(tar)
					    : random_below(sizeof(tar)) + 1);
		info.mod_start = (unsigned long)copy.start;
		info.mod_len = copy.size;
		if (!panics(find)) {
			for (unsigned int f = 0; f < 2 && out[f].size; f++) {
				assert_true(out[f].start >= copy.start);
				assert_true(out[f].start + out[f].size <=
					    copy.start + copy.size);
			}
		}
		free((void *)copy.start);
	}
}

int test_images(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),    cmocka_unit_test(headers),
		cmocka_unit_test(segments), cmocka_unit_test(addresses),
		cmocka_unit_test(notes),    cmocka_unit_test(offset),
		cmocka_unit_test(anything), cmocka_unit_test(archives),
	};

	return cmocka_run_group_tests_name("a stranger's images", tests, NULL,
					   NULL);
}
