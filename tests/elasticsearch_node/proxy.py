"""A real HTTP server between a store and Elasticsearch, in which things go wrong as in a busy cluster."""

import contextlib
import http.client
import http.server
import json
import socketserver
import threading
from urllib.parse import urlsplit

PASS, CUT_BEFORE, CUT_AFTER = "pass", "cut before", "cut after"
"""What is done with a request: passed on; the connection is cut instead; passed on, and its answer is lost."""


class Proxy:
    """Listens on a port of its own. `fate(method, path, body)` says what becomes of each request: PASS, CUT_BEFORE,
    CUT_AFTER, or (status, JSON) as the answer. `seen` are the headers of all requests."""

    def __init__(self, target, *, fate=None, tls=None):
        parts = urlsplit(target)
        self.fate = fate or (lambda method, path, body: PASS)
        self.requests = 0
        self.seen = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                proxy.requests += 1
                proxy.seen.append(dict(self.headers))
                fate = proxy.fate(self.command, self.path, body)
                if fate == CUT_BEFORE:
                    self.close_connection = True
                    return
                if isinstance(fate, tuple):
                    status, answer, kind = fate[0], json.dumps(fate[1]).encode(), "application/json"
                else:
                    status, answer, kind = self.passed_on(body)
                if fate == CUT_AFTER:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("X-Elastic-Product", "Elasticsearch")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            def passed_on(self, body):
                connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
                names = ("Content-Type", "Accept")
                headers = {name: self.headers[name] for name in names if name in self.headers}
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                with contextlib.closing(connection):
                    return answer.status, answer.read(), answer.headers.get("Content-Type", "application/json")

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that was killed

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
