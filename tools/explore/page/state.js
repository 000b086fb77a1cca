// SPDX-License-Identifier: GPL-2.0-only
// What the machine holds at a step: registers, the functions under way with their variables, start_info.

class RegisterPane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("registers", "Registers");
		this.rows = recording.names.map((name) => {
			const [value, meaning] = [element("td"), element("td", { class: "meaning" })];
			return { value, meaning, row: element("tr", {}, element("th", { scope: "row" }, name), value, meaning) };
		});
		this.body.append(element("table", {}, element("tbody", {}, ...this.rows.map(({ row }) => row))));
	}

	show(step) {
		const values = this.recording.registers(step), changed = this.recording.changed(step);
		this.rows.forEach(({ value, meaning, row }, index) => {
			row.classList.toggle("changed", step > 0 && changed.has(index));
			value.replaceChildren(values ? this.number(this.recording.names[index], values[index], step) : "not recorded");
			meaning.textContent = values ? this.meaning(this.recording.names[index], values[index]) : "";
		});
	}

	number(name, value, step) {
		if (name === "cr3")
			return this.page.numbers.element("maddr", value);
		const kind = /^(e?[a-d]x|r\w+|e?[sd]i|e?[sb]p|cr2)$/.test(name) || /^e/.test(name) ? this.page.numbers.guess(value, step) : null;
		return this.page.numbers.element(/^(efl|rfl|[c-gs]s|es|cr[04])$/.test(name) ? null : kind, value);
	}

	meaning(name, value) {
		if (name === "efl" || name === "rfl")
			return Object.entries({ CF: 0n, ZF: 6n, SF: 7n, IF: 9n, DF: 10n, OF: 11n })
				.filter(([, bit]) => value >> bit & 1n).map(([flag]) => flag).join(" ");
		if (name === "cs")
			return `ring ${value & 3n}`;
		if (name === "cr3")
			return this.recording.bits === 32 ? "Xen's own table, above the pgd" : "the pgd";
		return this.recording.symbolAt(value);
	}
}

class CallPane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("calls", "Calls, from the innermost");
	}

	show(step) {
		const frames = this.page.frames.stack(step);
		this.body.replaceChildren(...frames.map((frame, index) => this.frame(frame, index)));
		if (!frames.length)
			this.body.replaceChildren(element("p", {}, "Nothing is known of the functions here."));
	}

	frame({ name, inlined, here, path, line, variables }, index) {
		const rows = variables.map((variable) => this.variable(variable, here)).filter(Boolean);
		return element("details", { open: index < 2 },
			element("summary", {}, element("b", {}, name), inlined ? " (inlined)" : "",
				path ? element("span", { class: "soft" }, ` ${path.split("/").at(-1)}:${line}`) : null),
			rows.length ? element("table", {}, element("tbody", {}, ...rows)) : null);
	}

	variable(variable, here) {
		const place = this.page.frames.locate(variable, here);
		const value = place ? this.page.values.element(variable.type, place, here.step) : element("span", { class: "soft" }, "not there now");
		return element("tr", {}, element("th", { scope: "row" }, variable.name), element("td", {}, value));
	}
}

class StartInfoPane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.maddr = recording.data.start_info;
		this.type = recording.data.types.findIndex(([kind, name, size]) => kind === "struct" && name === "struct start_info" && size);
		if (this.maddr !== null && this.type >= 0)
			this.body = pane("start_info", "start_info");
	}

	show(step) {
		if (!this.body)
			return;
		const { memory, values } = this.page, { maddr } = this;
		const rows = this.recording.data.types[this.type][3].map(([name, offset, type]) => {
			const size = this.recording.data.types[type][2], last = size <= 8 && memory.writers(maddr + offset, size)
				.filter((store) => store.step < step).at(-1);
			return element("tr", { class: last && last.step === step - 1 ? "changed" : "" },
				element("th", { scope: "row" }, name),
				element("td", {}, values.atMaddr(type, maddr + offset, step, FIELD_KINDS[name])));
		});
		this.body.replaceChildren(element("table", {}, element("tbody", {}, ...rows)));
	}
}

// Fields of Xen's structures whose type does not tell what they hold (xen.h).
const FIELD_KINDS = { shared_info: "maddr", store_mfn: "MFN", first_p2m_pfn: "PFN" };

// Values of the image's types, as elements.
class Values {
	constructor(recording, page) {
		this.types = recording.data.types;
		this.page = page;
	}

	// place: {value} or {va, value}.
	element(type, place, step) {
		const [kind, name, size, more] = this.types[type];
		if (kind === "struct" && more?.length === 1)
			return this.element(more[0][2], place, step, name) && this.number(TYPE_KINDS[name] ?? null, place.value, size);
		if (kind === "struct" || kind === "array")
			return place.va === undefined ? element("span", { class: "soft" }, name) :
				this.page.numbers.element(this.page.numbers.guess(place.va, step) ?? "VA", place.va, `${name} at ${hex(place.va)}`);
		if (kind === "text")
			return element("span", {}, place.va !== undefined && size > 1 ? this.page.frames.text(place.va, step) : this.letter(place.value));
		if (place.value === null || place.value === undefined)
			return element("span", { class: "soft" }, "not known");
		if (kind === "pointer") {
			const text = this.types[more][0] === "text" ? this.page.frames.text(place.value, step) : "";
			return element("span", {}, this.page.numbers.element(this.page.numbers.guess(place.value, step), place.value), text && ` ${text}`);
		}
		if (kind === "number" && more && size <= 8)
			return element("span", { class: "plain" }, `${BigInt.asIntN(8 * size, place.value)}`);
		return this.number(TYPE_KINDS[name] ?? this.page.numbers.guess(place.value, step), place.value, size);
	}

	letter(value) {
		const code = Number(BigInt.asUintN(8, value ?? 0n));
		return code >= 32 && code < 127 ? `${code} '${String.fromCharCode(code)}'` : `${code}`;
	}

	number(kind, value, size) {
		if (value === null || value === undefined)
			return element("span", { class: "soft" }, "not known");
		return this.page.numbers.element(kind, value, kind || value > 4095n ? hex(value) : `${value}`);
	}

	// What is at a machine address; kind, if it is known better than by the type.
	atMaddr(type, maddr, step, kind) {
		const [shape, , size, more] = this.types[type], { memory } = this.page;
		if (shape === "text" || (shape === "array" && this.types[more[0]][2] === 1)) {
			const bytes = Array.from({ length: Math.min(size, MOST_TEXT) }, (_, at) => memory.byte(maddr + at, step) ?? 0);
			const end = bytes.indexOf(0);
			return JSON.stringify(String.fromCharCode(...bytes.slice(0, end < 0 ? bytes.length : end)));
		}
		if (shape === "struct" && more?.length)
			return element("span", {}, ...more.flatMap(([name, offset, field], index) =>
				[`${index ? ", " : ""}${name} `, this.atMaddr(field, maddr + offset, step)]));
		if (shape === "array" || size > 8 || !size)
			return element("span", { class: "soft" }, `${size} bytes`);
		const value = memory.read(maddr, size, step);
		return kind && value ? this.number(kind, value, size) : this.element(type, { value }, step);
	}
}
