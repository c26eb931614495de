# SPDX-License-Identifier: Apache-2.0
"""A client of HTTP/2 that is not ours and has no code in common with nghttp2: Debian's python3-h2, on a TLS socket."""

import socket
import ssl

import h2.config
import h2.connection
import h2.events
import h2.settings

SECONDS = 60


class Answer:
    def __init__(self):
        self.status, self.headers, self.body, self.trailers, self.informed = None, {}, b"", None, []
        self.ended, self.reset = False, None


class H2:
    """One connection. Streams are begun with `begin`, and what comes to them is in the Answer that it returns."""

    def __init__(self, port, name, roots, **settings):
        context = ssl.create_default_context(cafile=str(roots))
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.tls = context.wrap_socket(plain, server_hostname=name)
        if self.tls.selected_alpn_protocol() != "h2":
            raise OSError(f"{name} speaks {self.tls.selected_alpn_protocol()}")
        self.name, self.gone = name, None
        self.connection = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False))
        if settings:
            self.connection.update_settings({getattr(h2.settings.SettingCodes, k): v for k, v in settings.items()})
        self.connection.initiate_connection()
        self.answers = {}
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tls.close()

    def flush(self):
        data = self.connection.data_to_send()
        if data:
            self.tls.sendall(data)

    def begin(self, fields, end=True):
        """Fields as they are, pseudo-header fields among them; the number of the stream."""
        stream = self.connection.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.connection.send_headers(stream, fields, end_stream=end)
        self.flush()
        return stream

    def fields(self, method, path, headers=()):
        return [(":method", method), (":scheme", "https"), (":authority", self.name), (":path", path), *headers]

    def send(self, stream, data, end=False):
        """As windows allow; what comes meanwhile is taken."""
        while data:
            room = min(self.connection.local_flow_control_window(stream), self.connection.max_outbound_frame_size, len(data))
            if not room:
                self.pump()
                if self.answers[stream].reset is not None:
                    raise OSError(f"stream {stream} was reset: {self.answers[stream].reset}")
                continue
            self.connection.send_data(stream, data[:room], end_stream=end and room == len(data))
            self.flush()
            data = data[room:]

    def finish(self, stream, trailers=()):
        if trailers:
            self.connection.send_headers(stream, trailers, end_stream=True)
        else:
            self.connection.end_stream(stream)
        self.flush()

    def pump(self):
        """What comes next, taken to where it belongs."""
        data = self.tls.recv(65536)
        if not data:
            raise OSError(f"the connection ended{f', as was said: {self.gone}' if self.gone else ''}")
        for event in self.connection.receive_data(data):
            self.take(event)
        self.flush()

    def take(self, event):
        if isinstance(event, h2.events.ConnectionTerminated):
            self.gone = event
            return
        answer = self.answers.get(getattr(event, "stream_id", None))
        if answer is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            answer.headers = dict(event.headers)
            answer.status = int(answer.headers[":status"])
        elif isinstance(event, h2.events.InformationalResponseReceived):
            answer.informed.append(int(dict(event.headers)[":status"]))
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = dict(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.ended, answer.reset = True, event.error_code

    def until(self, condition):
        while not condition():
            self.pump()

    def answer(self, stream):
        """The whole of it."""
        answer = self.answers[stream]
        self.until(lambda: answer.ended)
        if answer.reset is not None:
            raise OSError(f"stream {stream} was reset: {answer.reset}")
        return self.answers.pop(stream)

    def get(self, path, method="GET", headers=()):
        return self.answer(self.begin(self.fields(method, path, headers)))
