// SPDX-License-Identifier: GPL-2.0-only
// What went on between the guest and Xen: hypercalls and other entries, the console, the page tables.

const MOST_LINE = 4000, MOST_CONSOLE = 200_000;

class EventPane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("events", "Hypercalls, and what else Xen did");
		this.rows = recording.data.events.map((event) => this.row(event));
		this.index = -1;
		this.body.append(element("ol", {}, ...this.rows));
	}

	row(event) {
		const end = event.result !== undefined ? ` = ${event.result}` : event.then ? `; ${event.then}` : "";
		return element("li", { class: `later ${event.kind}${event.failed ? " failed" : ""}` },
			element("a", { href: `#step=${event.step}` }, `${event.step}`), " ",
			...this.page.numbers.marked(event.text, event.step), event.failed ? element("strong", {}, end) : end,
			event.tables !== undefined ? element("span", { class: "mark" }, " page tables changed") : null,
			event.details?.length ? element("ul", {}, ...event.details.map((line) => element("li", {}, ...this.page.numbers.marked(line, event.step)))) : null);
	}

	show(step) {
		const index = lastAtMost(this.recording.data.events, step, (event) => event.step);
		for (let at = Math.min(index, this.index) + 1; at <= Math.max(index, this.index); at++)
			this.rows[at].classList.toggle("later", at > index);
		this.rows[this.index]?.removeAttribute("aria-current");
		this.rows[index]?.toggleAttribute("aria-current", this.recording.data.events[index].step === step);
		this.index = index;
		if (index >= 0)
			reveal(this.body, this.rows[index]);
		else
			this.body.scrollTop = 0;
	}
}

class ConsolePane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("console", "Console so far");
		this.text = element("pre");
		this.body.append(this.text);
		this.size = -1;
	}

	// No step comes behind the last one: what was printed then, such as Xen's account of a crash, is shown with it.
	show(step) {
		const size = this.recording.consoleSize(step), isLast = step >= this.recording.length - 1;
		if (size === this.size && isLast === this.isLast)
			return;
		[this.size, this.isLast] = [size, isLast];
		const all = this.recording.data.console[0], rest = isLast ? this.lines(all.slice(size)) : [];
		const lines = this.lines(all.slice(0, size));
		this.text.replaceChildren(...lines, ...(rest.length && this.recording.length ? [element("span", { class: "mark" }, "after the last step:\n")] : []), ...rest);
		if (lines.length || rest.length)
			reveal(this.body, lines.at(-1) ?? rest[0]);
	}

	// The lines of a text, as elements. A guest may print without end: of a long text the end is shown, of a long line the beginning.
	lines(text) {
		const lines = text.slice(-MOST_CONSOLE).replaceAll("\r", "").split(/(?<=\n)/).filter(Boolean).map((line) => this.line(line));
		const before = text.length - MOST_CONSOLE;
		return before > 0 ? [element("span", { class: "mark" }, `${before} characters before these are only in the transcript:\n`), ...lines] : lines;
	}

	line(line) {
		if (line.startsWith("(XEN)"))
			return element("span", { class: "xens" }, line);
		const more = line.length - MOST_LINE, shown = more > 0 ? line.slice(0, MOST_LINE) : line;
		return element("span", {}, ...(this.page ? this.page.numbers.marked(shown) : [shown]),
			more > 0 ? element("span", { class: "mark" }, ` ... and ${more} characters more\n`) : null);
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
			const words = index ? `changed by step ${this.recording.changerOf(index)}` : "as Xen made them";
			this.body.replaceChildren(element("p", { class: "note" }, words), document.adoptNode(picture));
			this.rows = [...picture.querySelectorAll("[data-entries]")].map((row) =>
				({ row, entries: row.dataset.entries.split(" ").map(Number) }));
			this.open(picture);
		}
	}

	// Each row is a button: what its first entry is, and who wrote it. Read aloud, they say all that the picture shows.
	open(picture) {
		picture.setAttribute("role", "group");
		picture.setAttribute("aria-label", picture.querySelector("title").textContent);
		for (const { row, entries: [maddr] } of this.rows) {
			const look = () => this.page.inspector.look({ kind: "maddr", value: BigInt(maddr) });
			row.setAttribute("role", "button");
			row.setAttribute("tabindex", "0");
			row.addEventListener("click", look);
			row.addEventListener("focus", look);
		}
	}

	// Lights up the entries that a translation goes by.
	light(path) {
		for (const { row, entries: [first, last] } of this.rows ?? [])
			row.classList.toggle("lit", path.some(({ maddr }) => maddr >= first && maddr <= last));
	}
}
