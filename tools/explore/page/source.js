// SPDX-License-Identifier: GPL-2.0-only
// The source of a step: C or assembly, how often each line was come to, and the instructions of the function.

class SourcePane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("source", "Source");
		this.heading = document.getElementById("source-heading");
		this.file = null;
		this.steps = this.stepsOfLines();
		this.body.addEventListener("click", ({ target }) => {
			const row = target.closest(".executed");
			if (row)
				page.jump(this.steps.get(`${this.file}:${row.dataset.line}`)[0]);
		});
	}

	// "file:line" -> the steps at which execution comes to it.
	stepsOfLines() {
		const steps = new Map();
		let before = "";
		for (let step = 0; step < this.recording.length; step++) {
			const line = this.recording.line(step);
			if (line !== before) {
				if (!steps.has(line))
					steps.set(line, []);
				steps.get(line).push(step);
			}
			before = line;
		}
		return steps;
	}

	show(step) {
		const here = this.recording.place(step), caller = here.file < 0 ? this.caller(step) : null;
		const file = caller ? caller.file : here.file, line = caller ? caller.line : here.line;
		const name = this.recording.symbolName(here.symbol);
		if (file !== this.file)
			this.open(file);
		this.current?.removeAttribute("aria-current");
		this.heading.textContent = file < 0 ? `Source: none for ${name || "this instruction"}` :
			`${caller ? `${name}, called from ` : ""}${this.recording.data.files[file].path}:${line}, ${caller?.name ?? name}`;
		this.current = this.rows[line - 1];
		this.count(step);
		if (this.current) {
			this.current.setAttribute("aria-current", "step");
			reveal(this.body, this.current);
		}
	}

	// What has no source, such as Xen's hypercall page, was called from somewhere that has; headers tell little of it.
	caller(step) {
		const frames = this.page.frames.stack(step).filter(({ path }) => path);
		const frame = frames.find(({ path }) => !path.endsWith(".h")) ?? frames[0];
		const file = frame ? this.recording.data.files.findIndex(({ path }) => path === frame.path) : -1;
		return file < 0 ? null : { file, line: frame.line, name: frame.name };
	}

	open(file) {
		this.file = file;
		const text = file < 0 ? "" : this.recording.data.files[file].text;
		this.rows = text.split("\n").map((line, index) =>
			element("div", { class: "line", "data-line": index + 1 },
				element("span", { class: "times" }), element("span", { class: "number" }, `${index + 1}`),
				element("code", {}, line || " ")));
		this.body.replaceChildren(...this.rows);
	}

	// How often each line has been come to so far.
	count(step) {
		this.rows.forEach((row, index) => {
			const steps = this.steps.get(`${this.file}:${index + 1}`);
			const times = steps ? lastAtMost(steps, step) + 1 : 0;
			const text = times ? `${times}×` : "";
			if (row.firstChild.textContent !== text)
				row.firstChild.textContent = text;
			row.classList.toggle("executed", Boolean(steps));
		});
	}
}

class CodePane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("code", "Instructions");
		this.first = -1;
	}

	show(step) {
		const place = this.recording.place(step);
		const offset = place.address - place.linked;
		const [first, last] = this.around(place);
		if (first !== this.first || offset !== this.offset) {
			[this.first, this.offset] = [first, offset];
			this.rows = [];
			for (let index = first; index <= last; index++)
				this.rows.push(this.row(this.recording.instruction(index), offset));
			this.body.replaceChildren(...this.rows);
		}
		this.current?.removeAttribute("aria-current");
		this.current = this.rows[place.index - first];
		this.current.setAttribute("aria-current", "step");
		reveal(this.body, this.current);
	}

	// The first and last instruction of the same function.
	around({ index, symbol }) {
		const code = this.recording.data.code;
		let [first, last] = [index, index];
		while (symbol >= 0 && first > 0 && code[first - 1][2] === symbol)
			first--;
		while (symbol >= 0 && last + 1 < code.length && code[last + 1][2] === symbol)
			last++;
		return [first, last];
	}

	row({ linked, text }, offset) {
		return element("div", { class: "line" },
			element("span", { class: `number address ${offset ? "pv" : "va"}` }, hex(linked + offset)),
			element("code", {}, ...this.operands(text, offset)));
	}

	// Where a jump or a call leads can be pointed at, and has its name.
	operands(text, offset) {
		const [, before, digits] = /^((?:l?call|j\w+|loop\w*)\s+)([0-9a-f]+)$/.exec(text) ?? [];
		if (!digits)
			return [text];
		const target = BigInt(`0x${digits}`), name = this.recording.symbolAt(target);
		const number = this.page.numbers.element(offset ? "P=V" : "VA", (target + offset) & this.recording.mask);
		return [before, number, element("span", { class: "soft" }, name && ` ${name}`)];
	}
}
