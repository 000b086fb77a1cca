// SPDX-License-Identifier: GPL-2.0-only
// Addresses, translated by the page tables of any moment; pages, between the guest's numbers and the machine's.

const PAGE_SHIFT = 12n, PRESENT = 1n, PSE = 1n << 7n, MADDR = 0xffffffffff000n;

class Paging {
	constructor(recording, memory) {
		this.recording = recording;
		this.memory = memory;
		this.mode = recording.data.paging;
		this.runs = recording.data.pages; // [PFN, MFN, count, by how much the MFN rises]
	}

	mfnOf(pfn) {
		const run = this.runs[lastAtMost(this.runs, pfn, ([first]) => first)];
		return run && pfn < run[0] + run[2] ? run[1] + (pfn - run[0]) * run[3] : null;
	}

	pfnOf(mfn) {
		for (const [pfn, first, count, rise] of this.runs) {
			const distance = (mfn - first) * rise;
			if (distance >= 0 && distance < count)
				return pfn + distance;
		}
		return null;
	}

	isXens(va) {
		return Boolean(this.mode) && va >= BigInt(this.mode.xens[0]) && va <= BigInt(this.mode.xens[1]);
	}

	// {path: [{name, maddr, value}], maddr} or, if it is not mapped, {path, problem}.
	walk(va, step) {
		const path = [];
		if (!this.mode)
			return { path, problem: "this recording has no page tables" };
		let table = Number(this.mode.root);
		for (const [level, shift, entries, large] of this.mode.levels) {
			const index = Number(va >> BigInt(shift)) % entries;
			const maddr = table + index * this.mode.entry_size;
			const value = this.memory.read(maddr, this.mode.entry_size, step);
			path.push({ name: `${level}[${index}]`, maddr, value });
			if (value === null)
				return { path, problem: `the ${level} page is ${this.pfnOf(Math.floor(table / 4096)) === null ? "not the guest's" : "not in the recording"}` };
			if (!(value & PRESENT))
				return { path, problem: `${level}[${index}] is not present` };
			if (shift === 12 || (large && value & PSE)) {
				const size = 1n << BigInt(shift);
				return { path, maddr: Number((value & MADDR & -size) + va % size) };
			}
			table = Number(value & MADDR);
		}
		return { path, problem: "no level maps a page" };
	}

	// Bytes at a VA as a number; null if they are not mapped, or not known.
	read(va, size, step) {
		if (va % 4096n + BigInt(size) > 4096n) {
			const first = Number(4096n - va % 4096n);
			const low = this.read(va, first, step), high = this.read(va + BigInt(first), size - first, step);
			return low === null || high === null ? null : low | high << BigInt(8 * first);
		}
		const { maddr } = this.walk(va & this.recording.mask, step);
		return maddr === undefined ? null : this.memory.read(maddr, size, step);
	}
}
