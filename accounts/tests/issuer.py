"""An OpenID Connect issuer on this machine: discovery, published keys, and tokens signed with them."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class LocalIssuer:
    """`keys` are what it publishes; `paths` counts what was asked of it; `broken` makes it fail."""

    audience = "skyledger-test"

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {"k1": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.paths: list[str] = []
        self.broken = ""
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def config(self) -> dict[str, str]:
        return {"issuer": self.url, "audience": self.audience}

    def token(self, kid: str = "k1", key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        now = int(time.time())
        said = {
            "iss": self.url,
            "aud": self.audience,
            "sub": "subject-1",
            "iat": now,
            "exp": now + 300,
            "email": "fed@example.com",
            "email_verified": True,
            "name": "Fed Erated",
        } | claims
        kept = {name: value for name, value in said.items() if value is not None}
        signing = self.keys[kid] if key is None else key
        return jwt.encode(kept, signing, algorithm=algorithm, headers={"kid": kid})

    def document(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        return {"keys": [_jwk(kid, key) for kid, key in self.keys.items()]}

    def _handler(issuer) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.paths.append(self.path)
                if issuer.broken == "silent":
                    issuer.released.wait(10)
                body = json.dumps(issuer.document(self.path)).encode()
                if issuer.broken == "redirect":
                    self.send_response(302)
                    self.send_header("Location", "http://127.0.0.1:1/")
                else:
                    self.send_response(500 if issuer.broken == "500" else 200)
                body = {"html": b"<html>", "huge": b" " * 600_000}.get(issuer.broken, body)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def _jwk(kid: str, key: Key) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return {
            **jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True),
            "kid": kid,
            "use": "sig",
        }
    return {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}
