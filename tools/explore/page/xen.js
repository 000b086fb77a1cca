// SPDX-License-Identifier: GPL-2.0-only
// What went on between the guest and Xen: hypercalls and other entries, the console, the page tables.

class EventPane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("events", "What Xen was asked, and what else it did");
		this.rows = recording.data.events.map((event) => this.row(event));
		this.body.append(element("ol", {}, ...this.rows));
	}

	row(event) {
		const end = event.result !== undefined ? ` = ${event.result}` : event.then ? `; ${event.then}` : "";
		return element("li", { class: `${event.kind}${event.failed ? " failed" : ""}` },
			element("a", { href: `#step=${event.step}` }, `${event.step}`), " ",
			...this.page.numbers.marked(event.text), event.failed ? element("strong", {}, end) : end,
			event.tables !== undefined ? element("span", { class: "mark" }, " page tables changed") : null,
			event.details?.length ? element("ul", {}, ...event.details.map((line) => element("li", {}, ...this.page.numbers.marked(line)))) : null);
	}

	show(step) {
		const index = lastAtMost(this.recording.data.events, step, (event) => event.step);
		this.rows.forEach((row, at) => {
			row.classList.toggle("later", at > index);
			row.toggleAttribute("aria-current", at === index && this.recording.data.events[at].step === step);
		});
		if (index >= 0)
			reveal(this.body, this.rows[index]);
		else
			this.body.scrollTop = 0;
	}
}

class ConsolePane {
	constructor(recording) {
		this.recording = recording;
		this.body = pane("console", "Console so far");
		this.text = element("pre");
		this.body.append(this.text);
		this.size = -1;
	}

	show(step) {
		const size = this.recording.consoleSize(step);
		if (size === this.size)
			return;
		this.size = size;
		const lines = this.recording.data.console[0].slice(0, size).replaceAll("\r", "").split(/(?<=\n)/);
		this.text.replaceChildren(...lines.map((line) => element("span", { class: line.startsWith("(XEN)") ? "xens" : "" }, line)));
		if (this.text.lastChild)
			reveal(this.body, this.text.lastChild);
	}
}

class TablePane {
	constructor(recording, page) {
		this.recording = recording;
		this.steps = recording.data.tables;
		this.page = page;
		if (this.steps.length)
			this.body = pane("tables", "Page tables");
	}

	show(step) {
		if (!this.body)
			return;
		const index = Math.max(0, lastAtMost(this.steps, step));
		if (index !== this.index) {
			this.index = index;
			// The pictures are the recorder's own, and hold no text of the guest's that is not escaped.
			const picture = new DOMParser().parseFromString(this.recording.data.pictures[index], "image/svg+xml").documentElement;
			const words = index ? `changed by step ${this.steps[index] - 1}` : "as Xen made them";
			this.body.replaceChildren(element("p", { class: "note" }, words), document.adoptNode(picture));
			this.rows = [...picture.querySelectorAll("[data-entries]")].map((row) =>
				({ row, entries: row.dataset.entries.split(" ").map(Number) }));
		}
	}

	// Lights up the entries that a translation goes by.
	light(path) {
		for (const { row, entries: [first, last] } of this.rows ?? [])
			row.classList.toggle("lit", path.some(({ maddr }) => maddr >= first && maddr <= last));
	}
}
