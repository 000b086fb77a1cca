// SPDX-License-Identifier: GPL-2.0-only
// What every page of `make explore` has to do. Run behind the page's own script (tests/explore/browse).

let checks = 0;
function check(good, what) {
	checks++;
	if (!good)
		console.log(`bad: ${what}`);
}

// All that a reader sees of a step, but for what scrolls.
function seen() {
	const current = [...document.querySelectorAll("[aria-current]")].map((one) => one.textContent).join("|");
	return `${document.getElementById("where").textContent}#${document.getElementById("panes").textContent}#${current}`;
}

function press(key) {
	document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

const page = thePage, { recording } = page, last = recording.length - 1;
const sample = [...new Set(Array.from({ length: 60 }, (_, i) => Math.floor(i * last / 59)))];

// Forward, back, and at random: a step is the same from wherever one comes to it.
const first = new Map();
for (const step of sample) {
	page.go(step);
	first.set(step, seen());
}
for (const step of [...sample].reverse().concat([...sample].sort((a, b) => a * 7919 % 101 - b * 7919 % 101))) {
	page.go(step);
	check(seen() === first.get(step), `step ${step} differs, by where one comes from`);
}

// The registers of the deltas, forward and from the nearest key.
for (const step of sample) {
	let sum = recording.names.map(() => 0n);
	if (step > 400)
		continue;
	for (let i = 0; i <= step; i++)
		sum = recording.apply(sum, recording.data.changes[i]);
	check(String(sum) === String(recording.registers(step)), `the registers of step ${step}`);
}

// Every key leads in its direction, and to a step.
for (const [key, , words] of page.ways.all) {
	const middle = Math.floor(last / 2);
	page.go(middle);
	press(key);
	const back = / back|previous|first|call of/.test(words), distance = page.step - middle;
	check(Number.isInteger(page.step) && (back ? distance <= 0 : distance >= 0), `key ${key} leads from ${middle} to ${page.step}`);
	if (/Arrow|Home|End/.test(key) && last > 1)
		check(distance !== 0, `key ${key} leads nowhere`);
}
page.go(0);
press("ArrowLeft");
check(page.step === 0, "before the first step is none");
press("End");
press("ArrowRight");
check(page.step === last, "behind the last step is none");

// Marks: each hypercall's key leads to a step at which one is made.
page.go(0);
press("h");
if (page.ways.marks.hypercall.length)
	check(recording.eventAt(page.step)?.kind === "hypercall", "h leads to a hypercall");

// A line that is clicked on is a place to come back from, by the browser's button; a key is not.
page.go(last);
const executed = document.querySelector("#source .executed"), here = history.length;
if (executed && page.recording.line(0) !== page.recording.line(last)) {
	executed.click();
	check(location.hash === `#step=${page.step}` && page.step < last, `a click on a line leads to step ${page.step}`);
	check(history.length > here || here === 50, "the browser's button leads back from a line that was clicked on");
	const there = history.length;
	press("ArrowRight");
	check(history.length === there, "a key is no place to come back from");
}

// Links.
for (const link of [...document.querySelectorAll('#events a[href^="#step="]')].slice(0, 20)) {
	location.hash = link.getAttribute("href");
	page.follow();
	check(page.step === Number(link.textContent), `link ${link.getAttribute("href")}`);
}
for (const [hash, good] of [["#step=5", () => page.step === Math.min(5, last)], ["#step=-1", () => page.step === 0],
	["#step=1e99", () => page.step <= last], ["#at=xen_entry", () => recording.symbolName(recording.place(page.step).symbol) === "xen_entry" || !recording.stepsAt(recording.symbols.find(({ name }) => name === "xen_entry")?.value ?? 0n).length],
	["#event=nothing", () => page.step === 0], ["#<img src=x>", () => page.step === 0]]) {
	history.replaceState(null, "", hash);
	page.follow();
	check(good(), `the address ${hash} leads to step ${page.step}`);
}

// What a number is: every word that is known can be asked, and the translation is that of the page tables.
page.go(last);
for (const [word, value] of [["VA", "0xc0100000"], ["P=V", "0x100000"], ["PFN", "0x100"], ["MFN", "0x3100"], ["maddr", "0x3100000"]]) {
	page.inspector.look({ kind: word, value: BigInt(value) });
	check(page.inspector.words.textContent.includes(`${word} ${value}`), `${word} ${value} can be looked at`);
}

// Why a register holds what it holds: the step before the one from which on it does so.
const shown = (id) => document.getElementById(id).textContent;
for (const step of sample.filter((one) => recording.registers(one))) {
	page.go(step);
	const index = step % 8, value = recording.registers(step)[index], writer = recording.changedBy(index, step);
	page.inspector.look({ kind: null, value, place: { register: index } });
	if (writer !== null) {
		check(recording.registers(writer + 1)[index] === value, `${recording.names[index]} at step ${step}, from step ${writer} on`);
		check(recording.registers(writer)?.[index] !== value, `${recording.names[index]} at step ${step}, not before step ${writer}`);
		check(shown("inspector").includes(`since step ${writer}`), `the inspector tells of step ${writer}`);
	}
}

// Why an entry of a page table holds what it holds, from the picture: the last hypercall that changed the tables.
page.go(last);
for (const row of document.querySelectorAll('#tables [data-entries][aria-label$=", changed"]')) {
	check(row.getAttribute("role") === "button" && row.getAttribute("tabindex") === "0", "a row of the picture is a button");
	row.dispatchEvent(new MouseEvent("click", { bubbles: true }));
	check(shown("inspector").includes(`last bystep ${recording.changerOf(recording.data.tables.length - 1)}: Xen`), `who wrote ${row.getAttribute("aria-label")}`);
}

// At the end the whole console is there.
const [printed] = recording.data.console, listed = document.querySelector("#console pre").textContent.replace("after the last step:\n", "");
check(listed.length < 300_000, "a console without end does not fill the page");
if (Math.max(...printed.split("\n").map((line) => line.length)) < 4000)
	check(listed === printed.replaceAll("\r", ""), "the whole console at the end");
else
	check(/ \d+ characters more\n/.test(listed), "a long line says how much of it is left out");

// The stack is in the recording, however large the kernel is.
const sp = recording.number.get(recording.bits === 64 ? "rsp" : "esp");
for (const step of sample.filter((one) => recording.registers(one) && page.paging.mode))
	check(page.paging.read(recording.registers(step)[sp] - 8n, recording.bits / 8, step) !== null, `the stack of step ${step} is in the recording`);

// A key that leads nowhere says so, once.
page.go(0);
press("ArrowLeft");
press("ArrowLeft");
check(document.querySelectorAll("#nowhere").length === 1, "a key that leads nowhere says so");

// An address that is no encoded text, too.
for (const hash of ["#%", "#step=%E0%A4%A", "#step=", "#at=__proto__", "#event=,", "#line=:"]) {
	history.replaceState(null, "", hash);
	page.follow();
	check(page.step === 0, `the address ${hash} leads to step ${page.step}`);
}

// Nothing from outside becomes markup, nothing sticks out, everything has a name.
check(!document.querySelector("#panes img, #panes script, header img, #end img") && !window.hacked, "text became markup");
check(document.documentElement.scrollWidth <= window.innerWidth, `the page is ${document.documentElement.scrollWidth} wide`);
for (const button of document.querySelectorAll("button, input"))
	check(button.getAttribute("aria-label") || button.textContent.trim() || button.labels?.length, `a ${button.tagName} without a name`);
for (const section of document.querySelectorAll("section"))
	check(document.getElementById(section.getAttribute("aria-labelledby"))?.textContent, `section ${section.id} has no heading`);

console.log(`done: ${checks} checks`);
