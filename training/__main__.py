"""``python -m training``: the engineer's side of the networks."""

from __future__ import annotations

import argparse
import logging
import sys

from appliance.core.errors import (
    ApplianceError,
    BadRequest,
    InputError,
    ModelError,
    NotFound,
    Unavailable,
)
from training import (
    answer,
    compare,
    followup,
    fusion,
    keep,
    ladder,
    prepare,
    registration,
    runs,
    synthesize,
    tried,
)
from training.evaluation import verb as evaluation
from training.explore import verb as exploration

# Each module adds its own verbs and imports what they need when they run.
_VERBS = (
    prepare.add_verb,
    exploration.add_verb,
    runs.add_verbs,
    keep.add_verbs,
    tried.add_verb,
    evaluation.add_verb,
    compare.add_verb,
    ladder.add_verb,
    synthesize.add_verb,
    registration.add_verb,
    followup.add_verb,
    fusion.add_verb,
    answer.add_verb,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for add in _VERBS:
        add(verbs)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a verb; 0 done, 2 wrong usage, 3 bad data, 5 something is not installed."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    try:
        return arguments.run(arguments)
    except ApplianceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        codes = ((Unavailable, 5), ((NotFound, BadRequest), 2), ((InputError, ModelError), 3))
        return next((code for kind, code in codes if isinstance(error, kind)), 1)


if __name__ == "__main__":
    sys.exit(main())
