// SPDX-License-Identifier: GPL-2.0-only
// What a recording (recording.schema.json) says of any step. Knows nothing of the page.
//
// A step is an instruction that is about to be executed: registers and memory are those before it.

const KEY_EVERY = 64; // registers are kept whole so often, and counted up from there

class Recording {
	constructor(data) {
		this.data = data;
		this.length = data.steps.length;
		this.bits = data.image.bits;
		this.mask = (1n << BigInt(this.bits)) - 1n;
		this.names = data.registers;
		this.gapBefore = new Map(data.gaps.map(([step, count, period]) => [step, { count, period }]));
		this.xenBefore = new Map(data.xen.map(([step, instructions, console]) => [step, { instructions, console }]));
		this.repeated = new Map(data.repeated);
		this.keyRegisters();
	}

	keyRegisters() {
		let now = this.names.map(() => 0n);
		this.keys = [];
		this.data.changes.forEach((change, step) => {
			now = this.apply(now, change);
			if (step % KEY_EVERY === 0)
				this.keys.push(now.slice());
		});
	}

	apply(registers, change) {
		for (let i = 0; change && i < change.length; i += 2)
			registers[change[i]] += BigInt(change[i + 1]);
		return registers;
	}

	// By number, as BigInt; null where they were not recorded.
	registers(step) {
		if (this.data.changes[step] === null)
			return null;
		const key = Math.floor(step / KEY_EVERY);
		const now = this.keys[key].slice();
		for (let i = key * KEY_EVERY + 1; i <= step; i++)
			this.apply(now, this.data.changes[i]);
		return now;
	}

	// Numbers of the registers that the instruction before has changed.
	changed(step) {
		return new Set((this.data.changes[step] || []).filter((_, i) => i % 2 === 0));
	}

	// Where a step is: its address, and the instruction there.
	place(step) {
		const [address, index] = this.data.places[this.data.steps[step]];
		return { address: BigInt(address), ...this.instruction(index) };
	}

	instruction(index) {
		const [linked, text, symbol, file, line] = this.data.code[index];
		return { index, linked: BigInt(linked), text, symbol, file, line };
	}

	// Whether a step runs at another address than the linked one.
	isPV(step) {
		const { address, linked } = this.place(step);
		return address !== linked;
	}

	symbolName(index) {
		return index < 0 ? null : this.data.symbols[index][0];
	}

	// How much of the console had been printed.
	consoleSize(step) {
		const index = lastAtMost(this.data.xen, step, ([at]) => at);
		return index < 0 ? 0 : this.data.xen[index][2];
	}
}

// The index of the last item of a sorted list whose key is at most a limit; -1 if there is none.
function lastAtMost(list, limit, key = (item) => item) {
	let low = 0, high = list.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (key(list[middle]) <= limit)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}
