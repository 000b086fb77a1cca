// SPDX-License-Identifier: GPL-2.0-only
// The ways from a step to another.

class Ways {
	constructor(page) {
		this.page = page;
		this.recording = page.recording;
		const { data } = this.recording, steps = (fits) => data.events.filter(fits).map(({ step }) => step);
		this.marks = {
			hypercall: steps(({ kind }) => kind === "hypercall"),
			table: data.tables.slice(1),
			fault: steps((event) => this.recording.isFault(event)),
			console: data.console[1].map(([step]) => step),
		};
		// Key, sign, words, the step that it leads to.
		this.all = [
			["Home", "|◀", "to the first step", () => 0],
			["ArrowLeft", "◀", "one instruction back", () => this.page.step - 1],
			["ArrowRight", "▶", "one instruction forward", () => this.page.step + 1],
			["ArrowUp", "◀ line", "to the previous line", () => this.line(-1)],
			["ArrowDown", "line ▶", "to the next line, into calls", () => this.line(1)],
			["N", "◀ over", "to the previous line, over calls", () => this.over(-1)],
			["n", "over ▶", "to the next line, over calls", () => this.over(1)],
			["o", "out ▶", "to the end of this function", () => this.out(1)],
			["O", "◀ out", "to the call of this function", () => this.out(-1)],
			["H", "◀ hypercall", "to the previous hypercall", () => this.mark("hypercall", -1)],
			["h", "hypercall ▶", "to the next hypercall", () => this.mark("hypercall", 1)],
			["T", "◀ tables", "to the previous change of the page tables", () => this.mark("table", -1)],
			["t", "tables ▶", "to the next change of the page tables", () => this.mark("table", 1)],
			["F", "◀ fault", "to the previous fault or event", () => this.mark("fault", -1)],
			["f", "fault ▶", "to the next fault or event", () => this.mark("fault", 1)],
			["C", "◀ console", "to the previous line of the console", () => this.mark("console", -1)],
			["c", "console ▶", "to the next line of the console", () => this.mark("console", 1)],
			["W", "◀ write", "to the previous write of the word pointed at", () => this.write(-1)],
			["w", "write ▶", "to the next write of the word pointed at", () => this.write(1)],
			["End", "▶|", "to the last step", () => this.recording.length - 1],
		];
	}

	// The nearest step from here in a direction that fits; here, if none does.
	nearest(direction, fits) {
		for (let step = this.page.step + direction; step >= 0 && step < this.recording.length; step += direction)
			if (fits(step))
				return step;
		return this.page.step;
	}

	line(direction) {
		const here = this.recording.line(this.page.step);
		return this.nearest(direction, (step) => this.recording.line(step) !== here);
	}

	over(direction) {
		const here = this.recording.line(this.page.step), depth = this.recording.depth[this.page.step];
		const found = this.nearest(direction, (step) => this.recording.depth[step] <= depth && this.recording.line(step) !== here);
		// The jump to the linked address never returns: there is no way but into it.
		return found === this.page.step ? this.line(direction) : found;
	}

	out(direction) {
		const depth = this.recording.depth[this.page.step];
		return this.nearest(direction, (step) => this.recording.depth[step] < depth);
	}

	mark(kind, direction) {
		return this.among(this.marks[kind], direction);
	}

	among(steps, direction) {
		const found = direction > 0 ? steps.find((step) => step > this.page.step) : steps.findLast((step) => step < this.page.step);
		return found ?? this.page.step;
	}

	write(direction) {
		const { maddr } = this.page.inspector, size = this.recording.bits / 8;
		if (maddr === null || maddr === undefined)
			return this.page.step;
		return this.among(this.page.memory.writers(maddr - maddr % size, size).map(({ step }) => step), direction);
	}

	// ---- what links name -----------------------------------------------------

	toSymbol(name) {
		return this.recording.data.steps.findIndex((_, step) => {
			const { symbol, linked } = this.recording.place(step);
			return this.recording.symbolName(symbol) === name && linked === this.recording.symbols[symbol].value;
		});
	}

	toLine(wanted) {
		const [path, line] = wanted.split(":");
		return this.recording.data.steps.findIndex((_, step) => {
			const place = this.recording.place(step);
			return place.line === Number(line) && place.file >= 0 && this.recording.data.files[place.file].path.endsWith(path);
		});
	}

	// The n-th event whose text begins so: a hypercall's name, wrmsr, page fault.
	toEvent(name, number = "1") {
		return this.recording.data.events.filter(({ text }) => text.startsWith(name))[Number(number) - 1]?.step;
	}
}
