// SPDX-License-Identifier: GPL-2.0-only
// How long a page of `make explore` takes for a step, by its own clock: tests/explore/browse PAGE tests/explore/speed.js, called by
// `make bench`. Half of the steps are jumps across the boot, half go to the next instruction.
{
	const page = thePage, last = page.recording.length - 1, times = [];
	for (let i = 0; i < 200; i++) {
		const from = i < 100 ? Math.floor(i * last / 100) : page.step + 1;
		const begin = performance.now();
		page.go(from);
		document.body.offsetHeight;
		times.push(performance.now() - begin);
	}
	const jumps = times.slice(0, 100).sort((a, b) => a - b), steps = times.slice(100).sort((a, b) => a - b);
	console.log(`done: a jump ${jumps[50].toFixed(1)} ms (at most ${jumps[99].toFixed(1)}), a step ${steps[50].toFixed(1)} ms (at most ${steps[99].toFixed(1)})`);
}
