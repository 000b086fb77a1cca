// SPDX-License-Identifier: GPL-2.0-only
// Whether a moment that a lesson names is the one that its sentence promises. `moment` is what stands behind AT= there. Run
// behind the page's own script (tests/explore/browse).

const { recording, paging, memory, ways } = thePage;
const pageBehind = (va, step) => paging.walk(va, step).maddr;
const symbol = (name) => recording.symbols.find((one) => one.name === name).value;
const entry = BigInt(recording.data.places[recording.data.steps[0]][0]);

// Of each moment: what the sentence says, as a condition on its step.
const PROMISES = {
	// "the step at which the MSR is written. One step later Xen has filled the page"
	"event=wrmsr": (step) => [step, step + 1].map((at) => memory.read(pageBehind(symbol("hypercall_page") - recording.offset, at), 4, at))
		.every((word, index) => (word & 0xffn) === [0n, 0xb8n][index]),
	// "opens at the hypercall, and the key t leads to where the entry is in the picture"
	"event=mmu_update": (step) => [step, ways.mark("table", 1)].map((at) => pageBehind(symbol("xen_entry"), at) !== undefined).join() === "false,true" &&
		recording.eventAt(step).back === ways.mark("table", 1),
	// "the jump"
	"at=jump_to": (step) => recording.isPV(step) && ways.marks.hypercall.every((one) => one < step || !recording.isPV(one)) &&
		recording.data.steps.slice(step, step + 6).some((_, index) => !recording.isPV(step + index)),
	// "the hypercall that takes P=V away"
	"event=mmu_update,2": (step) => pageBehind(entry, step) !== undefined && pageBehind(entry, step + 1) === undefined,
	// "the first fault that the kernel catches"
	"event=page": (step) => recording.eventAt(step)?.kind === "fault" && recording.eventAt(step).depth === 1 &&
		!recording.data.events.some(({ kind, step: at }) => kind === "fault" && at < step),
};

history.replaceState(null, "", `#${moment}`);
thePage.follow();
if (!PROMISES[moment])
	console.log(`bad: nothing here knows what ${moment} promises`);
else if (!PROMISES[moment](thePage.step))
	console.log(`bad: ${moment} leads to step ${thePage.step}, which is not what the lesson says`);
console.log(`done: step ${thePage.step}`);
