// SPDX-License-Identifier: GPL-2.0-only
// The registers at a step: what the last instruction changed in them, and what each value means.

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
			value.replaceChildren(values ? this.number(index, values[index], step) : "not recorded");
			meaning.textContent = values ? this.meaning(this.recording.names[index], values[index]) : "";
		});
	}

	number(register, value, step) {
		const name = this.recording.names[register];
		const kind = name === "cr3" ? this.page.paging.mode ? "maddr" : "paddr" : /^([er]fl|[c-gs]s|cr[04])$/.test(name) ? null : this.page.numbers.guess(value, step);
		return this.page.numbers.element(kind, value, hex(value), { register });
	}

	meaning(name, value) {
		if (name === "efl" || name === "rfl")
			return Object.entries({ CF: 0n, ZF: 6n, SF: 7n, IF: 9n, DF: 10n, OF: 11n })
				.filter(([, bit]) => value >> bit & 1n).map(([flag]) => flag).join(" ");
		if (name === "cs")
			return `ring ${value & 3n}`;
		if (name === "cr3")
			return this.page.paging.mode && this.recording.bits === 32 ? "Xen's own table, above the pgd" : value ? "the pgd" : "";
		return this.recording.symbolAt(value);
	}
}
