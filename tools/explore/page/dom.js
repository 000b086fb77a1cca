// SPDX-License-Identifier: GPL-2.0-only
// Making elements. Text goes in as text: nothing that a guest prints or names can become markup.

function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (key.startsWith("on"))
			made.addEventListener(key.slice(2), value);
		else if (value !== null && value !== undefined && value !== false)
			made.setAttribute(key, value === true ? "" : value);
	}
	made.append(...children.filter((child) => child !== null && child !== undefined));
	return made;
}

// A pane: a heading and a body, to which the rest belongs.
function pane(id, heading) {
	const body = element("div", { class: "body", id: `${id}-body` });
	const made = element("section", { class: "pane", id, "aria-labelledby": `${id}-heading` },
		element("h2", { id: `${id}-heading` }, heading), body);
	document.getElementById("panes").append(made);
	return body;
}

function hex(value) {
	return "0x" + value.toString(16);
}

// Scrolls a child into the middle of its pane, if it is not in sight; the page itself stays where it is. All panes are
// measured at once, when all have changed: measuring one after another would have the browser lay the page out each time.
const toReveal = [];

function reveal(body, child) {
	toReveal.push([body, child]);
}

function settle() {
	const boxes = toReveal.map(([body, child]) => [body, body.getBoundingClientRect(), child.getBoundingClientRect(), body.clientHeight]);
	toReveal.length = 0;
	for (const [body, box, at, height] of boxes)
		if (at.top < box.top + 20 || at.bottom > box.bottom - 20)
			body.scrollTop += at.top - box.top - height / 2;
}
