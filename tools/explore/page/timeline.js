// SPDX-License-Identifier: GPL-2.0-only
// All steps from left to right: which addresses the code ran at, and marks of what happened.

const LANES = [ // what a lane marks, and the colour's name in page.css
	["hypercalls", "--hypercall", ({ data }) => data.events.filter(({ kind }) => kind === "hypercall").map(({ step }) => step)],
	["page tables", "--table", ({ data }) => data.tables.slice(1).map((step) => step - 1)],
	["faults and events", "--fault", (recording) => recording.data.events.filter((event) => recording.isFault(event)).map(({ step }) => step)],
	["console", "--console", ({ data }) => data.console[1].slice(1).filter(([, size], index) => size > data.console[1][index][1])
		.map(([step]) => step - 1)],
];
const PHASE_HEIGHT = 18, LANE_HEIGHT = 9;

class Timeline {
	constructor(recording, page) {
		this.recording = recording;
		this.lanes = LANES.map(([name, colour, marks]) => ({ name, colour, marks: marks(recording) }));
		this.phases = this.findPhases();
		this.canvas = element("canvas", { "aria-hidden": true });
		this.slider = element("input", { type: "range", min: 0, max: recording.length - 1, value: 0, "aria-label": "step",
			oninput: () => page.go(Number(this.slider.value)) });
		const words = element("p", { class: "legend" }, ...this.lanes.flatMap(({ name, colour, marks }) =>
			[element("span", { class: "key", style: `background: var(${colour})` }), ` ${name}: ${marks.length}  `]));
		document.getElementById("timeline").append(this.canvas, this.slider, words);
		this.canvas.addEventListener("click", ({ offsetX }) =>
			page.jump(Math.round(offsetX / this.canvas.clientWidth * (recording.length - 1))));
		new ResizeObserver(() => this.draw()).observe(this.canvas);
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
	}

	// Stretches of steps that run P=V, or at linked addresses.
	findPhases() {
		const phases = [];
		for (let step = 0; step < this.recording.length; step++) {
			const word = this.recording.isPV(step) ? "P=V" : "VA";
			if (phases.at(-1)?.word !== word)
				phases.push({ word, first: step, last: step });
			phases.at(-1).last = step;
		}
		return phases;
	}

	show(step) {
		this.slider.value = step;
		const phase = this.phases[lastAtMost(this.phases, step, ({ first }) => first)];
		this.slider.setAttribute("aria-valuetext", `step ${step}, running at ${phase.word}`);
	}

	draw() {
		const style = getComputedStyle(document.documentElement), scale = devicePixelRatio;
		const [width, height] = [this.canvas.clientWidth, PHASE_HEIGHT + LANE_HEIGHT * this.lanes.length];
		this.canvas.width = width * scale;
		this.canvas.height = height * scale;
		const context = this.canvas.getContext("2d"), x = (step) => step / Math.max(1, this.recording.length - 1) * width;
		context.scale(scale, scale);
		context.font = "12px sans-serif";
		for (const { word, first, last } of this.phases) {
			context.fillStyle = style.getPropertyValue(word === "VA" ? "--va" : "--pv");
			context.fillRect(x(first), 0, Math.max(1, x(last + 1) - x(first)), PHASE_HEIGHT - 3);
			context.fillStyle = style.getPropertyValue("--ground");
			if (x(last) - x(first) > 40)
				context.fillText(word, x(first) + 5, 12);
		}
		this.lanes.forEach(({ colour, marks }, lane) => {
			context.fillStyle = style.getPropertyValue(colour);
			for (const step of marks)
				context.fillRect(x(step), PHASE_HEIGHT + lane * LANE_HEIGHT, 2, LANE_HEIGHT - 2);
		});
	}
}
