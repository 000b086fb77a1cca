#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/boot: what it refuses, how it judges each way to end, and what it leaves behind. The guest is
# tests/faults/actor.c, which does what CMDLINE= asks for.
#
# shellcheck disable=SC2154 # lib.bash and setup set good, image, actor; bats sets output

load lib

bats_require_minimum_version 1.5.0

setup_file() {
	good_tree x86_32/stage2
	cp tests/faults/actor.c "$good/src/stage2-hypercall/early.c"
	make_image "$good" x86_32/stage2
}

setup() {
	actor=$BATS_TEST_TMPDIR/actor.elf
	ln "$good/build/x86_32/stage2.elf" "$actor"
}

# ---- refused before the boot: one line, exit status 2, no transcript ----

refused() { # what the line says, the command
	run --separate-stderr tools/boot "${@:2}"
	[ "$status" = 2 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *$1* ]]
}

@test "refused: wrong usage" {
	refused "usage:"
	refused "usage:" --some "$actor"
	refused "usage:" "$actor" "$actor"
	TIMEOUT=soon refused "usage:" "$actor"
}

@test "refused: an image that is missing, empty, a folder" {
	: >"$BATS_TEST_TMPDIR/empty.elf"
	refused "does not exist" "$BATS_TEST_TMPDIR/none.elf"
	refused "is empty" "$BATS_TEST_TMPDIR/empty.elf"
	refused "is no ordinary file" "$BATS_TEST_TMPDIR"
}

@test "refused: an image that is truncated, not linked, no ELF file" {
	head -c 5000 "$actor" >"$BATS_TEST_TMPDIR/cut.elf"
	head -c 60 "$actor" >"$BATS_TEST_TMPDIR/stump.elf"
	refused "is truncated: it has 5000 bytes" "$BATS_TEST_TMPDIR/cut.elf"
	refused "without program headers" "$BATS_TEST_TMPDIR/stump.elf"
	refused "without program headers" "$good/build/x86_32/obj/stage2-hypercall/panic.o"
	refused "neither an ELF file nor a bzImage" Makefile
}

@test "refused: a hypervisor that QEMU cannot start" {
	gzip -c "$XEN" >"$BATS_TEST_TMPDIR/xen.gz"
	XEN=$BATS_TEST_TMPDIR/none refused "make xen" "$actor"
	XEN=$BATS_TEST_TMPDIR/xen.gz refused "gunzip" "$actor"
	XEN=$top/build/xen/xen-syms refused "64-bit ELF" "$actor"
	XEN=$top/Makefile refused "not an ELF file" "$actor"
}

@test "refused: a module that is missing, an accelerator that is not there" {
	MODULE=$BATS_TEST_TMPDIR/none refused "module" "$actor"
	ACCEL=hvf refused "one of tcg kvm" "$actor"
	MEM=much refused "MEM=much is not a number of MiB" "$actor"
	DOM0_MEM=0 refused "DOM0_MEM=0 is not a number of MiB" "$actor"
	local words
	words=$(printf 'w%.0s' {1..1024})
	CMDLINE=$words refused "CMDLINE= has 1024 bytes, and a guest's start_info has room for 1023" "$actor"
	NATIVE=n PVH=domU CMDLINE=$words refused "CMDLINE= has 1024 bytes" "$actor"
	NATIVE=n PVH=n CMDLINE=$words refused "CMDLINE= has 1024 bytes" "$actor"
	PVH=dom0 CMDLINE=$words ACCEL=hvf refused "one of tcg kvm" "$actor" # there, Xen has no such limit
	[ -e /dev/kvm ] || ACCEL=kvm refused "/dev/kvm" "$actor"
}

# ---- how it ended ----

@test "SLOW= has to be a factor" {
	SLOW=0 boot "$actor"
	ends 2 "SLOW=0 is not a factor from 1 to 999"
}

@test "the guest reports failure" {
	CMDLINE=fail boot "$actor"
	ends 1 "PANIC: on request"
	[[ $output == *"diagnosis: guest-panicked"* ]]
}

@test "a guest with two verdicts: the first counts, and nothing follows it" {
	fault x86_32/stage2 stage2-hypercall/exit.c \
		's/^\t+tell_host\(verdict\);/&\n\t\tprintk("a second thought\\n");\n\t\ttell_host(VERDICT_SUCCESS);/'
	CMDLINE=fail boot "$image"
	ends 1 "the guest reported a failure"
	run ! grep -q "a second thought" "${image%.elf}.log"
}

@test "crash" {
	CMDLINE=crash boot "$actor"
	ends 3 "the guest crashed"
}

@test "refusal" {
	XEN_OPTIONS=pv=no-32 boot "$actor"
	ends 4 "Xen refused to start it"
	[[ $output == *"diagnosis: refused"* ]]
}

panics() {
	echo nmi 1<>"$folder/monitor.in"
	end_of 4
	grep -q "Xen panicked" "$BATS_TEST_TMPDIR/out"
	grep -q "diagnosis: xen-panicked" "$BATS_TEST_TMPDIR/out"
}

