#!/usr/bin/env python3
"""Asks this library and botocore the same questions, and wants the same answers, or a difference that is listed in differences.py.

    python compare.py PATH_OF_BOTOCORE_PEER

Prints what differs and shouldn't, then how much was compared, and exits non-zero if anything did.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import endpoints
import files
import signatures


class Peer:
    """This library, as a program."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question, **more):
        self.process.stdin.write(json.dumps({"ask": question, **more}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"the peer ended at {question} {more}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


def main():
    peer = Peer(sys.argv[1])
    # Nothing of this machine's own may have a say.
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["PYTHONUTF8"] = "1"
    wrong, told = [], []
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        for compare in (files.parse, files.pick, endpoints.hosts, endpoints.settings, signatures.verify):
            count, differ = compare(peer, Path(home))
            wrong += differ
            told.append(count)
    peer.close()
    for line in wrong:
        print(f"FAIL {line}")
    print(f"compared with botocore: {', '.join(told)}; {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
