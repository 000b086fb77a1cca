/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The book's search, in the browser. Loaded by tools/doc/header.html. It works on files, without a server: the indexes
 * (tools/doc/index made them) are scripts, loaded at the first search.
 */
"use strict";

const MOST = 10, SOURCES = 3, AROUND = 60;

/* How much a hit counts, by the part of the book that it is in. Sources are looked for apart, and come last. */
const WEIGHT = {glossary: 5, lesson: 4, command: 2, lab: 2, reference: 3, diagnosis: 0.4, source: 1};

/* What a question is made of, beside what it asks for. */
const QUESTION = /^(what|which|why|how|where|when|who|is|are|do|does|did|can|i|my|an|a|the|of|to|in|for|with)$/;

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
	/* lunr's own takes nodes for the same if a letter and a number run together, "1" with 23 and "12" with 3. */
	lunr.TokenSet.prototype.toString = function () {
		return Number(this.final) + Object.keys(this.edges).sort().map(letter => letter + this.edges[letter].id + ",").join("");
	};
	for (const name of ["text", "sources"])
		if (!window["search_" + name])
			await load_script("search-" + name + ".js");
	finders ??= [search_text, search_sources].map(({index, places}) => ({index: lunr.Index.load(index), places}));
	return finders;
}

/* The words of a query as the index has them: tools/doc/index splits text in the same way. */
function words_of(query) {
	const words = query.toLowerCase().split(/[^\w=.%$/-]+/).map(word => word.replace(/^[-./=]+|[-./=]+$/g, "")).filter(Boolean);
	const asked = words.filter(word => !QUESTION.test(word));

	return asked.length ? asked : words;
}

/* Parts of lessons that hold much and explain little. */
const SLIGHT = /^(the code|what it prints|then and now|what you will be able to do|the lab)$/;

function escaped(word) {
	return word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function count(text, phrase) {
	return text.split(phrase).length - 1;
}

/* How much a place has to do with a query, beside lunr's opinion: the words side by side, in the title, all of them. */
function worth(place, words, phrase) {
	const title = place.title.toLowerCase(), text = place.text.toLowerCase();
	let value = WEIGHT[place.kind];

	if (!words.every(word => text.includes(word) || title.includes(word)))
		value /= 20;
	if (SLIGHT.test(title))
		value /= 2;
	if (title === phrase || RegExp("^" + escaped(phrase) + "(=.*| \\[.*)?$").test(title))
		value *= 10;
	else if (!place.url.includes("#") && RegExp("^" + escaped(phrase) + "\\b").test(title))
		value *= 100;
	else if (title.includes(phrase))
		value *= place.kind === "lesson" && !place.url.includes("#") ? 60 : 3;
	if (text.includes(phrase))
		value *= 2 + Math.min(4, count(text, phrase)) / 4;
	return value;
}

/* Every word has to be there, the last one may be its beginning. What stands on a page that has much of it comes first. */
function search({index, places}, query) {
	const words = words_of(query), phrase = words.join(" "), on_page = {};

	if (!words.length)
		return [];
	const found = index.query(q => words.forEach((word, i) => {
		const stemmed = lunr.stemmer(new lunr.Token(word)).toString();

		q.term([word, stemmed], {boost: 4});
		if (i === words.length - 1)
			q.term(word, {wildcard: lunr.Query.wildcard.TRAILING});
	})).map(({ref, score}) => ({place: places[ref], value: score * worth(places[ref], words, phrase)}));
	const page = place => place.url.split("#")[0];

	for (const {place} of found)
		on_page[page(place)] = (on_page[page(place)] ?? 0) + count(place.text.toLowerCase(), phrase);
	const most = Math.max(1, ...Object.values(on_page));
	/* A word is explained where it first appears. */
	const first = found.filter(({place}) => place.kind === "lesson" && !SLIGHT.test(place.title.toLowerCase()) &&
		place.text.toLowerCase().includes(phrase)).reduce((a, b) => a && places.indexOf(a.place) < places.indexOf(b.place) ? a : b, null);

	if (first)
		first.value *= 3;

	for (const hit of found)
		hit.value *= 1 + 4 * (hit.place.kind === "glossary" ? 1 : on_page[page(hit.place)] / most);
	return found.sort((a, b) => b.value - a.value).map(({place}) => place);
}

/* Sources come last, but for one whose name is what was typed. */
async function find(query) {
	const [text, sources] = await load_index(), code = search(sources, query);
	const named = code.filter(place => place.title.endsWith("/" + query));

	return [...named, ...search(text, query).slice(0, MOST), ...code.filter(place => !named.includes(place)).slice(0, SOURCES)];
}

function excerpt(text, words) {
	const lower = text.toLowerCase();
	const at = Math.max(0, Math.min(...words.map(word => lower.indexOf(word)).filter(i => i >= 0), text.length));
	const from = at > AROUND && at < text.length ? text.indexOf(" ", at - AROUND) + 1 : 0;
	const line = document.createElement("span");
	const piece = text.slice(from, from + 3 * AROUND + 20).replace(/ \S*$/, "");
	const pattern = new RegExp("(" + words.map(escaped).join("|") + ")", "i");

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

addEventListener("DOMContentLoaded", prepare_search);