@test "panic of Xen, by an NMI" {
	start loop
	panics
}

segment() { readelf -lW "$1" | awk -v n="$2" '$1 == "LOAD" { print $n; exit }'; } # file, 2: where in it, 3: at which address

patch() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; } # file, where, bytes

# An NMI that comes while Xen asks another processor for something leaves a lock taken that machine_halt() waits for.
@test "panic of Xen, which then hangs" {
	local place
	[ -e "${XEN%/*}/xen-syms" ] || skip "needs Xen's symbols"
	cp -L "$XEN" "${XEN%/*}/xen-syms" "$BATS_TEST_TMPDIR"
	place=$(nm "${XEN%/*}/xen-syms" | awk '$3 == "machine_halt" { print $1 }')
	patch "$BATS_TEST_TMPDIR/xen" $((0x$place - $(segment "${XEN%/*}/xen-syms" 3) + $(segment "$XEN" 2))) '\xeb\xfe' # jmp .
	XEN=$BATS_TEST_TMPDIR/xen SILENCE=2 start loop
	panics
}

@test "silence: the guest loops, and SLOW= stretches the limit" {
	CMDLINE=loop SILENCE=1 SLOW=2 boot "$actor"
	ends 5 "nothing was printed for 2 s"
	ends 5 "diagnosis: guest-loops"
	[[ $output == *"src/stage2-hypercall/"* ]]
}

# bats test_tags=long
@test "silence: the guest waits" {
	CMDLINE=block SILENCE=2 boot "$actor"
	ends 5 "diagnosis: event-never-came"
}

# bats test_tags=long
@test "silence: a hypervisor that never starts a guest" {
	gcc -m32 -nostdlib -static -Wl,--build-id=none,-Ttext=0x100000 -o "$BATS_TEST_TMPDIR/xen" tests/faults/deaf-xen.S
	XEN=$BATS_TEST_TMPDIR/xen SILENCE=1 boot "$actor"
	ends 5 "diagnosis: xen-silent"
}

@test "time-out: the guest prints on and on" {
	CMDLINE=print TIMEOUT=1 boot "$actor"
	ends 6 "not at its end after 1 s"
	[[ $output == *"diagnosis: too-slow"* ]]
}

# bats test_tags=long
@test "time-out: it prints without ever ending a line" {
	CMDLINE=dots SILENCE=2 TIMEOUT=3 boot "$actor"
	ends 6 "not at its end after 3 s"
}

@test "a clean shutdown is enough for a reader's image, but not for a stage" {
	CMDLINE=reboot boot "$actor"
	ends 7 "diagnosis: no-verdict"
	CMDLINE=reboot boot --any "$actor"
	ends 0 "ended by itself"
}

@test "a test of XTF's that says SKIP has not succeeded" {
	CMDLINE=skip boot --any "$actor"
	ends 1 'ended by itself, and says "Test result: SKIP"'
	[[ $output != *diagnosis* ]]
}

# bats test_tags=long
@test "so is power-off" {
	CMDLINE=poweroff boot "$actor"
	ends 7 "diagnosis: halted"
	CMDLINE=poweroff boot --any "$actor"
	ends 0 "ended by itself"
}

# bats test_tags=long
@test "a reader's image may still fail" {
	CMDLINE=fail boot --any "$actor"
	ends 1 "reported a failure"
	CMDLINE=crash boot --any "$actor"
	ends 3 "the guest crashed"
}

# bats test_tags=long
@test "a reset is no shutdown" {
	CMDLINE=reset boot --any "$actor"
	ends 7 "diagnosis: reset"
}

@test "QEMU fails" {
	XEN=$good/build/x86_32/stage2.elf boot "$actor"
	ends 8 "QEMU failed"
	[[ $output == *"diagnosis: qemu-failed"* ]]
}

# ---- what the guest prints does not count ----

@test "forged text does not hide a crash" {
	CMDLINE=forge-crash boot "$actor"
	ends 3 "diagnosis: undefined-instruction"
	CMDLINE=forge-crash boot --any "$actor"
	ends 3 "the guest crashed"
}

@test "forged text does not end a run" {
	CMDLINE=forge-success boot "$actor"
	ends 0 "succeeded"
}

# bats test_tags=long
@test "forged text does not make a shutdown of a hang" {
	CMDLINE=forge-loop SILENCE=2 boot --any "$actor"
	ends 5 "diagnosis: guest-loops"
}

@test "stage 1's proof of life is not taken from another stage" {
	CMDLINE=crash boot --proof-of-life "$good/build/x86_32/stage2.elf"
	ends 3 "no symbol proof_of_life"
}

# ---- what is shown, and the transcript ----

@test "shown: the guest's lines and Xen's about it; with V=1 all" {
	boot "$actor"
	[[ $output == *'ELF: note: LOADER = "generic"'* && $output == *"Start info:"* && $output == *"actor:"* ]]
	[[ $output != *ACPI* && $output != *$'\r'* ]]
	V=1 boot "$actor"
	[[ $output == *"ACPI: RSDP"* && $output == *"actor:"* ]]
}

