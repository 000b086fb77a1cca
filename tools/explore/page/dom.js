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

// Scrolls a child into the middle of its pane, if it is not in sight; the page itself stays where it is.
function reveal(body, child) {
	const box = body.getBoundingClientRect(), at = child.getBoundingClientRect();
	if (at.top < box.top + 20 || at.bottom > box.bottom - 20)
		body.scrollTop += at.top - box.top - body.clientHeight / 2;
}
