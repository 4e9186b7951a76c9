"""What a user leaves open about a training, settled by what is trained."""

from __future__ import annotations

from dataclasses import replace

from regraft.backbones.registry import Backbone
from regraft.backbones.stage_names import ALL, HEAD
from regraft.finetuning.augmentation import Augmentation, preset
from regraft.finetuning.settings import Training
from regraft.finetuning.sound_augmentation import SoundAugmentation, sound_preset

TRAINED_SHARE = 0.2
"""By default the topmost stages are trained that hold this share of the backbone's parameters."""

# Measured on flowers (5 folds of 1,000 images, one standard error 0.008): Lite0's probe 0.915; trained from blocks.6
# 0.936 at 1e-3 and at 3e-3 (12 s a fold), 0.922 at 3e-4; from blocks.5 0.931 at 1e-3 (72 s a fold on a busy machine).
# From blocks.6 at 1e-3: Lite1 0.928, Lite2 0.941; the mean logits of Lite0 and Lite1 0.940, of Lite0 and Lite2 0.948,
# of all three 0.944. Larger inputs changed nothing: Lite0 at 256 pixels 0.931, Lite2 at 324 0.929.
# On hand signs (2 folds of 875 images): from blocks.6 0.980 with both, from blocks.5 0.991 and 0.994, in 4 to 5 times
# the time.
#
# Texts: all-MiniLM-L6-v2 above its embeddings, 4 epochs, chosen on 320 film reviews: at 1e-4 with each layer at 0.9 of
# the rate above it 0.906, log loss 0.245; at 3e-4 and 0.8 0.909 and 0.224; the probe 0.891 and 0.276. On 5 folds of
# 1,000 reviews, one standard error 0.009: products 0.928, the probe 0.891; films 0.915, the probe 0.901 (the 320 are
# among these). 50 to 70 s a fold on one core.
#
# Recordings: digits of one speaker never heard (Lite0 up to blocks.3, thirds; 400 recordings): the probe 0.733; trained
# from blocks.3, at 1e-3 and at 1e-4, varied strongly or not at all, 0.52 to 0.59 at the end: what is learnt is
# the training speakers. Nothing better was found, so they are trained as images are; "auto" keeps the probe where a
# column of groups keeps speakers apart.


def settled(training: Training, scratch: bool, modality: str = "image") -> Training:
    """Return the training with what the user left open: fine-tuning is gentle and short, from scratch neither."""
    if modality == "text" and not scratch:
        return _settled_for_texts(training)
    training = training.settled(layer_decay=1.0, augment="none" if modality == "text" else None)
    if scratch:
        return replace(training, unfreeze=ALL).settled(
            epochs=40, learning_rate=1e-3, weight_decay=0.05, augment="light", patience=15
        )
    if training.unfreeze == HEAD:
        return training.settled(epochs=20, learning_rate=1e-3, weight_decay=0.01, augment="light", patience=5)
    # What is near the pixels is general and must change little.
    rate = 3e-4 if training.unfreeze == ALL else 1e-3
    return training.settled(epochs=8, learning_rate=rate, weight_decay=0.05, augment="light", patience=5)


def _settled_for_texts(training: Training) -> Training:
    if training.unfreeze == HEAD:
        return training.settled(
            epochs=20, learning_rate=1e-3, weight_decay=0.01, layer_decay=1.0, augment="none", patience=5
        )
    return training.settled(
        epochs=4, learning_rate=3e-4, weight_decay=0.05, layer_decay=0.8, augment="none", patience=5
    )


def default_stage(backbone: Backbone) -> str:
    """Return the highest stage from which on the stages hold `TRAINED_SHARE` of the backbone's parameters.

    Of a text encoder it is the one above the embeddings: half of its parameters, and each word's is seen too rarely.
    """
    from regraft.finetuning.network import build_body, count, stages_of

    sizes = {name: count(stage.parameters()) for name, stage in stages_of(build_body(backbone)).items()}
    if backbone.modality == "text":
        return next((name for name in sizes if name != "embeddings"), ALL)
    total, held = sum(sizes.values()), 0
    for name in reversed(sizes):
        held += sizes[name]
        if held >= TRAINED_SHARE * total:
            return name
    return ALL


def augmentation_of(training: Training, flips: bool, modality: str = "image") -> Augmentation | SoundAugmentation:
    """Return how training images, or recordings, are varied."""
    if modality == "audio":
        if isinstance(training.augment, str):
            return sound_preset(training.augment)
        return SoundAugmentation(**(training.augment or {}))
    if isinstance(training.augment, str):
        return preset(training.augment, flips=flips)
    fields = dict(training.augment or {})
    if fields.get("crop") is not None:
        fields["crop"] = tuple(fields["crop"])
    made = Augmentation(**fields)
    return made if flips else replace(made, flip=False)
