#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# Part of make check-labs: the pages of the labs, compared with what their commands print.

load ../lib

transcripts() { # lab
	run tools/doc/transcripts "labs/lab$1/README.md"
	ends 0 " transcripts"
}

@test "lab 1: the transcripts are true" { transcripts 1; }
@test "lab 2: the transcripts are true" { transcripts 2; }
@test "lab 3: the transcripts are true" { transcripts 3; }
@test "lab 4: the transcripts are true" { transcripts 4; }
@test "lab 5: the transcripts are true" { transcripts 5; }
@test "lab 6: the transcripts are true" { transcripts 6; }
@test "lab 7: the transcripts are true" { transcripts 7; }
@test "lab 8: the transcripts are true" { transcripts 8; }
@test "lab 9: the transcripts are true" { transcripts 9; }
@test "lab 10: the transcripts are true" { transcripts 10; }
@test "lab 11: the transcripts are true" { transcripts 11; }
