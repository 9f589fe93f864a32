"""
The long run: ``python -m tests.fuzz.run --seconds 3600``.

Every target in turn, each for its share of the time; the seed is printed, and with ``--seed`` the
same cases come again.  The exit status is 1 if there was a finding.
"""

import argparse
import secrets
import sys

from tests.fuzz.campaign import Bound, Failed, campaign, corpus, give
from tests.fuzz.targets import TARGETS


def main() -> int:
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(description="Feed wrong bytes to tapiproxy.")
    parser.add_argument("--seconds", type=float, default=60.0, help="in all (default 60)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="to repeat a run")
    parser.add_argument("--target", choices=names, action="append", help="only this one")
    options = parser.parse_args()
    chosen = [target for target in TARGETS if target.name in (options.target or names)]
    print(f"seed {options.seed}", flush=True)
    findings = 0
    for target in chosen:
        try:
            for _, data in corpus(target):
                give(target, data, measured=True)
            bound = Bound(seconds=options.seconds / len(chosen))
            print(f"{target.name}: {campaign(target, options.seed, bound)} cases", flush=True)
        except Failed as failed:
            findings += 1
            print(failed, flush=True)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
