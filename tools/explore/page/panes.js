// SPDX-License-Identifier: GPL-2.0-only
// The panes. Each has show(step), which makes it tell of that step, from wherever the reader comes.

class SourcePane {
	constructor(recording) {
		this.recording = recording;
		this.body = pane("source", "Source");
		this.heading = document.getElementById("source-heading");
		this.file = null;
		this.steps = this.stepsOfLines();
	}

	// "file:line" -> the steps at which execution comes to it.
	stepsOfLines() {
		const steps = new Map();
		let before = "";
		for (let step = 0; step < this.recording.length; step++) {
			const { file, line } = this.recording.place(step);
			const key = `${file}:${line}`;
			if (key !== before) {
				if (!steps.has(key))
					steps.set(key, []);
				steps.get(key).push(step);
			}
			before = key;
		}
		return steps;
	}

	show(step) {
		const { file, line, symbol } = this.recording.place(step);
		if (file !== this.file)
			this.open(file);
		if (this.current)
			this.current.removeAttribute("aria-current");
		const name = this.recording.symbolName(symbol);
		this.heading.textContent = file < 0 ? "Source: none for this instruction" :
			`${this.recording.data.files[file].path}:${line}${name ? `, ${name}` : ""}`;
		this.current = this.rows[line - 1];
		this.count(step);
		if (this.current) {
			this.current.setAttribute("aria-current", "step");
			reveal(this.body, this.current);
		}
	}

	open(file) {
		this.file = file;
		const text = file < 0 ? "" : this.recording.data.files[file].text;
		this.rows = text.split("\n").map((line, index) =>
			element("div", { class: "line" },
				element("span", { class: "times" }), element("span", { class: "number" }, `${index + 1}`),
				element("code", {}, line || " ")));
		this.body.replaceChildren(...this.rows);
	}

	// How often each line has been come to so far.
	count(step) {
		this.rows.forEach((row, index) => {
			const steps = this.steps.get(`${this.file}:${index + 1}`);
			const times = steps ? lastAtMost(steps, step) + 1 : 0;
			row.firstChild.textContent = times ? `${times}×` : "";
			row.classList.toggle("executed", times > 0);
		});
	}
}

class CodePane {
	constructor(recording) {
		this.recording = recording;
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
		if (this.current)
			this.current.removeAttribute("aria-current");
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
		return element("div", { class: "line" }, element("span", { class: "number" }, hex(linked + offset)),
			element("code", {}, text));
	}
}

class RegisterPane {
	constructor(recording) {
		this.recording = recording;
		this.body = pane("registers", "Registers");
		this.cells = recording.names.map((name) => element("td"));
		this.body.append(element("table", {}, element("tbody", {}, ...recording.names.map((name, index) =>
			element("tr", {}, element("th", { scope: "row" }, name), this.cells[index])))));
	}

	show(step) {
		const values = this.recording.registers(step), changed = this.recording.changed(step);
		this.cells.forEach((cell, index) => {
			cell.textContent = values ? hex(values[index]) : "not recorded";
			cell.parentElement.classList.toggle("changed", step > 0 && changed.has(index));
		});
	}
}

class ConsolePane {
	constructor(recording) {
		this.recording = recording;
		this.body = pane("console", "Console so far");
		this.text = element("pre");
		this.body.append(this.text);
	}

	show(step) {
		this.text.textContent = this.recording.data.console.slice(0, this.recording.consoleSize(step)).replaceAll("\r", "");
		this.body.scrollTop = this.body.scrollHeight;
	}
}
