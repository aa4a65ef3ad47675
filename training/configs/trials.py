"""What was tried: each trial changes one thing; ``python -m training train trials.NAME``.

Trials are short (half the epochs, or six at 128 pixels; those that settle are as long as `third`
before it), trained on folds 1 to 3 and looked at on fold 4 and on the other sources.
"""

from dataclasses import replace

from appliance.core.preprocess import Preprocessing
from training.config import Config

_BASE = Config(name="base", title="Trial", epochs=8)


def _with(config: Config, name: str, **changes: object) -> Config:
    """A trial: fields of the configuration, or of its augmentation, changed."""
    own = {key: value for key, value in changes.items() if hasattr(config, key)}
    rest = {key: value for key, value in changes.items() if key not in own}
    augmentation = replace(config.augmentation, **rest)
    return replace(config, name=name, augmentation=augmentation, **own)


_SCANNERS = _with(
    _BASE,
    "scanners",
    strip=0.08,
    borrow=0.1,
    ghost=0.05,
    motion=0.05,
    cut_out=0.05,
    second_reader=True,
    heads=240,
)
_DENSE = _with(_BASE, "dense", decoder="dense", mask_side=224)
_SETTLED = _with(replace(_DENSE, epochs=16), "settled", settling=3, heads=240)
_SMALL = replace(
    _with(_DENSE, "small", mask_side=128), epochs=6, preprocessing=Preprocessing(size=128)
)
_TEACHERS = ("trials.small", "trials.small_again", "trials.small_deep", "trials.small_plane")
_PLAIN = _with(
    _BASE, "plain", paint=0.0, artefact=0.0, curve=0.0, bias=0.0, down_sample=0.0, jpeg=0.0
)

TRIALS = {
    trial.name: trial
    for trial in (
        _BASE,
        # The ladder against the source confound, a measure at a time.
        _PLAIN,
        _with(_PLAIN, "looks", curve=0.6, bias=0.4, down_sample=0.3, jpeg=0.3),
        _with(_BASE, "painted", artefact=0.0),
        _SCANNERS,
        _with(_SCANNERS, "without_heads", heads=0),
        _with(_SCANNERS, "without_strip", strip=0.0),
        _with(_SCANNERS, "without_borrow", borrow=0.0),
        _with(_SCANNERS, "healed", heal=0.1),
        # One change of the network or of its training.
        _with(_SCANNERS, "one_reader", second_reader=False),
        _with(_SCANNERS, "attentive", attention=True),
        _DENSE,
        _with(
            _DENSE,
            "dense_heads",
            heads=240,
            second_reader=True,
            ghost=0.03,
            motion=0.03,
            cut_out=0.03,
        ),
        _with(_DENSE, "dense_only_heads", heads=240),
        _with(_DENSE, "dense_deep", deep=0.3),
        _with(_DENSE, "dense_plane", plane_weight=0.2),
        _with(_DENSE, "dense_larger", preprocessing=Preprocessing(size=256), mask_side=256),
        _SETTLED,
        _with(_SETTLED, "settled_painted", paint_heads=0.7),
        # At 128 pixels and 6 epochs: losses, auxiliary targets, and the size itself.
        _SMALL,
        _with(_SMALL, "small_again", seed=8),
        _with(_SMALL, "small_larger", preprocessing=Preprocessing(size=160), mask_side=160),
        _with(_SMALL, "small_focal", focal=1.0),
        _with(_SMALL, "small_boundary", boundary=1.0),
        _with(_SMALL, "small_boundary_again", boundary=1.0, seed=8),
        _with(_SMALL, "small_deep", deep=0.3),
        _with(_SMALL, "small_plane", plane_weight=0.2),
        _with(_SMALL, "small_plane_again", plane_weight=0.2, seed=8),
        _with(_SMALL, "small_warm", warm_up=2),
        _with(_SMALL, "small_taught", teachers=_TEACHERS),
        _with(_SCANNERS, "small_batch", batch=8, learning_rate=4e-4, ema=0.9985),
    )
}
