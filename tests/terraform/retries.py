"""Counts, in the provider's log, calls that were sent again after a refusal.

Usage: retries.py LOG READS. With reads `read-your-writes` or `strong` there must be none: exit code 1 otherwise.
"""

import re
import sys
import urllib.parse

BODY = re.compile(r'http\.request\.body="?((?:[^"\\]|\\.)*)"?')
ID = re.compile(r"tf_req_id=(\S+)")
STATUS = re.compile(r"http\.(?:response\.)?status_code=(\d+)")


def entries(path: str):
    """The log's entries: a line that begins with a time, and those behind it that do not."""
    entry = ""
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            if re.match(r"\d{4}-\d\d-\d\dT", line):
                if entry:
                    yield entry
                entry = line
            else:
                entry += line
    if entry:
        yield entry


def action(body: str) -> str:
    form = urllib.parse.parse_qs(body.replace("\\n", ""))
    return form.get("Action", ["?"])[0]


def main() -> int:
    path, reads = sys.argv[1], sys.argv[2]
    calls, refused, again = 0, {}, {}
    last: dict[tuple[str, str], int] = {}
    pending: dict[str, str] = {}
    for entry in entries(path):
        found = ID.search(entry)
        request = found.group(1) if found else ""
        if "HTTP Request Sent" in entry:
            body = BODY.search(entry)
            body = body.group(1) if body else ""
            calls += 1
            if last.get((request, body), 200) >= 400:
                again[action(body)] = again.get(action(body), 0) + 1
            pending[request] = body
        elif "HTTP Response Received" in entry:
            status = STATUS.search(entry)
            body = pending.get(request, "")
            code = int(status.group(1)) if status else 0
            last[request, body] = code
            if code >= 400:
                refused[action(body)] = refused.get(action(body), 0) + 1
    print(f"{calls} calls, refused: {refused or 'none'}, sent again after a refusal: {again or 'none'}")
    if calls == 0:
        print("the log holds no calls")
        return 1
    return 1 if again and reads != "eventual" else 0


if __name__ == "__main__":
    sys.exit(main())
