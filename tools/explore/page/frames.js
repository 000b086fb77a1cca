// SPDX-License-Identifier: GPL-2.0-only
// The functions that are under way at a step, and their variables, from the image's debug information.

const MOST_FRAMES = 40, MOST_TEXT = 60;
const STUB = 32n; // bytes of a stub in the hypercall page

class Frames {
	constructor(recording, paging) {
		this.recording = recording;
		this.paging = paging;
		this.rows = recording.data.frames;
		this.word = recording.bits / 8;
		[this.pc, this.sp] = recording.bits === 64 ? ["rip", "rsp"] : ["eip", "esp"];
	}

	// From the innermost: {name, here, path, line, variables}; functions that were inlined count as frames.
	stack(step) {
		const frames = [], values = this.recording.registers(step);
		if (!values)
			return frames;
		let registers = Object.fromEntries(this.recording.names.map((name, index) => [name, values[index]]));
		registers[this.pc] = this.recording.place(step).address;
		for (let outer = false; registers && frames.length < MOST_FRAMES; outer = true) {
			const linked = this.recording.linkedOf(registers[this.pc]);
			if (linked === null)
				break;
			// A caller is inside its call, which ends before the address that it returns to.
			const at = Number(linked - this.recording.base) - (outer ? 1 : 0);
			const found = this.frameAt(at);
			const here = { at, registers, step, cfa: found && (registers[found[2]] + BigInt(found[3])) & this.recording.mask };
			frames.push(...this.functionsAt(here));
			registers = found && this.caller(here, found[4]);
		}
		return frames;
	}

	// The row of the debug information; Xen's hypercall page has none, but its stubs are short.
	frameAt(at) {
		const index = lastAtMost(this.rows, at, ([low]) => low);
		if (index >= 0 && at < this.rows[index][1])
			return this.rows[index];
		const linked = this.recording.base + BigInt(at);
		return this.recording.symbolAt(linked).startsWith("hypercall_page") ?
			[0, 0, this.sp, this.word * (1 + this.pushed(linked)), { [this.pc]: -this.word }] : null;
	}

	// How many words a stub of the hypercall page has on the stack before an instruction.
	pushed(linked) {
		let words = 0;
		for (let at = linked - linked % STUB; at < linked; at++) {
			const instruction = this.recording.instructionAt(at);
			if (instruction?.linked === at)
				words += instruction.text.startsWith("push") - instruction.text.startsWith("pop");
		}
		return words;
	}

	caller({ registers, cfa, step }, saved) {
		const outer = { ...registers, [this.sp]: cfa };
		for (const [name, offset] of Object.entries(saved))
			outer[name] = this.paging.read((cfa + BigInt(offset)) & this.recording.mask, this.word, step);
		return outer[this.pc] === null || outer[this.pc] === registers[this.pc] || !saved[this.pc] ? null : outer;
	}

	functionsAt(here) {
		const inside = ({ ranges }) => ranges.some(([low, high]) => here.at >= low && here.at < high);
		let found = this.recording.data.functions.find(inside);
		const chain = [];
		while (found) {
			// Where a function is that something was inlined in: at the call.
			if (chain.length && found.call)
				[chain[0].path, chain[0].line] = found.call;
			chain.unshift({ name: found.name, inlined: chain.length > 0, here, ...this.origin(here.at),
				variables: found.variables.filter(({ scope }) => !scope || inside({ ranges: scope })) });
			found = found.inlined.find(inside);
		}
		if (!chain.length)
			chain.push({ name: this.recording.symbolAt(this.recording.base + BigInt(here.at)).split("+")[0] || "?",
				here, ...this.origin(here.at), variables: [] });
		return chain;
	}

	// {path, line} of an address counted from the base; nothing, if it has no source.
	origin(at) {
		const instruction = this.recording.instructionAt(this.recording.base + BigInt(at));
		return instruction && instruction.file >= 0 ?
			{ path: this.recording.data.files[instruction.file].path, line: instruction.line } : {};
	}

	// ---- variables ---------------------------------------------------------

	// {value, va} of a variable; null if it is nowhere at this moment.
	locate(variable, here) {
		const place = variable.places.find(([low, high]) => low === null || (here.at >= low && here.at < high))?.[2];
		return place ? this.from(place, here, this.recording.data.types[variable.type][2]) : null;
	}

	from(place, here, size) {
		const register = (name) => (name === "cfa" ? here.cfa : here.registers[name]);
		if ("in" in place)
			return this.known(register(place.in), size);
		if ("address" in place)
			return this.known(this.staticVa(place.address, here), size);
		if ("value" in place)
			return this.known(BigInt(place.value), size);
		if ("is" in place)
			return this.known(this.sum(register(place.is[0]), place.is[1]), size);
		if ("pieces" in place) {
			let value = 0n, shift = 0n;
			for (const [piece, bytes] of place.pieces) {
				const found = this.from(piece, here, bytes);
				if (!found || found.value === null)
					return null;
				value |= BigInt.asUintN(8 * bytes, found.value) << shift;
				shift += BigInt(8 * bytes);
			}
			return { value };
		}
		const va = "static" in place ? this.staticVa(place.static, here) : this.sum(register(place.at[0]), place.at[1]);
		return va === null ? null : { va, value: size && size <= 8 ? this.paging.read(va, size, here.step) : null };
	}

	// Code that runs P=V uses its variables there, too.
	staticVa(offset, here) {
		const shift = here.registers[this.pc] < this.recording.base ? this.recording.offset : 0n;
		return (this.recording.base + BigInt(offset) - shift) & this.recording.mask;
	}

	sum(value, offset) {
		return value === undefined || value === null ? null : (value + BigInt(offset)) & this.recording.mask;
	}

	known(value, size) {
		return value === null || value === undefined ? null : { value: size ? BigInt.asUintN(8 * Math.min(size, 8), value) : value };
	}

	// Text at a VA, as far as it goes.
	text(va, step) {
		let text = "";
		for (let at = 0n; at < MOST_TEXT; at++) {
			const byte = this.paging.read((va + at) & this.recording.mask, 1, step);
			if (byte === null)
				return text ? `"${text}` : "";
			if (byte === 0n)
				return `"${text}"`;
			text += byte === 10n ? "\\n" : byte < 32n || byte > 126n ? "\\x" + byte.toString(16).padStart(2, "0") :
				String.fromCharCode(Number(byte));
		}
		return `"${text}...`;
	}
}