@test "the transcript has every byte" {
	CMDLINE=bytes boot "$actor"
	ends 0 "succeeded"
	grep -qaP '<\x00\x01\t\x7f\x80\xff>\r?\n?$' "$BATS_TEST_TMPDIR/actor.log"
}

@test "the transcript lies beside an image below build/, else in build/" {
	export BUILD=$BATS_TEST_TMPDIR/build
	mkdir -p "$BUILD/v1.2" "$BUILD/run.left"
	touch -d "2 hours ago" "$BUILD/run.left"
	cp "$actor" "$BUILD/v1.2/one"
	tools/boot "$BUILD/v1.2/one"
	tools/boot "$actor"
	[ -s "$BUILD/v1.2/one.log" ]
	[ -s "$BUILD/actor.log" ]
	[ "$(ls "$BUILD")" = $'actor.log\nv1.2' ]
}

@test "success; and five boots, the same bytes" {
	boot "$actor"
	ends 0 "succeeded"
	mv "$BATS_TEST_TMPDIR/actor.log" "$BATS_TEST_TMPDIR/first.log"
	for _ in 2 3 4 5; do
		boot "$actor"
		cmp "$BATS_TEST_TMPDIR/first.log" "$BATS_TEST_TMPDIR/actor.log"
	done
}

# ---- what reaches the guest ----

@test "a command line with commas and spaces" {
	CMDLINE="say a,b,,c = d" boot "$actor"
	ends 0 'actor: "say a,b,,c = d"'
}

@test "paths with spaces and commas" {
	local odd="$BATS_TEST_TMPDIR/a b,c"
	mkdir "$odd"
	cp "$actor" "$odd/the actor,.elf"
	cp "$XEN" "$odd/the xen,"
	echo "twelve bytes" >"$odd/a module, too"
	XEN=$odd/"the xen," MODULE=$odd/"a module, too" boot "$odd/the actor,.elf"
	ends 0 "module of 13 bytes"
	[ -s "$odd/the actor,.log" ]
}

@test "a module larger than the memory that dom0 has otherwise" {
	head -c 20M /dev/zero >"$BATS_TEST_TMPDIR/module"
	MODULE=$BATS_TEST_TMPDIR/module boot "$actor"
	ends 0 "module of 20971520 bytes"
}

# ---- several at once, and interrupted ----

# Starts a run of the actor in the background, and waits until the guest speaks. SIGINT is restored: a job of a shell
# without job control ignores it, and tools/boot would inherit that.
start() { # command line; sets boot, folder, qemu
	CMDLINE=$1 BUILD=$BATS_TEST_TMPDIR env --default-signal=INT tools/boot "$actor" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	boot=$!
	within 300 grep -q ^actor: "$BATS_TEST_TMPDIR/out"
	folder=$(echo "$BATS_TEST_TMPDIR"/run.*)
	qemu=$(cat "/proc/$boot/task/$boot/children")
	[[ $(tr '\0' ' ' <"/proc/${qemu% }/cmdline") == qemu-system-x86_64* ]]
}

end_of() { # exit status
	local status=0
	wait "$boot" || status=$?
	[ "$status" = "$1" ]
}

qemu_is_gone() { [ ! -e "/proc/${qemu% }/cwd" ]; }

@test "Ctrl-C: QEMU ends, the transcript stays" {
	start loop
	kill -INT "$boot"
	end_of 130
	within 600 qemu_is_gone
	grep -q "interrupted" "$BATS_TEST_TMPDIR/out"
	grep -qa "actor:" "$BATS_TEST_TMPDIR/actor.log"
	[ ! -e "$folder" ]
}

@test "terminated: the same" {
	start print
	kill -TERM "$boot"
	end_of 143
	within 600 qemu_is_gone
	grep -q "interrupted" "$BATS_TEST_TMPDIR/out"
	grep -qa "actor:" "$BATS_TEST_TMPDIR/actor.log"
}

@test "killed: QEMU ends nevertheless" {
	start loop
	kill -KILL "$boot"
	end_of 137
	within 600 qemu_is_gone
}

# QEMU works in the folder of its run.
nobody_works_there() { ! readlink /proc/[0-9]*/cwd 2>/dev/null | grep -qF "$BATS_TEST_TMPDIR/run."; }

@test "nobody reads what it shows: QEMU ends" {
	CMDLINE=print BUILD=$BATS_TEST_TMPDIR tools/boot "$actor" | head -n 3 >"$BATS_TEST_TMPDIR/out"
	within 600 nobody_works_there
}

@test "two runs of one image do not disturb each other" {
	BUILD=$BATS_TEST_TMPDIR tools/boot "$actor" >"$BATS_TEST_TMPDIR/one" 3>&- &
	BUILD=$BATS_TEST_TMPDIR tools/boot "$actor" >"$BATS_TEST_TMPDIR/two"
	wait $!
	cmp "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
}
