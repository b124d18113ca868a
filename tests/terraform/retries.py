"""Counts, in the provider's log, calls that were sent again after a refusal.

Usage: retries.py LOG READS. With reads `read-your-writes` or `strong` there must be none: exit code 1 otherwise.
"""

import re
import sys

METHOD = re.compile(r"rpc\.method=(\S+)")
ID = re.compile(r"tf_req_id=(\S+)")
STATUS = re.compile(r"http\.(?:response\.)?status_code=(\d+)")
ATTEMPT = re.compile(r'attempt=(\d+)')


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


def found(pattern: re.Pattern, entry: str, otherwise: str) -> str:
    match = pattern.search(entry)
    return match.group(1) if match else otherwise


def main() -> int:
    path, reads = sys.argv[1], sys.argv[2]
    calls, refused, again = 0, {}, {}
    last: dict[tuple[str, str], int] = {}
    for entry in entries(path):
        # One operation of the provider on one resource, and the call in it.
        call = (found(ID, entry, ""), found(METHOD, entry, "?"))
        if "HTTP Request Sent" in entry:
            calls += 1
            # The SDK's own second attempt, or the provider's.
            if int(found(ATTEMPT, entry, "1")) > 1 or last.get(call, 200) >= 400:
                again[call[1]] = again.get(call[1], 0) + 1
        elif "HTTP Response Received" in entry:
            code = int(found(STATUS, entry, "0"))
            last[call] = code
            if code >= 400:
                refused[call[1]] = refused.get(call[1], 0) + 1
    print(f"{calls} calls, refused: {refused or 'none'}, sent again after a refusal: {again or 'none'}")
    if calls == 0:
        print("the log holds no calls")
        return 1
    return 1 if again and reads != "eventual" else 0


if __name__ == "__main__":
    sys.exit(main())
