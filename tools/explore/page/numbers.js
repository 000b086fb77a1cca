// SPDX-License-Identifier: GPL-2.0-only
// What a number is: which of the six address words it carries. Each has a colour, the same everywhere.

const KINDS = {
	"VA": "va", "P=V": "pv", "paddr": "paddr", "PFN": "pfn", "maddr": "maddr", "MFN": "mfn",
};
const SMALLEST_ADDRESS = 0x1000n;

class Numbers {
	constructor(recording, paging, show) {
		this.recording = recording;
		this.paging = paging;
		this.show = show; // called with {kind, value, place} when a reader points at one
	}

	// What a bare number in a register or a variable may be; null if nothing speaks for an address.
	guess(value, step) {
		if (value < SMALLEST_ADDRESS || !this.paging.mode)
			return null;
		if (this.recording.linkedOf(value) !== null)
			return this.recording.linkedOf(value) === value ? "VA" : "P=V";
		const { maddr } = this.paging.walk(value, step);
		const first = BigInt(this.recording.data.places[0][0]); // below the image there is nothing
		if (maddr !== undefined && value >= first)
			return this.asPaddr(maddr) === value ? "P=V" : "VA";
		if (value >= first && this.wasPV(value))
			return "P=V";
		if (value <= Number.MAX_SAFE_INTEGER) {
			if (this.paging.pfnOf(Number(value)) !== null)
				return "MFN";
			if (this.paging.pfnOf(Number(value >> PAGE_SHIFT)) !== null)
				return "maddr";
		}
		return null;
	}

	// Whether it was mapped P=V at the entry. An address that is used after that has gone is a mistake worth seeing.
	wasPV(value) {
		const { maddr } = this.paging.walk(value, 0);
		return maddr !== undefined && this.asPaddr(maddr) === value;
	}

	// The pseudo-physical address of a machine address of the guest's, else null.
	asPaddr(maddr) {
		const pfn = this.paging.pfnOf(Math.floor(maddr / 4096));
		return pfn === null ? null : BigInt(pfn) * 4096n + BigInt(maddr % 4096);
	}

	// The machine address that a number of a kind stands for; null if there is none.
	asMaddr(kind, value, step) {
		if (kind === "VA" || kind === "P=V")
			return this.paging.walk(value, step).maddr ?? null;
		const page = kind === "PFN" || kind === "MFN" ? value : value >> PAGE_SHIFT;
		const offset = kind === "PFN" || kind === "MFN" ? 0 : Number(value % 4096n);
		const mfn = kind === "PFN" || kind === "paddr" ? this.paging.mfnOf(Number(page)) : Number(page);
		return mfn === null ? null : mfn * 4096 + offset;
	}

	// A number as an element that can be pointed at, in the colour of its kind. place: where it was found (why.js).
	element(kind, value, text = hex(value), place = undefined) {
		if (!kind && !place)
			return element("span", { class: "plain" }, text);
		const look = () => this.show({ kind, value, place });
		return element("button", { type: "button", class: kind ? `address ${KINDS[kind]}` : "plain", title: `${kind ?? "number"} ${hex(value)}`,
			onpointerenter: look, onfocus: look, onclick: look }, text);
	}

	// A text in which numbers that carry their word can be pointed at. At a moment at which the image runs P=V its addresses
	// are called VA in the recorder's words, as in those of all hypercalls; with a step, they get their own name. What the guest
	// itself says (in quotes) stays as it is.
	marked(text, step = null) {
		const parts = text.split(/\b((?:VA|P=V|paddr|PFN|maddr|MFN) 0x[0-9a-f]+)/);
		let quoted = step === null;
		return parts.map((part, index) => {
			quoted ||= part.includes('"');
			if (index % 2 === 0)
				return part;
			const [word, digits] = part.split(" "), value = BigInt(digits);
			const kind = word === "VA" && !quoted && this.guess(value, step) === "P=V" ? "P=V" : word;
			return this.element(kind, value, `${kind} ${digits}`);
		});
	}
}
