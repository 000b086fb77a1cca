// SPDX-License-Identifier: GPL-2.0-only
// start_info at a step, field by field: what Xen gave the guest, and what the guest has made of it since.

// What fields hold whose type does not tell (Xen's public xen.h). "virtual" is P=V at first, and linked once it is repointed.
const FIELD_KINDS = {
	shared_info: "maddr", store_mfn: "MFN", first_p2m_pfn: "PFN", pt_base: "virtual", mfn_list: "virtual", mod_start: "virtual",
};

class StartInfoPane {
	constructor(recording, page) {
		this.page = page;
		this.maddr = recording.data.start_info;
		this.type = recording.data.types.find(([kind, name, size]) => kind === "struct" && name === "struct start_info" && size);
		if (this.maddr !== null && this.type)
			this.body = pane("start_info", "start_info");
	}

	show(step) {
		if (!this.body)
			return;
		const rows = this.type[3].map(([name, offset, type]) => {
			const { values, why } = this.page, maddr = this.maddr + offset, size = values.size(type);
			const last = size <= 8 && why.last(maddr, size, step);
			return element("tr", { class: last && last.step === step - 1 ? "changed" : "" }, element("th", { scope: "row" }, name),
				element("td", {}, values.atMaddr(type, maddr, step, this.kind(name, maddr, size, step))));
		});
		this.body.replaceChildren(element("table", {}, element("tbody", {}, ...rows)));
	}

	kind(name, maddr, size, step) {
		if (FIELD_KINDS[name] !== "virtual")
			return FIELD_KINDS[name];
		const value = this.page.memory.read(maddr, size, step);
		return this.page.numbers.guess(value, step) ?? "VA";
	}
}
