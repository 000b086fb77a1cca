/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What each page of the book does in the browser: light or dark, and the search. Loaded by tools/doc/header.html. It all
 * works on files, without a server: the indexes (tools/doc/index made them) are scripts, loaded at the first search.
 */
"use strict";

/* ---- light or dark: as the system has it, until the reader chooses ---- */

const dark_system = matchMedia("(prefers-color-scheme: dark)");

function set_theme() {
	const chosen = localStorage.getItem("theme");
	const dark = chosen ? chosen === "dark" : dark_system.matches;

	document.documentElement.classList.toggle("dark-mode", dark);
	document.documentElement.classList.toggle("light-mode", !dark);
}

function switch_theme() {
	const dark = document.documentElement.classList.contains("dark-mode");

	localStorage.setItem("theme", dark ? "light" : "dark");
	set_theme();
}

set_theme();
dark_system.addEventListener("change", set_theme);

/* ---- search ---- */

const MOST = 10, SOURCES = 3, AROUND = 60;

/* How much a hit counts, by the part of the book that it is in. Sources are looked for apart, and come last. */
const WEIGHT = {glossary: 4, lesson: 4, lab: 2, reference: 2, diagnosis: 1.5, source: 1};

/* Text and sources: an index each, and the places it is about. */
let finders = null;

function load_script(src) {
	return new Promise((resolve, reject) => {
		const script = document.createElement("script");

		script.src = src;
		script.onload = resolve;
		script.onerror = reject;
		document.head.append(script);
	});
}

async function load_index() {
	if (!window.lunr)
		await load_script("lunr.min.js");
	for (const name of ["text", "sources"])
		if (!window["search_" + name])
			await load_script("search-" + name + ".js");
	finders ??= [search_text, search_sources].map(({index, places}) => ({index: lunr.Index.load(index), places}));
	return finders;
}

/* The words of a query as the index has them: tools/doc/index splits text in the same way. */
function words_of(query) {
	return query.toLowerCase().split(/[^\w=.%$/-]+/).map(word => word.replace(/^[-./=]+|[-./=]+$/g, "")).filter(Boolean);
}

/* Every word has to be there, the last one may be its beginning. What holds the words side by side comes first. */
function search({index, places}, query) {
	const words = words_of(query), phrase = query.trim().toLowerCase();

	if (!words.length)
		return [];
	const found = index.query(q => words.forEach((word, i) => {
		const stemmed = lunr.stemmer(new lunr.Token(word)).toString();

		q.term([word, stemmed], {boost: 4});
		if (i === words.length - 1)
			q.term(word, {wildcard: lunr.Query.wildcard.TRAILING});
	}));
	return found.map(({ref, score}) => {
		const place = places[ref], title = place.title.toLowerCase(), text = place.text.toLowerCase();
		let value = score * WEIGHT[place.kind];

		if (!words.every(word => text.includes(word) || title.includes(word)))
			value /= 20;
		if (title === phrase)
			value *= 10;
		else if (title.includes(phrase))
			value *= place.kind === "lesson" && !place.url.includes("#") ? 60 : 3;
		if (text.includes(phrase))
			value *= 2 + Math.min(4, text.split(phrase).length - 1) / 4;
		return {place, value};
	}).sort((a, b) => b.value - a.value).map(({place}) => place);
}

async function find(query) {
	const [text, sources] = await load_index();

	return [...search(text, query).slice(0, MOST), ...search(sources, query).slice(0, SOURCES)];
}

function excerpt(text, words) {
	const lower = text.toLowerCase();
	const at = Math.max(0, Math.min(...words.map(word => lower.indexOf(word)).filter(i => i >= 0), text.length));
	const from = at > AROUND && at < text.length ? text.indexOf(" ", at - AROUND) + 1 : 0;
	const line = document.createElement("span");
	const piece = text.slice(from, from + 3 * AROUND + 20).replace(/ \S*$/, "");
	const pattern = new RegExp("(" + words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|") + ")", "i");

	piece.split(pattern).forEach((part, i) => {
		const node = document.createElement(i % 2 ? "mark" : "span");
		node.textContent = part;
		line.append(node);
	});
	return line;
}

