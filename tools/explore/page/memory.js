// SPDX-License-Identifier: GPL-2.0-only
// The guest's memory before any step: what it held at the entry, and every store since.

const WORD = 8; // stores are found by words of so many bytes

class Memory {
	constructor(data) {
		this.pages = new Map(Object.entries(data.memory.pages).map(([maddr, text]) => [Number(maddr), fromBase64(text)]));
		this.filled = data.memory.filled;
		this.stores = [...data.stores.map((row) => this.store(row, false)), ...data.xen_stores.map((row) => this.store(row, true))];
		this.stores.sort((a, b) => a.step - b.step || a.byXen - b.byXen);
		this.words = new Map();
		for (const store of this.stores)
			for (let word = Math.floor(store.maddr / WORD); word * WORD < store.maddr + store.bytes.length; word++) {
				if (!this.words.has(word))
					this.words.set(word, []);
				this.words.get(word).push(store);
			}
	}

	store([step, maddr, size, value], byXen) {
		const bytes = typeof size === "string" ? fromBase64(size) : toBytes(BigInt(value), size);
		return { step, maddr: Number(maddr), bytes, byXen };
	}

	// A byte at the entry; null if it is not in the recording.
	atEntry(maddr) {
		const offset = maddr % 4096, page = this.pages.get(maddr - offset);
		if (page)
			return page[offset];
		const mfn = (maddr - offset) / 4096;
		const run = this.filled[lastAtMost(this.filled, mfn, ([first]) => first)];
		return run && mfn < run[0] + run[1] ? run[2] : null;
	}

	// The last store before a step that covers a byte; undefined if there was none.
	lastStore(maddr, step) {
		const stores = this.words.get(Math.floor(maddr / WORD)) ?? [];
		for (let index = lastAtMost(stores, step - 1, (store) => store.step); index >= 0; index--)
			if (maddr >= stores[index].maddr && maddr < stores[index].maddr + stores[index].bytes.length)
				return stores[index];
		return undefined;
	}

	// The steps at which something in a stretch was stored, in order.
	writers(maddr, size) {
		const found = new Set();
		for (let word = Math.floor(maddr / WORD); word * WORD < maddr + size; word++)
			for (const store of this.words.get(word) ?? [])
				if (store.maddr < maddr + size && store.maddr + store.bytes.length > maddr)
					found.add(store);
		return [...found].sort((a, b) => a.step - b.step);
	}

	byte(maddr, step) {
		const store = this.lastStore(maddr, step);
		return store ? store.bytes[maddr - store.maddr] : this.atEntry(maddr);
	}

	// A little-endian number; null if a byte of it is not known.
	read(maddr, size, step) {
		let value = 0n;
		for (let at = size - 1; at >= 0; at--) {
			const byte = this.byte(maddr + at, step);
			if (byte === null)
				return null;
			value = value << 8n | BigInt(byte);
		}
		return value;
	}
}

function fromBase64(text) {
	return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function toBytes(value, size) {
	return Uint8Array.from({ length: size }, (_, at) => Number(value >> BigInt(8 * at) & 0xffn));
}
