// SPDX-License-Identifier: GPL-2.0-only
// Why a number is what it is: which step put it where it was found. A place is {register: its number} or {maddr, size}.
//
// A step shows the machine before its instruction, so what step 12 changed is seen from step 13 on; the links here lead to
// step 12, where the instruction that did it is about to be executed.

class Why {
	constructor(recording, memory) {
		this.recording = recording;
		this.memory = memory;
	}

	// "In eax since step 120: remap_limit, limit.c:30"; null if the place no longer holds the number.
	sentence(place, value, step) {
		if (place?.register !== undefined)
			return this.inRegister(place.register, value, step);
		return place?.maddr === undefined ? null : this.inMemory(place, value, step);
	}

	inRegister(register, value, step) {
		if (this.recording.registers(step)?.[register] !== value)
			return null;
		const name = this.recording.names[register];
		const writer = this.recording.changedBy(register, step);
		return writer === null ? element("p", {}, `In ${name} since the entry, or longer.`) :
			element("p", {}, `In ${name} since `, ...this.link({ step: writer, byXen: Boolean(this.recording.eventAt(writer)) }));
	}

	inMemory({ maddr, size }, value, step) {
		if (this.memory.read(maddr, size, step) !== value)
			return null;
		const last = this.last(maddr, size, step);
		return element("p", {}, `At maddr ${hex(maddr)} since `, ...(last ? this.link(last) : ["before the entry: Xen put it there."]));
	}

	// The last store before a step into a stretch; undefined if there was none.
	last(maddr, size, step) {
		return this.memory.writers(maddr, size).findLast((store) => store.step < step);
	}

	// A link to the step of a store, and in which function and line that is.
	link(store) {
		return [element("a", { href: `#step=${store.step}` }, `step ${store.step}`), `: ${this.who(store)}`];
	}

	who({ step, byXen }) {
		const { symbol, file, line } = this.recording.place(step), name = this.recording.symbolName(symbol);
		const at = file < 0 ? name : `${this.recording.data.files[file].path.split("/").at(-1)}:${line}`;
		return byXen ? `Xen, after ${at}` : name && at !== name ? `${name}, ${at}` : at || "code without a name";
	}
}
