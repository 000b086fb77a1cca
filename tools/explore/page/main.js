// SPDX-License-Identifier: GPL-2.0-only
// The page: one step is shown, and there are ways to another.

class Page {
	constructor(data) {
		this.recording = new Recording(data);
		document.title = `${data.title}, step by step`;
		document.getElementById("title").textContent = data.title;
		document.getElementById("end").textContent = data.end.said.at(-1) ?? "";
		this.where = document.getElementById("where");
		this.panes = [SourcePane, CodePane, RegisterPane, ConsolePane].map((kind) => new kind(this.recording));
		this.makeControls();
		window.addEventListener("hashchange", () => this.go(this.stepOfLink()));
		document.addEventListener("keydown", (event) => this.key(event));
		this.go(this.stepOfLink());
	}

	makeControls() {
		this.ways = [
			["Home", "⏮", "first step", () => 0],
			["ArrowLeft", "◀", "one instruction back", () => this.step - 1],
			["ArrowRight", "▶", "one instruction forward", () => this.step + 1],
			["ArrowUp", "▲", "one line back", () => this.otherLine(-1)],
			["ArrowDown", "▼", "one line forward", () => this.otherLine(1)],
			["End", "⏭", "last step", () => this.recording.length - 1],
		];
		document.getElementById("controls").append(...this.ways.map(([key, sign, words, way]) =>
			element("button", { type: "button", title: `${words} (${key})`, "aria-label": words,
				"aria-keyshortcuts": key, onclick: () => this.go(way()) }, sign)));
		this.slider = element("input", { type: "range", min: 0, max: this.recording.length - 1, value: 0,
			"aria-label": "step", oninput: () => this.go(Number(this.slider.value)) });
		document.getElementById("timeline").append(this.slider);
	}

	key(event) {
		if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input:not([type=range]), select"))
			return;
		const way = this.ways.find(([key]) => key === event.key);
		if (way) {
			event.preventDefault();
			this.go(way[3]());
		}
	}

	stepOfLink() {
		return Number(/^#step=(\d+)$/.exec(location.hash)?.[1] ?? 0);
	}

	// The nearest step that is at another line of the source.
	otherLine(direction) {
		const line = (step) => {
			const { file, line } = this.recording.place(step);
			return `${file}:${line}`;
		};
		let step = this.step;
		while (this.recording.data.steps[step + direction] !== undefined && line(step) === line(this.step))
			step += direction;
		return step;
	}

	go(step) {
		step = Math.max(0, Math.min(this.recording.length - 1, step));
		if (step === this.step)
			return;
		this.step = step;
		this.slider.value = step;
		this.where.textContent = this.words(step);
		for (const pane of this.panes)
			pane.show(step);
		history.replaceState(null, "", `#step=${step}`);
	}

	words(step) {
		const place = this.recording.place(step), words = [`step ${step} of ${this.recording.length - 1}`];
		words.push(`${this.recording.isPV(step) ? "P=V" : "VA"} ${hex(place.address)}: ${place.text}`);
		const gap = this.recording.gapBefore.get(step);
		if (gap)
			words.push(`before it ${gap.count} instructions are left out, ${Math.ceil(gap.count / gap.period)} more turns of a loop`);
		const xen = this.recording.xenBefore.get(step);
		if (xen)
			words.push(`before it Xen executed ${xen.instructions} instructions`);
		return words.join("; ");
	}
}

new Page(JSON.parse(document.getElementById("recording").textContent));