function show(places, query) {
	const list = document.getElementById("search-results"), words = words_of(query);

	list.replaceChildren(...places.map((place, i) => {
		const entry = document.createElement("a");
		const where = document.createElement("small");
		const title = document.createElement("b");

		entry.href = place.url;
		entry.id = "result-" + i;
		entry.setAttribute("role", "option");
		title.textContent = place.title;
		where.textContent = place.where;
		entry.append(title, where, excerpt(place.text, words));
		return entry;
	}));
	if (!places.length && words.length)
		list.textContent = "Nothing found.";
	list.hidden = !words.length;
	document.getElementById("search-field").setAttribute("aria-expanded", String(!list.hidden));
}

/* Up and down move through the results, Enter opens one, Escape leaves. */
function select(step) {
	const field = document.getElementById("search-field");
	const entries = [...document.querySelectorAll("#search-results a")];
	const now = entries.findIndex(entry => entry.getAttribute("aria-selected") === "true");
	const next = entries[(now + step + entries.length + (now < 0 && step < 0 ? 1 : 0)) % entries.length];

	if (!next)
		return;
	entries.forEach(entry => entry.setAttribute("aria-selected", String(entry === next)));
	field.setAttribute("aria-activedescendant", next.id);
	next.scrollIntoView({block: "nearest"});
}

function leave(field) {
	show([], "");
	field.removeAttribute("aria-activedescendant");
}

function prepare_search() {
	const field = document.getElementById("search-field"), results = document.getElementById("search-results");
	const answer = async () => {
		const query = field.value;

		show(await find(query), query);
		field.removeAttribute("aria-activedescendant");
	};

	field.addEventListener("focus", () => load_index());
	field.addEventListener("input", answer);
	field.addEventListener("keydown", event => {
		if (event.key === "ArrowDown" || event.key === "ArrowUp") {
			event.preventDefault();
			select(event.key === "ArrowDown" ? 1 : -1);
		} else if (event.key === "Escape") {
			leave(field);
		}
	});
	document.getElementById("search").addEventListener("submit", async event => {
		event.preventDefault();
		if (!results.querySelector("[aria-selected=true]"))
			await answer();
		(results.querySelector("[aria-selected=true]") || results.querySelector("a"))?.click();
	});
	results.addEventListener("click", () => leave(field));
	document.addEventListener("keydown", event => {
		if (event.key === "/" && !event.target.closest("input, textarea") && !event.ctrlKey && !event.metaKey) {
			event.preventDefault();
			field.focus();
			field.select();
		}
	});
	document.addEventListener("click", event => {
		if (!event.target.closest("#titlearea"))
			leave(field);
	});
}

/* ---- the page ---- */

/* The contents beside a page show where the reader is: the last heading above the middle of the screen. */
function follow(contents, page) {
	const links = [...contents.querySelectorAll("a")];
	const mark = () => {
		const here = links.findLast(link => {
			const heading = document.getElementById(decodeURIComponent(link.hash.slice(1)));
			return heading && heading.getBoundingClientRect().top < innerHeight / 3;
		}) || links[0];
		links.forEach(link => link.classList.toggle("here", link === here));
	};

	page.addEventListener("scroll", mark, {passive: true});
	mark();
}

addEventListener("DOMContentLoaded", () => {
	const contents = document.getElementById("beside"), page = document.getElementById("doc-content");

	document.getElementById("theme").addEventListener("click", switch_theme);
	prepare_search();
	/* The page scrolls in a part of its own, to which the first link leads. */
	page?.setAttribute("tabindex", "-1");
	if (contents)
		follow(contents, page);
});
