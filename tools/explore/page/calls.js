// SPDX-License-Identifier: GPL-2.0-only
// The functions under way at a step, from the innermost, with their arguments and local variables (frames.js).

class CallPane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("calls", "Calls, from the innermost");
		this.opened = new Map(); // function -> whether the reader wants to see inside
	}

	show(step) {
		const frames = this.page.frames.stack(step);
		this.body.replaceChildren(...frames.map((frame, index) => this.frame(frame, index)));
		if (!frames.length)
			this.body.replaceChildren(element("p", {}, "Nothing is known of the functions here."));
	}

	frame({ name, inlined, here, path, line, variables }, index) {
		const rows = variables.map((variable) => this.variable(variable, here)).filter(Boolean);
		const made = element("details", { open: this.opened.get(name) ?? index < 2 },
			element("summary", { onclick: () => this.opened.set(name, !made.open) }, element("b", {}, name), inlined ? " (inlined)" : "",
				path ? element("span", { class: "soft" }, ` ${path.split("/").at(-1)}:${line}`) : null),
			rows.length ? element("table", {}, element("tbody", {}, ...rows)) : null);
		return made;
	}

	variable(variable, here) {
		const place = this.page.frames.locate(variable, here);
		const value = place ? this.page.values.element(variable.type, place, here.step) : element("span", { class: "soft" }, "not there now");
		return element("tr", {}, element("th", { scope: "row" }, variable.name), element("td", {}, value));
	}
}
