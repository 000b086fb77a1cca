/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What each page of the book does in the browser: light or dark, and the contents beside it. Loaded by
 * tools/doc/header.html; the search is in search.js.
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
	/* The page scrolls in a part of its own, to which the first link leads. */
	page?.setAttribute("tabindex", "-1");
	if (contents)
		follow(contents, page);
});
