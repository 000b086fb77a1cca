// SPDX-License-Identifier: GPL-2.0-only
// What a recording (recording.schema.json) says of any step. Knows nothing of the page.
//
// A step is an instruction that is about to be executed: registers and memory are those before it. Addresses and values
// are BigInt, machine addresses are plain numbers.

const KEY_EVERY = 64; // registers are kept whole so often, and counted up from there

class Recording {
	constructor(data) {
		this.data = data;
		this.length = data.steps.length;
		this.bits = data.image.bits;
		this.mask = (1n << BigInt(this.bits)) - 1n;
		this.base = BigInt(data.image.base);
		this.offset = BigInt(data.image.load_offset);
		this.names = data.registers;
		this.number = new Map(data.registers.map((name, index) => [name, index]));
		this.gapBefore = new Map(data.gaps.map(([step, count, period]) => [step, { count, period }]));
		this.repeated = new Map(data.repeated);
		this.symbols = data.symbols.map(([name, value, size]) => ({ name, value: BigInt(value), size: BigInt(size) }));
		this.keyRegisters();
		this.measureDepth();
	}

	// ---- registers ---------------------------------------------------------

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
			registers[change[i]] += fromJson(change[i + 1]);
		return registers;
	}

	// By number; null where they were not recorded.
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

	// The step whose instruction changed a register last before a step; null if none did.
	changedBy(register, step) {
		for (let at = step; at > 0; at--) {
			const change = this.data.changes[at] ?? [];
			for (let i = 0; i < change.length; i += 2)
				if (change[i] === register)
					return at - 1;
		}
		return null;
	}

	// ---- code --------------------------------------------------------------

	// Where a step is: its address, and the instruction there.
	place(step) {
		const [address, index] = this.data.places[this.data.steps[step]];
		return { address: BigInt(address), ...this.instruction(index) };
	}

	instruction(index) {
		const [linked, text, symbol, file, line] = this.data.code[index];
		return { index, linked: BigInt(linked), text, symbol, file, line };
	}

	// The instruction that a linked address is in; undefined if there is none.
	instructionAt(linked) {
		this.starts ??= this.data.code.map(([at]) => BigInt(at));
		const index = lastAtMost(this.starts, linked);
		return index < 0 || linked - this.starts[index] > 15n ? undefined : this.instruction(index);
	}

	// The steps at which the instruction at an address is executed, be it linked or P=V.
	stepsAt(linked) {
		if (this.asked?.linked === linked)
			return this.asked.steps;
		const places = new Set();
		this.data.places.forEach(([, index], place) => {
			if (index > 0 && BigInt(this.data.code[index][0]) === linked)
				places.add(place);
		});
		const steps = [];
		if (places.size)
			this.data.steps.forEach((place, step) => places.has(place) && steps.push(step));
		this.asked = { linked, steps };
		return steps;
	}

	// "file:line", the same for all instructions of a line; without a source those of a function are one, without symbols none.
	line(step) {
		const [linked, , symbol, file, line] = this.data.code[this.data.places[this.data.steps[step]][1]];
		return file >= 0 ? `${file}:${line}` : symbol >= 0 ? `symbol ${symbol}` : `${linked}`;
	}

	// Whether a step runs at another address than the linked one.
	isPV(step) {
		const [address, index] = this.data.places[this.data.steps[step]];
		return index > 0 && address !== this.data.code[index][0]; // the first row stands for other domains
	}

	// The linked address of one that may be P=V; null if it is not the image's.
	linkedOf(address) {
		this.end ??= this.symbols.reduce((end, { value, size }) => (value + size > end ? value + size : end), this.base);
		for (const linked of [address, (address + this.offset) & this.mask])
			if (linked >= this.base && linked < this.end)
				return linked;
		return null;
	}

	// "name" or "name+0x10" of an address of the image, else "".
	symbolAt(address) {
		const linked = this.linkedOf(address);
		if (linked === null)
			return "";
		for (let index = lastAtMost(this.symbols, linked, ({ value }) => value); index >= 0; index--) {
			const { name, value, size } = this.symbols[index];
			if (value < this.base)
				break;
			if (size === 0n || linked < value + size)
				return linked === value ? name : `${name}+0x${(linked - value).toString(16)}`;
		}
		return "";
	}

	symbolName(index) {
		return index < 0 ? "" : this.data.symbols[index][0];
	}

	// How many calls deep each step is, from the calls and returns that were executed, and the handlers that Xen entered.
	measureDepth() {
		const kinds = this.data.code.map(([, text]) => (/^l?call/.test(text) ? 1 : /^(l|rep[z]? )?ret/.test(text) ? -1 : 0));
		const handlers = new Map(this.data.events.filter(({ depth }) => depth).map(({ back, depth }) => [back, depth]));
		let depth = 0;
		this.depth = this.data.steps.map((place, step) => {
			if (step > 0)
				depth += kinds[this.data.places[this.data.steps[step - 1]][1]];
			depth += handlers.get(step) ?? 0;
			return depth;
		});
	}

	// ---- what Xen did ------------------------------------------------------

	// How much of the console had been printed.
	consoleSize(step) {
		const index = lastAtMost(this.data.console[1], step, ([at]) => at);
		return this.data.console[1][index][1];
	}

	// The step whose hypercall made the page tables what they are in a picture; Xen may have had it made again, to go on.
	changerOf(table) {
		return this.data.events.find(({ tables }) => tables === table)?.step ?? this.data.tables[table] - 1;
	}

	// Whether an event is a fault, or another surprise of the guest's: not a request, nor a tick of Xen's own in between.
	isFault({ kind, depth }) {
		return ["fault", "crash", "other"].includes(kind) || (kind === "event" && depth !== undefined);
	}

	// The event that a step leads to, if Xen runs then.
	eventAt(step) {
		this.events ??= new Map(this.data.events.map((event) => [event.step, event]));
		return this.events.get(step);
	}
}

// A number of a recording: beyond 2^53 it is text, and BigInt() knows no sign before 0x.
function fromJson(number) {
	return typeof number === "string" && number.startsWith("-") ? -BigInt(number.slice(1)) : BigInt(number);
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
