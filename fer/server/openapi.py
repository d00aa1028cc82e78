"""The OpenAPI description of the HTTP routes."""

from __future__ import annotations

from typing import Any, Final

from fer import __version__
from fer.emotions import EMOTIONS
from fer.faces import LANDMARKS, Faces

Schema = dict[str, Any]

NUMBER: Final[Schema] = {"type": "number"}
INTEGER: Final[Schema] = {"type": "integer"}
TEXT: Final[Schema] = {"type": "string"}
PICTURE: Final[Schema] = {"type": "string", "format": "binary"}


def array_of(items: Schema, length: int, description: str) -> Schema:
    """Return the schema of an array of this length."""
    return {
        "type": "array",
        "items": items,
        "minItems": length,
        "maxItems": length,
        "description": description,
    }


FACE: Final[Schema] = {
    "type": "object",
    "required": ["box", "confidence", "readable", "emotions", "id"],
    "properties": {
        "box": array_of(INTEGER, 4, "left, top, width, height in pixels"),
        "confidence": {"type": ["number", "null"], "description": "probability of a face"},
        "readable": {
            "type": "boolean",
            "description": "false: too small, blurred, dark or turned to be read",
        },
        "emotions": {
            "type": "object",
            "description": "shares that add up to 1; empty where the face was not read",
            "properties": dict.fromkeys(EMOTIONS, NUMBER),
        },
        "id": {"type": ["integer", "null"], "description": "null in a photo"},
        "landmarks": {
            "type": "object",
            "properties": {name: array_of(NUMBER, 2, "x, y") for name in LANDMARKS},
        },
        "head": {
            "type": "object",
            "description": "degrees, coarse: positive to the right, upwards, clockwise",
            "properties": dict.fromkeys(("yaw", "pitch", "roll"), NUMBER),
        },
    },
}
FACES: Final[Schema] = {
    "type": "object",
    "required": ["faces", "size"],
    "properties": {
        "faces": {"type": "array", "items": {"$ref": "#/components/schemas/Face"}},
        "size": array_of(INTEGER, 2, "the picture's width and height"),
    },
}
ERROR: Final[Schema] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": TEXT | {"description": "one line"}},
}

HEALTH: Final[Schema] = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": TEXT, "error": TEXT},
}


def answer(
    description: str, schema: Schema, media_type: str = "application/json", **more: Any
) -> Schema:
    """Return the description of one answer of a route."""
    return {"description": description, "content": {media_type: {"schema": schema} | more}}


def errors(lines: dict[int, str]) -> dict[str, Schema]:
    """Return the descriptions of error answers, from each status and its meaning."""
    shape = {"$ref": "#/components/schemas/Error"}
    return {str(status): answer(line, shape) for status, line in lines.items()}


def example() -> dict[str, Any]:
    """Return an example answer, made by the same code as real ones."""
    shares = [0.01, 0.0, 0.02, 0.9, 0.01, 0.02, 0.04]
    points = [[448, 224], [492, 222], [470, 250], [452, 274], [488, 273]]
    faces = Faces.of(
        [[412, 180, 96, 118]], confidence=[0.97], probabilities=[shares], landmarks=[points]
    )
    return {"faces": faces.to_records(), "size": [1280, 720]}


FORM: Final[Schema] = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": PICTURE},
}


def health(summary: str, ready: str) -> Schema:
    """Return the description of a health check."""
    return {
        "get": {
            "summary": summary,
            "responses": {
                "200": answer(ready, HEALTH),
                "503": answer("Not yet, or not at all", HEALTH),
            },
        }
    }


READING: Final = health("Check whether pictures can be read", "Ready")
SAVING: Final = health("Check whether pictures can be read and lessons saved", "Ready, and saving")

DESCRIPTION: Final[Schema] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Class expressions",
        "version": __version__,
        "description": "Detects faces and reads their expressions. No picture is stored.",
    },
    "paths": {
        "/api/photo": {
            "post": {
                "summary": "Read every face of a picture",
                "operationId": "readPhoto",
                "requestBody": {
                    "required": True,
                    "description": "JPEG, PNG, WebP, AVIF, or the first picture of a GIF or TIFF; "
                    "at most 15 MB and 50 megapixels (16 of WebP, AVIF, GIF, TIFF and progressive "
                    "JPEG), no side longer than 16384 pixels",
                    "content": {
                        "image/*": {"schema": PICTURE},
                        "application/octet-stream": {"schema": PICTURE},
                        "multipart/form-data": {"schema": FORM},
                    },
                },
                "responses": {"200": answer("The faces", FACES, example=example())}
                | errors(
                    {
                        400: "Not a picture, or a damaged one",
                        403: "A page of a site that may not call this server",
                        408: "The body took too long to arrive",
                        413: "Too large",
                        415: "Not a picture's content type",
                        429: "Too many calls from one address",
                        503: "Not ready, or busy",
                    }
                ),
            }
        },
        "/api/openapi.json": {
            "get": {
                "summary": "Return this description",
                "responses": {"200": answer("OpenAPI 3.1", {"type": "object"})},
            }
        },
        "/healthz": READING,
        "/health": READING,
        "/readyz": SAVING,
        "/ready": SAVING,
        "/metrics": {
            "get": {
                "summary": "Return metrics for Prometheus",
                "responses": {"200": answer("Text", TEXT, "text/plain")},
            }
        },
    },
    "components": {"schemas": {"Face": FACE, "Error": ERROR}},
}
