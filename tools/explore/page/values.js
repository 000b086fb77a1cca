// SPDX-License-Identifier: GPL-2.0-only
// Values of the image's types (recording.schema.json, "types"), as elements: a number with its address word, a pointer with the
// text that it leads to, a structure by where it is.

// The types of address.h say which word a number carries.
const TYPE_KINDS = { paddr_t: "paddr", pfn_t: "PFN", maddr_t: "maddr", mfn_t: "MFN", vaddr_t: "VA" };
const SMALL = 255n; // up to here a number without a word is shown in decimal

class Values {
	constructor(recording, page) {
		this.types = recording.data.types;
		this.bits = recording.bits;
		this.page = page;
	}

	size(type) {
		return this.types[type][2];
	}

	// place: {value} of a register or {va, value} of memory, as Frames.locate() finds it.
	element(type, place, step) {
		const [kind, name, size, more] = this.types[type];
		if (kind === "struct" && more?.length === 1)
			return this.number(TYPE_KINDS[name] ?? null, place.value, size, this.origin(place, size, step));
		if (kind === "struct" || kind === "array")
			return place.va === undefined ? element("span", { class: "soft" }, name) :
				this.page.numbers.element(this.page.numbers.guess(place.va, step) ?? "VA", place.va, `${name} at ${hex(place.va)}`);
		if (kind === "text")
			return element("span", {}, place.va !== undefined && size > 1 ? this.page.frames.text(place.va, step) : this.letter(place.value));
		if (place.value === null || place.value === undefined)
			return element("span", { class: "soft" }, "not known");
		if (kind === "pointer") {
			const text = this.types[more][0] === "text" ? this.page.frames.text(place.value, step) : "";
			return element("span", {}, this.page.numbers.element(this.page.numbers.guess(place.value, step), place.value, hex(place.value),
				this.origin(place, size, step)), text && ` ${text}`);
		}
		if (kind === "number" && more && size <= 8)
			return element("span", { class: "plain" }, `${BigInt.asIntN(8 * size, place.value)}`);
		return this.number(TYPE_KINDS[name] ?? this.page.numbers.guess(place.value, step), place.value, size, this.origin(place, size, step));
	}

	// Where in memory it is (why.js); nothing, if it is in a register.
	origin({ va, maddr }, size, step) {
		maddr ??= va === undefined ? undefined : this.page.paging.walk(va, step).maddr;
		return maddr === undefined ? undefined : { maddr, size };
	}

	letter(value) {
		const code = Number(BigInt.asUintN(8, value ?? 0n));
		return code >= 32 && code < 127 ? `${code} '${String.fromCharCode(code)}'` : `${code}`;
	}

	number(kind, value, size, origin) {
		if (value === null || value === undefined)
			return element("span", { class: "soft" }, "not known");
		return this.page.numbers.element(kind, value, kind || value > SMALL ? hex(value) : `${value}`, origin);
	}

	// What is at a machine address; kind, if it is known better than by the type.
	atMaddr(type, maddr, step, kind) {
		const [shape, , size, more] = this.types[type], { memory } = this.page;
		if (shape === "text" || (shape === "array" && this.size(more[0]) === 1)) {
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
		return kind && value ? this.number(kind, value, size, { maddr, size }) : this.element(type, { value, maddr }, step);
	}
}
