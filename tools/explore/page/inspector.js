// SPDX-License-Identifier: GPL-2.0-only
// The number that a reader points at: what it is, where it leads at this moment, who wrote it last.

const SHOWN_WORDS = 8, MOST_WRITERS = 6;

class InspectorPane {
	constructor(recording, page) {
		this.recording = recording;
		this.page = page;
		this.body = pane("inspector", "The number under the pointer");
		this.input = element("input", { type: "text", id: "address", size: 22, placeholder: "VA 0xc0101540, or a symbol" });
		const form = element("form", { onsubmit: (event) => this.ask(event) }, element("label", { for: "address" }, "Look at "),
			this.input, element("button", { type: "submit" }, "look"));
		this.words = element("div", { "aria-live": "polite" });
		this.body.append(legend(), form, this.words);
	}

	// What the reader typed: a word and a number, a number, or a symbol.
	ask(event) {
		event.preventDefault();
		const typed = /^(?:(VA|P=V|paddr|PFN|maddr|MFN) +)?(0x[0-9a-f]+|\d+)$/i.exec(this.input.value.trim());
		const symbol = this.recording.symbols.find(({ name }) => name === this.input.value.trim());
		if (symbol)
			return this.look({ kind: "VA", value: symbol.value });
		if (!typed)
			return this.words.replaceChildren(element("p", {}, "That is neither a number nor a symbol of the image's."));
		const value = BigInt(typed[2]);
		const kind = Object.keys(KINDS).find((word) => word.toLowerCase() === typed[1]?.toLowerCase());
		return this.look({ kind: kind ?? this.page.numbers.guess(value, this.page.step) ?? "VA", value });
	}

	look(number) {
		this.number = number;
		this.show(this.page.step);
	}

	show(step) {
		if (!this.number)
			return;
		const { kind, value } = this.number, isVa = kind === "VA" || kind === "P=V";
		const walk = isVa ? this.page.paging.walk(value, step) : { path: [] };
		this.page.tables.light(walk.path);
		this.maddr = isVa ? walk.maddr ?? null : this.page.numbers.asMaddr(kind, value, step);
		const symbol = isVa ? this.recording.symbolAt(value) : "";
		this.words.replaceChildren(...[
			element("p", {}, element("b", { class: `address ${KINDS[kind]}` }, `${kind} ${hex(value)}`), symbol && ` is ${symbol}`),
			isVa ? this.translation(value, walk) : null,
			this.maddr !== null ? this.page_(step) : null,
			this.maddr !== null ? this.memory(step) : null,
			this.maddr !== null ? this.writers(step) : null,
		].filter(Boolean));
	}

	translation(value, { path, maddr, problem }) {
		if (this.page.paging.isXens(value))
			return element("p", {}, "This is Xen's part of the address space.");
		const levels = path.map(({ name, value }) => element("li", {}, `${name} = ${value === null ? "?" : hex(value)}`));
		return element("div", {}, element("ol", { class: "walk" }, ...levels),
			element("p", {}, problem ? `Not mapped at this moment: ${problem}.` : `leads to maddr ${hex(maddr)}.`));
	}

	page_() {
		const mfn = Math.floor(this.maddr / 4096), pfn = this.page.paging.pfnOf(mfn);
		const numbers = this.page.numbers;
		return element("p", {}, "Page: ", numbers.element("MFN", BigInt(mfn), `MFN ${hex(mfn)}`), ", ", ...(pfn === null ?
			["not one of the guest's own"] : ["the guest's ", numbers.element("PFN", BigInt(pfn), `PFN ${hex(pfn)}`)]),
		`; byte ${hex(this.maddr % 4096)} in it`);
	}

	// Some words from there on.
	memory(step) {
		const size = this.recording.bits / 8, start = this.maddr - this.maddr % size;
		const cells = Array.from({ length: SHOWN_WORDS }, (_, index) => {
			const maddr = start + index * size, value = this.page.memory.read(maddr, size, step);
			const kind = value === null ? null : this.page.numbers.guess(value, step);
			return element("tr", {}, element("th", { scope: "row" }, `maddr ${hex(maddr)}`),
				element("td", {}, value === null ? "not recorded" : this.page.numbers.element(kind, value)),
				element("td", { class: "meaning" }, value === null ? "" : this.recording.symbolAt(value)));
		});
		return element("table", {}, element("tbody", {}, ...cells));
	}

	// Why it holds what it holds: the steps that stored it.
	writers(step) {
		const size = this.recording.bits / 8, start = this.maddr - this.maddr % size;
		const writers = this.page.memory.writers(start, size), before = writers.filter((store) => store.step < step);
		const links = before.slice(-MOST_WRITERS).reverse().map((store) => element("li", {},
			element("a", { href: `#step=${store.step}` }, `step ${store.step}`), " ", this.who(store)));
		const next = writers.find((store) => store.step >= step);
		return element("div", {}, element("p", {}, before.length ? `Written ${before.length} times before this step, last by` :
			"Not written before this step: it holds what Xen put there before the entry."),
		element("ul", {}, ...links), next ? element("p", {}, "Written next by ",
			element("a", { href: `#step=${next.step}` }, `step ${next.step}`), " ", this.who(next)) : null);
	}

	who({ step, byXen }) {
		const { symbol, file, line } = this.recording.place(step), name = this.recording.symbolName(symbol);
		const at = file < 0 ? name : `${this.recording.data.files[file].path.split("/").at(-1)}:${line}`;
		return byXen ? `Xen, after ${at}` : `${name}, ${at}`;
	}
}

function legend() {
	return element("p", { class: "legend" }, ...Object.entries(KINDS).flatMap(([kind, look]) =>
		[element("span", { class: `address ${look}` }, kind), " "]));
}
