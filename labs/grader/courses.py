# SPDX-License-Identifier: GPL-2.0-only
"""Results in the forms that courses' services read: JUnit's XML, and the result.json of Classroom 50.

Called by report.py's FORMS. Source: Classroom 50's wiki, "Advanced Autograding"; the XML that Jenkins and GitLab read.
"""

import datetime
import json
import os
import subprocess
from xml.etree import ElementTree

# What Classroom 50's runner says of a submission, and where each goes in result.json.
RUNNER = {"classroom": "CLASSROOM", "assignment": "ASSIGNMENT", "owner": "OWNER", "assignment_type": "ASSIGNMENT_TYPE",
          "submission": "SUBMISSION_TAG", "commit": "COMMIT_URL", "release": "RELEASE_URL", "review": "REVIEW_URL"}


def said(task):
    """Why a task has not all of its points."""
    return "\n".join([task.why] * bool(task.why) + [f"[{f.id}] {f.text}" + f" (read {f.read})" * bool(f.read) for f in task.findings])


def printable(text):
    """Without what XML cannot hold."""
    return "".join(c for c in text if c in "\n\t" or c.isprintable())


def as_junit(reports):
    """A testsuite a lab, a testcase a task."""
    suites = ElementTree.Element("testsuites")
    for report in reports:
        wrong = [task for task in report.tasks if task.state != "right"]
        suite = ElementTree.SubElement(suites, "testsuite", name=f"lab {report.number}: {report.title}", tests=str(len(report.tasks)),
                                       failures=str(len(wrong)), errors="0")
        for task in report.tasks:
            case = ElementTree.SubElement(suite, "testcase", classname=f"lab{report.number}", name=f"{task.name}: {task.title}")
            if task.state in ("skipped", "not reached"):
                ElementTree.SubElement(case, "skipped", message=printable(task.why or task.state))
            elif task.state != "right":
                failure = ElementTree.SubElement(case, "failure", message=f"{task.score} of {task.points} points")
                failure.text = printable(said(task))
        if report.stopped:
            ElementTree.SubElement(suite, "system-err").text = printable(f"[{report.stopped.id}] {report.stopped.text}")
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)


def submitted(now):
    """When the graded commit was made; now if the work folder is in no commit."""
    work = os.environ.get("WORK") or "."
    try:
        known = subprocess.run(["git", "-C", work, "show", "-s", "--format=%ct", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:  # there is no git
        return now
    return datetime.datetime.fromtimestamp(int(known.stdout), datetime.timezone.utc) if known.returncode == 0 else now


def as_classroom50(reports):
    """result.json: who and what is known by the environment of Classroom 50's runner."""
    now = datetime.datetime.now(datetime.timezone.utc)
    times = {name: when.strftime("%Y-%m-%dT%H:%M:%SZ") for name, when in (("datetime", submitted(now)), ("graded_at", now))}
    identity = {field: os.environ[name] for field, name in RUNNER.items() if os.environ.get(name)}
    tests = [{"test-name": f"{task.name}: {task.title}", "passed": task.state == "right", "score": task.score,
              "max-score": task.points, "output": said(task)} for report in reports for task in report.tasks]
    stops = [f"[{r.stopped.id}] {r.stopped.text}" for r in reports if r.stopped]
    return json.dumps({"schema": "classroom50/result/v1", **identity, **times,
                       "score": sum(r.score for r in reports), "max-score": sum(r.points for r in reports),
                       "tests": tests, **({"output": "\n".join(stops)} if stops else {})}, indent=1)
