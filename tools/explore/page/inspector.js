// SPDX-License-Identifier: GPL-2.0-only
// The number that a reader points at: what it is, where it leads at this moment, who put it there, and what was done there.

const SHOWN_WORDS = 8, MOST_LINKS = 6, MOST_SYMBOLS = 3000;

class InspectorPane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("inspector", "The number under the pointer");
		this.input = element("input", { type: "text", id: "address", size: 22, list: "symbols", placeholder: "VA 0xc0101540, or a symbol",
			autocomplete: "off", spellcheck: "false" });
		const names = recording.symbols.slice(0, MOST_SYMBOLS).map(({ name }) => element("option", { value: name }));
		const form = element("form", { onsubmit: (event) => this.ask(event) }, element("label", { for: "address" }, "Look at "),
			this.input, element("datalist", { id: "symbols" }, ...names), " ", element("button", { type: "submit" }, "look"));
		this.words = element("div", { role: "region", "aria-label": "What it is" });
		this.body.append(form, this.kinds(), this.words);
	}

	// The six words, each a button: the same number, taken for something else.
	kinds() {
		return element("p", { class: "legend" }, "as ", ...Object.entries(KINDS).flatMap(([kind, look]) => [element("button", { type: "button",
			class: `address ${look}`, "data-kind": kind, "aria-label": `take it for ${kind}`, onclick: () => this.look({ ...this.number, kind }) }, kind), " "]));
	}

	// What the reader typed: a word and a number, a number, or a symbol.
	ask(event) {
		event.preventDefault();
		const text = this.input.value.trim(), typed = /^(?:(VA|P=V|paddr|PFN|maddr|MFN) *)?(0x[0-9a-f]+|\d+)$/i.exec(text);
		const symbol = this.recording.symbols.find(({ name }) => name === text);
		if (!symbol && !typed)
			return this.say(element("p", { class: "failed" }, "That is neither a number nor a symbol of the image's."));
		const value = symbol ? symbol.value : BigInt(typed[2]);
		const kind = symbol ? "VA" : Object.keys(KINDS).find((word) => word.toLowerCase() === typed[1]?.toLowerCase());
		return this.look({ kind: kind ?? this.page.numbers.guess(value, this.page.step), value });
	}

	// Asked for by the reader, and so read aloud; what a step changes here is not.
	look(number) {
		this.number = number;
		this.words.setAttribute("aria-live", "polite");
		this.show(this.page.step);
	}

	show(step) {
		if (step !== this.step)
			this.words.setAttribute("aria-live", "off");
		this.step = step;
		const { kind, value, place } = this.number, isVa = kind === "VA" || kind === "P=V";
		const walk = isVa ? this.page.paging.walk(value, step) : { path: [] };
		this.page.tables.light(walk.path);
		this.maddr = isVa ? walk.maddr ?? null : kind ? this.page.numbers.asMaddr(kind, value, step) : null;
		const symbol = isVa ? this.recording.symbolAt(value) : "";
		for (const button of this.body.querySelectorAll("[data-kind]"))
			button.setAttribute("aria-pressed", button.dataset.kind === kind);
		this.say(
			element("p", { class: "what" }, element("b", { class: kind ? `address ${KINDS[kind]}` : "plain" }, `${kind ?? "The number"} ${hex(value)}`), symbol && ` is ${symbol}`),
			kind ? null : element("p", {}, "No address that means something at this moment."),
			this.page.why.sentence(place, value, step),
			isVa ? this.translation(value, walk, step) : null,
			isVa && this.maddr === null ? this.twin(kind, value) : null,
			this.maddr !== null ? this.page_(value, step) : null,
			isVa ? this.executed(value, step) : null,
			this.maddr !== null ? this.memory(step) : null,
			this.maddr !== null ? this.writers(step) : null);
	}

	say(...children) {
		this.words.replaceChildren(...children.filter(Boolean));
	}

	// Each level with its entry, where that lies, and who wrote it.
	translation(value, { path, maddr, problem }, step) {
		if (this.page.paging.isXens(value))
			return element("p", {}, "This is Xen's part of the address space.");
		const size = this.recording.data.paging?.entry_size;
		const levels = path.map(({ name, maddr, value }) => {
			const last = this.page.why.last(maddr, size, step);
			return element("li", {}, this.page.numbers.element("maddr", BigInt(maddr), name), " = ",
				value === null ? "?" : this.page.numbers.element(value & PRESENT ? "MFN" : null, (value & MADDR) >> PAGE_SHIFT, hex(value)),
				last ? element("span", { class: "soft" }, " ", element("a", { href: `#step=${last.step}` }, `step ${last.step}`)) : null);
		});
		return element("div", {}, element("ol", { class: "walk" }, ...levels),
			element("p", {}, problem ? `${this.page.paging.mode ? "Not mapped at this moment" : "Not translated"}: ${problem}.` : "leads to ",
				problem ? null : this.page.numbers.element("maddr", BigInt(maddr), `maddr ${hex(maddr)}`)));
	}

	// The image's bytes have two addresses; one that is not mapped has another that may be.
	twin(kind, value) {
		const linked = this.recording.linkedOf(value);
		if (linked === null)
			return null;
		const [other, word] = linked === value ? [(value - this.recording.offset) & this.recording.mask, "P=V"] : [linked, "VA"];
		return element("p", {}, "The same byte of the image: ", this.page.numbers.element(word, other, `${word} ${hex(other)}`));
	}

	// Whose page it is, and the virtual addresses that lead to it.
	page_(value, step) {
		const mfn = Math.floor(this.maddr / 4096), pfn = this.page.paging.pfnOf(mfn), { numbers } = this.page;
		const seen = pfn === null ? [] : this.addressesOf(BigInt(pfn) * 4096n + BigInt(this.maddr % 4096), step).filter(([, va]) => va !== value);
		return element("p", {}, "Page: ", numbers.element("MFN", BigInt(mfn), `MFN ${hex(mfn)}`), ", ", ...(pfn === null ?
			["not one of the guest's own"] : ["the guest's ", numbers.element("PFN", BigInt(pfn), `PFN ${hex(pfn)}`)]),
		`; byte ${hex(this.maddr % 4096)} in it`, ...seen.flatMap(([kind, va], index) => [index ? ", " : ". Also at ",
			numbers.element(kind, va, `${kind} ${hex(va)}`), this.recording.symbolAt(va) && ` ${this.recording.symbolAt(va)}`]));
	}

	// P=V and in the linear mapping, as far as these lead there at this moment.
	addressesOf(paddr, step) {
		return [["P=V", paddr], ["VA", (paddr + this.recording.offset) & this.recording.mask]]
			.filter(([, va]) => this.page.paging.walk(va, step).maddr === this.maddr);
	}

	// If it is code: when it was executed.
	executed(value, step) {
		const linked = this.recording.linkedOf(value), steps = linked === null ? [] : this.recording.stepsAt(linked);
		if (!steps.length)
			return null;
		const link = (at) => element("a", { href: `#step=${at}` }, `step ${at}`), before = steps[lastAtMost(steps, step - 1)], next = steps.find((at) => at > step);
		return element("p", {}, `Executed ${times(steps.length)}: first at `, link(steps[0]), before > steps[0] ? ", last at " : null,
			before > steps[0] ? link(before) : null, next > steps[0] ? ", next at " : null, next > steps[0] ? link(next) : null);
	}

	// Some words from there on.
	memory(step) {
		const size = this.recording.bits / 8, start = this.maddr - this.maddr % size;
		const cells = Array.from({ length: SHOWN_WORDS }, (_, index) => {
			const maddr = start + index * size, value = this.page.memory.read(maddr, size, step), place = { maddr, size };
			const kind = value === null ? null : this.page.numbers.guess(value, step);
			return element("tr", {}, element("th", { scope: "row" }, this.page.numbers.element("maddr", BigInt(maddr), `maddr ${hex(maddr)}`)),
				element("td", {}, value === null ? "not recorded" : this.page.numbers.element(kind, value, hex(value), place)),
				element("td", { class: "meaning" }, value === null ? "" : this.recording.symbolAt(value)));
		});
		return element("table", {}, element("tbody", {}, ...cells));
	}

	// Why the first of them holds what it holds: the steps that stored it.
	writers(step) {
		const size = this.recording.bits / 8, writers = this.page.memory.writers(this.maddr - this.maddr % size, size)
			.filter(({ step, byXen }, index, all) => all[index + 1]?.step !== step || all[index + 1].byXen !== byXen);
		const before = writers.filter((store) => store.step < step), next = writers.find((store) => store.step >= step);
		return element("div", {}, element("p", {}, before.length ? `Written ${times(before.length)} before this step, last by` :
			"Not written before this step: it holds what Xen put there before the entry."),
		element("ul", {}, ...before.slice(-MOST_LINKS).reverse().map((store) => element("li", {}, ...this.page.why.link(store)))),
		next ? element("p", {}, "Written next by ", ...this.page.why.link(next)) : null);
	}
}

function times(count) {
	return count === 1 ? "once" : `${count} times`;
}
