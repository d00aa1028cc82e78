"""What training sees of PublicTest after an epoch."""

from __future__ import annotations

import keras
import numpy as np

from fer.classify import batch_for, inputs, softmax
from fer.training.data import Dataset
from fer.training.recipe import Recipe, heads_of
from fer.training.runs import Row
from fer.training.sizes import sized
from fer.training.truth import true_answers, truth_of


def unseen(recipe: Recipe) -> Row:
    """The log's columns that come from PublicTest, empty: an epoch that did not look."""
    heads = heads_of(recipe)
    names = ["val_loss", *(f"val_{h}_loss" for h in heads), *(f"val_{h}_accuracy" for h in heads)]
    return dict.fromkeys(names)


def look(model: keras.Model, recipe: Recipe, data: Dataset) -> Row:
    """Loss and accuracy, each head against its own truth: the labels, or the crowd's majority."""
    size = recipe.sizes[-1][1]
    batch = batch_for(size)
    parts = []
    for at in range(0, len(data), batch):
        crops = sized(data.faces[at : at + batch], size)
        faces = inputs(crops, size, recipe.channels).astype(np.float32)
        parts.append(model.predict_on_batch(faces))
    row = unseen(recipe)
    total = 0.0
    for head in heads_of(recipe):
        truth = true_answers(truth_of(head, recipe.targets), data)
        known = np.flatnonzero(truth >= 0)
        said = softmax(np.concatenate([part[head] for part in parts]))[known]
        truth = truth[known]
        loss = float(-np.log(said[np.arange(len(truth)), truth] + 1e-12).mean())
        row[f"val_{head}_loss"] = loss
        row[f"val_{head}_accuracy"] = float((said.argmax(axis=1) == truth).mean())
        total += loss
    row["val_loss"] = total
    return row
