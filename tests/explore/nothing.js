// SPDX-License-Identifier: GPL-2.0-only
// The page of an image that Xen did not start. Run behind the page's own script (tests/explore/browse).

if (!document.getElementById("console").textContent.includes("(XEN)"))
	console.log("bad: the console is not there");
if (!document.getElementById("end").textContent.includes("diagnosis"))
	console.log("bad: the diagnosis is not there");
if (document.querySelector("#panes img, header img") || window.hacked)
	console.log("bad: text became markup");
console.log("done: 3 checks");
