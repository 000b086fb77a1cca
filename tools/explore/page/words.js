// SPDX-License-Identifier: GPL-2.0-only
// What is said of a step, and of how the boot ended.

class Words {
	constructor(recording, numbers) {
		this.recording = recording;
		this.numbers = numbers; // called for the Numbers: an image that was not started has none
	}

	// How the boot ended, in tools/boot's words, with the diagnosis if it went wrong.
	verdict() {
		const { said } = this.recording.data.end, first = said.findLastIndex((line) => line.includes("(transcript: "));
		const rows = [];
		for (const line of said.slice(Math.max(0, first))) {
			const [, label, words] = /^ {2}(\S.*?) {2,}(.*)$/.exec(line) ?? [];
			if (label || !/^ {3}/.test(line))
				rows.push(label ? [label, words] : ["", line.replace(/ \(transcript: .*\)$/, "")]);
			else
				rows.at(-1)[1] += `\n${line.trim()}`;
		}
		return rows.map(([label, words]) => (label ? element("div", { class: "finding" }, element("span", {}, label), element("span", {}, words)) : element("div", {}, words)));
	}

	ofStep(step) {
		const place = this.recording.place(step), pv = this.recording.isPV(step);
		const words = [element("b", {}, `step ${step}`), ` of ${this.recording.length - 1}: `,
			this.numbers().element(pv ? "P=V" : "VA", place.address, `${pv ? "P=V" : "VA"} ${hex(place.address)}`), " ",
			element("code", {}, place.text)];
		const gap = this.recording.gapBefore.get(step), event = this.recording.eventAt(step), times = this.recording.repeated.get(step);
		if (gap)
			words.push(element("div", { class: "note" }, `Before this step ${gap.count} instructions are left out: ${Math.ceil(gap.count / gap.period)} more iterations of a loop.`));
		if (times)
			words.push(element("div", { class: "note" }, `Repeated ${times} times.`));
		if (event)
			words.push(element("div", { class: event.failed ? "note failed" : "note" }, "Xen: ", ...this.numbers().marked(event.text, step),
				event.result !== undefined ? ` = ${event.result}` : ""));
		if (step === this.recording.length - 1)
			words.push(element("div", { class: "note" }, this.last()));
		return words;
	}

	last() {
		const { looping, cut } = this.recording.data;
		if (cut)
			return "The boot went on from here, but this is as much of it as is recorded.";
		const [more, turn] = looping ?? [0, 0], crashed = this.recording.data.events.at(-1)?.kind === "crash";
		return looping && !crashed ? `The recording ends in a loop: ${more} more instructions, in iterations of ${turn}.` :
			`This is the last instruction of the guest.${looping ? ` Before that, ${more} more are left out, in iterations of ${turn}.` : ""}`;
	}
}
