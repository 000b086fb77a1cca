/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Dom0's end of xenstore and of the console, with a guest that writes what it
 * likes; and that an honest question is answered all the same.
 */
#include "hostile.h"
#include "xenstore.h"

static struct guest guest;

static store_page_t *store(void)
{
	memset(&guest, 0, sizeof(guest));
	guest.id = 7;
	store_open(&guest);
	memset(mapped, 0, 4096);
	return mapped;
}

/* Asks as an honest guest does, in pieces; dom0 looks behind each. */
static void ask(store_page_t *page, u32 type, const char *text, u32 length,
		u32 piece)
{
	struct xsd_sockmsg head = {.type = type, .req_id = 5, .len = length};
	u8 all[sizeof(head) + 5000] = "";
	u32 end = page->req_prod;

	memcpy(all, &head, sizeof(head));
	memcpy(all + sizeof(head), text, strlen(text));
	for (u32 at = 0; at < sizeof(head) + length; at += piece) {
		u32 count = min(piece, (u32)sizeof(head) + length - at);

		store_ring_put(page->req, &end, all + at, count);
		page->req_prod = end;
		store_answer(&guest);
		assert_int_equal(page->req_cons == page->req_prod ||
					 at + count < sizeof(head) + length,
				 1);
	}
}

static void must_answer(store_page_t *page, u32 type, const char *text)
{
	struct xsd_sockmsg head;
	char answer[128] = "";
	u32 at = page->rsp_cons;

	assert_true(page->rsp_prod - at >= sizeof(head));
	store_ring_get(page->rsp, &at, &head, sizeof(head));
	assert_int_equal(head.type, type);
	assert_int_equal(head.req_id, 5);
	assert_true(head.len < sizeof(answer));
	store_ring_get(page->rsp, &at, answer, head.len);
	assert_string_equal(answer, text);
	assert_int_equal(at, page->rsp_prod);
	page->rsp_cons = at;
}

static void in_pieces(void **state)
{
	store_page_t *page = store();

	(void)state;
	for (u32 piece = 1; piece < 30; piece++) {
		page->req_prod = page->req_cons = 1024 * piece - piece;
		page->rsp_prod = page->rsp_cons = 0xfffffff0 - piece;
		ask(page, XS_READ, "name", 5, piece);
		must_answer(page, XS_READ, "guest-7");
	}
}

/* 1008 bytes are the most that the ring holds behind a header. */
static void too_long(void **state)
{
	static const u32 lengths[] = {1007, 1008, 1009, 4096, 4097};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		store_page_t *page = store();

		ask(page, XS_WRITE, "data/x", lengths[i], 500);
		must_answer(page, XS_ERROR, "ENOSYS");
		ask(page, XS_READ, "domid", 6, 500);
		must_answer(page, XS_READ, "7");
	}
}

static void not_known(void **state)
{
	store_page_t *page = store();

	(void)state;
	ask(page, 12345, "name", 5, 100);
	must_answer(page, XS_ERROR, "ENOSYS");
	ask(page, XS_READ, "", 1, 100);
	must_answer(page, XS_READ, "");
	ask(page, XS_READ, "", 0, 100);
	must_answer(page, XS_ERROR, "EINVAL");
	ask(page, XS_READ, "name", 4, 100);
	must_answer(page, XS_ERROR, "EINVAL");
	ask(page, XS_READ, "/local/domain/71/name", 22, 100);
	must_answer(page, XS_ERROR, "ENOENT");
}

/* Whoever reads no answers gets no more than there is room for. */
static void never_read(void **state)
{
	store_page_t *page = store();

	(void)state;
	for (unsigned int i = 0;
	     i < 500 && page->req_prod - page->req_cons < 900; i++) {
		struct xsd_sockmsg head = {.type = XS_READ, .len = 5};
		u32 end = page->req_prod;

		store_ring_put(page->req, &end, &head, sizeof(head));
		store_ring_put(page->req, &end, "name", 5);
		page->req_prod = end;
		store_answer(&guest);
		assert_true(page->rsp_prod - page->rsp_cons <= 1024);
	}
	assert_true(page->req_prod - page->req_cons >= 900);
	page->rsp_cons = page->rsp_prod;
	store_answer(&guest);
	assert_true(page->req_prod - page->req_cons < 900);
}

static void store_nonsense(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20000; i++) {
		u8 *page = (u8 *)(unsigned long)store();

		for (unsigned int at = 0; at < 2048; at += 4)
			*(u32 *)(page + at) =
				random_below(3) ? random_below(1200)
						: random_below(1ULL << 32);
		for (unsigned int at = 2048; at < 2064; at += 4)
			*(u32 *)(page + at) =
				random_below(4) ? random_below(1100)
						: random_below(1ULL << 32);
		silence();
		for (unsigned int round = 0; round < 3; round++)
			store_answer(&guest);
		for (unsigned int at = 2064; at < 4096; at++)
			assert_int_equal(page[at], 0);
	}
}

static void index_nonsense(void **state)
{
	store_page_t *page = store();

	(void)state;
	page->req_prod = 1025;
	silence();
	store_answer(&guest);
	assert_non_null(
		strstr(said, "domain 7 wrote nonsense into its xenstore ring"));
	ask(page, XS_READ, "name", 5, 100);
	must_answer(page, XS_READ, "guest-7");
}

static void console_nonsense(void **state)
{
	struct xencons_interface *ring;

	(void)state;
	for (unsigned int i = 0; i < 5000; i++) {
		memset(&guest, 0, sizeof(guest));
		console_open(&guest);
		ring = guest.ring;
		for (unsigned int at = 0; at < sizeof(*ring); at++)
			((u8 *)ring)[at] = random_below(256);
		if (random_below(2))
			ring->out_prod = ring->out_cons + random_below(2048);
		silence();
		console_drain(&guest);
		assert_int_equal(ring->out_cons, ring->out_prod);
		for (const char *at = said; *at; at++)
			assert_true((u8)*at >= ' ' || *at == '\n' ||
				    *at == '\t');
		console_close(&guest);
	}
}

int test_rings(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(too_long),
		cmocka_unit_test(not_known),
		cmocka_unit_test(never_read),
		cmocka_unit_test(store_nonsense),
		cmocka_unit_test(index_nonsense),
		cmocka_unit_test(console_nonsense),
	};

	return cmocka_run_group_tests_name("rings of a hostile guest", tests,
					   NULL, NULL);
}
