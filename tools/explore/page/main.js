// SPDX-License-Identifier: GPL-2.0-only
// The page: one step is shown, and there are ways to another.

const PLAY_MS = 120, ADDRESS_MS = 250;

class Page {
	constructor(data) {
		this.recording = new Recording(data);
		this.words = new Words(this.recording, () => this.numbers);
		if (!this.recording.length) {
			this.showNothing(data);
			return;
		}
		this.memory = new Memory(data);
		this.paging = new Paging(this.recording, this.memory);
		this.frames = new Frames(this.recording, this.paging);
		this.numbers = new Numbers(this.recording, this.paging, (number) => this.inspector.look(number));
		this.values = new Values(this.recording, this);
		this.why = new Why(this.recording, this.memory);
		this.ways = new Ways(this);
		this.showHead(data);
		this.timeline = new Timeline(this.recording, this);
		this.makePanes();
		this.makeControls();
		window.addEventListener("hashchange", () => this.follow());
		document.addEventListener("keydown", (event) => this.key(event));
		this.follow();
	}

	showHead({ title, end }) {
		document.title = `${title}, step by step`;
		document.getElementById("title").textContent = title;
		document.getElementById("end").append(...this.words.verdict());
		document.getElementById("end").className = end.status ? "bad" : "good";
	}

	// Xen did not start the image: there is only what it said.
	showNothing(data) {
		this.showHead(data);
		document.getElementById("where").textContent = "Xen did not start this image: no instruction of it was executed.";
		new ConsolePane(this.recording).show(0);
		document.getElementById("console-heading").textContent = "Console";
		settle();
	}

	makePanes() {
		this.panes = [];
		for (const kind of [SourcePane, CodePane, RegisterPane, EventPane, CallPane, TablePane, InspectorPane, ConsolePane, StartInfoPane])
			if (kind !== EventPane || this.recording.data.events.length) // without Xen there are none
				this.panes.push(new kind(this.recording, this));
		this.inspector = this.panes.find((one) => one instanceof InspectorPane);
		this.tables = this.panes.find((one) => one instanceof TablePane);
		// To begin with, the entry where it is linked: mapped or not, that is what a boot is about.
		this.inspector.number = { kind: "VA", value: this.recording.place(0).linked };
	}

	makeControls() {
		const buttons = this.ways.all.map(([key, sign, words, way]) => element("button", { type: "button", title: `${words} (${key})`,
			"aria-label": words, "aria-keyshortcuts": key, onclick: () => this.take(words, way) }, sign));
		this.playButton = element("button", { type: "button", title: "play (space)", "aria-keyshortcuts": "Space",
			onclick: () => this.play() }, "play");
		document.getElementById("controls").append(...buttons, this.playButton,
			element("details", { id: "keys" }, element("summary", {}, "keys"), element("ul", {}, ...this.ways.all.map(([key, , words]) =>
				element("li", {}, element("kbd", {}, key), ` ${words}`)), element("li", {}, element("kbd", {}, "space"), " play"))));
	}

	key(event) {
		if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input[type=text]"))
			return;
		const way = this.ways.all.find(([key]) => key === event.key);
		if (way)
			this.take(way[2], way[3]);
		else if (event.key === " " && !event.target.matches("button, summary, a"))
			this.play();
		else
			return;
		event.preventDefault();
	}

	// A way that leads nowhere says so: nothing would tell it from a key that is broken.
	take(words, way) {
		const before = this.step;
		this.go(way());
		document.getElementById("nowhere")?.remove();
		if (this.step === before)
			document.getElementById("where").append(element("div", { class: "note", id: "nowhere" }, `${words}: this is as far as it goes.`));
	}

	// A line at a time, until the end or until the reader does something else.
	play() {
		this.playing = this.playing ? clearInterval(this.playing) : setInterval(() => {
			const step = this.step;
			this.go(this.ways.line(1));
			if (this.step === step)
				this.play();
		}, PLAY_MS);
		this.playButton.textContent = this.playing ? "stop" : "play";
		document.getElementById("where").setAttribute("aria-live", this.playing ? "off" : "polite");
	}

	// What the address of the page asks for: #step=120, #at=start_kernel, #line=remap.c:40, #event=mmu_update,2.
	follow() {
		const [, word, value] = /^#(\w+)=(.*)$/.exec(decoded(location.hash)) ?? [];
		const step = { step: () => Number(value), at: () => this.ways.toSymbol(value), line: () => this.ways.toLine(value),
			event: () => this.ways.toEvent(...value.split(",")) }[word]?.() ?? (location.hash ? 0 : this.beginning());
		this.go(Number.isInteger(step) ? step : 0);
	}

	// A boot that went wrong is opened at its end.
	beginning() {
		return this.recording.data.end.status ? this.recording.length - 1 : 0;
	}

	// To a place that was pointed at, which may be far away: the browser's way back leads here again. Keys have ways back of their own.
	jump(step) {
		clearTimeout(this.addressing);
		history.replaceState(null, "", `#step=${this.step}`);
		history.pushState(null, "", `#step=${step}`);
		this.go(step);
	}

	go(step) {
		step = Math.max(0, Math.min(this.recording.length - 1, step));
		if (step === this.step)
			return;
		this.step = step;
		document.getElementById("where").replaceChildren(...this.words.ofStep(step));
		this.timeline.show(step);
		for (const one of this.panes)
			one.show(step);
		settle();
		// A browser refuses a page that changes its address too often.
		clearTimeout(this.addressing);
		this.addressing = setTimeout(() => history.replaceState(null, "", `#step=${step}`), ADDRESS_MS);
	}
}

// Anything can stand behind a #, also what is no encoded text.
function decoded(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

const thePage = new Page(JSON.parse(document.getElementById("recording").textContent));
