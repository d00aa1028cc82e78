"""The headers by which a browser protects this site's pages."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection

from fer.server.origins import OriginCheck

# Streamlit's one inline script, which only sets `window.prerenderReady`.
INLINE: Final = "'sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA='"
YEAR: Final = 365 * 24 * 3600
# Styles: Streamlit writes them into its pages. Blobs: it runs a component's inline code and plays
# media from them. Nothing comes from another site, and no text is run as code.
POLICY: Final = (
    "default-src 'self'",
    f"script-src 'self' blob: {INLINE}",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "media-src 'self' data: blob:",
    "worker-src 'self' blob:",
    "frame-src 'self'",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
)
ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), display-capture=(self), microphone=(), geolocation=()",
}


def security_headers(request: HTTPConnection, origins: OriginCheck) -> dict[str, str]:
    """Return the headers of the answer to this call."""
    own = origins.own_origin(request)
    # Older browsers don't count a WebSocket of the same host as 'self'.
    sockets = f" {own.replace('http', 'ws', 1)}" if own else ""
    framing = " ".join(["frame-ancestors 'self'", *sorted(origins.origins)])
    policy = "; ".join([*POLICY, f"connect-src 'self' blob: data:{sockets}", framing])
    headers = {**ALWAYS, "Content-Security-Policy": policy}
    if not origins.origins:
        headers["X-Frame-Options"] = "SAMEORIGIN"
    if own.startswith("https:"):
        headers["Strict-Transport-Security"] = f"max-age={YEAR}"
    return headers
