"""The shapes of answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Said(BaseModel):
    """What is said of one example by a classifier."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="What the client called it, or a number.")
    label: str | None = Field(description="The most probable class; null where it cannot be read.")
    confidence: float | None = Field(description="Its probability.")
    probabilities: dict[str, float] = Field(description="The most probable classes, the first one first.")
    unfamiliar: bool | None = Field(description="Whether it is unlike all that was learnt from; null: cannot be told.")
    plausible: list[str] | None = Field(None, description="The classes that cannot be ruled out at `coverage`.")
    error: str | None = Field(None, description="Why it cannot be read.")


class Answered(BaseModel):
    """What is said of one task."""

    model_config = ConfigDict(extra="forbid")

    value: str | list[str] | float = Field(description="The class, the labels, or the number.")
    probabilities: dict[str, float] | None = None


class TasksSaid(BaseModel):
    """What is said of one example by a model of several tasks."""

    model_config = ConfigDict(extra="forbid")

    name: str
    tasks: dict[str, Answered] = Field(description="By task; empty where it cannot be read.")
    error: str | None = None


class Predictions(BaseModel):
    """What is said of a request's examples, in their order."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str
    predictions: list[Said | TasksSaid]


class BackboneFacts(BaseModel):
    """A network that computes features."""

    name: str
    precision: str
    width: int


class Limits(BaseModel):
    """What a request may be."""

    megabytes: float
    megapixels: float
    images: int
    seconds: float


class ModelFacts(BaseModel):
    """A model, and how good it was when it was made."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    modality: str
    classes: list[str] = Field(description="In the order in which they were learnt.")
    tasks: dict[str, list[str]] | None = Field(description="The classes of each task, of a model of several.")
    backbones: list[BackboneFacts]
    head: str | None
    calibration: str | None = Field(description="How its probabilities were calibrated.")
    coverage: bool = Field(description="Whether it can give the sets of classes that `coverage` asks for.")
    figures: dict[str, Any] = Field(description="Where it comes from, and how good it was on its test images.")
    sha256: str | None = Field(description="Of its file; null where it was made in this server.")
    limits: Limits


class ModelList(BaseModel):
    """The names of all models; the first is meant where none is named."""

    models: list[str]


class Health(BaseModel):
    """Whether the server takes requests."""

    status: str = Field(description="ready, or draining when it is about to stop.")
    models: int


class Trouble(BaseModel):
    """What is wrong with one example."""

    name: str
    error: str


class ErrorFacts(BaseModel):
    """Why a request is not done."""

    status: int
    code: str = Field(description="A word that programs can tell it by.")
    message: str = Field(description="A sentence: what, what it must be, what came, what to do.")
    details: list[Trouble] | None = None


class Error(BaseModel):
    """The answer to a request that is not done."""

    error: ErrorFacts
